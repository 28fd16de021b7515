import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

// The real programs that the live tests start, built from source once and kept in the user's cache folder.

/** A program: the module under this folder that pins its version, its package, and what it is for. */
export interface Program {
  readonly module: 'vault' | 'kube' | 'kubectl' | 'approverpolicy' | 'trustmanager' | 'sops' | 'sidecar' | 'prometheus';
  readonly package: string;
  readonly purpose: string;
  /** More linker flags than `-s -w`. */
  readonly ldflags?: string;
}

// Without it Kubernetes calls itself v0.0.0-master, which clients that ask for a least version refuse.
const kubeVersion = ['gitVersion=v1.36.3', 'gitMajor=1', 'gitMinor=36'].map(x => `-X k8s.io/component-base/version.${x}`).join(' ');

const table = {
  vault: { module: 'vault', package: 'github.com/hashicorp/vault', purpose: 'the certificate authority: server and CLI' },
  'vault-commands': { module: 'vault', package: './commands', purpose: "Vault's CLI, kept running between the commands of the tests" },
  'kubectl-commands': { module: 'kubectl', package: './', purpose: 'kubectl, kept running likewise', ldflags: kubeVersion },
  'commands-client': { module: 'vault', package: './client', purpose: 'hands a command to either of them' },
  etcd: { module: 'kube', package: 'go.etcd.io/etcd/server/v3', purpose: "the API server's storage" },
  'kube-apiserver': {
    module: 'kube',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    purpose: 'a complete Kubernetes API, without nodes',
    ldflags: kubeVersion,
  },
  kubectl: {
    module: 'kube',
    package: 'k8s.io/kubernetes/cmd/kubectl',
    purpose: 'applies the manifests, with strict validation',
    ldflags: kubeVersion,
  },
  certmanager: { module: 'kube', package: './certmanager', purpose: "cert-manager's controllers for Vault issuers" },
  csr: { module: 'kube', package: './csr', purpose: "makes requests with Istio's own code, as a sidecar does" },
  patch: { module: 'kube', package: './patch', purpose: "applies overlay patches with Istio's own engine" },
  istioctl: { module: 'kube', package: 'istio.io/istio/istioctl/cmd/istioctl', purpose: 'renders IstioOperator manifests' },
  'pilot-discovery': { module: 'kube', package: 'istio.io/istio/pilot/cmd/pilot-discovery', purpose: 'istiod' },
  helm: { module: 'kube', package: 'helm.sh/helm/v4/cmd/helm', purpose: 'renders charts with our values' },
  'approver-policy': {
    module: 'approverpolicy',
    package: 'github.com/cert-manager/approver-policy/cmd',
    purpose: "approves cert-manager's requests, or denies them",
  },
  'trust-manager': {
    module: 'trustmanager',
    package: 'github.com/cert-manager/trust-manager/cmd/trust-manager',
    purpose: "writes a Bundle's certificates into ConfigMaps",
  },
  sops: { module: 'sops', package: 'github.com/getsops/sops/v3/cmd/sops', purpose: 'encrypts a Secret for Git' },
  sidecar: { module: 'sidecar', package: './', purpose: "asks a CA as a sidecar does, with the code of Istio's own agent" },
  promtool: {
    module: 'prometheus',
    package: 'github.com/prometheus/prometheus/cmd/promtool',
    purpose: 'checks alerts, and runs their tests',
  },
  'age-keygen': { module: 'sops', package: 'filippo.io/age/cmd/age-keygen', purpose: 'makes the key that sops encrypts for' },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof table;

/** All the programs, in the order in which they are built. */
export const programs: Readonly<Record<ProgramName, Program>> = table;

const allNames = Object.keys(table) as ProgramName[];

/** Says what is wrong with the Go toolchain here, or `undefined` where the programs can be built. */
export function goMissing(): string | undefined {
  // Named, as jest gives tests a copy of it.
  const { env } = process;
  const { error, status, stdout, stderr } = spawnSync('go', ['env', 'GOVERSION'], { cwd: join(__dirname, 'kube'), env, encoding: 'utf8' });
  if (error) return `the real programs are built with Go 1.26 or later, and 'go' cannot be started: ${error.message}`;
  const minor = /^go1\.(\d+)/.exec(stdout);
  if (status !== 0) return `the real programs are built with Go 1.26 or later: ${stderr.trim()}`;
  if (minor && Number(minor[1]) < 26) return `the real programs are built with Go 1.26 or later, got ${stdout.trim()}`;
  return undefined;
}

/** Gives the path of each program, building those that are not in the cache, one after another. Progress goes to stderr. */
export async function buildPrograms<N extends ProgramName = ProgramName>(names?: readonly N[]): Promise<Record<N, string>> {
  const missing = goMissing();
  if (missing) throw new Error(missing);
  const paths: [string, string][] = [];
  for (const name of names ?? allNames) {
    const file = join(cacheFolder(), hashOf(programs[name]), name);
    if (!existsSync(file)) await withLock(name, () => build(name, file));
    paths.push([name, file]);
  }
  return Object.fromEntries(paths) as Record<N, string>;
}

/** Folder of cert-manager's CRDs, for `kubectl apply --server-side -f`. */
export async function certManagerCrds(): Promise<string> {
  return join(await moduleFolder('kube', 'github.com/cert-manager/cert-manager'), 'deploy/crds');
}

/** Folder of External Secrets' CRDs; its controller is not built here. */
export async function externalSecretsCrds(): Promise<string> {
  return join(await moduleFolder('externalsecrets', 'github.com/external-secrets/external-secrets'), 'config/crds/bases');
}

/** Folder of the Prometheus operator's CRDs; it is not built here. */
export async function prometheusOperatorCrds(): Promise<string> {
  return join(
    await moduleFolder('prometheusoperator', 'github.com/prometheus-operator/prometheus-operator'),
    'example/prometheus-operator-crd',
  );
}

/** Folder of approver-policy's CRD. */
export async function approverPolicyCrds(): Promise<string> {
  return join(await moduleFolder('approverpolicy', 'github.com/cert-manager/approver-policy'), 'deploy/crds');
}

/** Folder of trust-manager's CRDs. */
export async function trustManagerCrds(): Promise<string> {
  return join(await moduleFolder('trustmanager', 'github.com/cert-manager/trust-manager'), 'deploy/crds');
}

/** File of Istio's CRDs. */
export async function istioCrds(): Promise<string> {
  return join(await moduleFolder('kube', 'istio.io/istio'), 'manifests/charts/base/files/crd-all.gen.yaml');
}

/** Folder of istiod's Helm chart. */
export async function istiodChart(): Promise<string> {
  return join(await moduleFolder('kube', 'istio.io/istio'), 'manifests/charts/istio-control/istio-discovery');
}

/** Folder of a Go module's sources, downloaded if need be. */
export async function moduleFolder(module: Program['module'] | 'externalsecrets' | 'prometheusoperator', path: string): Promise<string> {
  const cwd = join(__dirname, module);
  const list = () => go(['list', '-mod=readonly', '-m', '-f', '{{.Dir}}', path], cwd);
  // Empty until the module is in the module cache.
  let folder = (await list()).trim();
  if (folder === '') {
    await go(['mod', 'download', path], cwd);
    folder = (await list()).trim();
  }
  return folder;
}

function cacheFolder(): string {
  // An empty or relative XDG_CACHE_HOME is to be ignored, says its specification.
  const cache = process.env.XDG_CACHE_HOME?.startsWith('/') ? process.env.XDG_CACHE_HOME : join(homedir(), '.cache');
  return join(cache, 'cdk8s-mesh-ca-testbed');
}

const goVersions = new Map<string, string>();

/** Which Go builds a module: its go.mod may name another one than the machine's. Most programs share a module. */
function goOf(folder: string): string {
  const version = goVersions.get(folder) ?? spawnSync('go', ['version'], { cwd: folder, env: process.env, encoding: 'utf8' }).stdout;
  goVersions.set(folder, version);
  return version;
}

/** All that decides a program's bytes: its pinned modules, its own sources, how it is built, and with which Go. */
function hashOf(program: Program): string {
  const folder = join(__dirname, program.module);
  const own = program.package.startsWith('./') ? join(folder, program.package) : undefined;
  const sources =
    own === undefined
      ? []
      : readdirSync(own)
          .sort()
          .map(x => join(own, x));
  const hash = createHash('sha256');
  hash.update(JSON.stringify(goBuild(program)));
  hash.update(goOf(folder));
  for (const file of [join(folder, 'go.mod'), join(folder, 'go.sum'), ...sources]) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 16);
}

