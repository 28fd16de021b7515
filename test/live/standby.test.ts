// VAULT_ADDR may name a Vault that stands by: two real ones on raft storage, each of which may be the active one. What a standby is asked it
// sends on, or answers with a redirect where it may not; where no other is active, it can do neither.
import { createServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buildPrograms, freePort, type Kube, ok, startKube, startVaultServer, tempDir, until, type VaultServer } from './harness';
import { failure, heldBefore } from './held';
import { configOf, outcome } from './killed';
import { configs, makeRoot, makeWorld, rootFiles, type World } from './world';

jest.setTimeout(300_000);
let servers: readonly [VaultServer, VaultServer];
let kube: Kube;
let expected: unknown;

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  const first = await startVaultServer({ storage: 'raft' });
  servers = [first, await startVaultServer({ standbyOf: first })];
  kube = await startKube();
  const world = await worldOf('whole');
  ok(await world.script('root', rootFiles(await makeRoot(tempDir('root')))));
  ok(await world.script('whole'));
  expected = await outcome((await roles()).active, world);
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  for (const one of servers) await one.stop();
});

/** Which of the two is active; waits until they agree. */
const roles = () =>
  until('an active Vault and a standby', async () => {
    const codes = await Promise.all(servers.map(async one => (await one.request('GET', 'sys/health')).status));
    if (codes.join() === '200,429') return { active: servers[0], standby: servers[1] };
    if (codes.join() === '429,200') return { active: servers[1], standby: servers[0] };
    throw new Error(`they answer ${codes.join(' and ')}`);
  });

/** A cluster of its own for each test, of one root. */
const worldOf = async (name: string) => makeWorld(configOf(configs.recommended, name), (await roles()).active, [kube]);

/** That the next run, at the standby, makes what an undisturbed one does, and finds nothing to do after that. */
async function goesOn(world: World, name: string): Promise<void> {
  const { active, standby } = await roles();
  ok(await world.script(name, [], { VAULT_ADDR: standby.addr }));
  expect(await outcome(active, world)).toEqual(expected);
  expect((await world.script(name, ['--plan'], { VAULT_ADDR: standby.addr })).stdout).not.toContain('to do');
}

test('a standby sends on what it is asked: a run at it makes what a run at the active one does', async () => {
  await goesOn(await worldOf('forwarded'), 'forwarded');
});

test('a standby that sends nothing on redirects to the active one: the run makes the same', async () => {
  const { active, standby } = await roles();
  const world = await worldOf('redirected');
  const answers: number[] = [];
  // Vault's own word for it, as a cluster port that is closed between the two brings it about.
  const proxy = createServer((request, response) => {
    const headers = { ...request.headers, 'x-vault-no-request-forwarding': 'true' };
    const onward = httpsRequest(`${standby.addr}${request.url ?? ''}`, { method: request.method, headers, ca: standby.caPem }, answer => {
      answers.push(answer.statusCode ?? 0);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  const port = await freePort();
  await new Promise<void>(resolve => proxy.listen(port, '127.0.0.1', resolve));
  try {
    ok(await world.script('redirected', [], { VAULT_ADDR: `http://127.0.0.1:${port}` }));
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
  // all but the standby's own health, which is where its time is read.
  expect(new Set(answers)).toEqual(new Set([307, 200]));
  expect(answers.filter(code => code === 307).length).toBeGreaterThan(20);
  expect(await outcome(active, world)).toEqual(expected);
});

test('fails if no Vault is active: it says that this one is a standby, and nothing was changed', async () => {
  const { active, standby } = await roles();
  const world = await worldOf('alone');
  await active.stop();
  const result = await world.script('alone', [], { VAULT_ADDR: standby.addr });
  await active.restart();
  expect(result).toMatchObject(
    failure(
      'this is missing, and nothing was changed:\n',
      `  - an active Vault: the one at ${standby.addr} is a standby, and ${active.addr} does not answer: `,
    ),
  );
  await goesOn(world, 'alone');
});

test('fails if the active Vault is gone in the middle: the next run goes on', async () => {
  const { active, standby } = await roles();
  const world = await worldOf('gone');
  const result = await heldBefore(active, 'intermediate/set-signed', world, 'gone', () => active.stop(), { VAULT_ADDR: standby.addr });
  await active.restart();
  expect(result).toMatchObject(failure('step 5 (intermediate/issue) did not get through'));
  await goesOn(world, 'gone');
});

test('another Vault that becomes the active one in the middle is no failure', async () => {
  const { active, standby } = await roles();
  const world = await worldOf('moved');
  const moved = async () => {
    // asked to step down, it answers before it has.
    await active.request('PUT', 'sys/step-down');
    await until('the standby to be active', async () => (await roles()).active === standby, 60_000);
  };
  ok(await heldBefore(active, 'intermediate/set-signed', world, 'moved', moved, { VAULT_ADDR: active.addr }));
  expect(await outcome(standby, world)).toEqual(expected);
});
