// Whether Vault has an audit device. No cluster is asked: the root's script makes a root and a policy CA.
import { ok, startVaultDev, type Vault } from './harness';
import { configOf } from './roots';
import { makeWorld, type World } from './world';

jest.setTimeout(180_000);
let vault: Vault;
beforeAll(async () => {
  vault = await startVaultDev();
}, 45 * 60_000);
afterAll(() => vault.stop());

/** A root that Vault generates, and a policy CA below it. */
const settings = (name: string) =>
  configOf(name, {
    root: { source: 'generate', mount: `pki-${name}`, keyType: 'ec' },
    policyCas: [{ name: 'policy', mount: `policy-${name}`, keyType: 'ec' }],
  });

describe('an audit device', () => {
  const WARNING = 'WARNING: Vault has no audit device';
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(settings('audit'), vault, []);
  });

  test('there is none: it is warned of in each run, and in a look', async () => {
    expect(ok(await world.script('root', ['--plan']))).toContain(WARNING);
    expect(ok(await world.script('root'))).toContain(WARNING);
    expect(ok(await world.script('root', ['--check']))).toMatch(new RegExp(`${WARNING}[^]*no drift`));
  });

  test('a token that may not see it is asked for no more, does not try, and the reader is told', async () => {
    const policy = ok(await world.script('root', ['--print-policy', '--check']));
    expect(policy).not.toContain('sys/audit');
    await vault.request('POST', 'sys/policies/acl/least', { policy });
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['least'], ttl: '10m' });
    const VAULT_TOKEN = (body as { auth: { client_token: string } }).auth.client_token;
    const stdout = ok(await world.script('root', ['--check'], { VAULT_TOKEN }));
    expect(stdout).toContain('note: this token may not see whether Vault has an audit device (read and sudo on sys/audit)');
    expect(stdout).toContain('no drift');
  });

  test('there is one: nothing is said', async () => {
    expect((await vault.request('POST', 'sys/audit/file', { type: 'file', options: { file_path: 'discard' } })).status).toBe(204);
    expect(ok(await world.script('root', ['--check']))).not.toContain('audit device');
    await vault.request('DELETE', 'sys/audit/file');
  });
});
