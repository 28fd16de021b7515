// A root is replaced under two running clusters, as the config's three changes say it. Vault, the API servers and the scripts are real. The
// test plays istio-csr: its watched root file (the Secret that setup.sh delivers), the ConfigMap that it writes into every namespace, and its
// answer to a sidecar: leaf, intermediate, then the whole root file. It plays the waiting too: it rewrites recorded times to the past, and
// then renews every workload, as all of them would have been by then.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig, type RootConfig } from '../../src/config/config';
import { type Kube, ok, run, type RunResult, startKube, tempDir } from './harness';
import { certificates, makeCsr } from './mesh/certificates';
import { configs, dataOf, ensureAccount, makeRoot, makeWorld, rootFiles, startServers, type World } from './world';

const { kube, devVault } = startServers();
type Root = Awaited<ReturnType<typeof makeRoot>>;
type Vault = Awaited<ReturnType<typeof devVault>>;

let second: Kube;
let a: Root;
let b: Root;
let csr: string;
beforeAll(async () => {
  second = await startKube({ context: 'cluster-2' });
  [a, b] = [await makeRoot(tempDir('a'), 'Root A'), await makeRoot(tempDir('b'), 'Root B')];
  ({ csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']));
}, 45 * 60_000);
afterAll(() => second.stop());

const idOf = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').slice(0, 16);

/** The three changes of the config; `generation` is the way in which the change of the CA is said. */
const phases = {
  before: () => ({ root: { mount: 'pki-a' }, generation: 1, known: a }),
  trustBoth: () => ({ root: { mount: 'pki-a', alsoTrust: [b.pem] }, generation: 1, known: a }),
  switched: () => ({ root: { mount: 'pki-b', alsoTrust: [a.pem] }, generation: 2, known: b }),
  dropped: () => ({ root: { mount: 'pki-b' }, generation: 2, known: b }),
} satisfies Record<string, () => { root: RootConfig; generation: number; known: Root }>;
type Phase = keyof typeof phases;

/** What a sidecar was given with its last certificate. */
interface Workload {
  readonly name: string;
  readonly leaf: string;
  readonly chain: readonly string[];
  readonly trusted: string;
}

/** A mesh of some clusters in one Vault. */
class Mesh {
  private workloads: Workload[] = [];

  constructor(
    readonly vault: Vault,
    private readonly kubes: Readonly<Record<string, Kube>>,
  ) {}

  async at(phase: Phase): Promise<World> {
    const { root, generation, known } = phases[phase]();
    const clusters = Object.entries(this.kubes).map(([name, { context }]) => ({
      ...(configs.recommended.clusters[0] as MeshCaConfig['clusters'][0]),
      name,
      context,
      intermediate: { generation },
      istioCsr: { rootName: `root-${name}` },
    }));
    const world = await makeWorld({ ...configs.recommended, root, clusters }, this.vault, Object.values(this.kubes));
    writeFileSync(join(world.folder, 'root.pem'), known.pem);
    return world;
  }

  async script(phase: Phase, name: string, args: readonly string[] = []): Promise<RunResult> {
    return (await this.at(phase)).script(name, args);
  }

  /** Imports both roots, and sets the clusters up below the first. */
  async setUp(): Promise<void> {
    for (const one of Object.values(this.kubes)) {
      for (const namespace of ['istio-system', 'cert-manager'])
        await one.kubectl(['delete', 'configmap', 'istio-ca-root-cert', '-n', namespace]);
    }
    ok(await this.script('before', 'root', rootFiles(a)));
    ok(await this.script('switched', 'root', rootFiles(b)));
    for (const name of Object.keys(this.kubes)) ok(await this.script('before', name));
    await this.istioCsr();
  }

  private kubeOf = (name: string) => this.kubes[name]!;

  /** The root file of a cluster's istio-csr. */
  private async rootFile(name: string): Promise<string> {
    const secret = (await this.kubeOf(name).get(['secret', `root-${name}`, '-n', 'cert-manager'])) as { data: Record<string, string> };
    return Buffer.from(secret.data['ca.cert.pem']!, 'base64').toString();
  }

  /** istio-csr sees its root file, and writes it into every namespace; istiod is started again after it, where it is said. */
  async istioCsr({ restart = true } = {}): Promise<void> {
    for (const name of Object.keys(this.kubes)) {
      const map = { apiVersion: 'v1', kind: 'ConfigMap', data: { 'root-cert.pem': await this.rootFile(name) } };
      for (const namespace of ['istio-system', 'cert-manager']) {
        await this.kubeOf(name).apply(JSON.stringify({ ...map, metadata: { name: 'istio-ca-root-cert', namespace } }));
      }
      if (!restart) continue;
      await ensureAccount(this.kubeOf(name), 'istio-system', 'default');
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'istiod-1', namespace: 'istio-system', labels: { app: 'istiod' } } };
      await this.kubeOf(name).kubectl(['delete', 'pod', 'istiod-1', '-n', 'istio-system', '--force', '--ignore-not-found']);
      await this.kubeOf(name).apply(JSON.stringify({ ...pod, spec: { containers: [{ name: 'discovery', image: 'none' }] } }));
    }
  }

  /** A workload of each cluster gets a certificate. */
  async issue(phase: Phase): Promise<void> {
    for (const cluster of (await this.at(phase)).plan.clusters) {
      const { body } = await this.vault.request('POST', cluster.role.signPath, { csr, ttl: '1h' });
      const { certificate, ca_chain } = dataOf(body) as { certificate: string; ca_chain: string[] };
      // cert-manager leaves the root out.
      const chain = ca_chain.filter(one => new X509Certificate(one).subject !== new X509Certificate(one).issuer);
      this.workloads.push({ name: cluster.name, leaf: certificate, chain, trusted: await this.rootFile(cluster.name) });
    }
  }

  /** Each workload's certificate verifies to what each other one trusts, itself included; renewed or not. */
  async connects(): Promise<void> {
    const bundles = new Set(this.workloads.map(({ trusted }) => trusted));
    for (const trusted of bundles) {
      for (const { leaf, chain } of this.workloads) {
        const folder = tempDir('verify');
        const at = (name: string, text: string) => (writeFileSync(join(folder, name), text), join(folder, name));
        const untrusted = ['-untrusted', at('chain.pem', chain.join('\n'))];
        ok(await run('openssl', ['verify', '-no-CApath', '-CAfile', at('roots.pem', trusted), ...untrusted, at('leaf.pem', leaf)]));
      }
    }
  }

  /** Plays that the longest lifetime of a certificate has passed: what is recorded is past, and every workload was renewed. */
  async wait(phase: Phase, names = Object.keys(this.kubes)): Promise<void> {
    for (const name of names) {
      const description = (await this.description(name)).replaceAll(/=2\d{3}-[^ \]]*/g, '=2020-01-01T00:00:00Z');
      await this.vault.request('POST', `sys/mounts/istioca-${name}/tune`, { description });
    }
    this.workloads = [];
    await this.issue(phase);
  }

  async description(name: string): Promise<string> {
    return String(dataOf((await this.vault.request('GET', `sys/mounts/istioca-${name}`)).body).description);
  }

  /** The roots of a cluster's root file. */
  async roots(name: string): Promise<string[]> {
    return certificates(await this.rootFile(name)).map(pem => new X509Certificate(pem).subject.replace('CN=', ''));
  }
}

