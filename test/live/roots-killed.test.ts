// The script of an offline root, killed with SIGKILL after each call of vault, while it asks for the signature and while it takes it in.
import { X509Certificate } from 'node:crypto';
import { buildPrograms, ok, startVaultDev, type Vault } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { configOf, listed, offlineRoot, signAsTold } from './roots';
import { dataOf, makeWorld } from './world';

let vault: Vault;
let killers: string;
jest.setTimeout(900_000);
beforeAll(async () => {
  await buildPrograms(['vault', 'kubectl']);
  vault = await startVaultDev();
  killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
}, 45 * 60_000);
afterAll(() => vault.stop());

test('an offline root signs one key, and the end is the same, wherever the script was killed and run again', async () => {
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
  /** What must be the same: one key, one chain, the planned CA as default. */
  const outcome = async (name: string) => {
    const { certificate, key_id: key } = dataOf((await vault.request('GET', `pki-${name}/issuer/default`)).body);
    return {
      subject: new X509Certificate(String(certificate)).subject,
      keys: (await listed(vault, `pki-${name}/keys`)).map(id => id === key),
      issuers: (await listed(vault, `pki-${name}/issuers`)).length,
    };
  };
  const expected = { subject: 'CN=policy Mesh Policy CA', keys: [true], issuers: 2 };

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
      return outcome(`ask-${name}`);
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
    ended: async (_, { code, stderr }, name) => {
      expect([name, code, stderr]).toEqual([name, 0, '']);
      return outcome(`take-${name}`);
    },
  });
  expect(taking.left).toEqual(expected);
  const count = asking.count + taking.count;
  process.stderr.write(`offline root: killed at ${count} of ${count} boundaries\n`);
});
