import { ApiObject, Testing } from 'cdk8s';
import { VaultAuth, VaultIssuer, VaultIssuerProps } from '../../src/constructs/vault-issuer';
import { intermediatePem, keyPem, rootPem } from '../config/certificates';

const appRole = { roleId: '091aa68b', secretRef: { name: 'cert-manager-vault-approle', key: 'secretId' } };
const kubernetes = { mountPath: '/v1/auth/jwt-cluster-1', role: 'cert-manager', serviceAccountRef: { name: 'vault-issuer' } };

const props: VaultIssuerProps = {
  server: 'https://vault.example.com:8200',
  path: 'istioca/sign/cluster-local',
  auth: { appRole },
};

// tsc says these, no test can: an Issuer has exactly one way in.
// @ts-expect-error there are two ways in
export const both: VaultAuth = { appRole, kubernetes };
// @ts-expect-error there is no way in
export const none: VaultAuth = {};

const build = (changed: Partial<VaultIssuerProps>) => new VaultIssuer(Testing.chart(), 'issuer', { ...props, ...changed });

test('minimal', () => {
  const chart = Testing.chart();
  new VaultIssuer(chart, 'issuer', props);

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Issuer',
      metadata: { name: 'vault-issuer', namespace: 'istio-system' },
      spec: {
        vault: {
          server: 'https://vault.example.com:8200',
          path: 'istioca/sign/cluster-local',
          auth: {
            appRole: {
              path: 'approle',
              roleId: '091aa68b',
              secretRef: { name: 'cert-manager-vault-approle', key: 'secretId' },
            },
          },
        },
      },
    },
  ]);
});

test('everything set', () => {
  const chart = Testing.chart();
  const issuer = new VaultIssuer(chart, 'issuer', {
    ...props,
    name: 'a',
    namespace: 'b',
    auth: { appRole: { ...appRole, path: 'teams/approle' } },
    caBundle: `a remark\n${rootPem}${intermediatePem}`,
  });

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Issuer',
      metadata: { name: 'a', namespace: 'b' },
      spec: {
        vault: {
          server: 'https://vault.example.com:8200',
          path: 'istioca/sign/cluster-local',
          caBundle: Buffer.from(`${rootPem}${intermediatePem}`).toString('base64'),
          auth: {
            appRole: {
              path: 'teams/approle',
              roleId: '091aa68b',
              secretRef: { name: 'cert-manager-vault-approle', key: 'secretId' },
            },
          },
        },
      },
    },
  ]);
  expect(issuer.name).toBe('a');
});

test('with a token of a service account', () => {
  const chart = Testing.chart();
  new VaultIssuer(chart, 'issuer', { ...props, auth: { kubernetes } });

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Issuer',
      metadata: { name: 'vault-issuer', namespace: 'istio-system' },
      spec: {
        vault: {
          server: 'https://vault.example.com:8200',
          path: 'istioca/sign/cluster-local',
          auth: {
            kubernetes: { mountPath: '/v1/auth/jwt-cluster-1', role: 'cert-manager', serviceAccountRef: { name: 'vault-issuer' } },
          },
        },
      },
    },
  ]);
});

test('the underlying object can be patched', () => {
  expect(ApiObject.of(build({})).kind).toBe('Issuer');
});

test.each(['istioca/issue/cluster-local', '/istioca/sign/cluster-local', 'sign/cluster-local', 'istioca/sign/'])(
  'fails if the path is %j',
  path => {
    expect(() => build({ path })).toThrow(
      new Error(`'path' must be the sign endpoint of a PKI role, e.g. "istioca/sign/cluster-local", got "${path}"`),
    );
  },
);

test.each(['vault.example.com', 'https://vault.example.com/v1', 'https://a b'])('fails if the server is %j', server => {
  expect(() => build({ server })).toThrow(
    new Error(`'server' must be the address of a server, without a path, e.g. "https://vault.example.com:8200", got "${server}"`),
  );
});

test.each(['auth/approle', '/v1/auth/approle', 'v1/auth/approle', 'approle/'])('fails if the mount of the AppRole is %j', path => {
  expect(() => build({ auth: { appRole: { ...appRole, path } } })).toThrow(
    new Error(`'auth.appRole.path' must be the mount of the AppRole alone, without "auth/", e.g. "approle", got "${path}"`),
  );
});

test.each(['jwt-cluster-1', 'auth/jwt-cluster-1', 'v1/auth/jwt-cluster-1', '/v1/auth/', '/v1/auth/jwt-cluster-1/'])(
  'fails if the mount of the service account’s login is %j',
  mountPath => {
    expect(() => build({ auth: { kubernetes: { ...kubernetes, mountPath } } })).toThrow(
      new Error(
        `'auth.kubernetes.mountPath' must be the mount of an auth method with "/v1/auth/", e.g. "/v1/auth/jwt-cluster-1", got "${mountPath}"`,
      ),
    );
  },
);

test.each(['aws', '/v1/auth/aws', 'auth/', 'auth/aws/'])('fails if the mount of the AWS login is %j', mountPath => {
  const aws = {
    role: 'r',
    region: 'eu-central-1',
    iamRoleArn: 'arn:aws:iam::123456789012:role/r',
    vaultHeaderValue: 'vault',
    serviceAccountRef: { name: 'a' },
  };
  expect(() => build({ auth: { aws: { ...aws, mountPath } } })).toThrow(
    new Error(
      `'auth.aws.mountPath' must be the mount of an auth method with "auth/" and without "/v1/", which cert-manager adds, e.g. "auth/aws-cluster-1", got "${mountPath}"`,
    ),
  );
});

test('two auth methods at once neither type-check nor pass', () => {
  const clientCertificate = { mountPath: '/v1/auth/cert', name: 'n', secretName: 's' };
  const says = (got: string) =>
    new Error(
      `'auth' must have exactly one auth method, "kubernetes", "appRole", "clientCertificate", "aws", e.g. { kubernetes: { mountPath: "/v1/auth/jwt-cluster-1", role: "cert-manager", serviceAccountRef: { name: "vault-issuer" } } }, got ${got}`,
    );
  // @ts-expect-error one of them.
  expect(() => build({ auth: { kubernetes, clientCertificate } })).toThrow(says('"kubernetes" and "clientCertificate"'));
  // @ts-expect-error one of them.
  expect(() => build({ auth: { appRole, clientCertificate } })).toThrow(says('"appRole" and "clientCertificate"'));
  // @ts-expect-error one of them.
  expect(() => build({ auth: {} })).toThrow(says('none'));
});

test('fails if the CA bundle holds a private key', () => {
  expect(() => build({ caBundle: rootPem + keyPem })).toThrow(
    new Error(`'caBundle' must hold PEM blocks of type CERTIFICATE only, e.g. "-----BEGIN CERTIFICATE-----…", got a private key`),
  );
});
