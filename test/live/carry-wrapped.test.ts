// secret.delivery: wrapped, there and back, on a real Vault and a real API server.
import { createHash } from 'node:crypto';
import { carryConfig, type CarryWorld, makeReadyWorld } from './carry';
import { ok, run, type Vault } from './harness';
import { makeKillers, stopAfter } from './killed';
import { stateOf, startServers } from './world';

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

/** What is said of a token that is used up: how that may be without a breach, that it may be one, and what to do. */
const USED_UP =
  /not one that Vault knows \(any more\).*a run of this script was stopped.*somebody else may have.*destroyed.*setup\.sh run again, for another token/;

/** The annotations of a Secret that came in a wrapping token. */
const broughtBy = (token: string) => ({
  'cdk8s-mesh-ca/cluster': 'cluster-1',
  'cdk8s-mesh-ca/wrapping-token-sha256': createHash('sha256').update(token).digest('hex'),
});

/** A wrapping token of what somebody else has made at a path. */
async function wrappedAt(vault: Vault, path: string): Promise<string> {
  const headers = ['-H', `X-Vault-Token: ${vault.token}`, '-H', 'X-Vault-Wrap-TTL: 20m'];
  const made = await run('curl', [
    '-sS',
    '-X',
    'POST',
    ...headers,
    '-d',
    path.startsWith('auth/') ? '{}' : '{"secret_id":"x"}',
    `${vault.addr}/v1/${path}`,
  ]);
  return (JSON.parse(made.stdout) as { wrap_info: { token: string } }).wrap_info.token;
}

async function world() {
  const vault = await devVault({ audit: true });
  const { first, ...one } = await makeReadyWorld(carryConfig({ delivery: 'wrapped', wrapTtl: '20m' }), vault, kube());
  return { vault, one, first };
}

test('there and back: one makes the secret ID and never sees it, the other fetches it and needs no login; run again, it is done already', async () => {
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
  expect(await one.annotations()).toEqual(broughtBy(token));
  for (const text of [first, stdout, plan.stdout]) expect(text).not.toContain(secretId);
  for (const text of [stdout, plan.stdout]) expect(text).not.toContain(token);
  expect(JSON.stringify(one.plan) + (await run('grep', ['-r', secretId, one.folder])).stdout).not.toContain(secretId);

  // setup.sh finds it there, and tries it.
  const again = await one.script('cluster-1');
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('is ready in Vault: 11 trials passed') as string]);
  expect(await one.accessors()).toEqual([accessor]);

  // the token is used up, by the one who has the secret ID in his cluster.
  const second = await unwrap(one, token);
  expect(second).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/done already[^]*signed, verified to the root/) as string,
  });
  expect(second.stdout).not.toContain(token);
  expect(await one.held()).toBe(secretId);
});

test('fails if somebody else has unwrapped it, and the accessor that setup.sh printed ends what he has', async () => {
  const { vault, one, first } = await world();
  const { token, accessor } = handedOver(first);
  const stolen = (await vault.request('POST', 'sys/wrapping/unwrap', {}, token)).body as { data: { secret_id: string } };
  const refused = await unwrap(one, token);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(USED_UP) as string });
  expect(refused.stdout + refused.stderr).not.toContain(token);
  expect(await one.login(stolen.data.secret_id)).toBe(200);
  const [, command = ''] = /^ +(vault write \S+ secret_id_accessor=\S+)$/m.exec(first) ?? [];
  expect(command).toContain(accessor);
  expect((await run('bash', ['-c', command], { env: one.env })).code).toBe(0);
  expect(await one.login(stolen.data.secret_id)).not.toBe(200);
  // and another one is made.
  const { stdout } = await one.script('cluster-1');
  expect((await unwrap(one, handedOver(stdout).token)).code).toBe(0);
});

