// rotate-secret-id.sh on a real Vault and a real API server; killed with SIGKILL after each call of vault and of kubectl, and run again.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { carryConfig, makeCarryWorld, makeReadyWorld } from './carry';
import { ok } from './harness';
import { makeKillers, stopAfter } from './killed';
import { startServers } from './world';

const { kube, devVault } = startServers();
const PREVIOUS = 'cdk8s-mesh-ca/previous-accessor';
const SCRIPT = 'rotate-secret-id.sh';
const world = async () => {
  const vault = await devVault();
  return { vault, world: await makeReadyWorld(carryConfig({}), vault, kube()) };
};

test('a rotation leaves one secret ID, a new one that works, and says so; what is secret is in no output', async () => {
  const { world: one } = await world();
  const before = (await one.held())!;
  const plan = await one.carry(SCRIPT, ['--plan']);
  expect([plan.code, plan.stdout.match(/to do|done already/g)]).toEqual([0, ['done already', 'to do', 'to do']]);
  expect(await one.held()).toBe(before);
  expect((await one.carry(SCRIPT, ['--help'])).stdout).toContain('--plan');

  const old = await one.accessorOf(before);
  const { code, stdout, stderr } = await one.carry(SCRIPT);
  expect([code, stderr]).toEqual([0, '']);
  const after = (await one.held())!;
  expect(after).not.toBe(before);
  // this Vault answers 500 where the secret ID was destroyed.
  expect([(await one.login(before)) >= 400, await one.login(after)]).toEqual([true, 200]);
  expect(await one.accessors()).toEqual([await one.accessorOf(after)]);
  expect(await one.annotations()).toEqual({ 'cdk8s-mesh-ca/cluster': 'cluster-1' });
  expect(stdout).toContain(`destroyed: the secret ID with accessor ${old}\n`);
  expect(stdout).toContain('signed, verified to the root: a workload');
  for (const secret of [before, after]) expect(stdout + plan.stdout).not.toContain(secret);

  // setup.sh finds all done, and a second rotation begins anew.
  expect((await one.script('cluster-1', ['--plan'])).stdout).not.toContain('to do');
  ok(await one.carry(SCRIPT));
  expect(await one.accessors()).toHaveLength(1);
});

test(
  'a login works at every moment, killed after each write and run again; then there is one secret ID, or the others are named',
  async () => {
    const { vault, world: one } = await world();
    // each run begins with a new secret ID, so none goes on where a killed one ended: each stop has a run to the end of its own.
    const killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
    const rotateTo = (after: number) => stopAfter(killers, one, after, env => one.carry(SCRIPT, [], { env }));
    // as cert-manager does: reads the Secret, logs in.
    const logins: number[] = [];
    const polling = { on: true };
    const poll = (async () => {
      while (polling.on) {
        logins.push(await one.login((await one.held()) ?? 'none'));
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    })();

    const { code, calls } = await rotateTo(0);
    expect([code, calls > 5]).toEqual([0, true]);
    let finished = 0;
    let orphans = 0;
    for (let n = 1; n <= calls; n++) {
      expect([n, (await rotateTo(n)).code]).toEqual([n, 137]);
      expect([n, await one.login((await one.held())!)]).toEqual([n, 200]);
      const previous = (await one.annotations())[PREVIOUS];
      const known = await one.accessors();
      const again = await one.carry(SCRIPT);
      expect([n, again.code, again.stderr]).toEqual([n, 0, '']);
      const held = await one.accessorOf((await one.held())!);
      const left = await one.accessors();
      // what was there at the stop is gone, but what the stopped run had made and not delivered: that is named.
      expect([n, left]).toEqual([n, expect.arrayContaining([held])]);
      const others = left.filter(accessor => accessor !== held);
      expect([n, others.filter(accessor => !again.stdout.includes(`note:   accessor ${accessor}\n`))]).toEqual([n, []]);
      expect([n, others.length <= 1, known.includes(held!)]).toEqual([n, true, false]);
      if (previous !== undefined) {
        finished++;
        expect([n, left.includes(previous)]).toEqual([n, false]);
      }
      orphans += others.length;
      for (const secret_id_accessor of others)
        await vault.request('POST', `${one.appRole.path}/secret-id-accessor/destroy`, { secret_id_accessor });
    }
    polling.on = false;
    await poll;
    expect(finished).toBeGreaterThan(1);
    expect(orphans).toBeGreaterThan(0);
    expect([logins.length > 50, logins.filter(status => status !== 200)]).toEqual([true, []]);
    process.stderr.write(`rotation: killed at ${calls} of ${calls} boundaries, ${logins.length} logins in between\n`);
  },
  15 * 60_000,
);

test('what setup.sh has replaced in time is named in the Secret, and the next rotation destroys it too', async () => {
  const { vault, world: one } = await world();
  const [first] = await one.accessors();
  // with another lifetime in the config the one that the cluster holds is due.
  const later = await makeCarryWorld(carryConfig({}, { appRole: { secretIdTtl: '24h' } }), vault, kube());
  writeFileSync(join(later.folder, 'root.pem'), readFileSync(join(one.folder, 'root.pem')));
  ok(await later.script('cluster-1'));
  expect([(await one.annotations())[PREVIOUS], (await one.accessors()).length]).toEqual([first, 2]);
  ok(await later.carry(SCRIPT));
  expect(await one.accessors()).toEqual([await one.accessorOf((await one.held())!)]);
});

test('fails if the cluster holds no secret ID, or one of another cluster, and changes nothing', async () => {
  const { world: one } = await world();
  const accessors = await one.accessors();
  ok(
    await kube().kubectl([
      'annotate',
      '--overwrite',
      'secret',
      one.appRole.secret.name,
      '-n',
      'istio-system',
      'cdk8s-mesh-ca/cluster=other',
    ]),
  );
  expect(await one.carry(SCRIPT)).toMatchObject({ code: 1, stderr: expect.stringContaining('has one of cluster other') as string });
  ok(await kube().kubectl(['delete', 'secret', one.appRole.secret.name, '-n', 'istio-system']));
  expect(await one.carry(SCRIPT)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'a secret ID in istio-system/cert-manager-vault-approle of context cluster-1: run setup.sh first',
    ) as string,
  });
  expect(await one.accessors()).toEqual(accessors);
});

test('fails if the new secret ID does not work: then the one before is left, and named in the Secret', async () => {
  const { vault, world: one } = await world();
  const [first] = await one.accessors();
  // whoever signs is cut off: the login works, the signature does not.
  await vault.request('DELETE', `sys/policies/acl/${one.cluster.policy.name}`);
  expect(await one.carry(SCRIPT)).toMatchObject({ code: 1, stderr: expect.stringContaining('trial: Vault refuses a workload') as string });
  expect((await one.annotations())[PREVIOUS]).toBe(first);
  expect(await one.accessors()).toContain(first);
});