const refused = (message: string | RegExp) => ({
  code: 1,
  stderr: (typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message)) as string,
});
const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ';

test('a root is replaced in three changes of the config; each is refused before the one before it is through, and every connection holds', async () => {
  const mesh = new Mesh(await devVault(), { 'cluster-1': kube(), 'cluster-2': second });
  await mesh.setUp();
  const [idA, idB] = [idOf(a.pem), idOf(b.pem)];
  expect(await mesh.description('cluster-1')).toBe(`cdk8s-mesh-ca: CA of cluster-1 [root=${idA}]`);
  const step = async (phase: Phase) => {
    await mesh.issue(phase);
    await mesh.connects();
  };
  await step('before');

  // a root that nobody trusts yet
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject(
    refused(`does not hand its workloads the root ${idB} that is to sign from now on: write it as root.alsoTrust first`),
  );
  await step('before');

  // both are trusted
  for (const name of ['cluster-1', 'cluster-2']) {
    expect(ok(await mesh.script('trustBoth', name))).toContain(`not every workload is handed the root ${idB} yet: namespace `);
    expect(await mesh.roots(name)).toEqual(['Root A', 'Root B']);
  }
  await step('trustBoth');
  await mesh.istioCsr({ restart: false });
  expect(ok(await mesh.script('trustBoth', 'cluster-1'))).toMatch(
    /istiod reads its roots at its start, and istiod-1 was started before they changed: kubectl --context cluster-1 rollout restart deployment\/istiod/,
  );
  expect(await mesh.description('cluster-1')).not.toContain(`trusts.${idB}`);
  await mesh.istioCsr();
  expect(ok(await mesh.script('trustBoth', 'cluster-1'))).toMatch(new RegExp(`from ${time} on every workload of cluster-1 trusts ${idB}`));
  expect(await mesh.script('trustBoth', 'cluster-1', ['--check'])).toMatchObject({ code: 0, stderr: '' });
  await step('trustBoth');

  // the new one signs
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject(
    refused(
      new RegExp(
        `the root ${idB} must not sign yet: those of istioca-cluster-1 all trust it from ${time} on; the workloads of istioca-cluster-2 are not on record as trusting it`,
      ),
    ),
  );
  ok(await mesh.script('trustBoth', 'cluster-2'));
  await mesh.wait('trustBoth', ['cluster-1']);
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject(
    refused(new RegExp(`the root ${idB} must not sign yet: those of istioca-cluster-2 all trust it from ${time} on\n`)),
  );
  await mesh.wait('trustBoth');
  await mesh.connects();
  ok(await mesh.script('switched', 'cluster-1'));
  await step('switched');
  // the way back, and on again
  ok(await mesh.script('trustBoth', 'cluster-1'));
  await step('trustBoth');
  ok(await mesh.script('switched', 'cluster-1'));
  await step('switched');
  expect(await mesh.script('dropped', 'cluster-1')).toMatchObject(
    refused(
      new RegExp(
        `the root ${idA} must be trusted still: certificates of istioca-cluster-1 live until ${time}; istioca-cluster-2 still signs below it`,
      ),
    ),
  );
  ok(await mesh.script('switched', 'cluster-2'));
  await step('switched');

  // the old one goes
  expect(await mesh.script('dropped', 'cluster-2')).toMatchObject(refused(/must be trusted still: .* live until .*; .* live until /));
  expect(await mesh.roots('cluster-2')).toEqual(['Root A', 'Root B']);
  await mesh.wait('switched');
  for (const name of ['cluster-1', 'cluster-2']) {
    ok(await mesh.script('dropped', name));
    expect(await mesh.roots(name)).toEqual(['Root B']);
    await step('dropped');
  }
  await mesh.istioCsr();
  for (const name of ['cluster-1', 'cluster-2']) {
    ok(await mesh.script('dropped', name));
    expect(await mesh.script('dropped', name, ['--check'])).toMatchObject({ code: 0, stderr: '' });
    ok(await mesh.script('dropped', name, ['--retire']));
    expect(await mesh.description(name)).not.toContain(`trusts.${idA}`);
  }
  await step('dropped');
}, 900_000);
