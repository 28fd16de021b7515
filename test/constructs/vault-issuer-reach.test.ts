import { Testing } from 'cdk8s';
import { VaultIssuer, VaultIssuerProps } from '../../src/constructs/vault-issuer';
import { rootPem } from '../config/certificates';

const props = {
  server: 'https://vault.example.com:8200',
  path: 'istioca/sign/cluster-local',
  auth: { kubernetes: { mountPath: '/v1/auth/jwt-cluster-1', role: 'cert-manager', serviceAccountRef: { name: 'vault-issuer' } } },
} as const;

const synth = (more: Partial<VaultIssuerProps>) => {
  const chart = Testing.chart();
  new VaultIssuer(chart, 'issuer', { ...props, ...more });
  return Testing.synth(chart) as unknown[];
};

const caBundleSecretRef = { name: 'vault-ca', key: 'ca.crt' };
const clientCertSecretRef = { name: 'vault-client', key: 'tls.crt' };
const clientKeySecretRef = { name: 'vault-client', key: 'tls.key' };

test('a ClusterIssuer, and everything that says how Vault is reached', () => {
  const reach = { serverName: 'vault.internal', caBundleSecretRef, clientCertSecretRef, clientKeySecretRef };
  expect(synth({ ...reach, vaultNamespace: 'admin/mesh', kind: 'ClusterIssuer' })).toStrictEqual([
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'ClusterIssuer',
      metadata: { name: 'vault-issuer' },
      spec: { vault: { server: props.server, path: props.path, auth: props.auth, ...reach, namespace: 'admin/mesh' } },
    },
  ]);
});

test('fails if the CA of Vault is given twice', () => {
  expect(() => synth({ caBundle: rootPem, caBundleSecretRef })).toThrow("'caBundle' and 'caBundleSecretRef' exclude each other");
});

test.each([{ clientCertSecretRef }, { clientKeySecretRef }])('fails if a client certificate is half given: %j', half => {
  expect(() => synth(half)).toThrow("'clientCertSecretRef' and 'clientKeySecretRef' need each other");
});
