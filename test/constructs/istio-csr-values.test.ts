import { Testing } from 'cdk8s';
import { parse } from 'yaml';
import { IstioCsrValues, IstioCsrValuesProps } from '../../src/constructs/istio-csr-values';
import { IstioRootCa } from '../../src/constructs/istio-root-ca';
import { RootCarrier } from '../../src/plan/root-ca';
import { rootPem } from '../config/certificates';

const build = (props: Partial<IstioCsrValuesProps> = {}) =>
  new IstioCsrValues(Testing.chart(), 'values', { clusterId: 'cluster-1', ...props }).file;

test('minimal', () => {
  const file = build();
  expect(file.path).toBe('cluster-1/istio-csr.values.yml');
  expect(file.text).toBe(
    [
      'app:',
      '  certmanager:',
      '    issuer:',
      "      # the chart's own default is istio-ca",
      '      name: vault-issuer',
      '  server:',
      "    # the mesh's ID of this cluster; a workload that comes with another one is refused",
      '    clusterID: cluster-1',
      '  tls:',
      '    # handed to every workload as its trust anchor; the volume below brings it',
      '    rootCAFile: /var/run/secrets/istio-csr/ca.cert.pem',
      'volumeMounts:',
      '  - name: root-ca',
      '    mountPath: /var/run/secrets/istio-csr',
      'volumes:',
      '  - name: root-ca',
      '    secret:',
      '      secretName: istio-root-ca',
      '',
    ].join('\n'),
  );
});

test('dotted and nested values meet in one tree, and what is decided wins', () => {
  const file = build({
    clusterId: '1e3',
    issuer: 'a',
    rootCa: { name: 'b', key: 'c.pem' },
    values: { 'app.tls.trustDomain': 'example.com', 'app.tls.istiodPrivateKeyAlgorithm': 'ECDSA', volumeMounts: [] },
    extraValues: { replicaCount: 2, app: { logLevel: 3, server: { clusterID: 'lost' } }, podLabels: { 'a.b/c': 'yes' } },
    header: ['made by hand'],
    path: 'x/values.yml',
  });
  expect(file.path).toBe('x/values.yml');
  expect(file.text.split('\n')[0]).toBe('# made by hand');
  expect(file.text).not.toContain("chart's own: RSA");
  expect(parse(file.text)).toStrictEqual({
    replicaCount: 2,
    podLabels: { 'a.b/c': 'yes' },
    app: {
      logLevel: 3,
      certmanager: { issuer: { name: 'a' } },
      server: { clusterID: '1e3' },
      tls: { rootCAFile: '/var/run/secrets/istio-csr/c.pem', trustDomain: 'example.com', istiodPrivateKeyAlgorithm: 'ECDSA' },
    },
    volumeMounts: [],
    volumes: [{ name: 'root-ca', secret: { secretName: 'b' } }],
  });
});

test.each<[carrier: RootCarrier, volume: object]>([
  ['secret', { secret: { secretName: 'istio-root-ca' } }],
  ['configMap', { configMap: { name: 'istio-root-ca' } }],
  ['bundle', { configMap: { name: 'istio-root-ca' } }],
])('what an IstioRootCa brings by %s is mounted', (carrier, volume) => {
  const rootCa = new IstioRootCa(Testing.chart(), 'root-ca', { certificate: rootPem, carrier });
  expect(parse(build({ rootCa }).text)).toMatchObject({ volumes: [{ name: 'root-ca', ...volume }] });
});

test.each([
  ['app.tls.trustdomain', 'v0.17.0'],
  ['app.controller.disableKubernetesClientRateLimiter', 'v0.10.0'],
  ['app.tls', 'v0.17.0'],
])('fails if %s is set for chart %s, which does not know it', (key, chartVersion) => {
  expect(() => build({ chartVersion, values: { [key]: true } })).toThrow(
    new Error(`'values' must be keys of the chart, e.g. "app.tls.trustDomain", got "${key}", which ${chartVersion} does not know`),
  );
});
