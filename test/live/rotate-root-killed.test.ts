// A change of the root, each script of it killed with SIGKILL after each write (each call, with MESH_CA_KILL=all) and run again, from the same
// beginning: Vault and the root file are put back as they were. What is played stands in mesh/root-change.ts.
import { X509Certificate } from 'node:crypto';
import type { MeshCaConfig } from '../../src/config/config';
import { buildPrograms, type Kube, ok, startKube, startVaultServer, type VaultServer } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { base64 } from './mesh/istio-csr';
import { ChangingMesh, type Phase } from './mesh/root-change';
import { configs, dataOf, rootFiles } from './world';

jest.setTimeout(20 * 60_000);
const MOUNT = 'istioca-cluster-1';
// no test can log in so, which leaves out the trial at the end: it is killed in setup-killed.test.ts.
const config: MeshCaConfig = {
  ...configs.recommended,
  auth: 'aws',
  aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1', resolveAwsUniqueIds: false },
};

let vault: VaultServer;
let kube: Kube;
let killers: string;
let mesh: ChangingMesh;
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = [await startVaultServer(), await startKube()];
  killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
  mesh = await ChangingMesh.make(vault, { 'cluster-1': kube }, config);
  await mesh.setUp();
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

const read = async (path: string) => dataOf((await vault.request('GET', path)).body);
const list = async (path: string) => (dataOf((await vault.request('LIST', path)).body).keys as string[] | undefined) ?? [];

/** What the runs have left, but for times and IDs. */
async function outcome(): Promise<unknown> {
  const issuers = await Promise.all((await list(`${MOUNT}/issuers`)).map(id => read(`${MOUNT}/issuer/${id}`)));
  const { default: id, ...more } = await read(`${MOUNT}/config/issuers`);
  const described = issuers.map(one => {
    const { issuer_name, usage, leaf_not_after_behavior } = one;
    const { subject, issuer } = new X509Certificate(String(one.certificate));
    return { issuer_name, subject, issuer, usage, leaf_not_after_behavior, hasKey: one.key_id !== '', isDefault: one.issuer_id === id };
  });
  return {
    description: (await mesh.description('cluster-1')).replaceAll(/=\d{4}-[^ \]]*/g, '=TIME'),
    issuers: described.sort((one, other) => (one.subject < other.subject ? -1 : 1)),
    follows: more.default_follows_latest_issuer,
    // a run that was stopped after it had made a key leaves it, and the next one makes another.
    keys: new Set(issuers.map(one => String(one.key_id)).filter(id => id !== '')).size,
    hasDefaultKey: (await list(`${MOUNT}/keys`)).includes(String((await read(`${MOUNT}/config/keys`)).default)),
    former: (await list('pki-a/issuers')).length,
    next: (await list('pki-b/issuers')).length,
    roots: await mesh.roots('cluster-1'),
  };
}

const counts: Record<string, number> = {};

/** Runs a script to its end, and then from the same beginning, killed after each write and run again: what it leaves is the same. */
async function killed(
  what: string,
  least: number,
  { phase, name = 'cluster-1', args = [] }: { phase: Phase; name?: string; args?: readonly string[] },
): Promise<unknown> {
  const putBack = await vault.keep();
  const rootFile = JSON.stringify({ data: { 'ca.cert.pem': base64(await mesh.rootFile('cluster-1')) } });
  const step = async () => {
    await mesh.issue(phase);
    await mesh.connects();
  };
  const { count, left } = await killedEverywhere({
    what,
    killers,
    least,
    begin: async () => {
      await putBack();
      ok(await kube.kubectl(['patch', 'secret', 'root-cluster-1', '-n', 'cert-manager', '--type=merge', '--patch', rootFile]));
      return mesh.at(phase);
    },
    script: (world, env) => world.script(name, args, env),
    stopped: step,
    ended: async (_, { code, stderr }, when) => {
      expect([what, when, code, stderr]).toEqual([what, when, 0, '']);
      await step();
      return outcome();
    },
  });
  counts[what] = count;
  return left;
}

test('a change of the root ends the same in each of its phases, killed after each write and run again, and every certificate verifies all along', async () => {
  await mesh.issue('before');

  // both are trusted
  const both = { roots: ['Root A', 'Root B'], former: 1, keys: 1 };
  expect(await killed('trust both: the root file', 1, { phase: 'trustBoth' })).toMatchObject(both);
  await mesh.istioCsr();
  expect(await killed('trust both: the record', 1, { phase: 'trustBoth' })).toMatchObject({
    ...both,
    description: expect.stringMatching(/^cdk8s-mesh-ca: CA of cluster-1 \[root=\S+ trusts\.\S+=TIME trusts\.\S+=TIME\]$/) as string,
  });

  // the next one signs
  expect(await killed('switch: the root', 3, { phase: 'switched', name: 'root', args: rootFiles(mesh.b) })).toMatchObject({
    ...both,
    next: 1,
  });
  await mesh.wait('trustBoth');
  expect(await killed('switch: the cluster', 8, { phase: 'switched' })).toMatchObject({
    roots: expect.arrayContaining(['Root A', 'Root B']) as string[],
    keys: 2,
    description: expect.stringMatching(/cluster-1-g1\.until=TIME/) as string,
    issuers: expect.arrayContaining([
      expect.objectContaining({ issuer_name: 'cluster-1-g1', issuer: 'CN=Root A', isDefault: false }),
      expect.objectContaining({ issuer_name: 'cluster-1-g2', issuer: 'CN=Root B', isDefault: true }),
    ]) as unknown[],
  });

  // the former one goes
  await mesh.wait('switched');
  expect(await killed('drop: the root file', 1, { phase: 'dropped' })).toMatchObject({ roots: ['Root B'], keys: 2 });
  await mesh.istioCsr();
  await killed('drop: the record', 1, { phase: 'dropped' });
  expect(await killed('drop: the former CA', 5, { phase: 'dropped', args: ['--retire'] })).toMatchObject({
    keys: 1,
    hasDefaultKey: true,
  });
  // the keys that stopped runs have left are named, with the lines that remove them; then nothing differs.
  const left = (await mesh.script('dropped', 'cluster-1', ['--check'])).stdout;
  const orphans = [...left.matchAll(/note: key \S+ has no certificate.*; to remove it: vault delete (\S+)\n/g)].map(([, key = '']) => key);
  expect(orphans.length).toBeGreaterThan(0);
  for (const key of orphans) expect((await vault.request('DELETE', key)).status).toBe(204);
  expect(await mesh.script('dropped', 'cluster-1', ['--check'])).toMatchObject({ code: 0, stderr: '' });

  const count = Object.values(counts).reduce((sum, one) => sum + one, 0);
  const each = Object.entries(counts)
    .map(([what, calls]) => `${what} ${calls}`)
    .join(', ');
  process.stderr.write(
    `change of the root: killed at ${count} of ${count} boundaries (${each}), ${await mesh.connects()} pairs verified\n`,
  );
});
