import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { MeshCaConfig } from '../../src/config/config';
import { ClusterPlan, MeshCaPlan, planMeshCa } from '../../src/plan/plan';
import { clusterScript, rootScript } from '../../src/script/setup';
import {
  buildPrograms,
  keptProgram,
  ensureNamespace,
  type Kube,
  ok,
  run,
  type RunResult,
  startKube,
  startVaultDev,
  tempDir,
  type Vault,
} from './harness';

/** The configs of the repository, by the name that tests call them, and the recommended one with other ways in. */
const recommended = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
export const configs: Readonly<Record<'recommended' | 'kubernetes' | 'appRole' | 'guide', MeshCaConfig>> = {
  recommended,
  // Vault runs outside of the cluster; `makeWorld` puts the API server's address in.
  kubernetes: { ...recommended, auth: 'kubernetes' },
  appRole: { ...recommended, auth: 'appRole' },
  guide: parse(readFileSync('examples/guide/mesh-ca.yaml', 'utf8')) as MeshCaConfig,
};

/** What a file of tests of the scripts starts. */
export interface Servers {
  /** One API server for all of them. */
  readonly kube: () => Kube;
  /** Ends it after the test. */
  readonly endAfterTest: (running: { stop(): Promise<void> }) => void;
  /** A Vault of the test's own. */
  readonly devVault: (options?: Parameters<typeof startVaultDev>[0]) => Promise<Vault>;
}

/** Defines what starts and ends the programs; each test begins with a cluster without our Secrets. */
export function startServers(): Servers {
  let kube: Kube;
  const running: { stop(): Promise<void> }[] = [];
  jest.setTimeout(180_000);
  beforeAll(async () => {
    await buildPrograms();
    kube = await startKube();
  }, 45 * 60_000);
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    await noSecrets(kube);
  });
  afterAll(() => kube.stop());
  return {
    kube: () => kube,
    endAfterTest: one => void running.push(one),
    devVault: async options => {
      const vault = await startVaultDev(options);
      running.push(vault);
      return vault;
    },
  };
}

/** Removes our Secrets from a cluster. */
export async function noSecrets(kube: Kube): Promise<void> {
  for (const namespace of ['istio-system', 'cert-manager']) await kube.kubectl(['delete', 'secret', '--all', '-n', namespace]);
}

/** The options that import a root. */
export const rootFiles = ({ cert, key }: { cert: string; key: string }) => ['--root-cert', cert, '--root-key', key];

/** A root CA that the test made: RSA, ten years unless said otherwise. */
export async function makeRoot(
  folder: string,
  commonName = 'Test Root CA',
  days = 3650,
): Promise<{ cert: string; key: string; pem: string }> {
  const [cert, key] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  const subject = ['-subj', `/CN=${commonName}`, '-days', String(days)];
  ok(await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject]));
  return { cert, key, pem: readFileSync(cert, 'utf8') };
}

