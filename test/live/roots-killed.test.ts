// The script of an offline root, killed with SIGKILL after each call of vault, while it asks for the signature and while it takes it in.
import { X509Certificate } from 'node:crypto';
import { buildPrograms, ok, startVaultDev, type Vault } from './harness';
import { makeKillers, stopAfter } from './killed';
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
  const stopped = (world: World, after: number, args: readonly string[] = []) =>
    stopAfter(killers, world, after, env => world.script('root', args, env));
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

  const whole = await at('whole');
  const asked = await stopped(whole, 0);
  expect(asked).toMatchObject({ code: 4, stderr: '' });
  const taken = await stopped(whole, 0, ['--signed', await signAsTold(whole, asked.stdout, root)]);
  expect(taken).toMatchObject({ code: 0, stderr: '' });
  expect(await outcome('whole')).toEqual(expected);
  // mount, tune, key and request; then at least the import.
  expect([asked.calls >= 3, taken.calls >= 1]).toEqual([true, true]);

  for (let n = 1; n <= asked.calls; n++) {
    const world = await at(`ask-${n}`);
    expect([n, (await stopped(world, n)).code]).toEqual([n, 137]);
    const again = await world.script('root');
    expect([n, again.code, again.stderr]).toEqual([n, 4, '']);
    ok(await world.script('root', ['--signed', await signAsTold(world, again.stdout, root)]));
    expect([n, await outcome(`ask-${n}`)]).toEqual([n, expected]);
  }
  for (let n = 1; n <= taken.calls; n++) {
    const world = await at(`take-${n}`);
    const signed = ['--signed', await signAsTold(world, (await world.script('root')).stdout, root)];
    expect([n, (await stopped(world, n, signed)).code]).toEqual([n, 137]);
    const again = await world.script('root', signed);
    expect([n, again.code, again.stderr]).toEqual([n, 0, '']);
    expect([n, await outcome(`take-${n}`)]).toEqual([n, expected]);
  }
  const count = asked.calls + taken.calls;
  process.stderr.write(`offline root: killed at ${count} of ${count} boundaries\n`);
});
