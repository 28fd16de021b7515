// secret.delivery: externalSecret and externalSecretGenerator. The manifests go to the real API server with External Secrets' own CRDs; its
// controller is not built here, so the tests play it: they log in to Vault by the role that setup.sh wrote and do what the manifests say.
import { join } from 'node:path';
import { clusterFiles } from '../../src/charts/cluster-files';
import { type SecretConfig } from '../../src/config/config';
import { externalSecretsCrds } from '../testbed/build';
import { carryConfig, type CarryWorld, makeCarryWorld } from './carry';
import { ok, until, type Vault } from './harness';
import { dataOf, makeRoot, rootFiles, startServers } from './world';

const { kube, devVault } = startServers();
const crds = [
  'external-secrets.io_externalsecrets',
  'external-secrets.io_secretstores',
  'generators.external-secrets.io_vaultdynamicsecrets',
];
beforeAll(async () => {
  const folder = await externalSecretsCrds();
  for (const crd of crds) {
    const file = join(folder, `${crd}.yaml`);
    ok(await kube().kubectl(['apply', '--server-side', '-f', file]));
    // kubectl wait ends at once where there is no status yet.
    await until(
      'the CRD',
      async () => (await kube().kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', file])).code === 0,
    );
  }
}, 120_000);

const jwt = { auth: 'jwt', mount: 'jwt-eso' } as const;
const manifestOf = (one: CarryWorld) => clusterFiles(one.cluster).find(({ path }) => path.endsWith('external-secret.yaml'))!.content;

/** A cluster with the operator's auth method in Vault, as the one has it who runs that operator already. */
async function world(secret: SecretConfig) {
  const vault = await devVault();
  ok(await vault.vault(['auth', 'enable', '-path=jwt-eso', 'jwt']));
  const config = { jwt_validation_pubkeys: [kube().serviceAccountKeyPem], bound_issuer: kube().issuer };
  expect((await vault.request('POST', 'auth/jwt-eso/config', config)).status).toBe(204);
  const one = await makeCarryWorld(carryConfig(secret), vault, kube());
  ok(await one.script('root', rootFiles(await makeRoot(one.folder))));
  return { vault, one };
}

/** A Vault token as the operator gets one: by a token of the service account of the manifest. */
async function operatorToken(vault: Vault, one: CarryWorld): Promise<string> {
  const { secret } = one.appRole;
  if (!('store' in secret)) throw new Error('no store');
  const { serviceAccount, role } = secret.store;
  const token = ok(await kube().kubectl(['create', 'token', serviceAccount.name, '-n', serviceAccount.namespace, '--audience=vault']));
  const { body } = await vault.request('POST', 'auth/jwt-eso/login', { role, jwt: token.trim() }, '');
  return (body as { auth: { client_token: string } }).auth.client_token;
}

test.each(['kubernetes', 'jwt'] as const)(
  'the API server takes the objects with a login by %s, and refuses an unknown field',
  async auth => {
    const vault = await devVault();
    for (const delivery of ['externalSecret', 'externalSecretGenerator'] as const) {
      const one = await makeCarryWorld(carryConfig({ delivery, store: { auth } }), vault, kube());
      const text = manifestOf(one);
      await kube().apply(text);
      for (const [from, to] of [
        ['    provider:', '    providers:'],
        ['  refreshInterval:', '  refreshIntervall:'],
        ['role:', 'roles:'],
      ] as const) {
        if (!text.includes(from)) continue;
        await expect(kube().apply(text.replace(from, to))).rejects.toThrow(/unknown field|strict decoding/);
      }
      ok(await kube().kubectl(['delete', '-f', '-'], { input: text }));
    }
  },
);

test('externalSecret: setup.sh puts the secret ID into the KV engine, and the operator may read it and nothing else', async () => {
  const { vault, one } = await world({ delivery: 'externalSecret', store: jwt });
  const { stdout } = { stdout: ok(await one.script('cluster-1')) };
  await kube().apply(manifestOf(one));
  const token = await operatorToken(vault, one);
  const at = 'secret/data/mesh-ca/cluster-1/secret-id';
  const { data } = dataOf((await vault.request('GET', at, undefined, token)).body) as { data: { secretId: string } };
  expect([Object.keys(data), await one.login(data.secretId)]).toEqual([['secretId'], 200]);
  expect((await vault.request('POST', at, { data: {} }, token)).status).toBe(403);
  expect((await vault.request('GET', 'secret/data/other', undefined, token)).status).toBe(403);
  // the trial of setup.sh logs in with what lies there, and the second run finds it all done.
  expect(stdout).toContain('is ready in Vault: 11 trials passed');
  expect(stdout).not.toContain(data.secretId);
  expect(await one.held()).toBeUndefined();
  expect((await one.script('cluster-1', ['--plan'])).stdout).not.toContain('to do');
  expect(await one.accessors()).toHaveLength(1);
});

test('externalSecretGenerator: the operator may have a secret ID made, and nothing else', async () => {
  const { vault, one } = await world({ delivery: 'externalSecretGenerator', store: jwt });
  const stdout = ok(await one.script('cluster-1'));
  expect(stdout).toContain('is not in the cluster yet. Apply the manifests of 1-issuer');
  expect(await one.accessors()).toEqual([]);
  await kube().apply(manifestOf(one));
  const token = await operatorToken(vault, one);
  const made = dataOf((await vault.request('POST', `${one.appRole.path}/secret-id`, {}, token)).body);
  expect([await one.login(made.secret_id as string), made.secret_id_ttl]).toEqual([200, 24 * 3600]);
  expect((await vault.request('GET', one.appRole.path, undefined, token)).status).toBe(403);
  expect((await one.script('cluster-1', ['--plan'])).stdout).not.toContain('to do');
});

test('fails if the auth method or the KV engine is not there, or its path holds more, and changes nothing', async () => {
  const vault = await devVault();
  const run = async (secret: SecretConfig) => {
    const one = await makeCarryWorld(carryConfig({ delivery: 'externalSecret', ...secret }), vault, kube());
    const { code, stderr } = await one.script('cluster-1');
    return [code, stderr];
  };
  const first = await makeCarryWorld(carryConfig({}), vault, kube());
  ok(await first.script('root', rootFiles(await makeRoot(first.folder))));
  const refusal = (text: string) => [1, expect.stringContaining(text) as string];
  expect(await run({})).toEqual(refusal('the auth method kubernetes at kubernetes, which the External Secrets operator logs in by'));
  ok(await vault.vault(['auth', 'enable', 'kubernetes']));
  expect(await run({ kv: { mount: 'none' } })).toEqual(refusal('vault secrets enable -path=none -version=2 kv'));
  ok(await vault.vault(['secrets', 'enable', '-path=one', '-version=1', 'kv']));
  expect(await run({ kv: { mount: 'one' } })).toEqual(refusal('a KV secrets engine of version 2 at one'));
  await vault.request('POST', 'secret/data/theirs', { data: { password: 'x' } });
  expect(await run({ kv: { path: 'theirs' } })).toEqual(refusal('secret/theirs, which holds more than secretId'));
  expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['istioca-cluster-1/']);
});
