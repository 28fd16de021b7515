// adopt.sh and adopt-undo.sh, killed with SIGKILL after each write (after each call of vault and of kubectl, with MESH_CA_KILL=all), and
// started again. istiod is played here: it writes istio-ca-root-cert as the real one does (adopt.test.ts), of what it found at its start. So
// is verify.sh, which only reads, and time: the test dates the evidence back.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms, ensureNamespace, type Kube, ok, run, startKube, startVaultDev, tempDir, until, type Vault } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { fingerprints } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { base64, rootFileOf, unbase64 } from './mesh/istio-csr';
import { deployIstiod, makePod, playController, sidecar } from './mesh/own-ca';
import { configs, makeRoot, makeWorld, rootFiles, type World } from './world';

jest.setTimeout(20 * 60_000);
const core = '/api/v1/namespaces/istio-system';
const EVIDENCE = 'configmaps/cdk8s-mesh-ca-adopt';
const CHECKS = ['istiod CA server', 'CA address', 'istio-ca-root-cert in istio-system', 'istiod cluster ID', 'sidecar cluster ID'];
const MORE = [
  'root',
  'issuer',
  'istio-csr',
  'istio-csr arguments',
  'istio-csr root file',
  'istiod certificate',
  'istiod-tls',
  'trust domain',
];

let vault: Vault;
let kube: Kube;
let killers: string;
let world: World;
/** The root that the mesh runs on, and Vault's with it, as istio-csr's root file has them. */
let old: string;
let both: string;
let controller: ReturnType<typeof playController>;
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = [await startVaultDev(), await startKube()];
  killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
  const [root, mesh] = [await makeRoot(tempDir('root')), await makeRoot(tempDir('old'), 'Old Root')];
  old = mesh.pem;
  world = await makeWorld({ ...configs.recommended, root: { certificate: root.pem, alsoTrust: [old] } }, vault, [kube]);
  writeDist(world.folder, world.plan);
  const lines = [...CHECKS, ...MORE].map(check => JSON.stringify({ check, status: 'ok', message: '' }));
  writeFileSync(join(world.folder, 'dist/cluster-1/verify.sh'), `printf '%s\\n' ${lines.map(line => `'${line}'`).join(' ')}\n`);
  ok(await world.script('root', rootFiles(root)));
  ok(await kube.kubectl(['apply', '-f', join(world.folder, 'dist/cluster-1/manifests/2-istio-csr')]));
  both = await rootFileOf(kube, world.cluster);
  await ensureNamespace(kube, 'foo');
  const ca = { 'ca-cert.pem': base64(old), 'ca-key.pem': base64('the key'), 'cert-chain.pem': '', 'root-cert.pem': '' };
  await kube.request('POST', `${core}/secrets`, { metadata: { name: 'istio-ca-secret' }, type: 'istio.io/ca-root', data: ca });
  await writeRoots();
  await deployIstiod(kube, {});
  controller = playController(kube, writeRoots);
  await makePod(kube, { namespace: 'foo', name: 'sleep', container: sidecar('istiod.istio-system.svc:15012') });
}, 45 * 60_000);
afterAll(async () => {
  await controller.stop();
  await kube.stop();
  await vault.stop();
});

const data = async (path: string) => ((await kube.request('GET', `${core}/${path}`)).body as { data?: Record<string, string> }).data;

/** What the real istiod does at its start. */
async function writeRoots(): Promise<void> {
  const own = (await data('secrets/istio-ca-secret'))?.['ca-cert.pem'];
  const roots = unbase64((await data('secrets/cacerts'))?.['root-cert.pem'] ?? own ?? '');
  for (const namespace of ['istio-system', 'foo']) {
    const map = { metadata: { name: 'istio-ca-root-cert' }, data: { 'root-cert.pem': roots } };
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    if ((await kube.request('PUT', `${path}/istio-ca-root-cert`, map)).status === 404) await kube.request('POST', path, map);
  }
}

/** Waits until what was asked of the Deployment is rolled out. */
const settled = () =>
  until('istiod to be rolled out', async () => {
    const { body } = await kube.request('GET', '/apis/apps/v1/namespaces/istio-system/deployments/istiod');
    const { metadata, status } = body as { metadata: { generation: number }; status: { observedGeneration?: number } };
    return status.observedGeneration === metadata.generation;
  });

