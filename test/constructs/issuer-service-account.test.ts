import { Testing } from 'cdk8s';
import { IssuerServiceAccount } from '../../src/constructs/issuer-service-account';

test('minimal: cert-manager may ask for tokens of this one account, and the account may do nothing', () => {
  const chart = Testing.chart();
  const account = new IssuerServiceAccount(chart, 'account');

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'vault-issuer', namespace: 'istio-system' },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'vault-issuer-token', namespace: 'istio-system' },
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['vault-issuer'], verbs: ['create'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'vault-issuer-token', namespace: 'istio-system' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'vault-issuer-token' },
      subjects: [{ kind: 'ServiceAccount', name: 'cert-manager', namespace: 'cert-manager' }],
    },
  ]);
  expect(account.serviceAccountRef).toEqual({ name: 'vault-issuer' });
});

test('everything set', () => {
  const chart = Testing.chart();
  const account = new IssuerServiceAccount(chart, 'account', {
    name: 'a',
    namespace: 'b',
    certManager: { name: 'c', namespace: 'd' },
  });

  expect(Testing.synth(chart)).toStrictEqual([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a', namespace: 'b' }, automountServiceAccountToken: false },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'a-token', namespace: 'b' },
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['a'], verbs: ['create'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'a-token', namespace: 'b' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a-token' },
      subjects: [{ kind: 'ServiceAccount', name: 'c', namespace: 'd' }],
    },
  ]);
  expect(account.serviceAccountRef).toEqual({ name: 'a' });
});
