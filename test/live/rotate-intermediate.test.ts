// A cluster's intermediate is rotated: a new issuer beside the old one, with a new key or with the same, the default moved, and back; the old
// one retired in its time. Certificates that were issued at any moment verify at every later one. Real Vault, API server and cert-manager.
// Vault's clock cannot be turned: where time has to pass, the test rewrites the recorded end in the mount's description, and says so.
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { clusterScript } from '../../src/script/setup';
import { type Kube, ok, startCertManager, type Vault } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { makeCsr, verifyChain } from './mesh/certificates';
import { askCertManager, helmValues } from './mesh/istio-csr';
import { readiness, setUp } from './mesh/vault-mesh';
import { dataOf, makeRoot, makeWorld, rootFiles, startServers, type World } from './world';

const { kube: kubeOf, devVault, endAfterTest } = startServers();
jest.setTimeout(20 * 60_000);
const recommended = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const mount = 'istioca-cluster-1';

/** An issuer of the mount that has a key, in Vault's words. */
interface Issuer {
  readonly issuer_id: string;
  readonly issuer_name: string;
  readonly key_id: string;
  readonly certificate: string;
}

/** Looks at the mount: its issuers with a key by name, which one is the default, its keys, and what the description says. */
async function look(vault: Vault) {
  const list = async (path: string) => (dataOf((await vault.request('LIST', path)).body).keys ?? []) as string[];
  const read = async (path: string) => dataOf((await vault.request('GET', path)).body);
  const ids = await list(`${mount}/issuers`);
  const all = (await Promise.all(ids.map(id => read(`${mount}/issuer/${id}`)))) as unknown as Issuer[];
  const issuers = all.filter(({ key_id }) => key_id !== '').sort((a, b) => (a.issuer_name < b.issuer_name ? -1 : 1));
  const { default: id } = await read(`${mount}/config/issuers`);
  const mounts = (await read('sys/mounts')) as Record<string, { description: string }>;
  const written = mounts[`${mount}/`]?.description ?? '';
  return {
    issuers,
    names: issuers.map(one => one.issuer_name),
    signs: issuers.find(one => one.issuer_id === id)?.issuer_name,
    keys: await list(`${mount}/keys`),
    roots: all.length - issuers.length,
    // which root it is, is another test's.
    description: written
      .replace(/ ?root=[0-9A-F]{16} ?/, ' ')
      .replaceAll(/ ?retired\.[0-9A-F]{16}=[^ \]]*/g, '')
      .replace('[ ', '[')
      .replace(/ \[?\]$|\s$/, ''),
    written,
  };
}

/** Writes the script anew, as synth does after a change of the config. */
function change(world: World, config: MeshCaConfig, vault: Vault, intermediate: MeshCaConfig['intermediate']): void {
  const [cluster] = planMeshCa({ ...config, intermediate, vault: { server: vault.addr } }).clusters;
  writeFileSync(join(world.folder, 'dist/cluster-1/setup.sh'), clusterScript(cluster!));
}

/** Lets the recorded ends pass: Vault's clock stays as it is, so the description is rewritten. */
async function letTimePass(vault: Vault): Promise<void> {
  const { written } = await look(vault);
  await vault.request('POST', `sys/mounts/${mount}/tune`, { description: written.replaceAll(/until=20\d\d/g, 'until=2001') });
}

/** Every certificate that was issued, each to verify at any later time. */
function verifier(root: string) {
  const issued: { when: string; chain: string }[] = [];
  return async (when: string, chain: string) => {
    issued.push({ when, chain });
    for (const one of issued) {
      const { code, stderr } = await verifyChain(one.chain, root);
      expect({ at: when, issued: one.when, code, stderr }).toEqual({ at: when, issued: one.when, code: 0, stderr: '' });
    }
    return issued.length;
  };
}

const until = /^cdk8s-mesh-ca: CA of cluster-1 \[(.*)\]$/;
const issuerOf = (chain: string) => new X509Certificate(chain).issuer;

