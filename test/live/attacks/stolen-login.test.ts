// The attacker has a token of the service account that cert-manager logs in to Vault as, taken from cert-manager's memory or requested with
// the right to "create serviceaccounts/token". The API server gives such a token a year. The file tries to go on logging in with it: after the
// login was closed, after the account was deleted and made again, and after setup.sh opened the login for the new account.
import { type MeshCaConfig } from '../../../src/config/config';
import { clusterFiles } from '../../../src/charts/cluster-files';
import { ok, run, until, type Vault } from '../harness';
import { makeUndoWorld, type UndoWorld } from '../undo';
import { configs, dataOf, makeRoot, rootFiles, startServers } from '../world';
import { verifyScript } from '../../../src/script/verify';

const { kube, devVault } = startServers();

async function environment(more: Partial<MeshCaConfig> = {}): Promise<{ vault: Vault; world: UndoWorld }> {
  const vault = await devVault();
  const world = await makeUndoWorld({ ...configs.recommended, ...more }, vault, [kube()]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  return { vault, world };
}

/** What the login needs to know of the account. */
function loginOf({ cluster: { auth } }: UndoWorld) {
  if (auth.method !== 'jwt' && auth.method !== 'kubernetes') throw new Error('no login with a service account');
  return auth;
}

/** A token of the account, valid for a year. */
async function stolenToken(world: UndoWorld): Promise<string> {
  const { serviceAccount, audience } = loginOf(world);
  const words = ['create', 'token', serviceAccount.name, '-n', serviceAccount.namespace, `--audience=${audience}`, '--duration=8760h'];
  const token = ok(await kube().kubectl(words)).trim();
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number };
  expect(exp - Date.now() / 1000).toBeGreaterThan(364 * 86_400);
  return token;
}

const login = async (vault: Vault, world: UndoWorld, jwt: string) => {
  const { mount, role } = loginOf(world);
  return vault.request('POST', `auth/${mount}/login`, { role, jwt }, '');
};

async function deleteAccount(world: UndoWorld): Promise<void> {
  const { name, namespace } = loginOf(world).serviceAccount;
  ok(await kube().kubectl(['delete', 'serviceaccount', name, '-n', namespace]));
}

/** As the runbook says: manifests/0-access, again. */
async function applyAccess({ cluster }: UndoWorld): Promise<void> {
  for (const { path, content } of clusterFiles(cluster)) if (path.includes('/0-access/')) await kube().apply(content);
}

const CLAIM = '/kubernetes.io/serviceaccount/uid';

describe('jwt: Vault checks the token by itself', () => {
  test('a token that is valid for a year cannot log in once the account was replaced, as emergency.md says', async () => {
    const { vault, world } = await environment();
    const stolen = await stolenToken(world);
    expect((await login(vault, world, stolen)).status).toBe(200);

    ok(await world.undo('cluster-1/emergency.sh', ['block-login', '--yes', 'cluster-1']));
    expect((await login(vault, world, stolen)).status).toBe(400);
    // a scheduled run does not let it in again.
    expect((await world.script('cluster-1')).code).toBe(1);
    expect((await login(vault, world, stolen)).status).toBe(400);

    await deleteAccount(world);
    await applyAccess(world);
    ok(await world.script('cluster-1', ['--reopen']));
    const answer = await login(vault, world, stolen);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining(CLAIM)]);
    expect((await login(vault, world, await stolenToken(world))).status).toBe(200);
    expect(await world.script('cluster-1', ['--check'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('an account that was made anew cannot log in until setup.sh has run, and each check names it', async () => {
    const { vault, world } = await environment();
    const { path } = loginOf(world);
    const uidOf = async () => (dataOf((await vault.request('GET', path)).body).bound_claims as Record<string, string>)[CLAIM];
    const before = await uidOf();
    await deleteAccount(world);
    const missing = await world.script('cluster-1');
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'the service account istio-system/vault-issuer in context cluster-1, whose UID the login is bound to: apply the manifests of 0-access first',
      ) as string,
    });
    await applyAccess(world);
    expect((await login(vault, world, await stolenToken(world))).status).toBe(400);

    const check = await world.script('cluster-1', ['--check']);
    expect(check).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/jwt\/role: .*\n(.*\n)*? {6}- bound_claims: .*\n {6}\+ bound_claims: /) as string,
    });
    const verify = async () =>
      (await run('bash', ['-c', verifyScript(world.cluster), 'verify.sh', '--vault'], { cwd: world.folder, env: world.env })).stdout;
    const failed = await verify();
    expect(failed).toContain(
      `FAIL    Vault's login: ${path} is bound to the UID ${before}, and service account istio-system/vault-issuer has the UID `,
    );
    expect(failed).toContain('(run setup.sh, which binds the login to the account of today)');

    ok(await world.script('cluster-1'));
    expect(await uidOf()).not.toBe(before);
    expect((await login(vault, world, await stolenToken(world))).status).toBe(200);
    expect(await verify()).toContain(`ok      Vault's login: ${path} is bound to the UID of service account istio-system/vault-issuer`);
  });

  test('a widened login cannot stay: a role without the UID is put back', async () => {
    const { vault, world } = await environment();
    const { path, fields } = loginOf(world);
    await vault.request('POST', path, { ...fields, bound_claims: {} });
    expect((await world.script('cluster-1', ['--check'])).code).toBe(3);
    ok(await world.script('cluster-1', ['--repair', 'jwt/role']));
    expect(await world.script('cluster-1', ['--check'])).toMatchObject({ code: 0, stderr: '' });
  });
});

test('kubernetes: a token that is valid for a year cannot log in once the account is deleted, nor when it was made again', async () => {
  const { vault, world } = await environment({ auth: 'kubernetes' });
  const stolen = await stolenToken(world);
  expect((await login(vault, world, stolen)).status).toBe(200);
  await deleteAccount(world);
  // the API server remembers for ten seconds that it took a token.
  await until('the API server to refuse the token', async () => (await login(vault, world, stolen)).status === 403);
  await applyAccess(world);
  expect((await login(vault, world, stolen)).status).toBe(403);
  expect((await login(vault, world, await stolenToken(world))).status).toBe(200);
});
