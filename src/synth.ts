import { clusterFiles } from './charts/cluster-files';
import { MADE_BY, OutputFile } from './output';
import { ClusterPlan, MeshCaPlan } from './plan/plan';
import { clusterRunbook, runbook } from './report/runbook';
import { carryScripts } from './script/carry';
import { clusterScript, rootScript } from './script/setup';
import { verifyScript } from './script/verify';

/** What a synthesis needs beside the plan. */
export interface SynthesizeOptions {
  /**
   * Secret IDs by cluster, for those whose Secret is delivered as a manifest. They come out in plain text.
   *
   * @default - none
   */
  readonly secretIds?: Readonly<Record<string, string>>;
}

/** One line of dist/index.json. */
interface IndexEntry extends Pick<OutputFile, 'path' | 'cluster' | 'kind' | 'about'> {
  readonly order: number;
}

/** Renders every file of dist/, in the order in which they are used. A cluster's files depend on nothing but its own plan. */
export function synthesize(plan: MeshCaPlan, { secretIds = {} }: SynthesizeOptions = {}): OutputFile[] {
  const root: OutputFile = {
    path: 'root/setup.sh',
    content: rootScript(plan),
    kind: 'script',
    about: 'brings the root CA into Vault',
  };
  const clusters = plan.clusters.flatMap(cluster =>
    filesOf(cluster, plan, Object.hasOwn(secretIds, cluster.name) ? secretIds[cluster.name] : undefined),
  );
  const used = [root, ...clusters];
  const readme: OutputFile = { path: 'README.md', content: runbook(plan, used), kind: 'doc', about: 'the runbook: begin here' };
  const files = [readme, ...used];
  return [...files, index(files)];
}

function filesOf(cluster: ClusterPlan, plan: MeshCaPlan, secretId: string | undefined): OutputFile[] {
  const { name } = cluster;
  const script = (file: string, content: string, about: string): OutputFile => ({
    path: `${name}/${file}`,
    content,
    kind: 'script',
    cluster: name,
    about,
  });
  const files = clusterFiles(cluster, { secretId });
  // setup.sh ends with a login as the service account, so that has to be there.
  const isAccess = ({ path }: OutputFile) => path.startsWith(`${name}/manifests/0-access/`);
  const used = [
    ...files.filter(isAccess),
    script('setup.sh', clusterScript(cluster), "makes the cluster's intermediate CA and the way in for its cert-manager, and tries both"),
    ...files.filter(file => !isAccess(file)),
    ...carryScripts(cluster).map(({ file, content, about }) => script(file, content, about)),
    script('verify.sh', verifyScript(cluster), 'checks the live cluster against the plan'),
  ];
  const content = clusterRunbook(cluster, plan, used);
  return [
    { path: `${name}/README.md`, content, kind: 'doc', cluster: name, about: "the cluster's runbook, its commands filled in" },
    ...used,
  ];
}

function index(files: readonly OutputFile[]): OutputFile {
  const entries = files.map(({ path, cluster, kind, about }, i): IndexEntry => ({ path, cluster, kind, order: i + 1, about }));
  const content = `${JSON.stringify({ madeBy: MADE_BY, files: entries }, null, 2)}\n`;
  return { path: 'index.json', content, kind: 'doc', about: 'every file, its kind and its place in the order' };
}
