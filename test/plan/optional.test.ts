import { readFileSync } from 'node:fs';
import { ClusterConfig, MeshCaConfig } from '../../src/config/config';
import { APPROVER_POLICY } from '../../src/plan/approval';
import { planMeshCa } from '../../src/plan/plan';

const plan = (cluster: Partial<ClusterConfig>, config: Partial<MeshCaConfig> = {}) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    ...config,
    clusters: [{ name: 'cluster-1', ...cluster }],
  }).clusters[0]!;

describe('approver-policy', () => {
  test('is not there unless it is asked for', () => {
    expect(plan({}).requestPolicies).toEqual([]);
    expect(plan({ certManager: { approverPolicy: false } }).requestPolicies).toEqual([]);
  });

  test('lets through what the mesh asks for: names, lifetimes and who asks follow from the rest of the plan', () => {
    const { requestPolicies } = plan({
      trustDomain: 'example.com',
      certManager: { approverPolicy: true, issuer: 'i', namespace: 'cm', serviceAccount: 'cm-sa' },
      certificates: { workloadTtl: '2h', istiodTtl: '3h', servingTtl: '4h' },
      istio: { namespace: 'mesh', revision: 'blue' },
      istioCsr: { namespace: 'csr' },
    });
    expect(requestPolicies).toEqual([
      {
        name: 'mesh-i-workloads',
        about: 'the workloads: a SPIFFE ID alone',
        requester: { name: 'cert-manager-istio-csr', namespace: 'csr' },
        uris: ['spiffe://example.com/ns/*/sa/*'],
        usages: ['client auth', 'server auth'],
        maxDuration: '2h',
      },
      {
        name: 'mesh-i-serving',
        about: "istio-csr's own server: its DNS name alone",
        requester: { name: 'cert-manager-istio-csr', namespace: 'csr' },
        dnsNames: ['cert-manager-istio-csr.csr.svc'],
        usages: ['server auth'],
        maxDuration: '4h',
      },
      {
        name: 'mesh-i-istiod',
        about: 'istiod, by a Certificate: so cert-manager is the one that asks',
        requester: { name: 'cm-sa', namespace: 'cm' },
        commonName: 'istiod.mesh.svc',
        dnsNames: ['istiod-blue.mesh.svc'],
        uris: ['spiffe://example.com/ns/mesh/sa/istiod-service-account'],
        maxDuration: '3h',
      },
    ]);
  });

  test('is of the version that the live tests run', () => {
    expect(readFileSync('test/testbed/approverpolicy/go.mod', 'utf8')).toContain(
      `\nrequire github.com/cert-manager/approver-policy ${APPROVER_POLICY}\n`,
    );
  });

  test('is no narrower than the PKI role where that was widened by name', () => {
    expect(plan({ certManager: { approverPolicy: true }, role: { spiffeIds: 'anyPath' } }).requestPolicies[0]?.uris).toEqual([
      'spiffe://cluster.local/*',
    ]);
  });

  test('fails if the chart of cert-manager cannot turn its own approver off', () => {
    expect(() => plan({ certManager: { approverPolicy: true, version: 'v1.14.7' } })).toThrow(
      new Error(
        `clusters[0].certManager.version: 'version' must be at least "v1.15.0" for certManager.approverPolicy (disableAutoApproval), e.g. "v1.21.2", got "v1.14.7"`,
      ),
    );
    expect(() => plan({ certManager: { approverPolicy: true, version: 'v1.15.0' } })).not.toThrow();
    expect(() => plan({ certManager: { version: 'v1.14.7' } })).not.toThrow();
  });

  test('fails if a name of the Issuer leaves no room for the names that begin with it', () => {
    const issuer = (length: number) => Array.from({ length }, (_, i) => (i % 60 === 59 ? '.' : 'a')).join('');
    expect(() => plan({ certManager: { approverPolicy: true, issuer: issuer(231) } })).toThrow(
      new Error(
        `clusters[0].certManager.issuer: 'issuer' must have at most 230 characters for certManager.approverPolicy, whose names begin with it, e.g. "vault-issuer", got 231`,
      ),
    );
    const { requestPolicies } = plan({ certManager: { approverPolicy: true, issuer: issuer(230) } });
    expect(Math.max(...requestPolicies.map(({ name }) => name.length))).toBe(253);
  });
});

describe('NetworkPolicies', () => {
  test('are not there unless they are asked for', () => {
    expect(plan({}).network).toBeUndefined();
    expect(plan({ networkPolicy: false }).network).toBeUndefined();
  });

  test.each([
    ['https://vault.example.com:8200', { port: 8200 }],
    ['https://vault.example.com', { port: 443 }],
    ['http://vault', { port: 80 }],
    ['https://192.0.2.1:8200', { cidrs: ['192.0.2.1/32'], port: 8200 }],
    ['https://[2001:db8::1]', { cidrs: ['2001:db8::1/128'], port: 443 }],
    // a Service's port is not its pods'.
    ['http://vault.vault-demo.svc:8200', { namespace: 'vault-demo' }],
    ['https://vault.vault-demo.svc.cluster.local', { namespace: 'vault-demo' }],
    ['https://vault.team.svc.example.com', { port: 443 }],
  ])('know of a Vault at %s what its address says', (server, vault) => {
    expect(plan({ networkPolicy: true }, { vault: { server } }).network).toEqual({
      certManager: { name: 'cert-manager-to-vault', vault },
      istioCsr: { name: 'workloads-to-istio-csr', port: 6443 },
    });
  });

  test('name the addresses that the config has', () => {
    const cidrs = { networkPolicyVault: ['192.0.2.0/28'], networkPolicyApiServer: ['198.51.100.7/32', '2001:db8::7/128'] };
    expect(plan({ networkPolicy: true, ...cidrs }, { vault: { server: 'https://vault.example.com:8200' } }).network).toMatchObject({
      certManager: { vault: { cidrs: cidrs.networkPolicyVault, port: 8200 } },
      apiServer: cidrs.networkPolicyApiServer,
    });
  });

  test.each(['networkPolicyVault', 'networkPolicyApiServer'])('need %s to name an address, and networkPolicy', key => {
    expect(() => plan({ networkPolicy: true, [key]: [] })).toThrow(
      `'${key}' must name at least one range of addresses, e.g. "10.0.0.0/24", got none`,
    );
    expect(() => plan({ [key]: ['10.0.0.0/24'] })).toThrow(`'${key}' needs 'networkPolicy', write networkPolicy: true`);
  });

  test("follow istio-csr's own port", () => {
    const values = { app: { server: { serving: { port: 7443 } } } };
    expect(plan({ networkPolicy: true, istioCsr: { values } }).network?.istioCsr.port).toBe(7443);
  });

  test('fails if that port is no number', () => {
    const values = { app: { server: { serving: { port: '7443' } } } };
    expect(() => plan({ networkPolicy: true, istioCsr: { values } })).toThrow(
      new Error(`clusters[0].istioCsr.values.app.server.serving.port: 'port' must be a number for networkPolicy, e.g. 6443, got "7443"`),
    );
  });
});
