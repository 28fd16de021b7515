import { clusterOf } from '../fixtures/verify/mesh';
import { different, mesh, verify } from '../fixtures/verify/run';

const root = { certificate: mesh.root.pem };

test('an Issuer without the namespace of Vault that the plan says fails', () => {
  const plan = clusterOf({ root, vault: { server: 'https://vault.example.com:8200', namespace: 'admin/mesh' } });
  const { code, lines } = verify({ plan });
  expect(different(lines)).toEqual([
    'FAIL    issuer: it asks in namespace "" of Vault, the plan says "admin/mesh" (apply manifests/1-issuer)',
  ]);
  expect(code).toBe(1);
});

test('where the plan says ClusterIssuer, an Issuer of that name is none', () => {
  const plan = clusterOf({ root, certManager: { issuerKind: 'ClusterIssuer', namespace: 'istio-system' } });
  const { code, lines } = verify({ plan });
  expect(different(lines)).toEqual([
    'FAIL    issuer: there is no clusterissuers.cert-manager.io vault-issuer (apply manifests/1-issuer)',
    'FAIL    istiod certificate: istiod asks the Issuer of that name, the plan says the ClusterIssuer (helm upgrade istio-csr with istio-csr.values.yml)',
  ]);
  expect(code).toBe(1);
});
