import { problemsOf } from './problems';

const problems = (values: Record<string, unknown>, names: readonly string[] = []) =>
  problemsOf({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.30',
    target: 'helm',
    istioCsr: { values: { app: { tls: { istiodAdditionalDNSNames: names } } } },
    clusters: [{ name: 'cluster-1', istio: { values } }],
  }).map(([path, message]) => `${path}: ${message}`);

test.each<[values: Record<string, unknown>, key: string, says: string]>([
  [{ global: { caName: 'GkeWorkloadCertificate' } }, 'global.caName', 'so that they ask istio-csr, got "GkeWorkloadCertificate"'],
  [{ global: { sds: { token: { aud: 'other' } } } }, 'global.sds.token.aud', 'istio-csr takes "istio-ca" alone'],
  [{ pilot: { env: { ENABLE_CLUSTER_TRUST_BUNDLE_API: 'true' } } }, 'pilot.env.ENABLE_CLUSTER_TRUST_BUNDLE_API', 'ClusterTrustBundle'],
  [{ pilot: { env: { EXTERNAL_CA: 'ISTIOD_RA_KUBERNETES_API' } } }, 'pilot.env.EXTERNAL_CA', 'another CA than istio-csr; remove it'],
  [{ pilot: { env: { ISTIOD_CUSTOM_HOST: 'istiod.example.com' } } }, 'pilot.env.ISTIOD_CUSTOM_HOST', 'app.tls.istiodAdditionalDNSNames'],
])('a value that keeps certificates from being signed or found is refused: %j', (values, key, says) => {
  expect(problems(values)).toEqual([
    expect.stringMatching(new RegExp(`^clusters\\.0\\.istio\\.values\\.${key.replaceAll('.', '\\.')}: '${key}' `)),
  ]);
  expect(problems(values)[0]).toContain(says);
});

test.each([
  [{ global: { caName: '', sds: { token: { aud: 'istio-ca' } } } }, []],
  [{ pilot: { env: { ENABLE_CLUSTER_TRUST_BUNDLE_API: 'false', EXTERNAL_CA: '' } } }, []],
  [{ pilot: { env: { ISTIOD_CUSTOM_HOST: 'istiod.example.com,istiod.istio-system.svc' } } }, ['istiod.example.com']],
])('one that does not is taken: %j', (values, names) => {
  expect(problems(values, names)).toEqual([]);
});
