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
    'FAIL    istiod certificate: istiod asks the Issuer of that name, the plan says the ClusterIssuer (helm upgrade cert-manager-istio-csr with istio-csr.values.yml)',
  ]);
  expect(code).toBe(1);
});

describe("the last request of istiod's Certificate", () => {
  const LIST = 'lists/certificaterequests.cert-manager.io/istio-system';
  const request = (name: string, second: number, status: string, message = 'm', of = 'istiod') => ({
    metadata: {
      name,
      creationTimestamp: `2026-01-01T00:00:0${second}Z`,
      annotations: { 'cert-manager.io/certificate-name': of },
    },
    status: { conditions: [{ type: 'Ready', status, reason: status === 'True' ? 'Issued' : 'Pending', message }] },
  });
  const of = (...items: object[]) => {
    const { code, lines } = verify({ answers: { [LIST]: { items } } });
    return { code, different: different(lines) };
  };
  const undecided = { metadata: { ...request('istiod-4', 4, '').metadata } };

  test('fails where it is not signed, although the certificate before it is Ready', () => {
    expect(of(request('istiod-2', 2, 'True'), request('istiod-3', 3, 'False', 'no\nlogin'), undecided)).toEqual({
      code: 1,
      different: [
        'FAIL    istiod certificate: istiod: request istiod-3 is not signed, Pending no login (where Vault refuses it, run setup.sh again: it puts right what differs in Vault, then its trial names what Vault refuses)',
      ],
    });
  });

  test("one that was signed after it, another Certificate's, and one that nobody has looked at are no failure", () => {
    const items = [
      request('istiod-3', 3, 'True'),
      request('istiod-2', 2, 'False'),
      request('other-1', 5, 'False', 'm', 'other'),
      undecided,
    ];
    expect(of(...items)).toEqual({ code: 0, different: [] });
  });

  test('where it may not be read, a Certificate that is Ready is not known to be renewed', () => {
    const { code, lines } = verify({ errors: { [LIST]: 'Error from server (Forbidden): no\n' } });
    expect([code, different(lines)]).toEqual([
      3,
      ['unknown istiod certificate: kubectl get certificaterequests.cert-manager.io: Error from server (Forbidden): no'],
    ]);
  });
});
