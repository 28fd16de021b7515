import { ApiObject, Testing } from 'cdk8s';
import { IstioRootCa, IstioRootCaProps } from '../../src/constructs/istio-root-ca';
import { intermediatePem, keyPem, leafPem, otherRootPem, rootPem } from '../config/certificates';

test('minimal', () => {
  const chart = Testing.chart();
  const rootCa = new IstioRootCa(chart, 'root-ca', { certificate: rootPem });

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'istio-root-ca', namespace: 'cert-manager' },
      type: 'Opaque',
      stringData: { 'ca.cert.pem': rootPem },
    },
  ]);
  expect([rootCa.name, rootCa.key, rootCa.carrier]).toEqual(['istio-root-ca', 'ca.cert.pem', 'secret']);
});

test('two roots, and names of their own', () => {
  const chart = Testing.chart();
  const rootCa = new IstioRootCa(chart, 'root-ca', { certificate: rootPem + otherRootPem, name: 'a', namespace: 'b', key: 'c' });

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'a', namespace: 'b' },
      type: 'Opaque',
      stringData: { c: rootPem + otherRootPem },
    },
  ]);
  expect([rootCa.name, rootCa.key]).toEqual(['a', 'c']);
  expect(ApiObject.of(rootCa).kind).toBe('Secret');
});

test('a ConfigMap', () => {
  const chart = Testing.chart();
  const rootCa = new IstioRootCa(chart, 'root-ca', { certificate: rootPem, carrier: 'configMap' });
  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-root-ca', namespace: 'cert-manager' },
      data: { 'ca.cert.pem': rootPem },
    },
  ]);
  expect(rootCa.carrier).toBe('configMap');
});

test.each<[what: string, props: IstioRootCaProps, source: object]>([
  ['with the certificate', { carrier: 'bundle', certificate: rootPem }, { inLine: rootPem }],
  [
    'that refers to it',
    { carrier: 'bundle', source: { name: 'theirs', key: 'root.pem' } },
    { configMap: { name: 'theirs', key: 'root.pem' } },
  ],
])('a Bundle %s, of which trust-manager makes a ConfigMap in one namespace', (_what, props, source) => {
  const chart = Testing.chart();
  const rootCa = new IstioRootCa(chart, 'root-ca', { ...props, name: 'a', namespace: 'b', key: 'c' });
  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'trust.cert-manager.io/v1alpha1',
      kind: 'Bundle',
      metadata: { name: 'a' },
      spec: {
        sources: [source],
        target: { configMap: { key: 'c' }, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'b' } } },
      },
    },
  ]);
  expect([rootCa.name, rootCa.key, rootCa.carrier]).toEqual(['a', 'c', 'bundle']);
});

test.each<[what: string, props: IstioRootCaProps, problem: string]>([
  [
    'istio-csr owns the ConfigMap',
    { certificate: rootPem, carrier: 'configMap', name: 'istio-ca-root-cert' },
    `'name' must not be a ConfigMap that istio-csr writes into every namespace, e.g. "istio-root-ca", got "istio-ca-root-cert"`,
  ],
  [
    'Kubernetes owns what the Bundle would make',
    { certificate: rootPem, carrier: 'bundle', name: 'kube-root-ca.crt' },
    `'name' must not be a ConfigMap that Kubernetes writes into every namespace, e.g. "istio-root-ca", got "kube-root-ca.crt"`,
  ],
  [
    'the name does not fit into a label',
    { certificate: rootPem, carrier: 'bundle', name: `${'n'.repeat(32)}.${'n'.repeat(31)}` },
    `'name' must have at most 63 characters for a Bundle, since trust-manager writes it into a label, e.g. "istio-root-ca", got 64`,
  ],
  [
    'a Bundle refers to what it makes',
    { carrier: 'bundle', source: { name: 'a', key: 'b' }, name: 'a' },
    `'source' must be another ConfigMap than the one that the Bundle makes, e.g. "a-source", got "a"`,
  ],
])('fails if %s', (_what, props, problem) => {
  expect(() => new IstioRootCa(Testing.chart(), 'root-ca', props)).toThrow(new Error(problem));
});

test('a Secret may have any name, and what cannot be does not compile', () => {
  const chart = Testing.chart();
  new IstioRootCa(chart, 'secret', { certificate: rootPem, name: 'istio-ca-root-cert' });
  // @ts-expect-error only a Bundle refers to another object.
  const reference: IstioRootCaProps = { carrier: 'configMap', source: { name: 'a', key: 'b' } };
  // @ts-expect-error a Bundle has one source.
  const both: IstioRootCaProps = { carrier: 'bundle', certificate: rootPem, source: { name: 'a', key: 'b' } };
  // @ts-expect-error nor is it without one.
  const none: IstioRootCaProps = { carrier: 'bundle' };
  expect([reference, both, none]).toHaveLength(3);
});

test.each([
  ['an intermediate', intermediatePem, 'CN=Mesh intermediate'],
  ['a root with its intermediate', rootPem + intermediatePem, 'CN=Mesh intermediate'],
  ['no CA', leafPem, 'CN=leaf'],
])('fails if it is %s', (_, certificate, subject) => {
  expect(() => new IstioRootCa(Testing.chart(), 'root-ca', { certificate })).toThrow(
    new Error(
      `'certificate' must be a root: a CA certificate that signs itself, else workloads cannot verify to it, e.g. ca.crt, got subject "${subject}"`,
    ),
  );
});

test('fails if a private key is with it', () => {
  expect(() => new IstioRootCa(Testing.chart(), 'root-ca', { certificate: rootPem + keyPem })).toThrow(
    new Error(`'certificate' must hold PEM blocks of type CERTIFICATE only, e.g. "-----BEGIN CERTIFICATE-----…", got a private key`),
  );
});
