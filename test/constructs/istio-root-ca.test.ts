import { ApiObject, Testing } from 'cdk8s';
import { IstioRootCa } from '../../src/constructs/istio-root-ca';
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
  expect([rootCa.name, rootCa.key]).toEqual(['istio-root-ca', 'ca.cert.pem']);
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
