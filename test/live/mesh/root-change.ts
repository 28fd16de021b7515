// A mesh whose root is replaced by the three changes of the config. Played are istio-csr: its watched root file (the Secret that setup.sh
// delivers), the ConfigMap that it writes into every namespace, and its answer to a sidecar, leaf, intermediate, then the whole root file; and
// the waiting: recorded times are rewritten to the past, then every workload is renewed, as all of them would have been by then.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshCaConfig, RootConfig } from '../../../src/config/config';
import type { ClusterPlan } from '../../../src/plan/plan';
import { type Kube, ok, run, type RunResult, tempDir, type Vault } from '../harness';
import { configs, dataOf, ensureAccount, makeRoot, makeWorld, rootFiles, type World } from '../world';
import { certificates, makeCsr } from './certificates';

type Root = Awaited<ReturnType<typeof makeRoot>>;

/** What a root is called on record. */
export const idOf = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').slice(0, 16);

/** The config before, and its three changes; `generation` is the way in which the change of the CA is said. */
const phases = {
  before: () => ({ root: { mount: 'pki-a' }, generation: 1, known: 'a' }),
  trustBoth: (_, b) => ({ root: { mount: 'pki-a', alsoTrust: [b.pem] }, generation: 1, known: 'a' }),
  switched: a => ({ root: { mount: 'pki-b', alsoTrust: [a.pem] }, generation: 2, known: 'b' }),
  dropped: () => ({ root: { mount: 'pki-b' }, generation: 2, known: 'b' }),
} satisfies Record<string, (a: Root, b: Root) => { root: RootConfig; generation: number; known: 'a' | 'b' }>;
export type Phase = keyof typeof phases;

/** What a sidecar was given with its last certificate. */
interface Workload {
  readonly name: string;
  readonly leaf: string;
  readonly chain: readonly string[];
  readonly trusted: string;
}

/** Has a workload's certificate signed: its leaf, and what is between it and the root. */
type Sign = (cluster: ClusterPlan, csr: string) => Promise<Pick<Workload, 'leaf' | 'chain'>>;

/** The namespaces that istio-csr writes into. */
const NAMESPACES = ['istio-system', 'cert-manager'];

/** As cert-manager asks, without one. */
const signedByVault =
  (vault: Vault): Sign =>
  async ({ role }, csr) => {
    const { certificate, ca_chain } = dataOf((await vault.request('POST', role.signPath, { csr, ttl: '1h' })).body) as {
      certificate: string;
      ca_chain: string[];
    };
    // cert-manager leaves the root out.
    return { leaf: certificate, chain: ca_chain.filter(one => new X509Certificate(one).subject !== new X509Certificate(one).issuer) };
  };

/** A mesh of some clusters in one Vault. */
export class ChangingMesh {
  private workloads: Workload[] = [];
  private readonly verified = new Set<string>();
  private readonly worlds = new Map<Phase, World>();

  private constructor(
    readonly vault: Vault,
    private readonly kubes: Readonly<Record<string, Kube>>,
    readonly a: Root,
    readonly b: Root,
    private readonly csr: string,
    private readonly config: MeshCaConfig,
    private readonly sign: Sign,
  ) {}

  /**
   * @param kubes the API server of each cluster, by the cluster's name
   * @param config each of its policy CAs gets a mount for each root, as the runbook says
   * @param sign what signs for the workloads; Vault, where it is not said
   */
  static async make(
    vault: Vault,
    kubes: Readonly<Record<string, Kube>>,
    config = configs.recommended,
    sign = signedByVault(vault),
  ): Promise<ChangingMesh> {
    const [a, b] = [await makeRoot(tempDir('a'), 'Root A'), await makeRoot(tempDir('b'), 'Root B')];
    const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
    return new ChangingMesh(vault, kubes, a, b, csr, config, sign);
  }

  /** The world of a phase; each run of a script finds there what a user has. */
  async at(phase: Phase): Promise<World> {
    const made = this.worlds.get(phase) ?? (await this.worldOf(phase));
    this.worlds.set(phase, made);
    return made;
  }

