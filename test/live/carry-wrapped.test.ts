// secret.delivery: wrapped, there and back, on a real Vault and a real API server.
import { carryConfig, type CarryWorld, makeReadyWorld } from './carry';
import { run } from './harness';
import { startServers } from './world';

const { kube, devVault } = startServers();
const SCRIPT = 'unwrap-secret-id.sh';

/** What the one who runs the cluster has: no login to Vault. */
const noLogin = { VAULT_TOKEN: undefined };
const unwrap = (world: CarryWorld, input: string, args: readonly string[] = []) => world.carry(SCRIPT, args, { input, env: noLogin });

/** What setup.sh printed to hand over. */
function handedOver(stdout: string): { token: string; path: string; accessor: string } {
  const word = (name: string) => new RegExp(`^ +${name} +(\\S+)$`, 'm').exec(stdout)?.[1] ?? `no ${name}`;
  return { token: word('wrapping token'), path: word('creation path'), accessor: word('accessor') };
}

async function world() {
  const vault = await devVault({ audit: true });
  const { first, ...one } = await makeReadyWorld(carryConfig({ delivery: 'wrapped', wrapTtl: '20m' }), vault, kube());
  return { vault, one, first };
}

test('there and back: one makes the secret ID and never sees it, the other fetches it and needs no login; used again, it is reported', async () => {
  const { vault, one, first } = await world();
  expect(first).toContain('not tried: the new secret ID of istio-system/cert-manager-vault-approle is not in the cluster yet');
  expect(await one.held()).toBeUndefined();
  const { token, path, accessor } = handedOver(first);
  expect([path, await one.accessors()]).toEqual([`${one.appRole.path}/secret-id`, [accessor]]);
  const { data } = (await vault.request('POST', 'sys/wrapping/lookup', { token })).body as { data: Record<string, unknown> };
  expect(data).toMatchObject({ creation_ttl: 1200 });

  const plan = await unwrap(one, '', ['--plan']);
  expect([plan.code, plan.stderr]).toEqual([0, '']);
  const { code, stdout, stderr } = await unwrap(one, `${token}\n`);
  expect([code, stderr]).toEqual([0, '']);
  const secretId = (await one.held())!;
  expect([await one.login(secretId), await one.accessorOf(secretId)]).toEqual([200, accessor]);
  expect(stdout).toContain('signed, verified to the root: a workload');
  expect(await one.annotations()).toEqual({ 'cdk8s-mesh-ca/cluster': 'cluster-1' });
  for (const text of [first, stdout, plan.stdout]) expect(text).not.toContain(secretId);
  for (const text of [stdout, plan.stdout]) expect(text).not.toContain(token);
  expect(JSON.stringify(one.plan) + (await run('grep', ['-r', secretId, one.folder])).stdout).not.toContain(secretId);

  // setup.sh finds it there, and tries it.
  const again = await one.script('cluster-1');
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('is ready in Vault: 10 trials passed') as string]);
  expect(await one.accessors()).toEqual([accessor]);

  const second = await unwrap(one, token);
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/not one that Vault knows \(any more\).*somebody else may have.*destroy/) as string,
  });
  expect(second.stdout + second.stderr).not.toContain(token);
  expect(await one.held()).toBe(secretId);
});

test('fails if somebody else has unwrapped it, and the accessor that setup.sh printed ends what he has', async () => {
  const { vault, one, first } = await world();
  const { token, accessor } = handedOver(first);
  const stolen = (await vault.request('POST', 'sys/wrapping/unwrap', {}, token)).body as { data: { secret_id: string } };
  expect(await unwrap(one, token)).toMatchObject({ code: 1, stderr: expect.stringContaining('somebody else may have') as string });
  expect(await one.login(stolen.data.secret_id)).toBe(200);
  const [, command = ''] = /^ +(vault write \S+ secret_id_accessor=\S+)$/m.exec(first) ?? [];
  expect(command).toContain(accessor);
  expect((await run('bash', ['-c', command], { env: one.env })).code).toBe(0);
  expect(await one.login(stolen.data.secret_id)).not.toBe(200);
  // and another one is made.
  const { stdout } = await one.script('cluster-1');
  expect((await unwrap(one, handedOver(stdout).token)).code).toBe(0);
});

test.each([
  ['another AppRole', 'auth/approle/role/other/secret-id'],
  ['what anybody wrapped', 'sys/wrapping/wrap'],
])('fails if the wrapping token was made for %s, and does not use it up', async (_, path) => {
  const { vault, one } = await world();
  await vault.request('POST', 'auth/approle/role/other', { token_ttl: 60 });
  const made = await run('curl', [
    '-sS',
    '-X',
    'POST',
    '-H',
    `X-Vault-Token: ${vault.token}`,
    '-H',
    'X-Vault-Wrap-TTL: 60s',
    '-d',
    '{"secret_id":"x"}',
    `${vault.addr}/v1/${path}`,
  ]);
  const { token } = (JSON.parse(made.stdout) as { wrap_info: { token: string } }).wrap_info;
  const { code, stderr } = await unwrap(one, token);
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`the wrapping token was made at '${path}', not at ${one.appRole.path}/secret-id`) as string,
  ]);
  expect(await one.held()).toBeUndefined();
  expect((await vault.request('POST', 'sys/wrapping/lookup', { token })).status).toBe(200);
});

test('fails if standard input holds no token, or a Secret of another maker is there; the token is not used up', async () => {
  const { vault, one, first } = await world();
  const { token } = handedOver(first);
  expect(await unwrap(one, '')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('standard input must hold the wrapping token') as string,
  });
  expect(await unwrap(one, 'two words; $(x)')).toMatchObject({ code: 1, stderr: expect.not.stringContaining('two words') as string });
  await kube().kubectl(['create', 'secret', 'generic', one.appRole.secret.name, '-n', 'istio-system', '--from-literal=secretId=theirs']);
  expect(await unwrap(one, token)).toMatchObject({ code: 1, stderr: expect.stringContaining('has one of another maker') as string });
  expect((await vault.request('POST', 'sys/wrapping/lookup', { token })).status).toBe(200);
  expect((await unwrap(one, token, ['--take-over'])).code).toBe(0);
});
