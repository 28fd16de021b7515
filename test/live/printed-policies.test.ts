// Every printed policy of setup.sh and of the teardowns is enough for the run that it is printed for. Real Vault, real API server.
import { type MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { clusterSteps, rootSteps } from '../../src/script/steps';
import { type Kube, ok, startKube, startVaultDev, type Vault } from './harness';
import { printed, printedPolicy, tokenWith } from './policies';
import { makeUndoWorld } from './undo';
import { configs, makeRoot, noSecrets, rootFiles } from './world';

jest.setTimeout(600_000);
let kube: Kube;
let vault: Vault;
beforeAll(async () => void (kube = await startKube()), 45 * 60_000);
beforeEach(async () => void (vault = await startVaultDev()), 60_000);
afterEach(async () => {
  await vault.stop();
  await noSecrets(kube);
});
afterAll(() => kube.stop());

const kv = { delivery: 'externalSecret', store: { auth: 'jwt', mount: 'jwt-eso' } } as const;
const ways: readonly (readonly [name: string, config: MeshCaConfig])[] = [
  ['jwt', configs.recommended],
  ['kubernetes', configs.kubernetes],
  ['appRole', configs.appRole],
  ['appRole, in a KV secrets engine', { ...configs.appRole, secret: kv }],
  ['jwt, and a policy CA', { ...configs.recommended, policyCas: [{ name: 'regional' }] }],
];

const jwt = planMeshCa(configs.recommended);
const common = new Set([...rootSteps(jwt), ...jwt.clusters.flatMap(clusterSteps)].map(({ id }) => id));

test.each(ways)(
  'auth %s: --repair of each step, a check and both teardowns run with exactly what is printed for them',
  async (name, config) => {
    const world = await makeUndoWorld(config, vault, [kube]);
    ok(await vault.vault(['auth', 'enable', '-path=jwt-eso', 'jwt']));
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    ok(await world.script('cluster-1'));
    const scripts = [
      ['root', rootSteps(world.plan)],
      ['cluster-1', clusterSteps(world.cluster)],
    ] as const;
    // the steps that are the same with every auth method run once, with jwt.
    const isOwn = (id: string) => name === 'jwt' || !common.has(id);
    for (const [script, steps] of scripts) {
      const check = await tokenWith(vault, await printedPolicy(world, script, ['--check']), 'check');
      expect([script, ok(await world.script(script, ['--check'], check))]).toEqual([script, expect.stringContaining('no drift') as string]);
      for (const { id } of steps.filter(({ id }) => isOwn(id))) {
        const token = await tokenWith(vault, await printedPolicy(world, script, ['--repair', id]), 'repair');
        const run = await world.script(script, ['--repair', id], token);
        expect([id, run]).toMatchObject([id, { code: 0, stderr: '' }]);
      }
    }
    for (const script of ['cluster-1', 'root']) {
      const file = `${script}/teardown.sh`;
      const policy = await printed((args, env) => world.undo(file, args, { env }));
      const names = [world.cluster.intermediate.commonName, ...world.plan.policyCas.map(({ commonName }) => commonName), 'Test Root CA'];
      const lose = names.flatMap(name => ['--lose-ca', name]);
      const run = await world.undo(file, lose, { env: await tokenWith(vault, policy, 'teardown') });
      expect([file, run]).toMatchObject([file, { code: 0, stderr: '' }]);
    }
  },
);

test("what was changed in Vault is put back with what --repair prints, and with no other step's", async () => {
  const world = await makeUndoWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  const { policy, role, auth, intermediate } = world.cluster;
  const changes = [
    ['policy/write', `sys/policies/acl/${policy.name}`, { policy: 'path "a" { capabilities = ["read"] }' }],
    ['role/write', role.path, { allow_any_name: true, max_ttl: '40000h' }],
    ['jwt/role', auth.path, { role_type: 'jwt', user_claim: 'sub', bound_subject: 'other', token_ttl: '5m' }],
    ['jwt/config', `auth/${auth.mount}/config`, { jwt_validation_pubkeys: [kube.serviceAccountKeyPem], bound_issuer: 'https://other' }],
    ['intermediate/tune', `sys/mounts/${intermediate.mount}/tune`, { max_lease_ttl: '50000h' }],
    ['intermediate/urls', `${intermediate.mount}/config/urls`, { ocsp_servers: ['http://other.example.com'] }],
    ['intermediate/tidy', `${intermediate.mount}/config/auto-tidy`, { enabled: false }],
  ] as const;
  for (const [id, path, body] of changes) {
    expect((await vault.request('POST', path, body)).status).toBeLessThan(300);
    // one that can write nothing at the path: role/write and policy/write can tune the mount's description.
    const other = id === 'intermediate/urls' ? 'intermediate/tidy' : 'intermediate/urls';
    const wrong = await world.script(
      'cluster-1',
      ['--repair', id],
      await tokenWith(vault, await printedPolicy(world, 'cluster-1', ['--repair', other]), 'r'),
    );
    expect([id, wrong.code, wrong.stderr]).toEqual([id, 1, expect.stringContaining(`--print-policy --repair ${id} | `) as string]);
    const right = await tokenWith(vault, await printedPolicy(world, 'cluster-1', ['--repair', id]), 'r');
    expect([id, await world.script('cluster-1', ['--repair', id], right)]).toMatchObject([id, { code: 0, stderr: '' }]);
  }
  expect(ok(await world.script('cluster-1', ['--check']))).toContain('no drift');
});

test('without the rights to make a CA, a first run names the second policy, and its lines give a token that runs it', async () => {
  const world = await makeUndoWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  const daily = await tokenWith(vault, await printedPolicy(world, 'cluster-1'), 'daily');
  const { code, stdout, stderr } = await world.script('cluster-1', [], daily);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('  - the capability update on pki/root/sign-intermediate for the token\n');
  expect(stderr).toContain(
    [
      '    bash dist/cluster-1/setup.sh --print-policy | vault policy write mesh-ca-setup-cluster-1 -\n',
      '    bash dist/cluster-1/setup.sh --print-policy --ca | vault policy write mesh-ca-setup-cluster-1-ca -\n',
    ].join(''),
  );
  expect(stderr).toContain(
    '    vault token create -type=batch -policy=mesh-ca-setup-cluster-1 -policy=mesh-ca-setup-cluster-1-ca -ttl=1h\n',
  );
  ok(await world.script('cluster-1'));
  // all else it does.
  const tidy = `${world.cluster.intermediate.mount}/config/auto-tidy`;
  expect((await vault.request('POST', tidy, { enabled: false })).status).toBeLessThan(300);
  expect(ok(await world.script('cluster-1', [], daily))).toContain('11 trials passed');
  const bad = await world.script('cluster-1', ['--ca'], daily);
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('--ca goes with --print-policy') as string]);
});
