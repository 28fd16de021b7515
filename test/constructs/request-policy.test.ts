import { Testing } from 'cdk8s';
import { RequestPolicy, RequestPolicyProps } from '../../src/constructs/request-policy';

const privateKey = { algorithm: 'RSA', minSize: 2048 } as const;
const requester = { name: 'cert-manager-istio-csr', namespace: 'cert-manager' };
const synth = (props: RequestPolicyProps) => {
  const chart = Testing.chart();
  new RequestPolicy(chart, 'policy', props);
  return Testing.synth(chart) as unknown[];
};
const use = (name: string) => ({
  apiGroups: ['policy.cert-manager.io'],
  resources: ['certificaterequestpolicies'],
  resourceNames: [name],
  verbs: ['use'],
});

test('minimal: a SPIFFE ID alone, from one service account, in one namespace, of one Issuer', () => {
  expect(synth({ name: 'a', requester, uris: ['spiffe://cluster.local/ns/*/sa/*'], maxDuration: '1h', privateKey })).toStrictEqual([
    {
      apiVersion: 'policy.cert-manager.io/v1alpha1',
      kind: 'CertificateRequestPolicy',
      metadata: { name: 'a' },
      spec: {
        allowed: {
          uris: {
            required: true,
            values: ['spiffe://cluster.local/ns/*/sa/*'],
            validations: [
              {
                rule: "self.matches('^spiffe://[^/]+/ns/[a-z0-9]([-a-z0-9]*[a-z0-9])?/sa/[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
                message: 'must be of one namespace and one service account',
              },
            ],
          },
          subject: { organizations: { values: [''] } },
        },
        constraints: { maxDuration: '1h', privateKey: { algorithm: 'RSA', minSize: 2048 } },
        selector: {
          issuerRef: { name: 'vault-issuer', kind: 'Issuer', group: 'cert-manager.io' },
          namespace: { matchNames: ['istio-system'] },
        },
      },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'a', namespace: 'istio-system' },
      rules: [use('a')],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'a', namespace: 'istio-system' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      subjects: [{ kind: 'ServiceAccount', name: 'cert-manager-istio-csr', namespace: 'cert-manager' }],
    },
  ]);
});

test('everything set', () => {
  expect(
    synth({
      name: 'a',
      requester: { name: 'b', namespace: 'c' },
      commonName: 'd.e.svc',
      dnsNames: ['d.e.svc', 'd-f.e.svc'],
      uris: ['spiffe://g/*'],
      usages: ['server auth'],
      maxDuration: '2h',
      privateKey: { algorithm: 'ECDSA', minSize: 256 },
      issuer: { name: 'h', kind: 'ClusterIssuer' },
      namespace: 'e',
    }),
  ).toStrictEqual([
    {
      apiVersion: 'policy.cert-manager.io/v1alpha1',
      kind: 'CertificateRequestPolicy',
      metadata: { name: 'a' },
      spec: {
        allowed: {
          commonName: { required: true, value: 'd.e.svc' },
          dnsNames: { required: true, values: ['d.e.svc', 'd-f.e.svc'] },
          // any path, as it was asked for.
          uris: { required: true, values: ['spiffe://g/*'] },
          subject: { organizations: { values: [''] } },
          usages: ['server auth'],
        },
        constraints: { maxDuration: '2h', privateKey: { algorithm: 'ECDSA', minSize: 256 } },
        selector: { issuerRef: { name: 'h', kind: 'ClusterIssuer', group: 'cert-manager.io' }, namespace: { matchNames: ['e'] } },
      },
    },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'a', namespace: 'e' }, rules: [use('a')] },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'a', namespace: 'e' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      subjects: [{ kind: 'ServiceAccount', name: 'b', namespace: 'c' }],
    },
  ]);
});

test('fails if it asks for no name at all: then a certificate without one would be approved', () => {
  expect(() => synth({ name: 'a', requester, maxDuration: '1h', privateKey })).toThrow(
    new Error(`'uris' must be there where there is neither commonName nor dnsNames, e.g. ["spiffe://cluster.local/ns/*/sa/*"], got none`),
  );
});

test('an algorithm that no mesh has does not type-check', () => {
  // @ts-expect-error Istio makes RSA and ECDSA keys.
  const wrong: RequestPolicyProps['privateKey'] = { algorithm: 'Ed25519', minSize: 256 };
  expect(wrong).toBeDefined();
});