  private async worldOf(phase: Phase): Promise<World> {
    const { root, generation, known } = phases[phase](this.a, this.b);
    const clusters = Object.entries(this.kubes).map(([name, { context }]) => ({
      ...(this.config.clusters[0] as MeshCaConfig['clusters'][0]),
      name,
      context,
      intermediate: { generation },
      istioCsr: { rootName: `root-${name}` },
    }));
    const policyCas = this.config.policyCas?.map(one => ({ ...one, mount: `${one.name}-${known}` }));
    const world = await makeWorld({ ...this.config, root, policyCas, clusters }, this.vault, Object.values(this.kubes));
    writeFileSync(join(world.folder, 'root.pem'), this[known].pem);
    return world;
  }

  async script(phase: Phase, name: string, args: readonly string[] = []): Promise<RunResult> {
    return (await this.at(phase)).script(name, args);
  }

  /** Imports the first root, and sets the clusters up below it. What another mesh of the test has left is no root of this one. */
  async setUp(): Promise<void> {
    for (const one of Object.values(this.kubes)) {
      for (const namespace of NAMESPACES) await one.kubectl(['delete', 'configmap', 'istio-ca-root-cert', '-n', namespace]);
    }
    ok(await this.script('before', 'root', rootFiles(this.a)));
    for (const name of Object.keys(this.kubes)) ok(await this.script('before', name));
    await this.istioCsr();
  }

  private kubeOf = (name: string) => this.kubes[name]!;

  /** The root file of a cluster's istio-csr. */
  async rootFile(name: string): Promise<string> {
    const secret = (await this.kubeOf(name).get(['secret', `root-${name}`, '-n', 'cert-manager'])) as { data: Record<string, string> };
    return Buffer.from(secret.data['ca.cert.pem']!, 'base64').toString();
  }

  /** istio-csr sees its root file, and writes it into every namespace; istiod is started again after it, where it is said. */
  async istioCsr({ restart = true } = {}): Promise<void> {
    for (const name of Object.keys(this.kubes)) {
      const map = { apiVersion: 'v1', kind: 'ConfigMap', data: { 'root-cert.pem': await this.rootFile(name) } };
      for (const namespace of NAMESPACES) {
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
      const signed = await this.sign(cluster, this.csr);
      this.workloads.push({ name: cluster.name, ...signed, trusted: await this.rootFile(cluster.name) });
    }
  }

  /** Each workload's certificate verifies to what each other one trusts, itself included; renewed or not. Gives the count of such pairs. */
  async connects(): Promise<number> {
    for (const trusted of new Set(this.workloads.map(one => one.trusted))) {
      for (const chain of new Set(this.workloads.map(one => one.chain.join('\n')))) {
        // the same two verify again; no hour passes here.
        const leaves = this.workloads.map(({ leaf, chain: own }) => (own.join('\n') === chain ? leaf : '')).filter(Boolean);
        const pairs = new Map(leaves.map(leaf => [`${leaf} ${trusted}`, leaf] as const).filter(([pair]) => !this.verified.has(pair)));
        if (pairs.size === 0) continue;
        const folder = tempDir('verify');
        const at = (name: string, text: string) => (writeFileSync(join(folder, name), text), join(folder, name));
        const anchors = ['-no-CApath', '-CAfile', at('roots.pem', trusted), '-untrusted', at('chain.pem', chain)];
        ok(await run('openssl', ['verify', ...anchors, ...[...pairs.values()].map((leaf, i) => at(`${i}.pem`, leaf))]));
        for (const pair of pairs.keys()) this.verified.add(pair);
      }
    }
    return this.verified.size;
  }

  /** What signed the intermediate of the last certificate, upwards. */
  lastSigners(): string[] {
    return (this.workloads.at(-1)?.chain ?? []).map(pem => new X509Certificate(pem).issuer.replace(/.*CN=/s, ''));
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
