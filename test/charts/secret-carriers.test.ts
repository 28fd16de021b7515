import { Testing } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { SecretConfig } from '../../src/config/config';
import { SealedSecretId } from '../../src/constructs/sealed-secret-id';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';

const planOf = (secret: SecretConfig) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200', caBundle: undefined },
    istioVersion: '1.22',
    auth: 'appRole',
    secret,
    clusters: [{ name: 'cluster-1' }],
  });
const filesOf = (secret: SecretConfig) => clusterFiles(planOf(secret).clusters[0]!, { secretId: 'x' });
const objectsOf = (secret: SecretConfig, file: string): unknown[] => {
  const text = filesOf(secret).find(({ path }) => path === `cluster-1/manifests/1-issuer/${file}`)?.content ?? '';
  return parseAllDocuments(text).map(document => document.toJS() as unknown);
};
const metadata = { name: 'cert-manager-vault-approle', namespace: 'istio-system' };

test('externalSecret: a service account, a SecretStore with its login, and what it reads', () => {
  expect(objectsOf({ delivery: 'externalSecret', store: { auth: 'jwt', mount: 'jwt-1' }, key: 'id' }, 'external-secret.yaml')).toEqual([
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'external-secrets-vault', namespace: 'istio-system' },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'external-secrets.io/v1',
      kind: 'SecretStore',
      metadata,
      spec: {
        provider: {
          vault: {
            server: 'https://vault.example.com:8200',
            path: 'secret',
            version: 'v2',
            auth: {
              jwt: {
                path: 'jwt-1',
                role: 'external-secrets-cluster-1',
                kubernetesServiceAccountToken: { serviceAccountRef: { name: 'external-secrets-vault' }, audiences: ['vault'] },
              },
            },
          },
        },
      },
    },
    {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata,
      spec: {
        refreshInterval: '1h',
        secretStoreRef: { name: metadata.name, kind: 'SecretStore' },
        target: { name: metadata.name },
        data: [{ secretKey: 'id', remoteRef: { key: 'mesh-ca/cluster-1/secret-id', property: 'id' } }],
      },
    },
  ]);
});

test('externalSecretGenerator: Vault makes one at each refresh, and only the secret ID comes into the Secret', () => {
  expect(objectsOf({ delivery: 'externalSecretGenerator' }, 'external-secret.yaml').slice(1)).toEqual([
    {
      apiVersion: 'generators.external-secrets.io/v1alpha1',
      kind: 'VaultDynamicSecret',
      metadata,
      spec: {
        path: 'auth/approle/role/cert-manager-cluster-1/secret-id',
        method: 'POST',
        resultType: 'Data',
        provider: {
          server: 'https://vault.example.com:8200',
          auth: {
            kubernetes: {
              mountPath: 'kubernetes',
              role: 'external-secrets-cluster-1',
              serviceAccountRef: { name: 'external-secrets-vault', audiences: ['vault'] },
            },
          },
        },
      },
    },
    {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata,
      spec: {
        refreshInterval: '1h',
        target: { name: metadata.name, template: { type: 'Opaque', data: { secretId: '{{ .secret_id }}' } } },
        dataFrom: [
          {
            sourceRef: {
              generatorRef: { apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'VaultDynamicSecret', name: metadata.name },
            },
          },
        ],
      },
    },
  ]);
});

const sealed = `AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq${'A'.repeat(600)}==`;

test('sealedSecret: the ciphertext, bound to the name and the namespace; without one there is no manifest', () => {
  expect(objectsOf({ delivery: 'sealedSecret', ciphertext: sealed, key: 'id' }, 'sealed-secret.yaml')).toEqual([
    {
      apiVersion: 'bitnami.com/v1alpha1',
      kind: 'SealedSecret',
      metadata,
      spec: { encryptedData: { id: sealed }, template: { metadata, type: 'Opaque' } },
    },
  ]);
  expect(objectsOf({ delivery: 'sealedSecret' }, 'sealed-secret.yaml')).toEqual([]);
});

test('the constructs stand alone, and fail if what is to be encrypted is not', () => {
  const chart = Testing.chart();
  expect(new SealedSecretId(chart, 'sealed', { ciphertext: sealed }).secretRef).toEqual({ name: metadata.name, key: 'secretId' });
  expect(() => new SealedSecretId(chart, 'plain', { ciphertext: 'not-encrypted' })).toThrow(
    `'ciphertext' must be what "kubeseal --raw" prints, in base64, got 13 characters that are not`,
  );
});

test('each delivery has the scripts and manifests of its own, and no other', () => {
  const own = (delivery: SecretConfig['delivery']) =>
    synthesize(planOf({ delivery }), { secretIds: { 'cluster-1': 'x' } })
      .map(({ path }) => path)
      .filter(path => /secret/.test(path));
  expect(own('script')).toEqual(['cluster-1/rotate-secret-id.sh']);
  expect(own('wrapped')).toEqual(['cluster-1/unwrap-secret-id.sh']);
  expect(own('manifest')).toEqual(['cluster-1/manifests/1-issuer/secret.yaml']);
  expect(own('sealedSecret')).toEqual([]);
  expect(own('externalSecret')).toEqual(['cluster-1/manifests/1-issuer/external-secret.yaml']);
  expect(own('externalSecretGenerator')).toEqual(['cluster-1/manifests/1-issuer/external-secret.yaml']);
});
