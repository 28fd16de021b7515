// The attacker: somebody who has stolen the token that runs `setup.sh --check` on a schedule.
// Holds: exactly the policy that --print-policy --check prints, in a batch token.
// Tries: to change anything, and to read a secret.
import { ok, type Vault } from '../harness';
import { printedPolicy, tokenWith } from '../policies';
import { configs, makeRoot, makeWorld, rootFiles, startServers, stateOf, type World } from '../world';
import { attacker, type Attempt } from './attacks';

const { kube, devVault } = startServers();

async function setUp(
  name: 'recommended' | 'appRole',
): Promise<{ vault: Vault; world: World; as: ReturnType<typeof attacker>; policy: string[] }> {
  const vault = await devVault();
  const world = await makeWorld(configs[name], vault, [kube()]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  const policy = [...(await printedPolicy(world, 'cluster-1', ['--check'])), ...(await printedPolicy(world, 'root', ['--check']))];
  const env = await tokenWith(vault, policy, 'check');
  // it is the token of a check that works.
  expect(ok(await world.script('cluster-1', ['--check'], env))).toContain('no drift');
  expect(ok(await world.script('root', ['--check'], env))).toContain('no drift');
  return { vault, world, as: attacker(vault, env.VAULT_TOKEN), policy };
}

test.each(['recommended', 'appRole'] as const)('cannot change anything at any path of its policy: %s', async name => {
  const { vault, world, as, policy } = await setUp(name);
  const all = policy.map(text => (/^path "([^"]*)"/.exec(text)?.[1] ?? '').replaceAll('+', 'default'));
  // Vault serves a mount's certificates to everybody, so no policy is asked there, and there is nothing to write.
  const paths = all.filter(path => !path.includes('/cert/'));
  expect(paths.length).toBeGreaterThan(10);
  const before = await stateOf(vault, world.cluster);
  for (const path of paths) {
    expect([path, await as.status('DELETE', path)]).toEqual([path, 403]);
    expect([path, await as.isPatchForbidden(path, 'a=b')]).toEqual([path, true]);
    expect([path, await as.status('POST', path, { a: 'b' })]).toEqual([path, 403]);
    // the one path that it posts to looks a secret ID up, which the request has to name.
    expect([path, await as.status('POST', path, {})]).toEqual([path, 403]);
  }
  expect(await stateOf(vault, world.cluster)).toEqual(before);
});

test('cannot read a key of a CA, a secret ID, a token, or a secret engine', async () => {
  const { vault, world, as } = await setUp('appRole');
  await vault.request('POST', 'secret/data/other', { data: { a: 'b' } });
  const { auth, intermediate } = world.cluster;
  const attempts: Attempt[] = [
    ['GET', 'secret/data/other'],
    ['GET', 'secret/metadata?list=true'],
    ['POST', `${auth.path}/secret-id`, {}],
    ['POST', `${auth.path}/custom-secret-id`, { secret_id: 'x' }],
    ['POST', `${auth.path}/secret-id-accessor/lookup`, { secret_id_accessor: 'x' }],
    ['POST', `${auth.path}/secret-id/destroy`, { secret_id: 'x' }],
    ['POST', `${intermediate.mount}/keys/generate/exported`, {}],
    ['POST', `${intermediate.mount}/intermediate/generate/exported`, { common_name: 'a' }],
    ['POST', `${intermediate.mount}/sign/${world.cluster.role.name}`, { csr: 'x' }],
    ['POST', `${intermediate.mount}/issuer/default/sign/${world.cluster.role.name}`, { csr: 'x' }],
    ['GET', 'auth/token/accessors?list=true'],
    ['POST', 'auth/token/create', {}],
    ['GET', 'sys/raw/core/keyring'],
    ['GET', 'sys/storage/raft/snapshot'],
  ];
  for (const attempt of attempts) expect([attempt, await as.status(...attempt)]).toEqual([attempt, 403]);
  // what it lists are accessors, which are no secrets: they log nobody in.
  const { body } = await as.ask('GET', `${auth.path}/secret-id?list=true`);
  const [accessor] = (body as { data: { keys: string[] } }).data.keys;
  const { roleId } = auth as { roleId: string };
  const login = await vault.request('POST', `auth/${auth.mount}/login`, { role_id: roleId, secret_id: accessor }, '');
  expect([login.status >= 400, JSON.stringify(login.body)]).toEqual([true, expect.not.stringContaining('client_token') as string]);
});

test('sees no private key in anything that it can read', async () => {
  const { as, policy, world } = await setUp('recommended');
  const { mount } = world.cluster.intermediate;
  const list = async (path: string) =>
    ((await as.ask('GET', `${path}?list=true`)).body as { data?: { keys?: string[] } } | undefined)?.data?.keys ?? [];
  const ids = [...(await list(`${mount}/issuers`)).map(id => `${mount}/issuer/${id}`), 'pki/issuer/default'];
  const paths = policy.flatMap(text => /^path "([^"+]*)"/.exec(text)?.[1] ?? []);
  const texts = await Promise.all([...paths, ...ids].map(async path => JSON.stringify((await as.ask('GET', path)).body ?? '')));
  expect(texts.join('\n')).toContain('BEGIN CERTIFICATE');
  expect(texts.join('\n')).not.toMatch(/PRIVATE KEY|private_key"|secret_id"|client_token/);
});
