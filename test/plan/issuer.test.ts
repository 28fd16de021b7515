import { ClusterConfig } from '../../src/config/config';
import { ClusterPlan, planMeshCa } from '../../src/plan/plan';

const plan = (cluster: Partial<ClusterConfig>): ClusterPlan =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1', ...cluster }],
  }).clusters[0]!;

const cluster = { certManager: { issuerKind: 'ClusterIssuer', namespace: 'certs' }, istio: { namespace: 'mesh' } } as const;

test('an Issuer lies in the namespace of istiod, which is in its audience', () => {
  expect(plan({ istio: { namespace: 'mesh' } })).toMatchObject({
    issuer: { kind: 'Issuer', name: 'vault-issuer', namespace: 'mesh', audience: 'vault://mesh/vault-issuer' },
    istioCsr: { values: { 'app.certmanager.issuer.kind': 'Issuer' } },
    warnings: [],
  });
});

test("a ClusterIssuer has its service account in cert-manager's namespace, and no namespace in its audience", () => {
  expect(plan(cluster)).toMatchObject({
    issuer: { kind: 'ClusterIssuer', name: 'vault-issuer', namespace: 'certs', audience: 'vault://vault-issuer' },
    auth: {
      serviceAccount: { name: 'vault-issuer', namespace: 'certs' },
      audience: 'vault://vault-issuer',
      fields: { bound_audiences: ['vault://vault-issuer'], bound_subject: 'system:serviceaccount:certs:vault-issuer' },
    },
    istioCsr: { values: { 'app.certmanager.issuer.kind': 'ClusterIssuer', 'app.certmanager.namespace': 'mesh' } },
  });
  expect(plan({ ...cluster, auth: 'kubernetes' }).auth).toMatchObject({
    reviewer: { name: 'vault-issuer-reviewer', namespace: 'certs' },
    fields: { bound_service_account_namespaces: ['certs'], audience: 'vault://vault-issuer' },
  });
});

test("the Secret of a ClusterIssuer's AppRole lies in cert-manager's namespace", () => {
  expect(plan({ ...cluster, auth: 'appRole' }).auth).toMatchObject({ secret: { namespace: 'certs' } });
});

test('a ClusterIssuer is warned of: every namespace can ask it', () => {
  expect(plan(cluster).warnings.map(({ key }) => key)).toEqual(['certManager.issuerKind']);
});
