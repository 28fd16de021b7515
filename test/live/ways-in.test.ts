// What each way in lets through and what it refuses, on a real Vault and real API servers.
import { generateKeyPairSync } from 'node:crypto';
import { type Kube, ok, run, startKube, until, type Vault } from './harness';
import { makeCsr } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { configs, dataOf, ensureAccount, makeRoot, makeWorld, rootFiles, startServers, type World } from './world';

const { kube, devVault, endAfterTest } = startServers();

async function setUp(config: (typeof configs)['recommended'], vault: Vault, cluster: Kube = kube()): Promise<World> {
  const world = await makeWorld(config, vault, [cluster]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  return world;
}

/** A token of a service account, as the API server gives it. */
async function token(account: string, audience: string, from: Kube = kube()): Promise<string> {
  const [namespace = '', name = ''] = account.split('/');
  return ok(await from.kubectl(['create', 'token', name, '-n', namespace, `--audience=${audience}`])).trim();
}

const AUDIENCE = 'vault://istio-system/vault-issuer';

describe.each(['recommended', 'kubernetes'] as const)('a service account (%s)', name => {
  let vault: Vault;
  let world: World;
  const login = async (jwt: string) => {
    const { mount, role } = world.cluster.auth;
    const { status, body } = await vault.request('POST', `auth/${mount}/login`, { role, jwt }, '');
    return { status, body: body as { errors?: string[]; auth?: { client_token: string; token_type: string; token_policies: string[] } } };
  };
  const refused = (status: number, message: RegExp) => ({ status, body: { errors: [expect.stringMatching(message) as string] } });
  beforeEach(async () => {
    vault = await devVault();
    world = await setUp(configs[name], vault);
  });

  test('logs in with the audience that cert-manager asks for, to a batch token with one policy', async () => {
    const { status, body } = await login(await token('istio-system/vault-issuer', AUDIENCE));
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { auth: { token_type: 'batch', token_policies: ['cert-manager-cluster-1'] } },
    });
  });

  test('is refused with another name, namespace or audience, and from another cluster', async () => {
    const other = await startKube();
    endAfterTest(other);
    await ensureAccount(other, 'istio-system', 'vault-issuer');
    await ensureAccount(kube(), 'istio-system', 'somebody');
    await ensureAccount(kube(), 'default', 'vault-issuer');
    const isJwt = name === 'recommended';
    expect(await login(await token('istio-system/somebody', AUDIENCE))).toEqual(
      isJwt ? refused(400, /invalid subject \(sub\) claim/) : refused(403, /service account name not authorized/),
    );
    expect(await login(await token('default/vault-issuer', AUDIENCE))).toEqual(
      isJwt ? refused(400, /invalid subject \(sub\) claim/) : refused(403, /namespace not authorized/),
    );
    expect(await login(await token('istio-system/vault-issuer', 'vault://vault-issuer'))).toEqual(
      isJwt ? refused(400, /invalid audience \(aud\) claim/) : refused(403, /invalid audience|permission denied/),
    );
    expect(await login(await token('istio-system/vault-issuer', AUDIENCE, other))).toEqual(
      isJwt ? refused(400, /error validating token|error verifying token/) : refused(403, /permission denied|lookup failed/),
    );
  });

  test('200 logins and signatures leave no lease and no certificate more than before', async () => {
    const { role } = world.cluster;
    const count = async () => ({
      certificates: dataOf((await vault.request('LIST', `${world.cluster.intermediate.mount}/certs`)).body).keys,
      leases: (await vault.request('GET', 'sys/leases/count?type=irrevocable')).status,
      tokens: (dataOf((await vault.request('LIST', 'auth/token/accessors')).body).keys as string[]).length,
    });
    const before = await count();
    const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
    const jwt = await token('istio-system/vault-issuer', AUDIENCE);
    for (let i = 0; i < 200; i++) {
      const { body } = await login(jwt);
      expect((await vault.request('POST', role.signPath, { csr, ttl: '1h' }, body.auth?.client_token)).status).toBe(200);
    }
    expect(await count()).toEqual(before);
    expect((await vault.request('LIST', `sys/leases/lookup/auth/${world.cluster.auth.mount}/login`)).status).toBe(404);
  });

  test("cert-manager's own service account may ask for its tokens, and for no other's", async () => {
    const may = async (account: string, as: string) =>
      (
        await kube().kubectl([
          'auth',
          'can-i',
          'create',
          `serviceaccounts/${account}`,
          '--subresource=token',
          '-n',
          'istio-system',
          '--as',
          as,
        ])
      ).stdout.trim();
    expect(await may('vault-issuer', 'system:serviceaccount:cert-manager:cert-manager')).toBe('yes');
    expect(await may('default', 'system:serviceaccount:cert-manager:cert-manager')).toBe('no');
    expect(await may('vault-issuer', 'system:serviceaccount:default:default')).toBe('no');
  });
});

