// adopt.sh and its way back where istiod has a plugged-in CA, an intermediate in Secret cacerts: a real istiod and API server.
import { readFileSync, writeFileSync } from 'node:fs';
import { buildPrograms, ensureNamespace, type Kube, ok, run, startKube, startVaultDev, tempDir, until, type Vault } from './harness';
import { certificate } from '../fixtures/verify/certificates';
import { join } from 'node:path';
import { fingerprints, verifyChain } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { base64, rootFileOf, unbase64 } from './mesh/istio-csr';
import { makePod, sidecar, startOwnMesh } from './mesh/own-ca';
import { configs, ensureAccount, makeRoot, makeWorld, rootFiles } from './world';

jest.setTimeout(400_000);
let vault: Vault;
let kube: Kube;
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl', 'pilot-discovery', 'sidecar']);
  [vault, kube] = [await startVaultDev(), await startKube()];
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

test('a plugged-in CA signs on, hands out both roots, and adopt-undo.sh puts its own root back', async () => {
  await ensureNamespace(kube, 'istio-system');
  await ensureAccount(kube, 'foo', 'sleep');
  const folder = tempDir('plugged');
  const root = certificate(folder, 'root', { subject: '/CN=Plugged Root' });
  const ca = certificate(folder, 'ca', { subject: '/CN=Plugged CA', by: root });
  const plugged = {
    'ca-cert.pem': base64(ca.pem),
    'ca-key.pem': base64(readFileSync(ca.keyFile, 'utf8')),
    'cert-chain.pem': base64(ca.pem),
    'root-cert.pem': base64(root.pem),
  };
  await kube.apply(
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'cacerts', namespace: 'istio-system' }, data: plugged }),
  );
  const cacerts = async () => ((await kube.get(['secret', 'cacerts', '-n', 'istio-system'])) as { data: object }).data;
  const mesh = await startOwnMesh(kube);
  try {
    await makePod(kube, { namespace: 'foo', name: 'sleep', container: sidecar('istiod.istio-system.svc:15012') });
    const before = await mesh.ask('before');
    expect(fingerprints(before.rootCa)).toEqual([root.print]);

    const own = await makeRoot(tempDir('own'));
    const world = await makeWorld({ ...configs.recommended, root: { certificate: own.pem, alsoTrust: [root.pem] } }, vault, [kube]);
    writeDist(world.folder, world.plan);
    ok(await world.script('root', rootFiles(own)));
    ok(await kube.kubectl(['apply', '-f', join(world.folder, 'dist/cluster-1/manifests/2-istio-csr')]));
    const script = (file: string) => run('bash', [`dist/cluster-1/${file}`], { cwd: world.folder, env: world.env, timeout: 120_000 });
    const adopted = await script('adopt.sh');
    expect([adopted.code, adopted.stderr]).toEqual([1, expect.stringContaining('too early: every workload')]);
    expect(await cacerts()).toEqual({ ...plugged, 'root-cert.pem': base64(await rootFileOf(kube, world.cluster)) });
    const between = await mesh.ask('between');
    expect(fingerprints(between.rootCa).sort()).toEqual([root.print, ...fingerprints(own.pem)].sort());
    for (const [one, other] of [
      [before, between],
      [between, before],
    ] as const) {
      ok(await verifyChain(one.chain, other.rootCa));
    }

    expect([(await script('adopt-undo.sh')).code, await cacerts()]).toEqual([0, plugged]);
    await until('the pod of istiod', () => mesh.starts() === 3);
    const after = await mesh.ask('after');
    expect(fingerprints(after.rootCa)).toEqual([root.print]);
    ok(await verifyChain(between.chain, after.rootCa));

    // another CA in cacerts than istiod signs with: a restart would change it.
    const other = certificate(folder, 'other', { subject: '/CN=Plugged Root' });
    const patch = JSON.stringify({ data: { 'ca-cert.pem': base64(other.pem), 'cert-chain.pem': base64(other.pem) } });
    const file = join(folder, 'patch.json');
    writeFileSync(file, patch);
    ok(await kube.kubectl(['patch', 'secret', 'cacerts', '-n', 'istio-system', '--type=merge', `--patch-file=${file}`]));
    const refused = await script('adopt.sh');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('istiod does not sign with it, and would after a restart')]);
  } finally {
    await mesh.stop();
  }
});

test('the old root goes from what setup.sh has laid, after a run that had it on record', async () => {
  const folder = tempDir('laid');
  const old = certificate(folder, 'old', { subject: '/CN=Old Root' });
  const own = await makeRoot(folder, 'Own Root');
  const at = async (alsoTrust: string[]) => {
    const world = await makeWorld({ ...configs.recommended, root: { mount: 'pki-laid', alsoTrust } }, vault, [kube]);
    writeFileSync(join(world.folder, 'root.pem'), own.pem);
    return world;
  };
  const laid = async () => {
    const secret = (await kube.get(['secret', 'istio-root-ca', '-n', 'cert-manager'])) as { data: Record<string, string> };
    return unbase64(secret.data['ca.cert.pem']!);
  };
  // of the mesh of another test, whose root is another.
  await kube.kubectl(['delete', 'secret', 'istio-root-ca', '-n', 'cert-manager']);
  await kube.kubectl(['delete', 'pods', '-l', 'app=istiod', '-n', 'istio-system', '--force']);
  const both = await at([old.pem]);
  ok(await both.script('root', rootFiles(own)));
  ok(await both.script('cluster-1'));
  const rootFile = await laid();
  for (const namespace of await namespaces()) {
    const map = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-ca-root-cert', namespace },
      data: { 'root-cert.pem': rootFile },
    };
    await kube.apply(JSON.stringify(map));
  }
  const one = await at([]);
  // not on record: who needs it is not known, so it stays, and is named.
  expect(ok(await one.script('cluster-1', ['--plan']))).toContain('it holds other CAs too');
  ok(await both.script('cluster-1'));
  expect(await laid()).toBe(rootFile);
  expect(fingerprints(rootFile).sort()).toEqual([old.print, ...fingerprints(own.pem)].sort());
  ok(await one.script('cluster-1'));
  expect(fingerprints(await laid())).toEqual(fingerprints(own.pem));
});

/** Where istiod or istio-csr writes the roots. */
async function namespaces(): Promise<string[]> {
  const { items } = (await kube.get(['namespaces'])) as { items: { metadata: { name: string } }[] };
  return items.map(({ metadata }) => metadata.name);
}
