// A running mesh is moved from istiod's own CA to Vault: real istiod, real Vault, real API server, and requests made with the code of Istio's own
// agent. Played are istio-csr (mesh/played.ts), the Deployment's controller and the kubelet (mesh/own-ca.ts), and the time: a kubectl of
// the test's gives the API server's clock some hours more, as if they had gone by.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import {
  buildPrograms,
  certManagerCrds,
  ensureNamespace,
  type Kube,
  ok,
  run,
  type RunResult,
  startKube,
  startVaultDev,
  until,
  type Vault,
} from './harness';
import { fingerprints, verifyChain } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { handshake } from './mesh/istiod';
import { base64, rootFileOf, unbase64 } from './mesh/istio-csr';
import { deployIstiod, endPod, type Held, makePod, type OwnMesh, sidecar, startOwnMesh } from './mesh/own-ca';
import { answered, layAllBut, signedByVault, writeRootMaps } from './mesh/played';
import { configs, ensureAccount, makeRoot, makeWorld, programsBefore, rootFiles, type World } from './world';

jest.setTimeout(240_000);
const OLD_CA = 'istiod.istio-system.svc:15012';
const NEW_CA = 'cert-manager-istio-csr.cert-manager.svc:443';

let vault: Vault;
let kube: Kube;
let kubectl: string;
const running: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  ({ kubectl } = await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl', 'pilot-discovery', 'sidecar']));
  [vault, kube] = [await startVaultDev(), await startKube()];
  ok(await kube.kubectl(['apply', '--server-side', '-f', await certManagerCrds()]));
  for (const name of ['istio-system', 'bar']) await ensureNamespace(kube, name);
  await ensureAccount(kube, 'foo', 'sleep');
}, 45 * 60_000);
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

interface Data {
  readonly data: Readonly<Record<string, string>>;
}
const secret = async (name: string) => ((await kube.get(['secret', name, '-n', 'istio-system'])) as Data | undefined)?.data;
const rootMap = async (namespace: string) =>
  ((await kube.get(['configmap', 'istio-ca-root-cert', '-n', namespace])) as Data | undefined)?.data['root-cert.pem'] ?? '';
const evidence = async () => ((await kube.get(['configmap', 'cdk8s-mesh-ca-adopt', '-n', 'istio-system'])) as Data | undefined)?.data;

/** Writes dist/ of a config into a world of its own. */
async function worldOf(config: MeshCaConfig): Promise<World> {
  const world = await makeWorld(config, vault, [kube]);
  writeDist(world.folder, world.plan);
  return world;
}

/** A clock that goes before: kubectl gives the time of the API server, and so many hours. */
const clock = (hours: number) =>
  programsBefore(
    {
      kubectl: `if [[ "$*" == *' create configmap cdk8s-mesh-ca-adopt-time '* ]]; then
  "$real" "$@" | jq '.metadata.creationTimestamp |= (fromdateiso8601 + ${hours} * 3600 | todateiso8601)'
else exec "$real" "$@"; fi`,
    },
    { kubectl },
  );

function script({ folder, env }: World, file: string, args: readonly string[] = [], hours = 0): Promise<RunResult> {
  const PATH = hours === 0 ? env.PATH : `${clock(hours)}:${env.PATH}`;
  return run('bash', [`dist/cluster-1/${file}`, ...args], { cwd: folder, env: { ...env, PATH }, timeout: 120_000 });
}

/** Each of these verifies each other, by OpenSSL, to the bundle in its own last answer; and so does none that is named to be refused. */
async function trust(held: readonly Held[]): Promise<string[]> {
  const refused: string[] = [];
  for (const client of held) {
    for (const server of held) {
      if ((await verifyChain(server.chain, client.rootCa)).code !== 0) refused.push(`${client.what} refuses ${server.what}`);
    }
  }
  return refused;
}

/** What the injector gives to every sidecar. */
const inject = (caAddress: string) =>
  kube.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-sidecar-injector', namespace: 'istio-system' },
      data: {
        config: 'policy: enabled\ntemplates: {}\n',
        values: JSON.stringify({ global: { caAddress, multiCluster: { clusterName: 'cluster-1' } } }),
      },
    }),
  );

const later = (time: string | undefined, hours: number) =>
  new Date(Date.parse(time ?? '') + hours * 3_600_000).toISOString().replace('.000Z', 'Z');

