import { MeshCaConfig, SecretConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';

const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const config = (secret: SecretConfig, more: Partial<MeshCaConfig> = {}): MeshCaConfig => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  auth: 'appRole',
  secret,
  clusters: [{ name: 'cluster-1' }],
  ...more,
});
const authOf = (secret: SecretConfig, more?: Partial<MeshCaConfig>) => {
  const auth = planMeshCa(config(secret, more)).clusters[0]?.auth;
  if (auth?.method !== 'appRole') throw new Error('no AppRole');
  return auth;
};

test('each delivery has what it needs, and no more', () => {
  const place = {
    name: 'cert-manager-vault-approle',
    namespace: 'istio-system',
    key: 'secretId',
    variable: 'MESH_CA_SECRET_ID_CLUSTER_1',
  };
  expect(authOf({}).secret).toEqual({ ...place, delivery: 'script' });
  expect(authOf({ delivery: 'wrapped' }).secret).toEqual({ ...place, delivery: 'wrapped', wrapTtl: '1h' });
  expect(authOf({ delivery: 'externalSecret' }).secret).toMatchObject({
    delivery: 'externalSecret',
    kv: { mount: 'secret', path: 'mesh-ca/cluster-1/secret-id' },
    refreshInterval: '1h',
    store: {
      path: 'auth/kubernetes/role/external-secrets-cluster-1',
      policy: { name: 'external-secrets-cluster-1', rules: { 'secret/data/mesh-ca/cluster-1/secret-id': { capabilities: ['read'] } } },
      fields: { bound_service_account_names: ['external-secrets-vault'], audience: 'vault' },
    },
  });
  expect(authOf({ delivery: 'externalSecretGenerator', store: { auth: 'jwt' } }).secret).toMatchObject({
    store: {
      path: 'auth/jwt/role/external-secrets-cluster-1',
      policy: { rules: { 'auth/approle/role/cert-manager-cluster-1/secret-id': { capabilities: ['update'] } } },
      fields: { bound_subject: 'system:serviceaccount:istio-system:external-secrets-vault', bound_audiences: ['vault'] },
    },
  });
});

test('a secret ID lives for a year, or for a day of refreshes where each refresh leaves one behind', () => {
  expect(authOf({ delivery: 'externalSecret' }).fields.secret_id_ttl).toBe('8760h');
  expect(authOf({ delivery: 'externalSecretGenerator', refreshInterval: '10m' }).fields.secret_id_ttl).toBe('14400s');
});

test.each<[secret: SecretConfig, secretIdTtl: string | undefined, message: string]>([
  [{ wrapTtl: '2h' }, undefined, `'wrapTtl' is of secret.delivery: wrapped, and it is "script"; remove it, or write delivery: wrapped`],
  [
    { delivery: 'wrapped', refreshInterval: '2h' },
    undefined,
    `'refreshInterval' is of secret.delivery: externalSecret or externalSecretGenerator, and it is "wrapped"; remove it, or write delivery: externalSecret`,
  ],
  [
    { delivery: 'externalSecretGenerator', kv: { mount: 'kv' } },
    undefined,
    `'kv' is of secret.delivery: externalSecret, and it is "externalSecretGenerator"; remove it, or write delivery: externalSecret`,
  ],
  [
    { delivery: 'manifest', store: { mount: 'jwt' } },
    undefined,
    `'store' is of secret.delivery: externalSecret or externalSecretGenerator, and it is "manifest"; remove it, or write delivery: externalSecret`,
  ],
  [
    { delivery: 'wrapped', wrapTtl: '24h' },
    '24h',
    `'wrapTtl' must be shorter than appRole.secretIdTtl, which is "24h", e.g. "10m", got "24h"`,
  ],
  [
    { delivery: 'externalSecretGenerator' },
    '2h',
    `'secretIdTtl' must be longer than two of secret.refreshInterval, which is "1h", e.g. "10800s", got "2h"`,
  ],
  [
    { delivery: 'externalSecret', refreshInterval: '30m' },
    '1h',
    `'secretIdTtl' must be longer than two of secret.refreshInterval, which is "30m", e.g. "5400s", got "1h"`,
  ],
  [
    { delivery: 'externalSecretGenerator' },
    '0',
    `'secretIdTtl' must have an end, since each refresh leaves a secret ID behind, e.g. "10800s", got "0"`,
  ],
  [
    { ciphertext: 'A'.repeat(400) },
    undefined,
    `'ciphertext' is of secret.delivery: sealedSecret, and it is "script"; remove it, or write delivery: sealedSecret`,
  ],
  [
    { delivery: 'sealedSecret', ageRecipient: recipient },
    undefined,
    `'ageRecipient' is of secret.delivery: sops, and it is "sealedSecret"; remove it, or write delivery: sops`,
  ],
  [{ delivery: 'sops' }, undefined, `'delivery' "sops" needs the public key to encrypt for, secret.ageRecipient, e.g. "age1ql3`],
])('fails if %j stands with a secretIdTtl of %s', (secret, secretIdTtl, message) => {
  expect(() => authOf(secret, secretIdTtl === undefined ? {} : { appRole: { secretIdTtl } })).toThrow(message);
});

test('fails if two clusters share a KV path or a role of the operator', () => {
  const secret: SecretConfig = { delivery: 'externalSecret', kv: { path: 'one' }, store: { role: 'eso' } };
  const clusters = [{ name: 'cluster-1' }, { name: 'cluster-2' }];
  expect(() => planMeshCa(config(secret, { clusters }))).toThrow('each cluster needs its own kv path');
  expect(() => planMeshCa(config(secret, { clusters }))).toThrow('each cluster needs its own role');
});

test('fails if a secret ID, or its base64, stands where the ciphertext is to be; and does not show it', () => {
  const secretId = '0d5a8c1e-6d1f-4b58-9d3f-1f2c3a4b5c6d';
  for (const ciphertext of [secretId, Buffer.from(secretId).toString('base64')]) {
    const plan = () => authOf({ delivery: 'sealedSecret', ciphertext });
    expect(plan).toThrow(`must be what "kubeseal --raw" prints, in base64`);
    expect(plan).toThrow(expect.not.objectContaining({ message: expect.stringContaining(secretId) as string }) as Error);
  }
});
