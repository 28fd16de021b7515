import { MeshCaConfig, VaultConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { rootPem } from '../config/certificates';
import { problemsOf } from './problems';

const server = 'https://vault.example.com:8200';
const config = (vault: Partial<VaultConfig>, version?: string): MeshCaConfig => ({
  vault: { server, ...vault },
  istioVersion: '1.22',
  clusters: [{ name: 'cluster-1', ...(version === undefined ? {} : { certManager: { version } }) }],
});

const client = { clientCertSecretRef: { name: 'vault-client' }, clientKeySecretRef: { name: 'vault-client' } };

test('a Secret of the config has the usual key unless it names one', () => {
  expect(planMeshCa(config({ ...client, caBundleSecretRef: { name: 'vault-ca' } })).vault).toStrictEqual({
    server,
    namespace: undefined,
    serverName: undefined,
    caBundle: undefined,
    caBundleSecretRef: { name: 'vault-ca', key: 'ca.crt' },
    client: { certSecretRef: { name: 'vault-client', key: 'tls.crt' }, keySecretRef: { name: 'vault-client', key: 'tls.key' } },
  });
  expect(planMeshCa(config({ caBundleSecretRef: { name: 'vault-ca', key: 'bundle.pem' } })).vault.caBundleSecretRef).toStrictEqual({
    name: 'vault-ca',
    key: 'bundle.pem',
  });
});

test.each(['admin/mesh', 'team', 'a/b/c'])('%s is a namespace of Vault', namespace => {
  expect(planMeshCa(config({ namespace })).vault.namespace).toBe(namespace);
});

test.each(['/admin', 'admin/', 'root', 'admin/sys', 'a//b', ''])('fails if the namespace of Vault is "%s"', namespace => {
  expect(problemsOf(config({ namespace }))).toEqual([
    [
      'vault.namespace',
      expect.stringContaining("must be the path of a namespace, without slashes at its ends and none of Vault's own") as string,
    ],
  ]);
});

test('fails if the CA of Vault stands in the config and in a Secret', () => {
  const both = { caBundle: rootPem, caBundleSecretRef: { name: 'vault-ca' } };
  expect(problemsOf(config(both))).toEqual([
    ['vault.caBundleSecretRef', "'caBundleSecretRef' and caBundle exclude each other; remove one of them, got both"],
  ]);
});

test.each([
  ['clientCertSecretRef', 'clientKeySecretRef'],
  ['clientKeySecretRef', 'clientCertSecretRef'],
])('fails if %s stands without %s', (one, other) => {
  expect(problemsOf(config({ [one]: { name: 'vault-client' } }))).toEqual([
    [`vault.${one}`, `'${one}' needs ${other} beside it, e.g. { name: vault-client }, got none`],
  ]);
});

test.each([
  ['serverName', { serverName: 'vault.internal' }, 'v1.17.4', 'v1.18.0'],
  ['clientCertSecretRef', client, 'v1.14.7', 'v1.15.0'],
  ['caBundleSecretRef', { caBundleSecretRef: { name: 'vault-ca' } }, 'v1.9.2', 'v1.10.0'],
])('fails if cert-manager is older than its %s', (key, vault, old, first) => {
  const appRole = (version: string): MeshCaConfig => ({ ...config(vault, version), auth: 'appRole' });
  expect(problemsOf(appRole(old))).toEqual([
    [
      'clusters.0.certManager.version',
      `'version' must be at least "${first}" for vault.${key}, e.g. "v1.21.2", got "${old}"; or remove vault.${key}`,
    ],
  ]);
  expect(problemsOf(appRole(first))).toEqual([]);
});
