import { OverlayMode } from '../../src/plan/istio';
import { istiodPatches } from '../../src/plan/istiod-patches';
import { istiodLayout } from '../../src/plan/layout';
import { applyPatches } from '../../src/plan/patch-engine';
import { planMeshCa } from '../../src/plan/plan';
import { rows } from '../../src/plan/tables/istiod-layout';
import { IstiodDeployment, istiodDeployment, listsOf } from '../fixtures/istiod-deployment';

const problems = (istioVersion: string, istio: { overlay?: OverlayMode; values?: Record<string, unknown> }) => {
  try {
    planMeshCa({ vault: { server: 'https://vault.example.com:8200' }, istioVersion, istio, clusters: [{ name: 'cluster-1' }] });
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
};
const patched = (deployment: IstiodDeployment, mode: OverlayMode) =>
  applyPatches(deployment, istiodPatches(mode)).object as IstiodDeployment;

const ownVolumes = { pilot: { volumes: [{ name: 'own', emptyDir: {} }], volumeMounts: [{ name: 'own', mountPath: '/own' }] } };
const json = ['args[7], "30m"'];
const namespace = ['args[7], "--keepaliveMaxServerConnectionAge"', 'args[8], "30m"'];
const args = ['args[7], "--own" of istio.values.pilot.extraContainerArgs'];
const first = ['volumeMounts[6], "extracacerts"', 'volumes[6], "extracacerts"'];
const later = ['volumeMounts[6], "istio-csr-ca-configmap"', 'volumes[6], "extracacerts"'];
const own = ['volumeMounts[6], "own" of istio.values.pilot.volumeMounts', 'volumes[6], "own" of istio.values.pilot.volumes'];

/** What a setting has the guide's indices overwrite, at each version where that or the layout changes: before it, and from it on. */
const shifts: [setting: string, values: Record<string, unknown>, lost: Record<string, string[]>][] = [
  ['nothing', {}, { '1.8': [], '1.9': [], '1.10': [], '1.15': [], '1.16': [], '1.21': [], '1.22': [], '1.31': [] }],
  [
    'global.logAsJson',
    { global: { logAsJson: true } },
    { '1.8': json, '1.9': json, '1.10': json, '1.15': json, '1.16': json, '1.31': json },
  ],
  [
    'global.oneNamespace, to 1.21',
    { global: { oneNamespace: true } },
    {
      '1.8': namespace,
      '1.9': namespace,
      '1.10': namespace,
      '1.15': namespace,
      '1.16': namespace,
      '1.21': namespace,
      '1.22': [],
      '1.31': [],
    },
  ],
  [
    'pilot.plugins, to 1.21',
    { pilot: { plugins: ['authn'] } },
    { '1.8': json, '1.9': json, '1.10': json, '1.15': json, '1.16': json, '1.21': json, '1.22': [], '1.31': [] },
  ],
  [
    'pilot.taint.namespace, from 1.22',
    { pilot: { taint: { namespace: 'cni' } } },
    { '1.8': [], '1.16': [], '1.21': [], '1.22': json, '1.31': json },
  ],
  [
    'pilot.extraContainerArgs, from 1.19',
    { pilot: { extraContainerArgs: ['--own'] } },
    { '1.8': [], '1.15': [], '1.16': [], '1.18': [], '1.19': args, '1.31': args },
  ],
  ['global.logging.level empty: one fewer', { global: { logging: { level: '' } } }, { '1.8': [], '1.10': [], '1.16': [], '1.31': [] }],
  [
    'pilot.jwksResolverExtraRootCA',
    { pilot: { jwksResolverExtraRootCA: 'PEM' } },
    { '1.8': first, '1.9': first, '1.10': [], '1.15': [], '1.16': later, '1.31': later },
  ],
  ['pilot.volumes and volumeMounts, from 1.19', ownVolumes, { '1.8': [], '1.15': [], '1.16': [], '1.18': [], '1.19': own, '1.31': own }],
  [
    'global.jwtPolicy first-party-jwt, to 1.21: one fewer',
    { global: { jwtPolicy: 'first-party-jwt' } },
    { '1.8': [], '1.10': [], '1.16': [], '1.21': [], '1.22': [] },
  ],
  // one fewer and one more.
  ['level empty, JSON', { global: { logging: { level: '' }, logAsJson: true } }, { '1.8': [], '1.16': [], '1.31': [] }],
];
const cases = shifts.flatMap(([setting, values, lost]) =>
  Object.entries(lost).map(([version, found]) => [setting, version, values, found] as const),
);

describe.each(cases)('%s, Istio %s', (_setting, version, values, lost) => {
  const chart = istiodDeployment(version, values);

  test('the guide’s indices really take that away', () => {
    const [before, after] = [listsOf(chart), listsOf(patched(chart, 'guide'))];
    const gone = (['args', 'volumeMounts', 'volumes'] as const).flatMap(list =>
      before[list].flatMap((text, i) => (after[list].includes(text) ? [] : [`${list}[${i}], "${text}"`])),
    );
    expect(gone).toEqual(lost.map(text => text.replace(/ of .*/, '')));
  });

  test('the plan refuses it, and says what stands there', () => {
    const found = problems(version, { overlay: 'guide', values });
    if (lost.length === 0) expect(found).toEqual([]);
    else {
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(`'overlay' "guide" overwrites ${lost.join('; ')} (with Istio ${version}, `);
    }
  });

  test.each(['append', 'wellKnown'] as const)('%s takes nothing away, and gives what is meant', mode => {
    if (mode === 'wellKnown' && Number(version.slice(2)) < 16) {
      expect(problems(version, { overlay: mode, values })).toHaveLength(1);
      return;
    }
    expect(problems(version, { overlay: mode, values })).toEqual([]);
    expect(patched(chart, mode)).toEqual(meant(chart, mode));
  });
});

/** What a mode is to make of a Deployment, field by field, said without any path. */
function meant(chart: IstiodDeployment, mode: OverlayMode): unknown {
  const wanted = structuredClone(chart);
  const pod = wanted.spec.template.spec as unknown as { containers: Record<string, unknown[]>[]; volumes: unknown[] };
  const [discovery] = pod.containers as [Record<string, unknown[]>];
  if (mode === 'wellKnown') {
    const volume = (pod.volumes as { name: string; secret?: object }[]).find(({ name }) => name === 'istio-csr-dns-cert');
    volume!.secret = { secretName: 'istiod-tls', optional: false };
    return wanted;
  }
  discovery.args!.push(
    '--tlsCertFile=/etc/cert-manager/tls/tls.crt',
    '--tlsKeyFile=/etc/cert-manager/tls/tls.key',
    '--caCertFile=/etc/cert-manager/ca/root-cert.pem',
  );
  discovery.volumeMounts!.push(
    { name: 'cert-manager', mountPath: '/etc/cert-manager/tls', readOnly: true },
    { name: 'ca-root-cert', mountPath: '/etc/cert-manager/ca', readOnly: true },
  );
  pod.volumes.push(
    { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
    { name: 'ca-root-cert', configMap: { name: 'istio-ca-root-cert', defaultMode: 420 } },
  );
  return wanted;
}

test.each(['1.8', '1.9', '1.10', '1.15', '1.16', '1.31'])('Istio %s as it comes: guide gives the same as append', version => {
  const chart = istiodDeployment(version);
  expect(patched(chart, 'guide')).toEqual(meant(chart, 'guide'));
});

test('every value of the table has a row above', () => {
  const values = Object.values(rows).flatMap(list => list.flatMap(({ value }) => (value === undefined ? [] : [value])));
  const texts = shifts.map(([setting]) => setting).join();
  expect([...new Set(values)].filter(value => !texts.includes(value))).toEqual([]);
});

test('a value counts as Helm sees it: a text is true, whatever it says', () => {
  const texts = (values: Record<string, unknown>) => istiodLayout('1.22', values).args.map(({ text }) => text);
  expect(texts({ global: { logAsJson: 'false' } })).toContain('--log_as_json');
  for (const no of [false, '', 0, [], {}]) expect(texts({ global: { logAsJson: no } })).not.toContain('--log_as_json');
});

test('Istio newer than any that is known: the newest known layout, and a warning', () => {
  const plan = (istioVersion: string) =>
    planMeshCa({ vault: { server: 'https://vault.example.com:8200' }, istioVersion, clusters: [{ name: 'cluster-1' }] }).clusters.flatMap(
      ({ warnings }) => warnings,
    );
  expect(istiodLayout('1.99')).toEqual(istiodLayout('1.31'));
  expect(plan('1.31.4')).toEqual([]);
  expect(plan('1.32')).toEqual([
    {
      cluster: 'cluster-1',
      path: ['istioVersion'],
      key: 'istioVersion',
      message:
        "what istiod's Deployment looks like is known for Istio 1.8 to 1.31, and taken for 1.32 from the nearest of them; look at the Deployment once that is applied",
    },
  ]);
  expect(plan('1.7').map(({ key }) => key)).toEqual(['istioVersion']);
});
