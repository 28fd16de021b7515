// emergency.sh revoke-intermediate on a real Vault: which CA it revokes, and where. The mount's default issuer decides neither.
import { type MeshCaConfig, type RootConfig } from '../../src/config/config';
import { ok, type RunResult, type Vault } from './harness';
import { makeUndoWorld, type UndoWorld } from './undo';
import { configs, dataOf, makeRoot, rootFiles, startServers } from './world';

const { kube, devVault } = startServers();
let vault: Vault;
const post = async (path: string, body: object) => {
  const answer = await vault.request('POST', path, body);
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return dataOf(answer.body);
};
const get = async (path: string) => dataOf((await vault.request('GET', path)).body);

/** A folder of a user, whose cluster has the scripts of a config; each call is another state of the same config. */
const worldOf = (more: Partial<MeshCaConfig>): Promise<UndoWorld> => makeUndoWorld({ ...configs.recommended, ...more }, vault, [kube()]);
const corporate = (issuer: string, mount = 'corp'): { root: RootConfig } => ({ root: { source: 'existing', mount, issuer } });

/** A PKI mount of a company, with roots by these names; the first is the default issuer. */
async function makeCorporate(mount: string, ...names: readonly string[]): Promise<void> {
  await post(`sys/mounts/${mount}`, { type: 'pki', config: { max_lease_ttl: '87600h' } });
  for (const name of names) await post(`${mount}/root/generate/internal`, { common_name: name, issuer_name: name, ttl: '87600h' });
}

const revoke = (world: UndoWorld, ...args: readonly string[]): Promise<RunResult> =>
  world.undo('cluster-1/emergency.sh', ['revoke-intermediate', '--yes', 'cluster-1', ...args]);

/** The issuers of the cluster's mount that have a key: their names, and whether Vault revoked them. */
async function issuers(): Promise<Record<string, boolean>> {
  const { keys } = dataOf((await vault.request('LIST', 'istioca-cluster-1/issuers')).body) as { keys: string[] };
  const all = await Promise.all(keys.map(id => get(`istioca-cluster-1/issuer/${id}`)));
  return Object.fromEntries(all.filter(one => one.key_id).map(one => [(one.issuer_name as string) || 'nameless', one.revoked === true]));
}

/** Whether a mount has the certificate whose serial a run named in the list of what it revoked. */
async function isRevokedAt(mount: string, { stdout }: RunResult): Promise<boolean> {
  const [, serial = ''] = /serial ((?:[0-9a-f]{2}:)+[0-9a-f]{2})/.exec(stdout) ?? [];
  return Number((await get(`${mount}/cert/${serial}`)).revocation_time ?? 0) > 0;
}

