import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type ClusterPlan } from '../../src/plan/plan';
import { verifyScript } from '../../src/script/verify';
import { type Mesh, meshCertificates } from '../fixtures/verify/certificates';
import { clusterOf, configDump, type Facts, goodFacts, KEY, type KubeObject, objectsOf } from '../fixtures/verify/mesh';
import { buildPrograms, certManagerCrds, ensureNamespace, type Kube, ok, run, startKube, tempDir } from './harness';

// A real API server, real kubectl and real istioctl. The objects are laid there by the test, as istio-csr's chart, cert-manager and istiod would
// have them, and so is their status: no kubelet and no controller runs here. Their certificates are real, the Envoy is a config dump of the test.
jest.setTimeout(120_000);

let kube: Kube;
let mesh: Mesh;
let env: Readonly<Record<string, string | undefined>>;
beforeAll(async () => {
  const bins = await buildPrograms(['kubectl', 'istioctl']);
  kube = await startKube();
  env = { ...kube.env, PATH: [dirname(bins.kubectl), dirname(bins.istioctl), process.env.PATH].join(delimiter) };
  ok(await kube.kubectl(['apply', '--server-side', '-f', await certManagerCrds()]));
  for (const name of ['istio-system', 'cert-manager', 'foo']) await ensureNamespace(kube, name);
  mesh = meshCertificates(tempDir('verify'));
}, 45 * 60_000);
afterAll(() => kube.stop());

test('the recommended world passes: the chain of a workload ends in the root', async () => {
  const { code, stdout, stderr } = await verify(clusterOf({ root: { certificate: mesh.root.pem } }), {}, mesh.root.pem);
  expect([code, stderr, stdout.split('\n').at(-2)]).toEqual([0, '', '18 ok, 0 failed, 0 unknown']);
  expect(stdout).toContain(
    `ok      workload chain: leaf first, 3 certificates, the chain ends in the root; valid until ${mesh.workload.ends}`,
  );
  expect(stdout).toContain(`ok      workload ROOTCA: the sidecar's ROOTCA is the root, SHA-256 ${mesh.root.print}`);
});

test("the guide's world fails: its intermediate is no root", async () => {
  const { intermediate, root } = mesh;
  const facts = { csrRoot: intermediate.pem, rootMaps: { 'istio-system': intermediate.pem, foo: intermediate.pem } };
  const plan = clusterOf({ root: { certificate: root.pem }, istioCsr: { rootFile: 'intermediate' } });
  const { code, stdout } = await verify(plan, facts, intermediate.pem);
  const is = `is not the root CN=Test Root, SHA-256 ${root.print}: it is CN=Test Intermediate, an intermediate below CN=Test Root, SHA-256 ${intermediate.print}`;
  const todo = '(mesh-ca.yaml says istioCsr.rootFile: intermediate, as the guide does; write root)';
  expect(stdout.split('\n').filter(line => line !== '' && !line.startsWith('ok'))).toEqual([
    `FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca ${is} ${todo}`,
    `FAIL    istio-ca-root-cert in istio-system: root-cert.pem ${is} ${todo}`,
    `FAIL    istio-ca-root-cert in foo: root-cert.pem ${is} ${todo}`,
    `FAIL    workload ROOTCA: the sidecar's ROOTCA ${is} ${todo}`,
    '14 ok, 4 failed, 0 unknown',
  ]);
  expect(code).toBe(1);
});

test('what real programs do not tell is unknown: an object that may not be read, a resource that is not there, a server that is gone', async () => {
  const plan = clusterOf({ root: { certificate: mesh.root.pem } });
  ok(await kube.kubectl(['create', 'serviceaccount', 'nobody']));
  const token = ok(await kube.kubectl(['create', 'token', 'nobody'])).trim();
  const as = (change: (config: string) => string, name: string) => {
    const path = join(tempDir('verify-as'), name);
    writeFileSync(path, change(readFileSync(kube.kubeconfig, 'utf8')));
    return path;
  };
  const nobody = as(config => config.replace(kube.adminToken, token), 'nobody');
  const forbidden = await script(plan, ['--json'], { KUBECONFIG: nobody });
  expect(forbidden.stdout).toContain(
    '"status":"unknown","message":"kubectl get secrets istiod-tls: Error from server (Forbidden): secrets',
  );
  expect(forbidden.code).toBe(3);

  const gone = as(config => config.replace(kube.url, 'https://127.0.0.1:1'), 'gone');
  const unreachable = await script(plan, [], { KUBECONFIG: gone });
  expect(unreachable.stdout).toContain('unknown issuer: kubectl gets no answer: The connection to the server 127.0.0.1:1 was refused');
  expect([unreachable.code, unreachable.stdout.split('\n').at(-2)]).toEqual([3, '1 ok, 0 failed, 12 unknown']);

  const nowhere = await script({ ...plan, context: 'nowhere' }, []);
  expect(nowhere.stdout).toMatch(/^unknown issuer: kubectl gets no answer: error: context "nowhere" does not exist$/m);
  expect(nowhere.code).toBe(3);
});

/** Lays the world into the API server and runs the script in it. */
async function verify(plan: ClusterPlan, facts: Partial<Facts>, trusted: string) {
  for (const object of objectsOf(plan, { ...goodFacts(plan, mesh), ...facts })) await lay(object);
  const { workload, intermediate } = mesh;
  const dump = join(tempDir('verify-dump'), 'dump.json');
  writeFileSync(dump, JSON.stringify(configDump(workload.pem + intermediate.pem + trusted, trusted)));
  const result = await script(plan, ['--workload', 'foo/sleep', '--config-dump', dump]);
  expect(result.stdout + result.stderr).not.toContain(KEY);
  return result;
}

/** Applies an object with strict validation, then its status, which no controller writes here. */
async function lay({ status, ...object }: KubeObject): Promise<void> {
  await kube.apply(JSON.stringify(object));
  if (status === undefined) return;
  const { name, namespace } = object.metadata;
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const resource = `${object.kind.toLowerCase()}s${group && `.${version}.${group}`}`;
  const patch = ['--type=merge', '--patch', JSON.stringify({ status })];
  ok(await kube.kubectl(['patch', resource, name, '--namespace', namespace, '--subresource=status', ...patch]));
}

async function script(plan: ClusterPlan, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const file = join(tempDir('verify-script'), 'verify.sh');
  writeFileSync(file, verifyScript(plan));
  return run('bash', [file, ...args], { env: { ...env, ...more } });
}
