import { CertificatesConfig } from '../../src/config/config';
import { problemsOf } from './problems';

const problems = (istioVersion: string, certificates: CertificatesConfig, canary?: string) =>
  problemsOf({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion,
    target: 'istioOperator',
    certificates,
    clusters: [{ name: 'cluster-1', ...(canary && { istio: { canary: { revision: 'next', istioVersion: canary } } }) }],
  });

test.each<[istioVersion: string, certificates: CertificatesConfig, message: string | undefined]>([
  [
    '1.17',
    { keyType: 'ec', keyBits: 384 },
    `'keyBits' 384 needs sidecars of Istio 1.18 or later, which know ECC_CURVE, got Istio 1.17; write 256`,
  ],
  ['1.18', { keyType: 'ec', keyBits: 384 }, undefined],
  ['1.14', { keyType: 'ec' }, undefined],
  [
    '1.14',
    { keyBits: 4096 },
    `'keyBits' 4096 needs sidecars of Istio 1.15 or later, which know WORKLOAD_RSA_KEY_SIZE, got Istio 1.14; write 2048`,
  ],
  ['1.15', { keyBits: 3072 }, undefined],
  ['1.14', {}, undefined],
])('keys that the sidecars of Istio %s make: %j', (istioVersion, certificates, message) => {
  expect(problems(istioVersion, certificates)).toEqual(message === undefined ? [] : [['certificates.keyBits', message]]);
});

test('the istiod in use counts, beside a canary that is new enough', () => {
  expect(problems('1.17', { keyType: 'ec', keyBits: 384 }, '1.20')).toEqual([
    ['certificates.keyBits', expect.stringContaining('got Istio 1.17') as string],
  ]);
});