test('with a new key, then with the same key, and back; cert-manager signs at every moment, and what it signed verifies at every later one', async () => {
  const [kube, vault]: [Kube, Vault] = [kubeOf(), await devVault()];
  const mesh = await setUp(recommended, vault, [kube]);
  const { world } = mesh;
  endAfterTest(await startCertManager(kube));
  ok(await kube.kubectl(['apply', '--validate=strict', '-f', join(world.folder, 'dist/cluster-1/manifests/1-issuer')]));
  await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system']);
  const value = helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml'));
  const verify = verifier(mesh.root);
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const signs = async (when: string, by: string) => {
    const { reason, message, certificate } = await askCertManager(kube, value, csr);
    expect({ when, reason, message }).toMatchObject({ when, reason: 'Issued' });
    await verify(when, certificate);
    expect([when, issuerOf(certificate)]).toEqual([when, `CN=${by}`]);
  };
  const name = 'cluster-1 Mesh Intermediate CA';

  await signs('before', name);
  expect(await look(vault)).toMatchObject({ names: [''], signs: '', roots: 1, description: 'cdk8s-mesh-ca: CA of cluster-1' });
  const before = await look(vault);

  change(world, recommended, vault, { generation: 2 });
  const plan = ok(await world.script('cluster-1', ['--plan']));
  expect(plan.match(/^\[.*\n( {6}note.*\n)* {6}to do$/gm)?.map(step => step.split(' ')[1])).toEqual([
    'intermediate/issue:',
    'issuer/default:',
  ]);
  const asked = Math.floor(Date.now() / 1000);
  const moved = ok(await world.script('cluster-1'));
  expect(moved).toContain('      signed by cluster-1-g2, verified to the root: a workload\n');
  const second = await look(vault);
  expect(second).toMatchObject({ names: ['cluster-1-g1', 'cluster-1-g2'], signs: 'cluster-1-g2', roots: 1 });
  // all of the first issuer is as it was but its name.
  expect(second.issuers[0]).toEqual({ ...before.issuers[0], issuer_name: 'cluster-1-g1' });
  const [, recorded = ''] = /^cluster-1-g1\.until=(\S+)$/.exec(until.exec(second.description)?.[1] ?? '') ?? [];
  // an hour, which the role allows, and ten minutes; Vault's clock is this machine's.
  const kept = Date.parse(recorded) / 1000 - asked;
  expect(kept).toBeGreaterThanOrEqual(4200);
  expect(kept).toBeLessThan(4200 + 120);
  expect(moved).toContain(`note: cluster-1-g1 is kept: certificates under it can live until ${recorded}\n      not yet\n`);

  // what the alerts and the timeline count from is held against the certificate: its day, by OpenSSL's clock and ours.
  const day = new Date(new X509Certificate(second.issuers.at(-1)?.certificate ?? '').validTo).toISOString().slice(0, 10);
  for (const [more, notAfter, said] of [
    [{}, undefined, undefined],
    [{ monitoring: true }, undefined, `note: no alert counts to its end yet: write intermediate.notAfter: "${day}", and synthesize\n`],
    [
      {},
      '2031-02-28',
      `note: intermediate.notAfter is 2031-02-28, and it ends on ${day}: the timeline, and alerts of its end, count from a wrong day; write "${day}"\n`,
    ],
    [{ monitoring: true }, day, undefined],
  ] as const) {
    change(world, { ...recommended, ...more }, vault, { generation: 2, ...(notAfter !== undefined && { notAfter }) });
    const { code, stdout: looked } = await world.script('cluster-1', ['--check']);
    expect([notAfter, code]).toEqual([notAfter, said?.includes('wrong day') ? 3 : 0]);
    if (said === undefined) expect(looked).not.toMatch(/notAfter/);
    else expect(looked).toContain(said);
  }
  change(world, recommended, vault, { generation: 2 });
  await signs('after the first rotation', `${name} G2`);
  const again = await world.script('cluster-1');
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect((await world.script('cluster-1', ['--check'])).stdout).toMatch(/\nno drift: all is as planned\n$/);
  expect(await look(vault)).toEqual(second);

  change(world, recommended, vault, { generation: 3, reuseKey: true });
  ok(await world.script('cluster-1'));
  const third = await look(vault);
  expect(third).toMatchObject({ names: ['cluster-1-g1', 'cluster-1-g2', 'cluster-1-g3'], signs: 'cluster-1-g3', roots: 1 });
  const [one, two, three] = third.issuers.map(({ key_id }) => key_id);
  expect([three, two !== one, third.keys.length]).toEqual([two, true, 2]);
  await signs('after the second rotation', `${name} G3`);

  // the way back: the default moves, nothing is made, and the third is the old one now.
  change(world, recommended, vault, { generation: 2 });
  ok(await world.script('cluster-1'));
  const back = await look(vault);
  expect(back).toMatchObject({ issuers: third.issuers, signs: 'cluster-1-g2' });
  expect(until.exec(back.description)?.[1]?.replaceAll(/=\S+/g, '').split(' ').sort()).toEqual([
    'cluster-1-g1.until',
    'cluster-1-g3.until',
  ]);
  await signs('after the way back', `${name} G2`);

  // early: refused, with the time; nothing is changed.
  const early = await world.script('cluster-1', ['--retire']);
  expect(early).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /error: --retire: certificates can live: cluster-1-g1 until 20.*, cluster-1-g3 until 20.*; by Vault's clock it is 20\S+Z\. Nothing was changed\n$/,
    ) as string,
  });
  expect(await look(vault)).toEqual(back);

  // in time: they go, the second's key stays although the third had it too, and so does the root's certificate.
  await letTimePass(vault);
  expect(ok(await world.script('cluster-1'))).toMatch(
    /note: no certificate under cluster-1-g1 lives any more, since 2001\S+: it can be removed by --retire\n/,
  );
  expect(await look(vault)).toMatchObject({ names: back.names });
  const retired = ok(await world.script('cluster-1', ['--retire']));
  expect(retired).toMatch(
    /removed: the CA cluster-1-g1\n {6}removed: the CA cluster-1-g3\n {6}removed: its key\n {6}kept: its key, which another CA in istioca-cluster-1 has too\n/,
  );
  expect(await look(vault)).toEqual({
    ...back,
    written: expect.any(String) as string,
    issuers: [back.issuers[1]],
    names: ['cluster-1-g2'],
    keys: [two],
    description: 'cdk8s-mesh-ca: CA of cluster-1',
  });
  await signs('after the others were removed', `${name} G2`);
  expect(ok(await world.script('cluster-1', ['--retire']))).toContain('there is nothing to remove');
  expect((await world.script('cluster-1', ['--check'])).stdout).toMatch(/\nno drift: all is as planned\n$/);

  // a number is not used twice.
  change(world, recommended, vault, { generation: 1 });
  expect(await world.script('cluster-1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'the CA of generation 1 is not in istioca-cluster-1 (any more), and that of generation 2 is: none is made again',
    ) as string,
  });
});

