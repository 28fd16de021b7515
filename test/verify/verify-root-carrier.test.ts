import { type ClusterPlan } from '../../src/plan/plan';
import { type RootCarrier } from '../../src/plan/root-ca';
import { clusterOf, type Facts } from '../fixtures/verify/mesh';
import { goodLines, mesh, other, verify } from '../fixtures/verify/run';

const root = { certificate: mesh.root.pem };
const planOf = (rootCarrier: RootCarrier, more: Parameters<typeof clusterOf>[0] = {}) =>
  clusterOf({ root, istioCsr: { rootCarrier }, ...more });
const BUNDLE = 'bundles.trust.cert-manager.io/istio-root-ca';
const MAP = 'configmaps/cert-manager/istio-root-ca';
const is = `ca.cert.pem of ConfigMap istio-root-ca is the root, SHA-256 ${mesh.root.print}`;
const held = `is not the root CN=Test Root, SHA-256 ${mesh.root.print}: it is CN=Other Root, a root, SHA-256 ${other.print}`;

/** The lines that are not of a good world with a Secret. */
const more = (lines: readonly string[]) => lines.slice(0, -1).filter(line => !goodLines().includes(line));

test.each<[carrier: RootCarrier, lines: string[], count: number]>([
  ['secret', [], 18],
  ['configMap', [`ok      istio-csr root file: ${is}`], 18],
  ['bundle', ['ok      root bundle: istio-root-ca is Synced', `ok      istio-csr root file: ${is}`], 19],
])('the root is looked for where the carrier %s brings it', (carrier, lines, count) => {
  const result = verify({ plan: planOf(carrier) });
  expect([more(result.lines), result.lines.at(-1), result.code]).toEqual([lines, `${count} ok, 0 failed, 0 unknown`, 0]);
});

const source = { root: {}, istioCsr: { rootCarrier: 'bundle' } } as const;
const given = { args: ['--root', 'given.pem', '--workload', 'foo/sleep'], files: { 'given.pem': mesh.root.pem } };

test.each<[what: string, plan: ClusterPlan, change: Parameters<typeof verify>[0], line: string]>([
  [
    'the ConfigMap is not there',
    planOf('configMap'),
    { without: [MAP] },
    'istio-csr root file: there is no configmaps istio-root-ca in namespace cert-manager (apply manifests/2-istio-csr, or run setup.sh)',
  ],
  [
    'it holds another root',
    planOf('configMap'),
    { facts: { csrRoot: other.pem } },
    `istio-csr root file: ca.cert.pem of ConfigMap istio-root-ca ${held} (apply manifests/2-istio-csr, or delete the ConfigMap and run setup.sh)`,
  ],
  ...(
    [
      ['a Secret still', [{ name: 'root-ca', secret: { secretName: 'istio-root-ca' } }]],
      ['another ConfigMap', [{ name: 'root-ca', configMap: { name: 'istio-root' } }]],
      ['nothing', undefined],
    ] as const
  ).map(([what, csrVolumes]): [string, ClusterPlan, Parameters<typeof verify>[0], string] => [
    `istio-csr mounts ${what}`,
    planOf('configMap'),
    { facts: { csrVolumes } },
    'istio-csr arguments: none of its volumes is ConfigMap istio-root-ca, which brings the root (helm upgrade cert-manager-istio-csr with istio-csr.values.yml)',
  ]),
  [
    'the Bundle is not there',
    planOf('bundle'),
    { without: [BUNDLE] },
    'root bundle: there is no bundles.trust.cert-manager.io istio-root-ca (apply manifests/2-istio-csr)',
  ],
  [
    'trust-manager has made nothing of it',
    planOf('bundle'),
    { without: [MAP] },
    'istio-csr root file: there is no configmaps istio-root-ca in namespace cert-manager (look at the log of trust-manager)',
  ],
  [
    'trust-manager brings another root than the manifest has',
    planOf('bundle'),
    { facts: { csrRoot: other.pem } },
    `istio-csr root file: ca.cert.pem of ConfigMap istio-root-ca ${held} (apply manifests/2-istio-csr)`,
  ],
  [
    'trust-manager brings another root than setup.sh would',
    clusterOf(source),
    { ...given, facts: { csrRoot: other.pem } },
    `istio-csr root file: ca.cert.pem of ConfigMap istio-root-ca ${held} (delete ConfigMap cert-manager/istio-root-ca-source and run setup.sh)`,
  ],
  ...(
    [
      ['the certificate is damaged', planOf('bundle'), 'apply manifests/2-istio-csr', 'SourceBuildError'],
      ['its source is not there', clusterOf(source), 'run setup.sh', 'SourceNotFound'],
    ] as const
  ).map(([what, plan, todo, reason]): [string, ClusterPlan, Parameters<typeof verify>[0], string] => [
    what,
    plan,
    { ...given, facts: { bundleSynced: { status: 'False', reason, message: 'why' } } },
    `root bundle: istio-root-ca: Synced is False, ${reason} why (${todo}, then look at the log of trust-manager)`,
  ]),
  [
    'trust-manager does not run',
    planOf('bundle'),
    { facts: { bundleSynced: { status: 'True', reason: 'Synced', message: 'm', observedGeneration: 0 } } },
    'root bundle: trust-manager has not looked at its last change yet (wait; is trust-manager running?)',
  ],
  ...(
    [
      ['every namespace', { configMap: { key: 'ca.cert.pem' } }],
      [
        'another key',
        { configMap: { key: 'root.pem' }, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'cert-manager' } } },
      ],
    ] as const satisfies [string, Facts['bundleTarget']][]
  ).map(([what, bundleTarget]): [string, ClusterPlan, Parameters<typeof verify>[0], string] => [
    `the Bundle is for ${what}`,
    planOf('bundle'),
    { facts: { bundleTarget } },
    'root bundle: its target is not key ca.cert.pem of a ConfigMap in namespace cert-manager alone (apply manifests/2-istio-csr)',
  ]),
])('fails if %s', (_what, plan, change, line) => {
  const { lines, code } = verify({ plan, ...change });
  expect([lines.filter(one => one.startsWith('FAIL')), code]).toEqual([[`FAIL    ${line}`], 1]);
});

test('a cluster that knows no Bundles is not said to be in order', () => {
  const { lines, code } = verify({
    plan: planOf('bundle'),
    errors: { [BUNDLE]: `error: the server doesn't have a resource type "bundles"\n` },
  });
  expect([lines.filter(line => !line.startsWith('ok')).slice(0, -1), code]).toEqual([
    [
      `unknown root bundle: kubectl get bundles.trust.cert-manager.io istio-root-ca: error: the server doesn't have a resource type "bundles"`,
    ],
    3,
  ]);
});
