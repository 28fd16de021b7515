import { ClusterConfig } from '../../src/config/config';
import { istioCsrFlags, istioCsrImage } from '../../src/plan/istio-csr-flags';
import { planMeshCa } from '../../src/plan/plan';

const istioCsr = (settings: ClusterConfig['istioCsr'], more: Partial<ClusterConfig> = {}) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1', istioCsr: settings, ...more }],
  }).clusters[0]!.istioCsr;
const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  [{}, 'quay.io/jetstack/cert-manager-istio-csr:v0.17.0'],
  [{ chartVersion: 'v0.14.3' }, 'quay.io/jetstack/cert-manager-istio-csr:v0.14.3'],
  [{ values: { image: { digest } } }, `quay.io/jetstack/cert-manager-istio-csr@${digest}`],
  [{ values: { image: { digest, tag: 'v0.17.0' } } }, `quay.io/jetstack/cert-manager-istio-csr:v0.17.0@${digest}`],
  [{ chartVersion: 'v0.14.3', values: { image: { digest, tag: 'v0.14.3' } } }, `quay.io/jetstack/cert-manager-istio-csr@${digest}`],
  [{ values: { imageRegistry: 'mirror.example.com' } }, 'mirror.example.com/jetstack/cert-manager-istio-csr:v0.17.0'],
  [{ values: { image: { repository: 'mirror.example.com/csr' } } }, 'mirror.example.com/csr:v0.17.0'],
])('the image with the values %j is %s', (settings, image) => {
  expect(istioCsrImage(istioCsr(settings))).toBe(image);
});

test('each value of a user reaches its flag', () => {
  const flags = istioCsrFlags(
    istioCsr({
      values: {
        app: {
          logLevel: 5,
          certmanager: { additionalAnnotations: [{ name: 'a', value: 'b' }] },
          runtimeConfiguration: { name: 'other-issuer' },
          server: { authenticators: { enableClientCert: true } },
          tls: { istiodAdditionalDNSNames: ['a.example.com', 'b.example.com'] },
        },
      },
    }),
  );
  expect(flags).toMatchObject({
    '--log-level': ['5'],
    '--certificate-request-additional-annotations': ['a=b'],
    '--istiod-cert-additional-annotations': ['a=b'],
    '--runtime-issuance-config-map-name': ['other-issuer'],
    '--enable-client-cert-authenticator': ['true'],
    '--istiod-cert-additional-dns-names': ['a.example.com', 'b.example.com'],
    '--ca-trusted-node-accounts': [],
  });
});

test('an older chart has fewer flags', () => {
  const of = (chartVersion: string) => Object.keys(istioCsrFlags(istioCsr({ chartVersion, disableKubernetesClientRateLimiter: false })));
  const isNew = (flag: string) => /^--(istiod-cert|runtime|ca-trusted|log-format|issuer-enabled)/.test(flag);
  expect(of('v0.9.0').filter(isNew)).toEqual([]);
  expect(of('v0.17.0').filter(isNew)).toHaveLength(15);
});
