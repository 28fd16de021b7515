// The attacker has a token that somebody made for rotate-secret-id.sh or adopt.sh and left standing: its policy is exactly what --print-policy prints.
// The file uses each of them for its script, and then tries to do more with it. unwrap-secret-id.sh and adopt-undo.sh print no policy: they need
// nothing of Vault but, for the first, the wrapping token that it is given.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adoptScripts } from '../../../src/script/adopt';
import { carryConfig, makeReadyWorld } from '../carry';
import { ok, run, type Vault } from '../harness';
import { makeCsr } from '../mesh/certificates';
import { printed, tokenWith } from '../policies';
import { configs, makeRoot, makeWorld, rootFiles, startServers, type World } from '../world';
import { attacker, type Attempt, forbidden } from './attacks';

const { kube, devVault } = startServers();

/** Tries what no such token can do. */
async function refused(vault: Vault, token: string, world: World): Promise<void> {
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const { intermediate, auth } = world.cluster;
  const attempts: Attempt[] = [
    ...Object.values(forbidden(world, csr)),
    ['POST', `sys/mounts/${intermediate.mount}/tune`, { description: '' }],
    ['POST', `${auth.path}/custom-secret-id`, { secret_id: 'mine' }],
  ];
  const as = attacker(vault, token);
  const statuses = await Promise.all(attempts.map(async attempt => [attempt[0], attempt[1], (await as.status(...attempt)) >= 400]));
  expect(statuses).toEqual(attempts.map(([method, path]) => [method, path, true]));
}

test('the token of rotate-secret-id.sh rotates, and can do no more than make, look up and destroy secret IDs of this AppRole', async () => {
  const vault = await devVault();
  const world = await makeReadyWorld(carryConfig({}), vault, kube());
  const rotate = (args: readonly string[], env: Readonly<Record<string, string | undefined>>) =>
    world.carry('rotate-secret-id.sh', args, { env });
  const { VAULT_TOKEN } = await tokenWith(vault, await printed(rotate));
  const before = await world.held();
  ok(await rotate([], { VAULT_TOKEN }));
  expect(await world.held()).not.toBe(before);
  await refused(vault, VAULT_TOKEN, world);

  const as = attacker(vault, VAULT_TOKEN);
  const { path } = world.appRole;
  for (const body of [{ ttl: '8760h' }, { num_uses: 0 }, { cidr_list: '0.0.0.0/0' }, { metadata: '{"a":"b"}' }]) {
    expect([body, await as.status('POST', `${path}/secret-id`, body)]).toEqual([body, 403]);
  }
  // what the token is for is a login: docs/threat-model.md says so.
  const { status, body } = await as.ask('POST', `${path}/secret-id`, {});
  expect([status, await world.login((body as { data: { secret_id: string } }).data.secret_id)]).toEqual([200, 200]);
});

test('the token of adopt.sh reads the root certificate, and can do nothing else; adopt-undo.sh needs no token', async () => {
  const vault = await devVault();
  const world = await makeWorld(configs.recommended, vault, [kube()]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  for (const { file, content } of adoptScripts(world.cluster)) writeFileSync(join(world.folder, 'dist/cluster-1', file), content);
  const adopt = (file: string) => (args: readonly string[], env: Readonly<Record<string, string | undefined>>) =>
    run('bash', [`dist/cluster-1/${file}`, ...args], { cwd: world.folder, env: { ...world.env, ...env } });
  expect(await printed(adopt('adopt-undo.sh'))).toEqual(['']);
  const { VAULT_TOKEN } = await tokenWith(vault, await printed(adopt('adopt.sh')));
  // there is no mesh here: it goes on to look at the cluster, so Vault has answered all that it asked.
  const { stderr } = await adopt('adopt.sh')(['--plan'], { VAULT_TOKEN });
  expect(stderr).not.toMatch(/capability|permission denied/);
  await refused(vault, VAULT_TOKEN, world);
});
