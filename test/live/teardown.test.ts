// teardown.sh on a real Vault and a real API server: what setup.sh made is gone, what was there before is not, and setup.sh makes it anew.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { type Kube, ok, startKube, startVaultDev, tempDir, type Vault } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { makeUndoWorld, type UndoWorld } from './undo';
import { configs, dataOf, makeRoot, noSecrets, rootFiles, stateOf } from './world';
import { rootPem } from '../config/certificates';

jest.setTimeout(300_000);
let kube: Kube;
let vault: Vault;
let root: Awaited<ReturnType<typeof makeRoot>>;
beforeAll(async () => {
  [kube, vault] = await Promise.all([startKube(), startVaultDev()]);
  root = await makeRoot(tempDir('root'));
}, 45 * 60_000);
afterAll(async () => {
  await noSecrets(kube);
  await kube.stop();
  await vault.stop();
});

const worldOf = (name: string, more: Partial<MeshCaConfig> = {}, server = vault): Promise<UndoWorld> =>
  makeUndoWorld(
    { ...configs.recommended, istioCsr: { rootName: `root-${name}` }, ...more, clusters: [{ name, context: 'cluster-1' }] },
    server,
    [kube],
  );
const post = async (path: string, body: object) => {
  const answer = await vault.request('POST', path, body);
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return dataOf(answer.body);
};
const keysOf = async (path: string) => (dataOf((await vault.request('LIST', path)).body).keys as string[] | undefined) ?? [];
const losing = (...names: string[]) => names.flatMap(name => ['--lose-ca', name]);
const lost = ({ cluster }: UndoWorld) => losing(cluster.intermediate.commonName);

/** Everything that setup.sh may have made, wherever. */
async function everything(): Promise<Record<string, unknown>> {
  const table = async (path: string) =>
    Object.fromEntries(
      Object.entries(dataOf((await vault.request('GET', path)).body)).map(([mount, one]) => [
        mount,
        (one as { description: string }).description,
      ]),
    );
  const objects = async (namespace: string) => {
    const { items } = JSON.parse(ok(await kube.kubectl(['get', 'secrets,configmaps,serviceaccounts', '-n', namespace, '-o', 'json']))) as {
      items: { kind: string; metadata: { name: string; annotations?: object } }[];
    };
    return items.map(({ kind, metadata: { name, annotations } }) => [kind, name, Object.keys(annotations ?? {})]);
  };
  return {
    mounts: await table('sys/mounts'),
    auth: await table('sys/auth'),
    policies: await keysOf('sys/policies/acl'),
    objects: [await objects('istio-system'), await objects('cert-manager')],
  };
}

test('of two clusters of one Vault one is taken back and made anew; then the other, and the root, and all is as it was', async () => {
  const [east, west] = [await worldOf('east', { auth: 'appRole' }), await worldOf('west')];
  const before = await everything();
  ok(await east.script('root', rootFiles(root)));
  ok(await east.script('east'));
  // each has a folder of its own.
  copyFileSync(join(east.folder, 'root.pem'), join(west.folder, 'root.pem'));
  ok(await west.script('west'));
  // another one's, in a mount that is ours.
  await post('auth/approle/role/theirs', { token_policies: 'theirs' });
  const [all, state, other] = [await everything(), await stateOf(vault, east.cluster), await stateOf(vault, west.cluster)];

  const planned = await east.undo('east/teardown.sh', ['--plan']);
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(planned.stdout.match(/^ {6}to do$/gm)).toHaveLength(8);
  expect(planned.stdout).toContain('note: kept: the mount approle, which holds what is not of the plan: the role theirs');
  const unnamed = await east.undo('east/teardown.sh');
  expect(unnamed).toMatchObject({ code: 2, stderr: expect.stringContaining("--lose-ca 'east Mesh Intermediate CA'") as string });
  expect(await east.undo('east/teardown.sh', losing('west Mesh Intermediate CA'))).toMatchObject({ code: 2 });
  const root0 = await east.undo('root/teardown.sh', losing('Test Root CA'));
  expect(root0).toMatchObject({ code: 1, stderr: expect.stringContaining('a Vault without the CA of cluster east') as string });
  expect([await everything(), await stateOf(vault, east.cluster)]).toEqual([all, state]);

  const first = await east.undo('east/teardown.sh', lost(east));
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/\nkept, and named above: 1\ncluster east is taken back/);
  expect(await stateOf(vault, east.cluster)).toEqual({ issuer: {}, root: state.root, role: {}, policy: {}, auth: {}, authMore: {} });
  expect((await everything()).objects).toEqual((before.objects as unknown[][]).map(list => expect.arrayContaining(list) as unknown));
  const again = await east.undo('east/teardown.sh');
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect(again.stdout).not.toContain('to do');
  expect([await stateOf(vault, west.cluster), await keysOf('auth/approle/role')]).toEqual([other, ['theirs']]);

  expect(ok(await east.script('east'))).toContain('cluster east is ready in Vault');
  expect((await stateOf(vault, east.cluster)).role).toEqual(state.role);

  await vault.request('DELETE', 'auth/approle/role/theirs');
  ok(await west.undo('west/teardown.sh', lost(west)));
  ok(await east.undo('east/teardown.sh', lost(east)));
  const root1 = await east.undo('root/teardown.sh', losing('Test Root CA'));
  expect(root1).toMatchObject({ code: 0, stderr: '' });
  expect(await everything()).toEqual(before);
});