/** A folder as a user has it, with the scripts of a config, a Vault and one or more clusters to run them against. */
export interface World {
  /** The folder that mesh-ca.yaml would lie in. */
  readonly folder: string;
  readonly plan: MeshCaPlan;
  /** The first cluster's plan. */
  readonly cluster: ClusterPlan;
  /** Runs a script in the folder: `root` or a cluster's name. */
  script(name: string, args?: readonly string[], env?: Readonly<Record<string, string | undefined>>): Promise<RunResult>;
  /** Environment of the scripts. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Renders the scripts of a config for a running Vault and running clusters. */
export async function makeWorld(config: MeshCaConfig, vault: Vault, kubes: readonly Kube[]): Promise<World> {
  const folder = tempDir('world');
  const host = kubes[0]?.url;
  const auth = config.auth === 'kubernetes' ? { kubernetes: { host, ...config.kubernetes } } : {};
  const plan = planMeshCa({ ...config, ...auth, vault: { ...config.vault, server: vault.addr } });
  const [cluster] = plan.clusters;
  if (!cluster) throw new Error('a config without clusters');
  for (const kube of kubes) {
    for (const one of plan.clusters.filter(({ context }) => context === kube.context)) {
      await ensureNamespace(kube, one.istio.namespace);
      await ensureNamespace(kube, one.istioCsr.namespace);
      for (const { path, content } of clusterFiles(one, { secretId: 'none' })) if (path.includes('/0-access/')) await kube.apply(content);
    }
  }
  await bringRoot(folder, plan, vault);
  const folders = foldersOf.get(vault) ?? [];
  foldersOf.set(vault, [...folders, folder]);
  for (const other of folders) bringCas(other, [folder]);
  write(join(folder, 'dist/root/setup.sh'), rootScript(plan));
  for (const one of plan.clusters) write(join(folder, `dist/${one.name}/setup.sh`), clusterScript(one));

  const kubectl = await keptProgram('kubectl');
  const path = [dirname(vault.bin), dirname(kubectl), process.env.PATH].join(delimiter);
  const env = { ...vault.env, KUBECONFIG: kubes.map(kube => kube.kubeconfig).join(delimiter), PATH: path };
  return {
    folder,
    plan,
    cluster,
    env,
    script: async (name, args = [], more = {}) => {
      const result = await run('bash', [`dist/${name}/setup.sh`, ...args], { cwd: folder, env: { ...env, ...more }, timeout: 120_000 });
      bringCas(folder, foldersOf.get(vault) ?? []);
      return result;
    },
  };
}

/** The folders of each Vault: an operator has them in Git, so each has the CAs that a run in another one has made. */
const foldersOf = new WeakMap<Vault, readonly string[]>();

/** The files beside the config that name CAs. */
export const caFiles = (folder: string): string[] => readdirSync(folder).filter(name => name.endsWith('.ca.pem'));

function bringCas(from: string, to: readonly string[]): void {
  for (const name of caFiles(from)) {
    for (const folder of to) if (folder !== from) copyFileSync(join(from, name), join(folder, name));
  }
}

/** Lays the root that Vault has by now beside the config, as an operator does who has a folder of its own: what nothing there knows is refused. */
async function bringRoot(folder: string, { root }: MeshCaPlan, vault: Vault): Promise<void> {
  if (root.mount === undefined || root.certificate !== undefined) return;
  const { status, body } = await vault.request('GET', `${root.mount}/issuer/${root.issuer}`);
  if (status === 200) writeFileSync(join(folder, 'root.pem'), String(dataOf(body).certificate));
}

/** Makes a service account, and its namespace, where they are not there. */
export async function ensureAccount(kube: Kube, namespace: string, name: string): Promise<void> {
  await ensureNamespace(kube, namespace);
  await kube.apply(JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }));
}

/** What a second run must find and leave as it was. */
export async function stateOf(
  vault: Vault,
  { intermediate, role, policy, auth, root: rootPlan }: ClusterPlan,
): Promise<Record<string, unknown>> {
  const read = async (path: string) => dataOf((await vault.request('GET', path)).body);
  const { default: issuer } = await read(`${intermediate.mount}/config/issuers`);
  const { default: root } = await read(`${rootPlan.mount}/config/issuers`);
  return {
    issuer: await read(`${intermediate.mount}/issuer/${String(issuer)}`),
    root,
    role: await read(role.path),
    policy: await read(`sys/policies/acl/${policy.name}`),
    auth: await read(auth.path),
    authMore: await read(auth.method === 'appRole' ? `${auth.path}/role-id` : `auth/${auth.mount}/config`),
  };
}

/** `data` of an answer of Vault. */
export function dataOf(body: unknown): Record<string, unknown> {
  return (body as { data?: Record<string, unknown> } | undefined)?.data ?? {};
}

/** A folder of programs that stand before the real ones: each a Bash text that is given the real one's path as `$real`. */
export function programsBefore(texts: Readonly<Record<string, string>>, real: Readonly<Record<string, string>>): string {
  const folder = tempDir('bin');
  for (const [name, text] of Object.entries(texts)) {
    const file = join(folder, name);
    writeFileSync(file, `#!/usr/bin/env bash\nreal=${real[name] ?? ''}\n${text}\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o755 });
}