test('fails if another token is used up than the one that the cluster holds the secret ID of', async () => {
  const { vault, one, first } = await world();
  ok(await unwrap(one, handedOver(first).token));
  const held = await one.held();
  const token = await wrappedAt(vault, `${one.appRole.path}/secret-id`);
  await vault.request('POST', 'sys/wrapping/unwrap', {}, token);
  expect(await unwrap(one, token)).toMatchObject({ code: 1, stderr: expect.stringMatching(USED_UP) as string });
  expect(await one.held()).toBe(held);
});

test(
  'killed after each call and run again with the same token: it ends the same, or says what became of the token, and another one serves',
  async () => {
    const { vault, one, first } = await world();
    const killers = await makeKillers(vault);
    const unwrapTo = (input: string, after: number) =>
      stopAfter(killers, one, after, env => one.carry(SCRIPT, [], { input: `${input}\n`, env: { ...noLogin, ...env } }));
    const destroy = (secret_id_accessor: string) =>
      vault.request('POST', `${one.appRole.path}/secret-id-accessor/destroy`, { secret_id_accessor });
    /** What is the same for every run, and that the cluster's secret ID is the one of this token. */
    const outcome = async (token: string, accessor: string) => {
      const held = (await one.held())!;
      expect([await one.login(held), await one.accessorOf(held), await one.annotations()]).toEqual([200, accessor, broughtBy(token)]);
      return stateOf(vault, one.cluster);
    };

    const whole = handedOver(first);
    const { code, calls } = await unwrapTo(whole.token, 0);
    expect([code, calls > 10]).toEqual([0, true]);
    const expected = await outcome(whole.token, whole.accessor);
    const ends = { again: 0, done: 0, lost: 0 };
    for (let n = 1; n <= calls; n++) {
      await kube().kubectl(['delete', 'secret', one.appRole.secret.name, '-n', 'istio-system']);
      for (const accessor of await one.accessors()) await destroy(accessor);
      // as setup.sh has it made.
      const token = await wrappedAt(vault, `${one.appRole.path}/secret-id`);
      const [accessor = ''] = await one.accessors();
      expect([n, (await unwrapTo(token, n)).code]).toEqual([n, 137]);
      const delivered = (await one.held()) !== undefined;
      const alive = (await vault.request('POST', 'sys/wrapping/lookup', { token })).status === 200;
      const again = await unwrap(one, token);
      expect(again.stdout + again.stderr).not.toContain(token);
      if (alive || delivered) {
        expect([n, again.code, again.stderr, again.stdout.includes('done already')]).toEqual([n, 0, '', delivered]);
        expect([n, await outcome(token, accessor), await one.accessors()]).toEqual([n, expected, [accessor]]);
        ends[delivered ? 'done' : 'again']++;
        continue;
      }
      // the secret ID went with the stopped run.
      expect([n, again.code, again.stderr]).toEqual([n, 1, expect.stringMatching(USED_UP)]);
      expect([n, await one.held()]).toEqual([n, undefined]);
      const { stdout } = await one.script('cluster-1');
      const next = handedOver(stdout);
      expect([n, stdout]).toEqual([n, expect.stringContaining(`note:   accessor ${accessor}\n`)]);
      expect([n, (await unwrap(one, next.token)).code]).toEqual([n, 0]);
      await destroy(accessor);
      expect([n, await outcome(next.token, next.accessor), await one.accessors()]).toEqual([n, expected, [next.accessor]]);
      ends.lost++;
    }
    // between Vault's answer and the cluster there is one boundary.
    expect(ends).toEqual({ again: expect.any(Number) as number, done: expect.any(Number) as number, lost: 1 });
    expect(Math.min(ends.again, ends.done)).toBeGreaterThan(2);
    process.stderr.write(`unwrapping: killed at ${calls} of ${calls} boundaries: ${JSON.stringify(ends)}\n`);
  },
  15 * 60_000,
);

test.each([
  ['another AppRole', 'auth/approle/role/other/secret-id'],
  ['what anybody wrapped', 'sys/wrapping/wrap'],
])('fails if the wrapping token was made for %s, and does not use it up', async (_, path) => {
  const { vault, one } = await world();
  await vault.request('POST', 'auth/approle/role/other', { token_ttl: 60 });
  const token = await wrappedAt(vault, path);
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
