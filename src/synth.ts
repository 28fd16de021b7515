import { createHash } from 'node:crypto';
import { clusterFiles } from './charts/cluster-files';
import { show } from './config/show';
import { near, oneOf } from './config/words';
import { FileEntry, MADE_BY, OutputFile } from './output';
import { needPlan } from './plan/is-plan';
import { ClusterPlan, MeshCaPlan } from './plan/plan';
import { adoptRunbook } from './report/adopt-runbook';
import { emergencyRunbook } from './report/emergency';
import { auditRunbook } from './report/audit';
import { clusterRunbook, runbook } from './report/runbook';
import { adoptScripts } from './script/adopt';
import { timeline } from './report/timeline';
import { carryScripts } from './script/carry';
import { emergencyScript } from './script/emergency';
import { clusterScript, rootScript } from './script/setup';
import { hasTeardown, rootTeardownScript, teardownScript } from './script/teardown';
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
interface IndexEntry extends FileEntry {
  readonly order: number;
  /** SHA-256 of the file, in lower-case hexadecimal, as `sha256sum` writes it. */
  readonly sha256: string;
}

/**
 * Renders every file of dist/, in the order in which they are used.
 *
 * @throws Error where `plan` is no plan, e.g. a config, or a secret ID is of a cluster that it does not have
 */
export function synthesize(plan: MeshCaPlan, options: SynthesizeOptions = {}): OutputFile[] {
  needPlan('plan', plan, 'synthesize(planMeshCa(config))');
  const { secretIds = {} } = options;
  const names = plan.clusters.map(({ name }) => name);
  const stray = Object.keys(secretIds).find(name => !names.includes(name));
  if (stray !== undefined)
    throw new Error(`'secretIds' must be by clusters of the plan, ${oneOf(names)}, got ${show(stray)}${near(stray, names)}`);
  return inOrder([...renderFiles(plan, options)]);
}

/** Files in the order in which they are used: the runbook is rendered after what it tells of, and read before. */
export function inOrder<T extends FileEntry>(files: readonly T[]): T[] {
  const isRunbook = ({ path }: T) => path === README;
  return [...files.filter(isRunbook), ...files.filter(file => !isRunbook(file))];
}

const README = 'README.md';

/**
 * Renders every file of dist/, one after another: whoever writes them need not keep them, as those of thousands of clusters fill the memory.
 * A cluster's files depend on nothing but its own plan. The runbook and the index come last.
 */
export function* renderFiles(plan: MeshCaPlan, { secretIds = {} }: SynthesizeOptions = {}): Generator<OutputFile, void> {
  const used: FileEntry[] = [];
  const digests = new Map<string, string>();
  function* noted(files: Iterable<OutputFile>) {
    for (const file of files) {
      used.push(entryOf(file));
      digests.set(file.path, sha256(file.content));
      yield file;
    }
  }
  yield* noted([{ path: 'root/setup.sh', content: rootScript(plan), kind: 'script', about: 'brings the root CA into Vault' }]);
  for (const cluster of plan.clusters) {
    yield* noted(filesOf(cluster, plan, Object.hasOwn(secretIds, cluster.name) ? secretIds[cluster.name] : undefined));
  }
  yield* noted([timeline(plan)]);
  const about = 'takes back what root/setup.sh made, after those of the clusters';
  if (hasTeardown(plan)) yield* noted([{ path: 'root/teardown.sh', content: rootTeardownScript(plan), kind: 'script', about }]);
  const readme: FileEntry = { path: README, kind: 'doc', about: 'the runbook: begin here' };
  const content = runbook(plan, used);
  digests.set(README, sha256(content));
  yield { ...readme, content };
  yield index([readme, ...used], digests);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A file without its text. */
const entryOf = ({ content: _content, ...entry }: OutputFile): FileEntry => entry;

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
  const used: OutputFile[] = [
    ...files.filter(isAccess),
    script('setup.sh', clusterScript(cluster), "makes the cluster's intermediate CA and the way in for its cert-manager, and tries both"),
    ...files.filter(file => !isAccess(file)),
    ...carryScripts(cluster).map(({ file, content, about }) => script(file, content, about)),
    script('verify.sh', verifyScript(cluster), 'checks the live cluster against the plan'),
    script('emergency.sh', emergencyScript(cluster), 'closes at once what an attacker may use: the login, the PKI role, or the CA'),
    {
      path: `${name}/emergency.md`,
      content: emergencyRunbook(cluster, plan),
      kind: 'doc',
      cluster: name,
      about: 'what to do first for each compromise, and when the attacker is out',
    },
    {
      path: `${name}/audit.md`,
      content: auditRunbook(cluster),
      kind: 'doc' as const,
      cluster: name,
      about: 'the questions of an auditor, each with the command that answers it',
    },
    ...adoption(cluster).map(file => ({ ...file, path: `${name}/${file.path}`, cluster: name })),
    script('teardown.sh', teardownScript(cluster), 'takes back what setup.sh made; what was there before stays'),
  ];
  const content = clusterRunbook(cluster, plan, used);
  return [
    { path: `${name}/README.md`, content, kind: 'doc', cluster: name, about: "the cluster's runbook, its commands filled in" },
    ...used,
  ];
}

/** For a mesh that runs on another CA already: the scripts, and what to do with them. */
function adoption(cluster: ClusterPlan): OutputFile[] {
  const scripts = adoptScripts(cluster).map(({ file, content, about }): OutputFile => ({ path: file, content, kind: 'script', about }));
  if (scripts.length === 0) return [];
  const about = "how a mesh that runs on istiod's own CA is moved to Vault";
  return [{ path: 'adopt.md', content: adoptRunbook(cluster), kind: 'doc', about }, ...scripts];
}

function index(files: readonly FileEntry[], digests: ReadonlyMap<string, string>): OutputFile {
  const entries = files.map(({ path, cluster, kind, about }, i): IndexEntry => ({
    path,
    cluster,
    kind,
    order: i + 1,
    sha256: digests.get(path) ?? '',
    about,
  }));
  const content = `${JSON.stringify({ madeBy: MADE_BY, files: entries }, null, 2)}\n`;
  return { path: 'index.json', content, kind: 'doc', about: 'every file, its kind, its place in the order and its SHA-256' };
}