/** The mesh before anything was done: none of the test's own objects, and istiod hands out the old root. */
async function begin(): Promise<void> {
  await settled();
  await kube.request('DELETE', `${core}/secrets/cacerts`);
  await kube.request('DELETE', `${core}/${EVIDENCE}`);
  await writeRoots();
}

/** What a run leaves, but for the times. */
async function outcome(): Promise<unknown> {
  await settled();
  const times = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
  const evidence = Object.entries((await data(EVIDENCE)) ?? {}).map(([key, value]) => [key, times.test(value) ? 'a time' : value]);
  const { body } = await kube.request('GET', '/api/v1/namespaces/foo/configmaps/istio-ca-root-cert');
  return { cacerts: await data('secrets/cacerts'), evidence, roots: (body as { data: unknown }).data };
}

const runOf = (file: string) => (env: Readonly<Record<string, string>>) =>
  run('bash', [`dist/cluster-1/${file}`], { cwd: world.folder, env: { ...world.env, ...env }, timeout: 120_000 });

/** Runs a script to its end, then killed after each of its calls and run again: what it says at its end and leaves is the same. */
async function killed(file: string, least: number, before: () => Promise<void>): Promise<{ stderr: string; left: unknown }> {
  const dated = (text: string) => text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME');
  const { left } = await killedEverywhere({
    what: file,
    killers,
    least,
    begin: async () => {
      await before();
      return world;
    },
    script: (_, env) => runOf(file)(env),
    ended: async (_, { code, stderr }) => ({ code, stderr: dated(stderr), left: await outcome() }),
  });
  return left as { stderr: string; left: unknown };
}

const key = { 'ca-cert.pem': () => base64(old), 'ca-key.pem': () => base64('the key') };

test('adopt.sh, up to the waiting, ends the same, killed after each write and run again', async () => {
  const { stderr, left } = await killed('adopt.sh', 4, begin);
  expect(stderr).toContain('too early: every workload');
  expect(left).toEqual({
    cacerts: {
      'ca-cert.pem': key['ca-cert.pem'](),
      'ca-key.pem': key['ca-key.pem'](),
      'cert-chain.pem': '',
      'root-cert.pem': base64(both),
    },
    evidence: [
      ['former', 'none'],
      ['lifetime', '86400'],
      ['roots', expect.any(String)],
      ['trusted-since', 'a time'],
    ],
    roots: { 'root-cert.pem': both },
  });
});

/** What a run of adopt.sh has left, a long time ago, without that run. */
async function adopted(): Promise<void> {
  await begin();
  const own = (await data('secrets/istio-ca-secret')) ?? {};
  const metadata = { name: 'cacerts', annotations: { 'cdk8s-mesh-ca/cluster': 'cluster-1' } };
  await kube.request('POST', `${core}/secrets`, { metadata, data: { ...own, 'root-cert.pem': base64(both) } });
  const roots = fingerprints(both).sort().join('\n');
  const evidence = { former: 'none', lifetime: '86400', roots, 'trusted-since': '2020-01-01T00:00:00Z' };
  await kube.request('POST', `${core}/configmaps`, { metadata: { name: 'cdk8s-mesh-ca-adopt' }, data: evidence });
  await writeRoots();
}

test('adopt.sh, from the waiting to the switch, ends the same, killed after each write and run again', async () => {
  // istiod was restarted since.
  await adopted();
  const { stderr, left } = await killed('adopt.sh', 1, adopted);
  expect(stderr).toMatch(/error: restart these workloads: they renew at istiod, which signs no more since TIME; .*: foo \(1\)$/m);
  expect((left as { evidence: unknown }).evidence).toContainEqual(['switched-since', 'a time']);
});

test('adopt-undo.sh leaves what there was before, killed after each write and run again', async () => {
  await begin();
  const was = await outcome();
  const { stderr, left } = await killed('adopt-undo.sh', 5, adopted);
  expect([stderr, left]).toEqual(['', was]);
});