test('every generation of its CA goes with a cluster, each named before, whichever is the planned one; and setup.sh makes it anew', async () => {
  const [one, two] = [await worldOf('gens'), await worldOf('gens', { intermediate: { generation: 2 } })];
  ok(await one.script('root', rootFiles(root)));
  copyFileSync(join(one.folder, 'root.pem'), join(two.folder, 'root.pem'));
  const before = await everything();
  ok(await one.script('gens'));
  ok(await two.script('gens'));
  const state = await stateOf(vault, one.cluster);
  const names = ['gens Mesh Intermediate CA', 'gens Mesh Intermediate CA G2'] as const;
  for (const world of [one, two]) {
    // all that are to be named at once.
    const none = await world.undo('gens/teardown.sh');
    expect(none.code).toBe(2);
    for (const name of names) expect(none.stderr).toContain(` --lose-ca '${name}'`);
    for (const [said, other] of [names, [names[1], names[0]]] as const) {
      const refused = await world.undo('gens/teardown.sh', losing(said));
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`--lose-ca '${other}'`) as string });
      for (const name of names) expect(refused.stdout).toContain(`the key of the CA '${name}', SHA-256 `);
    }
  }
  expect(await stateOf(vault, one.cluster)).toEqual(state);
  const done = await one.undo('gens/teardown.sh', losing(...names));
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).toMatch(/\ncluster gens is taken back; .*\. setup\.sh makes it anew, with another CA\n$/);
  expect(await everything()).toEqual(before);
  expect(ok(await one.script('gens'))).toContain('cluster gens is ready in Vault');
  ok(await one.undo('gens/teardown.sh', lost(one)));
});

test.each<[name: string, more: Partial<MeshCaConfig>]>([
  ['kubernetes', { auth: 'kubernetes' }],
  ['wrapped', { auth: 'appRole', secret: { delivery: 'wrapped' }, istioCsr: { rootCarrier: 'configMap', rootName: 'root-wrapped' } }],
  ['cert', { auth: 'clientCertificate', clientCertificate: { certificate: rootPem, allowedNames: ['cert-manager.example.com'] } }],
  [
    'aws',
    { auth: 'aws', aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1', resolveAwsUniqueIds: false } },
  ],
])('everything of a cluster is gone after it, with a token that may do what --print-policy says: %s', async (name, more) => {
  // clientCertificate wants TLS; what reaches Vault here goes by VAULT_ADDR.
  const world = await worldOf(name, more, { ...vault, addr: name === 'cert' ? vault.addr.replace('http:', 'https:') : vault.addr });
  ok(await world.script('root', rootFiles(root)));
  const before = await everything();
  ok(await world.script(name));
  const policy = ok(await world.undo(`${name}/teardown.sh`, ['--print-policy']));
  await post('sys/policies/acl/takes-back', { policy });
  const { body } = await vault.request('POST', 'auth/token/create', { policies: ['takes-back'], ttl: '10m' });
  const env = { VAULT_TOKEN: (body as { auth: { client_token: string } }).auth.client_token };
  const done = await world.undo(`${name}/teardown.sh`, lost(world), { env });
  expect(done).toMatchObject({ code: 0, stderr: '' });
  await vault.request('DELETE', 'sys/policies/acl/takes-back');
  expect(await everything()).toEqual(before);
});

test('what was there before stays, with its data: mounts of another maker, and what lies beside ours in them', async () => {
  ok(await vault.vault(['secrets', 'enable', '-path=theirs', '-description=of another', 'pki']));
  ok(await vault.vault(['auth', 'enable', '-path=jwt-eso', '-description=of another', 'jwt']));
  await post('auth/jwt-eso/config', { jwt_validation_pubkeys: [kube.serviceAccountKeyPem], bound_issuer: kube.issuer });
  await post('secret/data/other', { data: { a: 'b' } });
  const secret = { delivery: 'externalSecret', store: { auth: 'jwt', mount: 'jwt-eso' } } as const;
  const world = await worldOf('kept', { auth: 'appRole', secret, intermediate: { mount: 'theirs' } });
  ok(await world.script('root', rootFiles(root)));
  const before = await everything();
  ok(await world.script('kept'));
  await post('theirs/roles/other', { allow_any_name: true });
  await post('theirs/issuers/generate/root/internal', { common_name: 'Their CA' });
  await post('auth/jwt-eso/role/other', { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['x'] });
  expect(await keysOf('secret/metadata/mesh-ca/kept')).toEqual(['secret-id']);

  const done = await world.undo('kept/teardown.sh', lost(world));
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).toContain('note: kept: the mount theirs, which was there before');
  expect(done.stdout).toMatch(/\. setup\.sh does not make it anew beside what is kept and in its way: the mount theirs, unless /);
  expect(await world.script('kept')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('another name than the mount theirs, with its role other') as string,
  });
  expect(await everything()).toEqual(before);
  const issuers = await keysOf('theirs/issuers');
  const named = await Promise.all(issuers.map(async id => dataOf((await vault.request('GET', `theirs/issuer/${id}`)).body).key_id));
  expect([named, await keysOf('theirs/roles'), await keysOf('auth/jwt-eso/role')]).toEqual([
    await keysOf('theirs/keys'),
    ['other'],
    ['other'],
  ]);
  expect(named).toHaveLength(1);
  expect(await keysOf('secret/metadata')).toEqual(['other']);
});

