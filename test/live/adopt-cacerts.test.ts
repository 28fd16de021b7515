// adopt.sh and its way back where istiod has a plugged-in CA, an intermediate in Secret cacerts: a real istiod and API server.
import { readFileSync, writeFileSync } from 'node:fs';
import { buildPrograms, ensureNamespace, type Kube, ok, run, startKube, startVaultDev, tempDir, until, type Vault } from './harness';
import { certificate } from '../fixtures/verify/certificates';
import { join } from 'node:path';
import { fingerprints, verifyChain } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { base64, rootFileOf } from './mesh/istio-csr';
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
