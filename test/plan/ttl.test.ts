import { planMeshCa } from '../../src/plan/plan';
import { longest, seconds } from '../../src/plan/ttl';

test.each([
  ['1h', 3600],
  ['90m', 5400],
  ['30s', 30],
  ['0', 0],
])('%s is %d seconds', (duration, expected) => {
  expect(seconds(duration)).toBe(expected);
});

test('the longest is returned as it was written', () => {
  expect(longest(['1h', '90m', '3600s'])).toBe('90m');
});

test('of equals the first is returned', () => {
  expect(longest(['1h', '60m'])).toBe('1h');
});

test('a workload and istio-csr itself may have certificates of less than an hour: they are no Certificates of cert-manager', () => {
  const [cluster] = planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.24',
    certificates: { workloadTtl: '30m', servingTtl: '10m' },
    clusters: [{ name: 'cluster-1' }],
  }).clusters;
  expect(cluster?.istioCsr.values).toMatchObject({
    'app.server.maxCertificateDuration': '30m',
    'app.tls.certificateDuration': '10m',
    'app.tls.istiodCertificateDuration': '1h',
  });
  expect(cluster?.role.fields.max_ttl).toBe('1h');
});