function goBuild({ package: pkg, ldflags }: Program): string[] {
  return ['build', '-mod=readonly', '-buildvcs=false', '-trimpath', '-ldflags', ['-s -w', ldflags].join(' ').trim(), pkg];
}

async function build(name: ProgramName, file: string): Promise<void> {
  // Another process may have built it while this one waited for the lock.
  if (existsSync(file)) return;
  const program = programs[name];
  const [verb, ...rest] = goBuild(program);
  const unfinished = `${file}.${process.pid}`;
  mkdirSync(join(file, '..'), { recursive: true });
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  say(`${name}: building from source, once (${program.purpose})`);
  const ticks = setInterval(() => say(`${name}: still building, ${seconds()}`), 15_000);
  try {
    await go([verb ?? 'build', '-o', unfinished, ...rest], join(__dirname, program.module));
    renameSync(unfinished, file);
    say(`${name}: built in ${seconds()}, ${Math.round(statSync(file).size / 1e6)} MB`);
  } catch (error) {
    say(`${name}: failed after ${seconds()}`);
    throw new Error(`cannot build ${name}: ${String(error)}`);
  } finally {
    clearInterval(ticks);
    rmSync(unfinished, { force: true });
  }
}

function say(line: string): void {
  process.stderr.write(`testbed: ${line}\n`);
}

/** Runs Go; gives its standard output, or an error with its last lines. */
function go(args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // Without cgo the programs need no C compiler, and run wherever they are copied.
    const child = spawn('go', args, { cwd, env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => (stdout += data));
    child.stderr.setEncoding('utf8').on('data', (data: string) => (stderr += data));
    child.on('error', reject);
    child.on('close', code => {
      if (code === 0) {
        resolve(stdout);
        return;
      }
      const told = stderr.split('\n').filter(line => !line.startsWith('go: downloading'));
      reject(new Error(`go ${args.slice(0, 2).join(' ')} ended with ${code}:\n${told.slice(-30).join('\n').trim()}`));
    });
  });
}

const staleAfter = 30_000;

/** One build at a time on this machine, as each uses all of it. Whoever holds the lock keeps touching it; an untouched one is left over. */
async function withLock(name: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(cacheFolder(), { recursive: true });
  const lock = join(cacheFolder(), 'build.lock');
  for (let waited = 0; !tryLock(lock); waited++) {
    if (waited % 20 === 0) say(`${name}: another process is building, waiting for it, ${waited} s`);
    await new Promise(resolve => setTimeout(resolve, 1000));
  }
  const touch = setInterval(() => utimesSync(lock, new Date(), new Date()), staleAfter / 6);
  try {
    await work();
  } finally {
    clearInterval(touch);
    rmSync(lock, { force: true });
  }
}

function tryLock(lock: string): boolean {
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > staleAfter) rmSync(lock, { force: true });
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    // No `instanceof Error`: under jest, node's own errors are of another realm.
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