describe('the keys of the cluster', () => {
  test('RSA and EC keys reach Vault as they are, a new one at the next run, and one that is gone leaves', async () => {
    const ec = ['P-256', 'P-384', 'P-521'].map(namedCurve =>
      generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    );
    const rotating = await startKube({ moreKeys: ec });
    endAfterTest(rotating);
    const vault = await devVault();
    const world = await setUp(configs.recommended, vault, rotating);
    const config = 'auth/jwt-cluster-1/config';
    const keys = async () =>
      (dataOf((await vault.request('GET', config)).body).jwt_validation_pubkeys as string[]).map(key => key.trim()).sort();
    const published = [rotating.serviceAccountKeyPem, ...ec].map(key => key.trim()).sort();
    expect(await keys()).toEqual(published);
    writeDist(world.folder, world.plan);
    const verified = async () => {
      const { stdout } = await run('bash', ['dist/cluster-1/verify.sh', '--vault'], { cwd: world.folder, env: world.env });
      return stdout.split('\n').filter(line => line.includes(" Vault's keys: "));
    };
    expect(await verified()).toEqual(["ok      Vault's keys: auth/jwt-cluster-1 has the 4 keys that the cluster publishes"]);

    // as before the new keys were published.
    await vault.request('POST', config, { jwt_validation_pubkeys: [rotating.serviceAccountKeyPem], bound_issuer: rotating.issuer });
    expect(await verified()).toEqual([
      "FAIL    Vault's keys: Vault lacks 3 of the 4 keys that the cluster publishes (run setup.sh before the cluster signs with a new key)",
    ]);
    expect((await world.script('cluster-1', ['--plan'])).stdout).toMatch(/jwt_validation_pubkeys: is .*\n {6}to do/);
    ok(await world.script('cluster-1'));
    expect(await keys()).toEqual(published);

    const gone = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    await vault.request('POST', config, { jwt_validation_pubkeys: [...published, gone], bound_issuer: rotating.issuer });
    expect(await verified()).toEqual([
      "FAIL    Vault's keys: Vault trusts 1 keys that the cluster does not publish (run setup.sh, which takes them out)",
    ]);
    ok(await world.script('cluster-1'));
    expect(await keys()).toEqual(published);
  });

  test('a token of an issuer that is not the planned one is refused', async () => {
    const vault = await devVault();
    const world = await makeWorld({ ...configs.recommended, jwt: { issuer: 'https://issuer.example.com' } }, vault, [kube()]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    const { code, stderr } = await world.script('cluster-1');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /the login as istio-system\/vault-issuer failed, cert-manager could not log in either: .*issuer/,
      ) as string,
    });
  });
});

describe('an AppRole', () => {
  test('is refused with a destroyed or an expired secret ID, and from an address that is not bound', async () => {
    const vault = await devVault();
    const world = await setUp(
      { ...configs.appRole, appRole: { secretIdBoundCidrs: ['127.0.0.0/8'], tokenBoundCidrs: ['127.0.0.0/8'] } },
      vault,
    );
    const { auth } = world.cluster;
    const login = async (secret_id: unknown) =>
      (await vault.request('POST', `auth/${auth.mount}/login`, { role_id: 'cluster-1.cert-manager-cluster-1', secret_id }, '')).status;
    const mint = async (fields = {}) => dataOf((await vault.request('POST', `${auth.path}/secret-id`, fields)).body);
    const { secret_id, secret_id_accessor } = await mint();
    expect(await login(secret_id)).toBe(200);
    await vault.request('POST', `${auth.path}/secret-id-accessor/destroy`, { secret_id_accessor });
    expect(await login(secret_id)).toBeGreaterThanOrEqual(400);

    await vault.request('POST', auth.path, { ...auth.fields, secret_id_ttl: 3 });
    const { secret_id: short } = await mint();
    expect(await login(short)).toBe(200);
    // a login does not look at the end of a secret ID: it works until Vault tidies, which it does by itself once a minute.
    await until('the secret ID to end', async () => {
      await vault.request('POST', `auth/${auth.mount}/tidy/secret-id`);
      return (await login(short)) >= 400;
    });

    await vault.request('POST', auth.path, { ...auth.fields, secret_id_bound_cidrs: ['10.0.0.0/8'], token_bound_cidrs: ['10.0.0.0/8'] });
    expect(await login((await mint()).secret_id)).toBeGreaterThanOrEqual(400);
  });
});

test('an Issuer may be Ready while signing fails: the trial says so, with what Vault says', async () => {
  const vault = await devVault();
  const world = await setUp(configs.recommended, vault);
  // what no step of ours looks at: a limit of the server's.
  expect(
    (await vault.request('POST', 'sys/quotas/rate-limit/mesh', { path: 'istioca-cluster-1', rate: 0.001, interval: '1h' })).status,
  ).toBe(204);
  ok(await world.script('root', ['--plan']));
  const { code, stderr } = await world.script('cluster-1');
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/quota|429/) as string });
});
