import { words } from '../script/bash';
import { emergencies, livesOn } from '../script/emergency';
import { ourPart } from '../plan/canary';
import { MeshCaPlan } from '../plan/plan';
import { tokenPolicy } from '../script/policy-text';
import { askAnew } from './cluster-mesh';
import { code, plain, shell } from './markdown';
import { ADMISSION_FILE } from './optional';
import { ClusterContext } from './parts';
import { hasTeardown } from '../script/teardown';

/** What to do at once, where somebody else may use the login, the PKI role or the CA. */
export function emergency(context: ClusterContext): string[] {
  const { cluster, at } = context;
  return [
    '## In an emergency',
    '',
    'Each of these closes one thing at once. It says what that does to the mesh, asks for the name of the cluster, and ends with what opens it again; `--plan` only looks, and `--print-policy` after the name of one prints the least policy of a token for it: have that written before. Where somebody else may have the key of the CA, it is the last one.',
    '',
    ...emergencies(cluster).flatMap(({ name, effects, next }) => [
      ...shell(words(['bash', at('emergency.sh'), name])),
      ...effects.map(effect => `- ${plain(effect)}`),
      `- See: ${plain(next)}`,
      '',
      ...(requestsFail[name] ? thenAskAnew(context) : []),
    ]),
    'Whichever it is:',
    '',
    ...livesOn(cluster).map(line => `- ${plain(line)}`),
    '',
  ];
}

/** Whether a request that is made meanwhile fails: one that waits needs nobody to ask anew. */
const requestsFail = { 'block-login': false, 'block-role': true, 'revoke-intermediate': true } as const;

/** istiod's certificate may end in the hour for which cert-manager waits after a failure. */
function thenAskAnew(context: ClusterContext): string[] {
  const { istio } = context.cluster;
  return [
    "When that is done: cert-manager waits an hour after a failure, and longer after each further one, and istiod's certificate may end before; until then it is called Ready all the same. Where the first line prints a time, a request has failed, and the second line has cert-manager ask at once:",
    '',
    ...shell(
      context.kube('get', 'certificate', 'istiod', '-n', istio.namespace, '-o', 'jsonpath={.status.lastFailureTime}'),
      askAnew(context),
    ),
  ];
}

/** How a cluster is taken out of Vault again. */
export function teardown({ cluster, at, kube }: ClusterContext): string[] {
  const { issuer, istioCsr, intermediate, context } = cluster;
  const within = issuer.kind === 'Issuer' ? ['-n', issuer.namespace] : [];
  return [
    '## To take it all back',
    '',
    `First the mesh: take ${ourPart(cluster)}${cluster.istiods.length > 1 ? '' : ','} so that istiod signs by itself again, restart the workloads, and look that none is left that trusts this CA alone. Then what hangs on Vault, the last first:`,
    '',
    ...shell(
      words(['helm', '--kube-context', context, 'uninstall', istioCsr.release, '-n', istioCsr.namespace]),
      kube('delete', issuer.kind.toLowerCase(), issuer.name, ...within),
      words(['bash', at('teardown.sh'), '--plan']),
      words(['bash', at('teardown.sh')]),
      ...(cluster.admission ? [kube('delete', '-f', at(ADMISSION_FILE))] : []),
    ),
    `It removes what setup.sh made, in reverse order, and keeps and names what was there before or is of another maker: a mount that no script of ours enabled, roles and CAs that others have added. It does not begin while the Issuer or istio-csr is there (${code('--mesh-is-gone')} says that nothing runs any more), and asks for the common name of the CA, ${code(intermediate.commonName)}, and of each other generation that is still there: their keys are lost then, and a snapshot of Vault is the only way back. A run that was stopped can be run again.`,
    '',
    `See: ${code(`cluster ${cluster.name} is taken back`)}. What was applied from ${code(at('manifests/'))} is removed as it was applied. The policies that tokens for these scripts were given, ${code(tokenPolicy('setup', cluster.name))} and the like, are an administrator's to delete, and the tokens to revoke.`,
    '',
  ];
}

/** How the root is taken out of Vault again. */
export function rootTeardown({ root, policyCas, clusters }: MeshCaPlan): string[] {
  const made = [
    ...policyCas.map(({ mount }) => mount),
    ...(root.source === 'import' || root.source === 'generate' ? [root.mount ?? ''] : []),
  ];
  const what =
    made.length === 0
      ? 'the root was not made here, and stays as it is'
      : `then ${made.length === 1 ? 'the CA' : 'the CAs'} in ${made.map(code).join(', ')}, whose common name it asks for: the key is lost in Vault`;
  return [
    '## To take it all back',
    '',
    `Each cluster first, as its runbook says; ${what}.`,
    '',
    ...shell(
      ...clusters.map(({ name }) => words(['bash', `dist/${name}/teardown.sh`])),
      ...(hasTeardown({ root, policyCas })
        ? [words(['bash', 'dist/root/teardown.sh', '--plan']), words(['bash', 'dist/root/teardown.sh'])]
        : []),
    ),
  ];
}
