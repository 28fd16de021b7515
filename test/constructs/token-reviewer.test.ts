import { Testing } from 'cdk8s';
import { TokenReviewer } from '../../src/constructs/token-reviewer';

test('minimal', () => {
  const chart = Testing.chart();
  new TokenReviewer(chart, 'reviewer');

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'vault-issuer-reviewer', namespace: 'istio-system' },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'istio-system-vault-issuer-reviewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', name: 'vault-issuer-reviewer', namespace: 'istio-system' }],
    },
  ]);
});

test('two of one name in two namespaces have bindings of their own', () => {
  const chart = Testing.chart();
  new TokenReviewer(chart, 'one', { name: 'a', namespace: 'b' });
  new TokenReviewer(chart, 'other', { name: 'a', namespace: 'c' });

  const binding = (namespace: string) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `${namespace}-a` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
    subjects: [{ kind: 'ServiceAccount', name: 'a', namespace }],
  });
  expect(Testing.synth(chart)).toStrictEqual([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a', namespace: 'b' }, automountServiceAccountToken: false },
    binding('b'),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a', namespace: 'c' }, automountServiceAccountToken: false },
    binding('c'),
  ]);
});
