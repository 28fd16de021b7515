import { ClusterConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';

const plan = (cluster: Partial<ClusterConfig>) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1', ...cluster }],
  }).clusters[0]!;

test('there are no admission policies unless you ask for them', () => {
  expect(plan({}).admission).toBeUndefined();
  expect(plan({ certManager: { admissionPolicy: false } }).admission).toBeUndefined();
});

test('names, users and certificate names follow from the rest of the plan', () => {
  const { admission } = plan({
    trustDomain: 'example.com',
    certManager: { admissionPolicy: true, issuer: 'i', namespace: 'cm', serviceAccount: 'cm-sa' },
    istio: { namespace: 'mesh', revision: 'blue' },
    istioCsr: { namespace: 'csr', values: { app: { tls: { istiodAdditionalDNSNames: ['istiod.example.com'] } } } },
  });
  expect(admission).toEqual({
    prefix: 'mesh-i',
    names: ['requests', 'signing-requests', 'certificates', 'issuers', 'tokens', 'pods', 'token-secrets'].map(of => `mesh-i-${of}`),
    requesters: ['system:serviceaccount:csr:cert-manager-istio-csr', 'system:serviceaccount:cm:cm-sa'],
    tokenRequester: 'system:serviceaccount:cm:cm-sa',
    serviceAccount: { name: 'vault-issuer', namespace: 'mesh' },
    certificate: {
      names: ['istiod', 'istiod-dynamic'],
      namespace: 'mesh',
      secretName: 'istiod-tls',
      commonName: 'istiod.mesh.svc',
      dnsNames: ['istiod-blue.mesh.svc', 'istiod.example.com'],
      uris: ['spiffe://example.com/ns/mesh/sa/istiod-service-account'],
    },
  });
});

test('with an AppRole there is no service account to guard', () => {
  const { admission } = plan({ auth: 'appRole', certManager: { admissionPolicy: true } });
  expect([admission?.serviceAccount, admission?.names.map(name => name.replace('istio-system-vault-issuer-', ''))]).toEqual([
    undefined,
    ['requests', 'signing-requests', 'certificates', 'issuers'],
  ]);
});

test('warns where istio-csr or cert-manager runs in the namespace that it is to be guarded from', () => {
  const keys = (cluster: Partial<ClusterConfig>) => plan(cluster).warnings.map(({ key }) => key);
  const certManager = { admissionPolicy: true };
  expect(keys({ certManager })).not.toContain('certManager.admissionPolicy');
  expect(keys({ certManager, istioCsr: { namespace: 'istio-system' } })).toContain('certManager.admissionPolicy');
  expect(keys({ certManager: { ...certManager, namespace: 'istio-system' } })).toContain('certManager.admissionPolicy');
});

test('refuses an issuer name that makes the names of the policies too long', () => {
  const issuer = (length: number) => 'a.'.repeat(length).slice(0, length);
  expect(() => plan({ certManager: { admissionPolicy: true, issuer: issuer(225) } })).toThrow(
    `'issuer' must have at most 223 characters for certManager.admissionPolicy`,
  );
});
