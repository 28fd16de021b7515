import { words } from '../script/bash';
import { ourPart } from '../plan/canary';
import { MeshCaPlan } from '../plan/plan';
import { tokenPolicy } from '../script/policy-text';
import { code, shell } from './markdown';
import { ADMISSION_FILE } from './optional';
import { ClusterContext } from './parts';
import { hasTeardown } from '../script/teardown';

/** Where to look in an emergency. */
export function emergency({ at }: ClusterContext): string[] {
  return [
    '## In an emergency',
    '',
    `[emergency.md](emergency.md) says what to do first for each compromise, what that does to the mesh, and when the attacker is out. ${code(at('emergency.sh'))} closes the login, the PKI role or the CA with one command. Read both before you need them: the policies for its tokens can be written in advance, the tokens cannot.`,
    '',
    ...shell(words(['bash', at('emergency.sh'), '--help'])),
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
