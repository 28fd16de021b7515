// A mesh whose istiod is its own CA: a real istiod, and the Deployment with its pod that it would be in a cluster. There are no nodes here, so
// the test plays the Deployment's controller and the kubelet: a new pod template ends the istiod that there is, and starts one with the
// variables of the template and the Secrets and ConfigMaps that its pod mounts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms, type Istiod, type Kube, ok, run, startIstiod, tempDir, until } from '../harness';
import { unbase64 } from './istio-csr';

/** What a workload holds: of its last answer, which may be of some time ago. */
export interface Held {
  readonly what: string;
  /** Leaf first. */
  readonly chain: string;
  /** ROOTCA. */
  readonly rootCa: string;
}

/** A running mesh. */
export interface OwnMesh {
  /** istiod, as it runs now. */
  readonly istiod: () => Istiod;
  /** Has istiod sign for a service account of namespace `foo`, by the code of Istio's own agent. */
  ask(what: string): Promise<Held>;
  /** How often a pod of istiod was made. */
  readonly starts: () => number;
  stop(): Promise<void>;
}

const NAMESPACE = 'istio-system';
const labels = { app: 'istiod' };

interface Template {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly env?: readonly { name: string; value: string }[] }[] };
}

/** The pod template of istiod, as far as the scripts look at it. */
const template = (env: readonly { name: string; value: string }[]) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'discovery', image: 'istiod', env }] },
});

/** Writes the Deployment of istiod, with these variables. */
export async function deployIstiod(kube: Kube, env: Readonly<Record<string, string>>): Promise<void> {
  const list = Object.entries({ CLUSTER_ID: 'cluster-1', ...env }).map(([name, value]) => ({ name, value }));
  await kube.apply(
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'istiod', namespace: NAMESPACE, labels },
      spec: { selector: { matchLabels: labels }, template: template(list) },
    }),
  );
}

/** Makes a pod, which nothing runs, and says that it is Running. */
export async function makePod(kube: Kube, pod: { namespace: string; name: string; labels?: object; container: object }): Promise<void> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods`;
  const metadata = { name: pod.name, labels: pod.labels };
  const { status, body } = await kube.request('POST', path, { metadata, spec: { containers: [pod.container] } });
  if (status !== 201) throw new Error(`no pod: ${JSON.stringify(body)}`);
}

/** A pod with a sidecar, or a gateway, that asks this address, for so long. */
export const sidecar = (address: string, ttl?: string) => ({
  name: 'istio-proxy',
  image: 'proxyv2',
  env: [{ name: 'CA_ADDR', value: address }, ...(ttl === undefined ? [] : [{ name: 'SECRET_TTL', value: ttl }])],
});

/** Ends a pod at once, as no kubelet would. */
export const endPod = (kube: Kube, namespace: string, name: string) =>
  kube.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 });

type Files = Record<string, string>;

/** What the pod mounts of what is there: optional, as the chart has it. */
async function mounts(kube: Kube): Promise<Files> {
  const files: Files = {};
  const lay = async (what: string, name: string, folder: string, decode: (text: string) => string) => {
    const { data = {} } = ((await kube.get([what, name, '-n', NAMESPACE])) ?? {}) as { data?: Files };
    for (const [key, text] of Object.entries(data)) files[`${folder}/${key}`] = decode(text);
  };
  await lay('secret', 'cacerts', 'etc/cacerts', unbase64);
  await lay('secret', 'istiod-tls', 'var/run/secrets/istiod/tls', unbase64);
  await lay('configmap', 'istio-ca-root-cert', 'var/run/secrets/istiod/ca', text => text);
  // istiod takes both as its own certificate only where istiod-tls is there.
  return files['var/run/secrets/istiod/tls/tls.crt'] === undefined
    ? Object.fromEntries(Object.entries(files).filter(([file]) => !file.startsWith('var/')))
    : files;
}

/** Plays the controller of Deployment istiod: calls `roll` for each new pod template, then says that it is rolled out. */
export function playController(kube: Kube, roll: (template: Template) => Promise<void>): { starts: () => number; stop(): Promise<void> } {
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/istiod`;
  const state = { running: true };
  let seen = '';
  let starts = 0;
  const turn = async () => {
    const { status, body } = await kube.request('GET', path);
    if (status !== 200) return;
    const { metadata, spec } = body as { metadata: { generation: number }; spec: { template: Template } };
    if (JSON.stringify(spec.template) === seen) return;
    if (starts > 0) await endPod(kube, NAMESPACE, `istiod-${starts}`);
    await roll(spec.template);
    starts++;
    await makePod(kube, { namespace: NAMESPACE, name: `istiod-${starts}`, labels, container: { name: 'discovery', image: 'istiod' } });
    seen = JSON.stringify(spec.template);
    const counts = { replicas: 1, updatedReplicas: 1, availableReplicas: 1, readyReplicas: 1 };
    const patch = JSON.stringify({ status: { observedGeneration: metadata.generation, ...counts } });
    ok(await kube.kubectl(['patch', 'deployment', 'istiod', '-n', NAMESPACE, '--subresource=status', '--type=merge', '--patch', patch]));
  };
  const loop = (async () => {
    while (state.running) {
      await turn();
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  })();
  return {
    starts: () => starts,
    stop: async () => {
      state.running = false;
      await loop;
    },
  };
}

/** Starts a mesh on the CA that istiod finds in the cluster, or makes. */
export async function startOwnMesh(kube: Kube): Promise<OwnMesh> {
  let istiod: Istiod | undefined;
  const controller = playController(kube, async ({ spec }) => {
    await istiod?.stop();
    const env = Object.fromEntries((spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
    istiod = await startIstiod(kube, { env: { ENABLE_CA_SERVER: undefined, ...env }, files: await mounts(kube) });
  });
  await deployIstiod(kube, {});
  await until('istiod and its pod', () => controller.starts() > 0, 60_000);
  const { sidecar: program } = await buildPrograms(['sidecar']);
  const folder = tempDir('sidecar');
  return {
    istiod: () => istiod!,
    starts: controller.starts,
    ask: async what => {
      const token = join(folder, 'token');
      writeFileSync(token, ok(await kube.kubectl(['create', 'token', 'sleep', '-n', 'foo', '--audience=istio-ca'])));
      const roots = join(folder, 'root-cert.pem');
      const map = (await kube.get(['configmap', 'istio-ca-root-cert', '-n', 'foo'])) as { data: Files } | undefined;
      writeFileSync(roots, map?.data['root-cert.pem'] ?? '');
      const args = ['-ca', `127.0.0.1:${istiod!.securePort}`, '-san', 'istiod.istio-system.svc', '-roots', roots, '-token', token];
      const answer = ok(await run(program, [...args, '-identity', 'spiffe://cluster.local/ns/foo/sa/sleep']));
      return { what, ...(JSON.parse(answer) as { chain: string; rootCa: string }) };
    },
    stop: async () => {
      await controller.stop();
      await istiod?.stop();
    },
  };
}