test('what has a planned name is kept where neither the CA nor the mark says that it is ours', async () => {
  const world = await worldOf('never');
  await post('sys/policies/acl/cert-manager-never', { policy: 'path "x" { capabilities = ["read"] }' });
  const before = await everything();
  const done = ok(await world.undo('never/teardown.sh'));
  expect(done).toContain('note: kept: sys/policies/acl/cert-manager-never: the CA of this cluster is not in Vault');
  expect(done).toContain('in its way: sys/policies/acl/cert-manager-never, unless ');
  expect(await everything()).toEqual(before);
  await vault.request('DELETE', 'sys/policies/acl/cert-manager-never');
});

test('fails if the mesh still runs, until it is said that it is gone; or if the cluster does not answer', async () => {
  const world = await worldOf('runs');
  const csr = { name: 'cert-manager-istio-csr', namespace: 'cert-manager' };
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'x', image: 'x' }] } };
  await kube.apply(
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: csr,
      spec: { selector: { matchLabels: { app: 'x' } }, template },
    }),
  );
  const runs = await world.undo('runs/teardown.sh');
  expect(runs).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('a cluster without istio-csr (deployment.apps/cert-manager-istio-csr') as string,
  });
  expect((await world.undo('runs/teardown.sh', ['--mesh-is-gone'])).code).toBe(0);
  ok(await kube.kubectl(['delete', 'deployment', csr.name, '-n', csr.namespace]));
  const env = { KUBECONFIG: '/dev/null' };
  expect(await world.undo('runs/teardown.sh', [], { env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('an answer of the cluster of context cluster-1') as string,
  });
  expect(ok(await world.undo('runs/teardown.sh', ['--mesh-is-gone'], { env }))).toContain(
    'kept: secret cert-manager/root-runs: the cluster does not answer',
  );
});

// a call that only reads changes nothing, so a stop after it is a stop after the call before.
test('ends the same, killed after each of its calls that change something and run again, in a mount that was there before', async () => {
  const killers = await makeKillers(vault, { writes: true });
  const world = await worldOf('killed', { auth: 'appRole' });
  const { intermediate, role, policy, auth } = world.cluster;
  const { mount, commonName } = intermediate;
  ok(await world.script('root', rootFiles(root)));
  // what setup.sh makes of it, in a mount with another CA.
  const open = async () => {
    await vault.request('DELETE', `sys/mounts/${mount}`);
    await post(`sys/mounts/${mount}`, { type: 'pki', description: 'of another' });
    const { csr } = await post(`${mount}/intermediate/generate/internal`, { common_name: commonName });
    const { certificate } = await post('pki/root/sign-intermediate', { csr, format: 'pem_bundle', ttl: '24h' });
    await post(`${mount}/intermediate/set-signed`, { certificate });
    await post(`${mount}/issuers/generate/root/internal`, { common_name: 'Their CA' });
    await post(role.path, role.fields);
    await post(`sys/policies/acl/${policy.name}`, { policy: 'path "x" { capabilities = ["read"] }' });
    await vault.request('POST', 'sys/auth/approle', { type: 'approle', description: 'cdk8s-mesh-ca: logins' });
    await post(auth.path, auth.fields);
    const annotations = { 'cdk8s-mesh-ca/cluster': 'killed' };
    for (const [name, namespace] of [
      ['cert-manager-vault-approle', 'istio-system'],
      ['root-killed', 'cert-manager'],
    ]) {
      await kube.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, annotations }, data: { a: '' } }));
    }
  };
  const outcome = async () => ({
    ...(await everything()),
    ...(await stateOf(vault, world.cluster)),
    issuers: (await keysOf(`${mount}/issuers`)).length,
    keys: (await keysOf(`${mount}/keys`)).length,
  });
  const { left } = await killedEverywhere({
    what: 'teardown.sh, at what changes something',
    killers,
    least: 9,
    begin: async () => {
      await open();
      return world;
    },
    script: (_, env) => world.undo('killed/teardown.sh', lost(world), { env }),
    ended: async (_, { code, stderr }, n) => {
      expect([n, code, stderr]).toEqual([n, 0, '']);
      return outcome();
    },
  });
  expect(left).toMatchObject({ issuers: 1, keys: 1 });
}, 900_000);