test("a mesh on istiod's self-signed CA is moved to Vault, and everybody trusts everybody at each moment", async () => {
  const first = await worldOf({ ...configs.recommended, root: { mount: 'pki-self' } });
  const root = await makeRoot(first.folder);
  ok(await first.script('root', rootFiles(root)));
  ok(await first.script('cluster-1'));
  const mesh: OwnMesh = await startOwnMesh(kube);
  running.push(mesh);
  for (const name of ['old-1', 'old-2']) await makePod(kube, { namespace: 'foo', name, container: sidecar(OLD_CA) });
  const before = [await mesh.ask('before 1'), await mesh.ask('before 2')];
  const old = await rootMap('foo');
  expect(await trust(before)).toEqual([]);
  // the check can fail: what Vault signs is refused by all of them.
  expect(await trust([...before, await answered(kube, vault, first.cluster, 'Vault')])).toHaveLength(4);

  // the present root is not named: nothing is changed, and what is said can be followed.
  const unnamed = await script(first, 'adopt.sh');
  expect([unnamed.code, await secret('cacerts'), await evidence()]).toEqual([1, undefined, undefined]);
  const [, said = '', command = ''] = unnamed.stderr.split('\n');
  expect(said).toBe(
    `  - in root.alsoTrust of mesh-ca.yaml the root that the mesh trusts today, SHA-256 ${fingerprints(old).join()}. This writes it to a file, it is public; name that file there, synthesize, and run setup.sh:`,
  );
  ok(await run('bash', ['-c', command.trim()], { cwd: first.folder, env: first.env }));
  const named = readFileSync(join(first.folder, 'mesh-root.pem'), 'utf8');
  expect(fingerprints(named)).toEqual(fingerprints(old));

  const world = await worldOf({ ...configs.recommended, root: { mount: 'pki-self', certificate: root.pem, alsoTrust: [named] } });
  ok(await kube.kubectl(['apply', '-f', join(world.folder, 'dist/cluster-1/manifests/2-istio-csr')]));
  const rootFile = await rootFileOf(kube, world.cluster);
  expect(fingerprints(rootFile)).toEqual([...fingerprints(root.pem), ...fingerprints(old)]);

  // 1 to 4: both are trusted, and the script stops to wait.
  expect((await script(world, 'adopt.sh', ['--plan'])).stdout.match(/to do/g)).toHaveLength(8);
  expect(await secret('cacerts')).toBeUndefined();
  const early = await script(world, 'adopt.sh');
  const since = (await evidence())?.['trusted-since'];
  expect([early.code, early.stderr]).toEqual([
    1,
    `dist/cluster-1/adopt.sh: error: too early: every workload's certificate has to be renewed once more. Run this again at ${later(since, 24)} or later, or restart these workloads, which renews at once: foo (2)\n`,
  ]);
  expect(mesh.starts()).toBe(2);
  const [own, given] = [(await secret('istio-ca-secret'))!, (await secret('cacerts'))!];
  expect(given).toEqual({
    'ca-cert.pem': own['ca-cert.pem'],
    'ca-key.pem': own['ca-key.pem'],
    'cert-chain.pem': '',
    // byte by byte what istio-csr writes, so that the two do not write against each other.
    'root-cert.pem': base64(rootFile),
  });
  for (const namespace of ['istio-system', 'foo', 'bar', 'cert-manager']) expect(await rootMap(namespace)).toBe(rootFile);
  expect(early.stdout + early.stderr).not.toContain(unbase64(own['ca-key.pem']!).split('\n')[1]);
  const between = [await mesh.ask('between 1'), await mesh.ask('between 2')];
  expect(between.map(({ rootCa }) => fingerprints(rootCa).sort())).toEqual([1, 2].map(() => fingerprints(rootFile).sort()));
  expect(await trust([...before, ...between])).toEqual([]);

  // a minute too early; then all have renewed.
  expect((await script(world, 'adopt.sh', [], 23.9)).stderr).toContain(`Run this again at ${later(since, 24)}`);
  const renewed = [await mesh.ask('renewed 1'), await mesh.ask('renewed 2')];
  const noCsr = await script(world, 'adopt.sh', [], 24.1);
  expect([noCsr.code, noCsr.stderr]).toEqual([
    1,
    expect.stringContaining(
      'error: not yet: install istio-csr, by sections 3 and 4 of README.md. then run this again. verify.sh says: issuer: there is no',
    ),
  ]);
  expect(mesh.starts()).toBe(2);

  // istio-csr is installed, and istiod still signs.
  const { cluster } = world;
  const tls = await signedByVault(
    vault,
    cluster,
    ['DNS:istiod.istio-system.svc', 'URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account'],
    'istiod.istio-system.svc',
  );
  const kept = ['istiod', 'istiod-tls', 'istio-ca-root-cert', 'istio-root-ca', 'istio-sidecar-injector', 'sleep'];
  await layAllBut(kube, cluster, {}, ({ kind, metadata }) => kept.includes(metadata.name) && kind !== 'Certificate');
  await inject('');
  await kube.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'istiod-tls', namespace: 'istio-system' },
      data: { 'tls.crt': base64(tls.chain), 'tls.key': base64(tls.key) },
    }),
  );
  await writeRootMaps(kube, cluster, ['istio-system', 'foo', 'bar']);
  const ready = await script(world, 'adopt.sh', [], 24.1);
  expect([ready.code, ready.stderr]).toEqual([
    1,
    expect.stringContaining(
      'error: not yet: merge control-plane.partial.yaml, by section 5 of README.md. From then on a sidecar that was made before fails to renew, and its certificate ends half its lifetime later at the earliest: restart every workload within 12h. then run this again. verify.sh says: istiod CA server: ENABLE_CA_SERVER of istiod is not set',
    ),
  ]);
  expect((await evidence())?.['switched-since']).toBeUndefined();

  // the switch: istiod signs no more, serves Vault's certificate, and old and new trust each other.
  await inject(NEW_CA);
  await deployIstiod(kube, { ENABLE_CA_SERVER: 'false' });
  await until('the istiod that signs no more', () => mesh.starts() === 3, 60_000);
  const unmoved = await script(world, 'adopt.sh', [], 24.2);
  expect([unmoved.code, unmoved.stderr]).toEqual([
    1,
    expect.stringMatching(
      /error: restart these workloads: they renew at istiod, which signs no more since .*; the first certificates end at .*: foo \(2\)$/m,
    ),
  ]);
  expect(mesh.starts()).toBe(3);
  const roots = join(world.folder, 'roots.pem');
  writeFileSync(roots, await rootMap('foo'));
  expect((await handshake(mesh.istiod().securePort, roots)).stdout).toContain('Verify return code: 0 (ok)');
  await expect(mesh.ask('at istiod')).rejects.toThrow('unknown service istio.v1.auth.IstioCertificateService');
  const fresh = [await answered(kube, vault, cluster, 'new 1'), await answered(kube, vault, cluster, 'new 2')];
  expect(await trust([...between, ...renewed, ...fresh])).toEqual([]);

  // the workloads are restarted; the old root stays until the last certificate below it has ended.
  for (const name of ['old-1', 'old-2']) await endPod(kube, 'foo', name);
  for (const name of ['new-1', 'new-2']) await makePod(kube, { namespace: 'foo', name, container: sidecar(NEW_CA) });
  const switched = (await evidence())?.['switched-since'];
  const waits = await script(world, 'adopt.sh', [], 24.3);
  expect([waits.code, waits.stderr]).toEqual([
    1,
    `dist/cluster-1/adopt.sh: error: too early: the old root has to be trusted until ${later(switched, 24)}, when the last certificate below it ends. Run this again then\n`,
  ]);
  const done = await script(world, 'adopt.sh', [], 48.4);
  expect([done.code, done.stderr, done.stdout.split('\n').at(-2)]).toEqual([
    0,
    '',
    'cluster cluster-1 is adopted, and the old root may be dropped: take it out of root.alsoTrust in mesh-ca.yaml, synthesize, and apply manifests/2-istio-csr',
  ]);

  // the old root is dropped: who has not renewed since trusts it still, and nobody needs it.
  const last = await worldOf({ ...configs.recommended, root: { mount: 'pki-self', certificate: root.pem } });
  ok(await kube.kubectl(['apply', '-f', join(last.folder, 'dist/cluster-1/manifests/2-istio-csr')]));
  await writeRootMaps(kube, cluster, ['istio-system', 'foo', 'bar', 'cert-manager']);
  const after = [await answered(kube, vault, cluster, 'after 1'), await answered(kube, vault, cluster, 'after 2')];
  expect(await trust([...fresh, ...after])).toEqual([]);
  // the check can fail: by now what istiod signed is refused.
  expect(await trust([...renewed, ...after])).toHaveLength(4);
  const end = await script(last, 'adopt.sh', [], 48.5);
  expect([end.code, end.stderr]).toEqual([0, '']);
  expect(existsSync(join(last.folder, 'root.pem'))).toBe(false);
});
