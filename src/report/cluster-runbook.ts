import { MADE_BY, FileEntry } from '../output';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { istioCsr, later, proof } from './cluster-mesh';
import { canarySection } from './canary';
import { istiod } from './istiod';
import { beginning, issuer, vault } from './cluster-vault';
import { loadSection } from './load';
import { anchor, code } from './markdown';
import { monitoringSection } from './monitoring';
import { ClusterContext, fileTable, warningList } from './parts';
import { rootTitle } from './root';
import { emergency, teardown } from './taking-back';

/**
 * The runbook of a cluster, its commands filled in. It tells of no other cluster, so that a new one changes none of its bytes.
 *
 * @param files the cluster's files, in the order in which they are used
 */
export function clusterRunbook(
  cluster: ClusterPlan,
  { root, policyCas }: Pick<MeshCaPlan, 'root' | 'policyCas'>,
  files: readonly FileEntry[],
): string {
  const context: ClusterContext = {
    cluster,
    files,
    at: file => `dist/${cluster.name}/${file}`,
    kube: (...argv) => words(['kubectl', '--context', cluster.context, ...argv]),
  };
  return [
    `# Cluster ${cluster.name}`,
    '',
    `<!-- ${MADE_BY} -->`,
    '',
    `Run everything from the folder of mesh-ca.yaml, after [the root CA](../README.md${anchor(rootTitle({ policyCas }))}) is in Vault, in the shell that section 1 there set up. Every kubectl, helm and istioctl call names the context ${code(cluster.context)}. Every step can be run again.`,
    '',
    ...(files.some(({ path }) => path.endsWith('/adopt.md'))
      ? ['**Does a mesh run here already, on another CA?** Then begin with [adopt.md](adopt.md).', '']
      : []),
    'What auditors ask, with the command that answers each question: [audit.md](audit.md).',
    '',
    ...warningList(cluster.warnings),
    ...beginning(context),
    ...vault(context),
    ...issuer(context),
    ...istioCsr(context, root.certificate),
    ...istiod(context),
    ...proof(context),
    ...canarySection(context),
    ...monitoringSection(context),
    ...loadSection(cluster),
    ...later(context),
    ...emergency(context),
    ...teardown(context),
    '## The files',
    '',
    ...fileTable(files),
  ].join('\n');
}
