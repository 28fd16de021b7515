import { IstioCsrConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { RootCaPlan } from '../../src/plan/root-ca';
import { otherRootPem, rootPem } from '../config/certificates';

const planOf = (istioCsr: IstioCsrConfig, certificate?: string, alsoTrust?: string[]) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    root: { certificate, alsoTrust },
    istioVersion: '1.22',
    istioCsr,
    clusters: [{ name: 'cluster-1' }],
  }).clusters[0]!.istioCsr;

const base = { name: 'istio-root-ca', key: 'ca.cert.pem', namespace: 'cert-manager', trustNamespace: 'cert-manager' };
const own = { name: 'istio-root-ca', namespace: 'cert-manager' };
const map = { ...base, kind: 'ConfigMap' } as const;

test.each<[what: string, istioCsr: IstioCsrConfig, certificate: string | undefined, plan: RootCaPlan]>([
  [
    'a Secret that the script delivers',
    {},
    undefined,
    { ...base, carrier: 'secret', kind: 'Secret', delivered: { kind: 'Secret', ...own } },
  ],
  ['a Secret in a manifest', {}, rootPem, { ...base, carrier: 'secret', kind: 'Secret' }],
  [
    'a ConfigMap that the script delivers',
    { rootCarrier: 'configMap', rootName: 'a', namespace: 'b' },
    undefined,
    { ...map, carrier: 'configMap', name: 'a', namespace: 'b', delivered: { kind: 'ConfigMap', name: 'a', namespace: 'b' } },
  ],
  ['a ConfigMap in a manifest', { rootCarrier: 'configMap' }, rootPem, { ...map, carrier: 'configMap' }],
  [
    'a Bundle that refers to what the script delivers',
    { rootCarrier: 'bundle', trustNamespace: 'trust' },
    undefined,
    {
      ...map,
      carrier: 'bundle',
      trustNamespace: 'trust',
      delivered: { kind: 'ConfigMap', name: 'istio-root-ca-source', namespace: 'trust' },
    },
  ],
  ['a Bundle with the certificate', { rootCarrier: 'bundle' }, rootPem, { ...map, carrier: 'bundle' }],
  [
    'the intermediate, which is in no config',
    { rootCarrier: 'bundle', rootFile: 'intermediate' },
    rootPem,
    { ...map, carrier: 'bundle', delivered: { kind: 'ConfigMap', name: 'istio-root-ca-source', namespace: 'cert-manager' } },
  ],
])('%s', (_what, istioCsr, certificate, plan) => {
  const { rootCa, values } = planOf(istioCsr, certificate);
  expect(rootCa).toStrictEqual(plan);
  const volume = plan.kind === 'Secret' ? { secret: { secretName: plan.name } } : { configMap: { name: plan.name } };
  expect(values.volumes).toEqual([{ name: 'root-ca', ...volume }]);
});

describe('fails if', () => {
  test.each<[what: string, istioCsr: IstioCsrConfig, problem: string]>([
    [
      'a ConfigMap is one that istio-csr writes',
      { rootCarrier: 'configMap', rootName: 'istio-ca-root-cert' },
      `istioCsr.rootName: 'rootName' must not be a ConfigMap that istio-csr writes into every namespace, e.g. "istio-root-ca", got "istio-ca-root-cert"`,
    ],
    [
      'a Bundle would make one that Kubernetes writes',
      { rootCarrier: 'bundle', rootName: 'kube-root-ca.crt' },
      `istioCsr.rootName: 'rootName' must not be a ConfigMap that Kubernetes writes into every namespace, e.g. "istio-root-ca", got "kube-root-ca.crt"`,
    ],
    [
      'the name of a Bundle is too long for a label',
      { rootCarrier: 'bundle', rootName: `${'n'.repeat(60)}.nnn` },
      `istioCsr.rootName: 'rootName' must have at most 63 characters for a Bundle, since trust-manager writes it into a label, e.g. "istio-root-ca", got 64`,
    ],
    [
      'nothing reads the trust namespace',
      { rootCarrier: 'configMap', trustNamespace: 'trust' },
      `istioCsr.trustNamespace: 'trustNamespace' is of istioCsr.rootCarrier: bundle, and it is "configMap"; remove it, or write rootCarrier: bundle`,
    ],
  ])('%s', (_what, istioCsr, problem) => {
    expect(() => planOf(istioCsr)).toThrow(new Error(problem));
  });

  test('the root file is the intermediate, and roots are to be trusted beside it', () => {
    expect(() => planOf({ rootFile: 'intermediate' }, rootPem, [otherRootPem])).toThrow(
      new Error(`istioCsr.rootFile: 'rootFile' must be "root" where root.alsoTrust names further roots, got "intermediate"`),
    );
  });
});

test('a Secret may be called as a ConfigMap of others is, and a ConfigMap as long as Kubernetes lets it', () => {
  expect(planOf({ rootName: 'istio-ca-root-cert' }).rootCa.name).toBe('istio-ca-root-cert');
  expect(planOf({ rootCarrier: 'configMap', rootName: 'n'.repeat(63) + '.x' }).rootCa.name).toHaveLength(65);
});