test('a stopped rotation ends the same, killed after each of its calls and run again; so does a stopped removal; what was signed verifies all along', async () => {
  const [kube, vault]: [Kube, Vault] = [kubeOf(), await devVault()];
  // a stop after a call that only reads is one before the next write; MESH_CA_KILL=all stops there too.
  const killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
  // no test can log in so, which leaves out the trial at the end: it is killed in setup-killed.test.ts.
  const config: MeshCaConfig = {
    ...recommended,
    auth: 'aws',
    aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1', resolveAwsUniqueIds: false },
  };
  const world = await makeWorld(config, vault, [kube]);
  const root = await makeRoot(world.folder);
  ok(await world.script('root', rootFiles(root)));
  ok(await world.script('cluster-1'));
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const verify = verifier(root.pem);
  const signs = async (when: string) => {
    const { body } = await vault.request('POST', world.cluster.role.signPath, { csr, ttl: '1h' });
    const { certificate, ca_chain } = dataOf(body) as { certificate: string; ca_chain: string[] };
    return verify(when, [certificate, ...ca_chain].join('\n'));
  };
  const first = await look(vault);
  /** As it was before: one issuer without a name, and nothing recorded. */
  const reset = async () => {
    const now = await look(vault);
    const { issuer_id, key_id } = first.issuers[0]!;
    await vault.request('POST', `${mount}/config/issuers`, { default: issuer_id });
    for (const one of now.issuers) if (one.issuer_id !== issuer_id) await vault.request('DELETE', `${mount}/issuer/${one.issuer_id}`);
    for (const key of now.keys) if (key !== key_id) await vault.request('DELETE', `${mount}/key/${key}`);
    await vault.vault(['patch', `${mount}/issuer/${issuer_id}`, 'issuer_name=']);
    await vault.request('POST', `sys/mounts/${mount}/tune`, { description: first.written });
    expect(await look(vault)).toEqual(first);
  };
  change(world, config, vault, { generation: 2 });
  const rotated = { names: ['cluster-1-g1', 'cluster-1-g2'], signs: 'cluster-1-g2', roots: 1 };
  let checked = 0;
  const rotation = await killedEverywhere({
    what: 'rotation of the intermediate, the script',
    killers,
    least: 6,
    begin: async () => {
      await reset();
      return world;
    },
    script: (_, env) => world.script('cluster-1', [], env),
    stopped: async (_, n) => {
      await signs(`rotation, stopped after call ${n}`);
    },
    ended: async (_, { code, stderr }, n) => {
      expect([n, code, stderr]).toEqual([n, 0, '']);
      const { issuers, names, signs: by, roots, keys, description } = await look(vault);
      expect([n, { names, signs: by, roots }]).toEqual([n, rotated]);
      expect([n, description]).toEqual([n, expect.stringMatching(/^cdk8s-mesh-ca: CA of cluster-1 \[cluster-1-g1\.until=20\S+\]$/)]);
      checked = await signs(`rotation, ended: ${n}`);
      // a run that was stopped after it had made the key leaves it, and the next one makes another: in one chain of runs, one is stopped after
      // the key, and one after the signature.
      expect(keys.length).toBeLessThanOrEqual(n === 'whole' ? 2 : 4);
      return issuers.filter(({ key_id }) => keys.includes(key_id)).length;
    },
  });
  expect(rotation.left).toBe(2);
  const { issuers, keys } = await look(vault);
  // as setup.sh says of what a stopped run has left.
  for (const key of keys) if (!issuers.some(one => one.key_id === key)) ok(await vault.vault(['delete', `${mount}/key/${key}`]));
  // the removal: whatever is gone already, the next run removes the rest, and the one that signs stays.
  // one former CA at a time, so that each removal has as many writes as the first.
  await letTimePass(vault);
  ok(await world.script('cluster-1', ['--retire']));
  let generation = 2;
  await killedEverywhere({
    what: 'removal of the intermediate before',
    killers,
    least: 4,
    alike: 's/-g[0-9]+/-gN/g; s/ ?retired[.]ID=[^] "]*//g',
    begin: async () => {
      change(world, config, vault, { generation: ++generation });
      ok(await world.script('cluster-1'));
      await letTimePass(vault);
      return world;
    },
    script: (_, env) => world.script('cluster-1', ['--retire'], env),
    ended: async (_, { code, stderr }, n) => {
      expect([n, code, stderr]).toEqual([n, 0, '']);
      const name = `cluster-1-g${generation}`;
      const alone = { names: [name], signs: name, roots: 1, keys: [expect.any(String) as string], description: first.description };
      expect([n, await look(vault)]).toMatchObject([n, alone]);
      checked = await signs(`removal, ended: ${n}`);
      return undefined;
    },
  });
  process.stderr.write(
    `rotation of the intermediate: killed at ${rotation.count} of ${rotation.count} boundaries, ${checked} certificates verified all along\n`,
  );
});
