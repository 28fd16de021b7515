import { IntermediatePlan } from '../plan/pki';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { tokenPolicy } from './policy-text';
import { reaches, rootPlace, script } from './setup';
import { clusterSteps, rootSteps } from './steps';
import { Capabilities, Step } from './step';
import { surveys, undoSteps } from './undo';

/** The script that takes back what a cluster's setup.sh made. */
export function teardownScript(cluster: ClusterPlan): string {
  const { name, context, vault, root, intermediate, role, issuer, istioCsr } = cluster;
  const made = clusterSteps(cluster);
  const steps = undoSteps(made);
  return script(
    `Takes back what setup.sh made for cluster ${name}, the last first: in Vault, and in the cluster of context ${context}. What was there before stays.`,
    [],
    steps,
    ['mark.sh', 'undo.sh', 'kube.sh', 'teardown.sh', 'teardown-cluster.sh'],
    {
      cluster: name,
      context,
      ...reaches(vault),
      ...rootPlace(root),
      token_policy: tokenPolicy('teardown', name),
      intermediate_mount: intermediate.mount,
      ca_mounts: caMounts(steps),
      ca_names: JSON.stringify([generationsOf(intermediate)]),
      role_path: role.path,
      issuer_kind: issuer.kind.toLowerCase(),
      issuer_name: issuer.name,
      // a ClusterIssuer has none.
      issuer_place: issuer.kind === 'Issuer' ? issuer.namespace : '',
      csr: istioCsr.name,
      csr_namespace: istioCsr.namespace,
      objects: steps.flatMap(({ unless: [word, ...object] = [] }) => (word === 'object_gone' ? [object.join(' ')] : [])).join('\n'),
      taken_back: `cluster ${name} is taken back; what was applied from dist/${name}/manifests is removed as it was applied`,
      made_anew: 'setup.sh makes it anew, with another CA',
    },
  );
}

/** Whether dist/root/setup.sh made anything that can be taken back. */
export const hasTeardown = (plan: Pick<MeshCaPlan, 'root' | 'policyCas'>) => undoSteps(rootSteps(plan)).length > 0;

/** The script that takes back what dist/root/setup.sh made; the clusters come first. */
export function rootTeardownScript({ root, policyCas, vault, clusters }: MeshCaPlan): string {
  const [first, ...rest] = undoSteps(rootSteps({ root, policyCas }));
  // before the first step it looks whether the clusters' CAs are gone.
  const others = Object.assign({}, ...clusters.map(({ intermediate }) => surveys(intermediate.mount))) as Capabilities;
  const steps = first ? [{ ...first, needs: { ...first.needs, look: { ...first.needs.look, ...others } } }, ...rest] : [];
  return script(
    `Takes back what setup.sh made for the root CA${root.mount === undefined ? '' : ` in Vault's mount ${root.mount}`}, the last first. What was there before stays.`,
    [],
    steps,
    ['mark.sh', 'undo.sh', 'teardown.sh', 'teardown-root.sh'],
    {
      ...reaches(vault),
      ...rootPlace(root),
      token_policy: tokenPolicy('teardown', 'root'),
      ca_mounts: caMounts(steps),
      ca_names: JSON.stringify([
        ...policyCas.map(({ mount, commonName }) => ({ mount, names: [commonName], prefix: '' })),
        ...clusters.map(({ intermediate }) => generationsOf(intermediate)),
      ]),
      cluster_mounts: clusters.map(({ name, intermediate }) => `${name}:${intermediate.mount}`).join('\n'),
      taken_back: 'the root CA is taken back',
      made_anew: 'setup.sh makes it anew: what trusts the old one trusts the new one only where it is the same',
    },
  );
}

/** The mounts whose CA is lost, in the order in which it is. */
const caMounts = (steps: readonly Step[]) =>
  steps.flatMap(({ unless: [word, mount] = [] }) => (word === 'ca_gone' ? [mount] : [])).join('\n');

/** What the CAs of a cluster's mount are called, those of other generations too: their names, and what setup.sh calls the issuers. */
const generationsOf = ({ mount, commonName, generation: { firstCommonName, prefix } }: IntermediatePlan) => ({
  mount,
  names: [...new Set([commonName, firstCommonName])],
  prefix,
});
