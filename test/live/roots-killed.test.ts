// The script of an offline root, killed with SIGKILL after each call of vault, while it asks for the signature and while it takes it in.
import { X509Certificate } from 'node:crypto';
import { buildPrograms, ok, startVaultDev, type Vault } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { configOf, listed, offlineRoot, signAsTold } from './roots';
import { dataOf, makeWorld, type World } from './world';

let vault: Vault;
let killers: string;
jest.setTimeout(900_000);
beforeAll(async () => {
  await buildPrograms(['vault', 'kubectl']);
  vault = await startVaultDev();
  killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
}, 45 * 60_000);
afterAll(() => vault.stop());

test('an offline root signs one key, the end is the same, and a key that a stopped run left is named, wherever the script was killed and run again', async () => {
  const root = await offlineRoot();
  const at = (name: string) =>
    makeWorld(
      configOf(name, {
        root: { source: 'offline', certificate: root.pem },
        policyCas: [{ name: 'policy', mount: `pki-${name}`, keyType: 'ec' }],
      }),
      vault,
      [],
    );
  /** What must be the same: one CA with one key, one chain, the planned CA as default; a stopped run's key is named. */
  const outcome = async (name: string, world: World) => {
    const { certificate, key_id: key } = dataOf((await vault.request('GET', `pki-${name}/issuer/default`)).body);
    const keys = await listed(vault, `pki-${name}/keys`);
    const { stdout } = await world.script('root', ['--check']);
    for (const id of keys.filter(one => one !== key)) expect(stdout).toContain(`to remove it: vault delete pki-${name}/key/${id}`);
    return {
      subject: new X509Certificate(String(certificate)).subject,
      keys: keys.filter(id => id === key).length,
      issuers: (await listed(vault, `pki-${name}/issuers`)).length,
    };
  };
  const expected = { subject: 'CN=policy Mesh Policy CA', keys: 1, issuers: 2 };

  const asking = await killedEverywhere({
    what: 'offline root, asking',
    killers,
    // mount, tune, key and request.
    least: 3,
    begin: name => at(`ask-${name}`),
    script: (world, env) => world.script('root', [], env),
    ended: async (world, { code, stdout, stderr }, name) => {
      expect([name, code, stderr]).toEqual([name, 4, '']);
      ok(await world.script('root', ['--signed', await signAsTold(world, stdout, root)]));
      return outcome(`ask-${name}`, world);
    },
  });
  expect(asking.left).toEqual(expected);
  const signed: Record<string, string> = {};
  const taking = await killedEverywhere({
    what: 'offline root, taking in',
    killers,
    // at least the import.
    least: 1,
    begin: async name => {
      const world = await at(`take-${name}`);
      signed[world.folder] = await signAsTold(world, (await world.script('root')).stdout, root);
      return world;
    },
    script: (world, env) => world.script('root', ['--signed', signed[world.folder]!], env),
    ended: async (world, { code, stderr }, name) => {
      expect([name, code, stderr]).toEqual([name, 0, '']);
      return outcome(`take-${name}`, world);
    },
  });
  expect(taking.left).toEqual(expected);
  const count = asking.count + taking.count;
  process.stderr.write(`offline root: killed at ${count} of ${count} boundaries\n`);
});