describe('the CA that signed it', () => {
  test('is revoked at, when it is not the default issuer of its mount', async () => {
    vault = await devVault();
    await makeCorporate('corp', 'root-2016', 'root-2026');
    expect(dataOf((await vault.request('GET', 'corp/issuer/default')).body).issuer_name).toBe('root-2016');
    const world = await worldOf(corporate('root-2026'));
    for (const name of ['root', 'cluster-1']) ok(await world.script(name));
    const revoked = await revoke(world);
    expect(revoked).toMatchObject({ code: 0, stderr: '' });
    expect([await isRevokedAt('corp', revoked), await issuers()]).toEqual([true, { nameless: true }]);
  });

  test('is found when it is a former root in the same mount, or named with the command when it is in another mount', async () => {
    vault = await devVault();
    await makeCorporate('corp', 'root-2016', 'root-2026');
    await makeCorporate('next', 'root-2036');
    const world = await worldOf(corporate('root-2016'));
    for (const name of ['root', 'cluster-1']) ok(await world.script(name));

    // the plan has another mount by now: what is closed is closed, and the rest is a failure that says what to do.
    const elsewhere = await revoke(await worldOf(corporate('root-2036', 'next')));
    expect(elsewhere).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /error: the CA is revoked in istioca-cluster-1, but not where it was signed: no CA in next has signed it\. It was signed in the mount corp, by 'root-2016'\. To revoke it there: vault read -field=certificate \S+ \| vault write corp\/revoke certificate=-\n$/,
      ) as string,
    });
    expect(elsewhere.stdout).not.toContain('\nrevoked.');
    expect([await issuers(), await isRevokedAt('corp', elsewhere)]).toEqual([{ nameless: true }, false]);
    const [, line = ''] = /To revoke it there: (.*)\n/.exec(elsewhere.stderr) ?? [];
    const [read = '', write = ''] = line.split(' | ').map(words => words.replace(/^vault /, ''));
    const input = ok(await vault.vault(read.split(' ')));
    ok(await vault.vault(write.split(' '), { input }));
    expect(await isRevokedAt('corp', elsewhere)).toBe(true);

    // another root of the same mount signs by now.
    const same = await revoke(await worldOf(corporate('root-2026')));
    expect(same).toMatchObject({ code: 0, stderr: '' });
    expect(same.stdout.match(/^ {6}done already$/gm)).toHaveLength(2);
  });

  test('is a policy CA, where the plan has one', async () => {
    vault = await devVault();
    const world = await worldOf({ policyCas: [{ name: 'mesh' }] });
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    ok(await world.script('cluster-1'));
    const signer = world.plan.policyCas[0]!.mount;
    const revoked = await revoke(world);
    expect(revoked).toMatchObject({ code: 0, stderr: '' });
    expect([await isRevokedAt(signer, revoked), await isRevokedAt('pki', revoked)]).toEqual([true, false]);
  });
});

test('of several CAs the one that is named is revoked, never the default by itself, whatever generation the plan has', async () => {
  vault = await devVault();
  const first = await worldOf({});
  ok(await first.script('root', rootFiles(await makeRoot(first.folder))));
  ok(await first.script('cluster-1'));
  const at = (generation: number) => worldOf({ intermediate: { generation } });
  const second = await at(2);
  // the plan is a generation ahead of Vault: there is one CA, and it is named.
  const ahead = await second.undo('cluster-1/emergency.sh', ['revoke-intermediate', '--plan']);
  expect(ahead).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/note: the CA is generation 1, issuer \S+: 'cluster-1 Mesh /) as string,
  });
  ok(await second.script('cluster-1'));
  expect(await issuers()).toEqual({ 'cluster-1-g1': false, 'cluster-1-g2': false });

  for (const world of [first, second, await at(3)]) {
    const { code, stdout, stderr } = await revoke(world);
    expect([code, stderr]).toEqual([2, expect.stringContaining('2 of them fit: name the one to revoke by --generation N or --issuer ID')]);
    for (const generation of [1, 2]) {
      expect(stdout).toMatch(
        new RegExp(`\\n  - generation ${generation}, issuer \\S+: 'cluster-1 Mesh [^']*', SHA-256 [0-9A-F:]{95}, expires \\w+ `),
      );
    }
  }
  expect(await revoke(second, '--generation', '7')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('none of them is generation 7') as string,
  });
  expect(await revoke(second, '--generation', '1', '--issuer', 'x')).toMatchObject({ code: 2 });
  expect(await issuers()).toEqual({ 'cluster-1-g1': false, 'cluster-1-g2': false });

  // not the one that signs, by the plan of the other one.
  const revoked = await revoke(second, '--generation', '1');
  expect(revoked).toMatchObject({ code: 0, stderr: '' });
  expect([await issuers(), await isRevokedAt('pki', revoked)]).toEqual([{ 'cluster-1-g1': true, 'cluster-1-g2': false }, true]);
  expect(ok(await second.script('cluster-1'))).toContain('cluster cluster-1 is ready in Vault');
  const { issuer_id: id } = await get('istioca-cluster-1/issuer/cluster-1-g2');
  expect(await revoke(first, '--issuer', String(id))).toMatchObject({ code: 0, stderr: '' });
  expect(await issuers()).toEqual({ 'cluster-1-g1': true, 'cluster-1-g2': true });
}, 600_000);
