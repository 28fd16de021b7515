import { parse } from 'yaml';
import { ClusterConfig, MeshCaConfig, PatchConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { problemsOf } from './problems';

const config = (istio: ClusterConfig['istio'], istioVersion = '1.22'): MeshCaConfig => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion,
  clusters: [{ name: 'cluster-1', istio }],
});

/** Where something is refused, below the cluster, and why. */
const problems = (istio: ClusterConfig['istio'], istioVersion?: string): [string, string][] =>
  problemsOf(config(istio, istioVersion)).map(([path, message]) => [path.split('.').slice(2).join('.'), message]);

const deployment = (...patches: PatchConfig[]) => ({ kind: 'Deployment', name: 'istiod', patches });
const pod = 'spec.template.spec';
const discovery = `${pod}.containers.[name:discovery]`;

test('the user’s own values and overlays come out ahead of ours: values one by one, overlays in one list', () => {
  const own = {
    apiVersion: 'apps/v1',
    ...deployment({ path: `${discovery}.args[-1]`, value: '--own' }, { path: `${pod}.volumes.[name:cacerts]` }),
  };
  const other = { kind: 'Service', name: 'istiod', patches: [{ path: 'spec.ports[0]', value: { port: 1 } }] };
  const values = { global: { logAsJson: true }, pilot: { podAnnotations: { 'a.b/c': 'd' }, extraContainerArgs: ['--x'] } };
  const plan = planMeshCa(config({ values, overlays: [own, other], overlay: 'append' }));
  const file = synthesize(plan).find(({ path }) => path === 'cluster-1/control-plane.partial.yaml');
  const { spec } = parse(file?.content ?? '') as {
    spec: { components: { istio: { kubeSpec: { overlays: [{ patches: { path: string; value: unknown }[] }] } } } };
  };
  const { patches } = spec.components.istio.kubeSpec.overlays[0];
  expect(patches.slice(0, -1)).toEqual([
    { path: 'spec.values.global.logAsJson', value: true },
    { path: 'spec.values.pilot.podAnnotations.a\\.b/c', value: 'd' },
    { path: 'spec.values.pilot.extraContainerArgs', value: ['--x'] },
    { path: 'spec.values.global.caAddress', value: 'cert-manager-istio-csr.cert-manager.svc:443' },
    { path: 'spec.values.pilot.env.ENABLE_CA_SERVER', value: 'false' },
  ]);
  const [first, second, ...more] = patches.at(-1)?.value as { kind: string; name: string; patches: unknown[] }[];
  expect({ ...first, patches: first?.patches.slice(0, 2) }).toEqual(own);
  expect([first?.patches.length, second, more]).toEqual([2 + 7, other, []]);
});

test.each(['tsb', 'istioOperator'] as const)(
  'no object has two entries in `overlays`, of which Istio up to 1.23 drops one (%s)',
  target => {
    const own = [
      deployment({ path: `${discovery}.args[-1]`, value: '--one' }),
      { kind: 'Service', name: 'istiod', patches: [{ path: 'metadata.labels.own', value: 'x' }] },
      deployment({ path: `${discovery}.args[-1]`, value: '--two' }),
    ];
    const texts = (['append', 'wellKnown', ...(target === 'tsb' ? ['guide' as const] : [])] as const).flatMap(overlay => {
      const overlays = overlay === 'guide' ? own.slice(1, 2) : own;
      const plan = planMeshCa({ ...config({ overlays, overlay }), target });
      return synthesize(plan).filter(({ path, content }) => !path.endsWith('.md') && content.includes(' overlays:'));
    });
    expect(texts.length).toBeGreaterThanOrEqual(2);
    for (const { path, content } of texts) {
      const lists: string[][] = [];
      const visit = (value: unknown) => {
        if (typeof value !== 'object' || value === null) return;
        const list = Array.isArray(value) ? value : [];
        if (list.some(one => typeof one === 'object' && one !== null && 'patches' in one)) {
          lists.push(list.map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`));
        }
        for (const one of Object.values(value)) visit(one);
      };
      visit(parse(content));
      expect([path, lists.length]).not.toEqual([path, 0]);
      for (const list of lists) expect([path, list]).toEqual([path, [...new Set(list)]]);
    }
  },
);

describe('an overlay that goes together with the chart and with ours is taken', () => {
  test.each<[string, PatchConfig[]]>([
    ['an argument at the end', [{ path: `${discovery}.args[-1]`, value: '--own' }]],
    ['one above the end', [{ path: `${discovery}.args[7]`, value: '--own' }]],
    ['by the container’s index', [{ path: `${pod}.containers[0].args[-1]`, value: '--own' }]],
    [
      'a volume and its mount',
      [
        { path: `${pod}.volumes[-1]`, value: { name: 'own', emptyDir: {} } },
        { path: `${discovery}.volumeMounts[-1]`, value: { name: 'own', mountPath: '/own' } },
        { path: `${pod}.volumes.[name:own].emptyDir.medium`, value: 'Memory' },
      ],
    ],
    ['a text in place of one that it selects', [{ path: `${discovery}.args.[30m]`, value: '10m' }]],
    ['a volume that it names, taken away', [{ path: `${pod}.volumes.[name:cacerts]` }]],
    [
      'a variable',
      [
        { path: `${discovery}.env[-1]`, value: { name: 'OWN', value: 'x' } },
        { path: `${discovery}.env.[name:REVISION].value`, value: 'y' },
      ],
    ],
    [
      'what the plan knows nothing of',
      [
        { path: `${discovery}.resources.limits.cpu`, value: '1' },
        { path: 'metadata.labels.own', value: 'x' },
      ],
    ],
    [
      'a second container',
      [
        { path: `${pod}.containers[-1]`, value: { name: 'own', args: ['a'] } },
        { path: `${pod}.containers.[name:own].args[0]`, value: 'b' },
      ],
    ],
  ])('%s', (_name, patches) => {
    expect(problems({ overlays: [deployment(...patches)] })).toEqual([]);
  });

  test('the well-known volume, in a mode that does without', () => {
    const patch = { path: `${pod}.volumes.[name:istio-csr-dns-cert].secret.secretName`, value: 'x' };
    expect(problems({ overlays: [deployment(patch)], overlay: 'append' })).toEqual([]);
  });
});

const SILENT = "Istio's engine ends with an error up to 1.23, and says nothing from 1.24 on";
const at = 'istio.overlays.0.patches.0.path';
const ofValue = 'istio.overlays.0.patches.0.value';

describe('fails if an overlay overwrites something, does nothing, or stands against ours', () => {
  test.each<[string, PatchConfig, string, string, object?]>([
    [
      'an index of the chart’s argument',
      { path: `${discovery}.args[6]`, value: '10m' },
      at,
      '\'path\' replaces args[6], "30m", which Istio 1.22 has there; write "spec.template.spec.containers.[name:discovery].args[-1]" to add, or "spec.template.spec.containers.[name:discovery].args.[30m]" for that very one',
    ],
    [
      'one that a value shifts there',
      { path: `${discovery}.args[7]`, value: '--x' },
      at,
      '\'path\' replaces args[7], "30m", which Istio 1.22 has there; write "spec.template.spec.containers.[name:discovery].args[-1]" to add, or "spec.template.spec.containers.[name:discovery].args.[30m]" for that very one',
      { values: { global: { logAsJson: true } } },
    ],
    [
      'one of a value’s own',
      { path: `${discovery}.args[7]`, value: '--x' },
      at,
      '\'path\' replaces args[7], "--own", of istio.values.pilot.extraContainerArgs; write "spec.template.spec.containers.[name:discovery].args[-1]" to add, or "spec.template.spec.containers.[name:discovery].args.[--own]" for that very one',
      { values: { pilot: { extraContainerArgs: ['--own'] } } },
    ],
    [
      'a volume by its index',
      { path: `${pod}.volumes[2]`, value: { name: 'own' } },
      at,
      '\'path\' replaces volumes[2], "cacerts", which Istio 1.22 has there; write "spec.template.spec.volumes[-1]" to add, or "spec.template.spec.volumes.[name:cacerts]" for that very one',
    ],
    [
      'an element taken away by its index',
      { path: `${pod}.volumes[2]` },
      at,
      '\'path\' removes volumes[2], "cacerts", which Istio 1.22 has there; write "spec.template.spec.volumes.[name:cacerts]"',
    ],
    [
      'a key of an element by its index',
      { path: `${pod}.volumes[2].secret.optional`, value: false },
      at,
      '\'path\' changes volumes[2], "cacerts", which Istio 1.22 has there; write "spec.template.spec.volumes.[name:cacerts].secret.optional"',
    ],
    [
      'a whole list',
      { path: `${discovery}.args`, value: ['discovery'] },
      at,
      '\'path\' replaces args as a whole, which holds discovery, --monitoringAddr=:15014, --log_output_level=default:info, --domain, cluster.local, --keepaliveMaxServerConnectionAge, 30m; write "spec.template.spec.containers.[name:discovery].args[-1]" for each one to add',
    ],
    [
      'a whole container',
      { path: `${pod}.containers[0]`, value: { name: 'discovery' } },
      at,
      '\'path\' replaces args, volumeMounts of the chart with all that is around them; write the path of what is to change, e.g. "spec.template.spec.containers.[name:discovery].args[-1]"',
    ],
    [
      'the whole pod',
      { path: pod, value: {} },
      at,
      '\'path\' replaces args, volumeMounts, volumes of the chart with all that is around them; write the path of what is to change, e.g. "spec.template.spec.containers.[name:discovery].args[-1]"',
    ],
    [
      'all variables',
      { path: `${discovery}.env`, value: [] },
      at,
      '\'path\' replaces env as a whole, with the variables of the chart; write "spec.template.spec.containers.[name:discovery].env[-1]" for each one to add',
    ],
    [
      'a variable by its index',
      { path: `${discovery}.env[3]`, value: { name: 'OWN' } },
      at,
      '\'path\' has an index into a list that differs by version and values; write "spec.template.spec.containers.[name:discovery].env[-1]" to add, or "spec.template.spec.containers.[name:discovery].env.[name:…]" to change one',
    ],
    [
      'ENABLE_CA_SERVER',
      { path: `${discovery}.env[-1]`, value: { name: 'ENABLE_CA_SERVER', value: 'true' } },
      at,
      '\'path\' sets ENABLE_CA_SERVER, which is decided by the plan, as "false"; remove it here',
    ],
    [
      'an element that is not there',
      { path: `${pod}.volumes.[name:own].emptyDir`, value: {} },
      at,
      `'path' does nothing, as no element is [name:own], known are local-certs, istio-token, cacerts, istio-kubeconfig, istio-csr-dns-cert, istio-csr-ca-configmap: ${SILENT}; write an element that is there, or "[-1]" to add one`,
    ],
    [
      'an element that is not there, taken away',
      { path: `${discovery}.args[-1]` },
      at,
      `'path' does nothing, as there is no such element to take away, known are discovery, --monitoringAddr=:15014, --log_output_level=default:info, --domain, cluster.local, --keepaliveMaxServerConnectionAge, 30m: ${SILENT}; write an element that is there, or "[-1]" to add one`,
    ],
    [
      'another root',
      { path: 'template.spec', value: {} },
      at,
      '\'path\' must begin with spec or metadata, e.g. "spec.template.spec.containers.[name:discovery].args[-1]", got "template.spec"',
    ],
    [
      'a text that becomes a map',
      { path: `${discovery}.args[-1]`, value: '--own=a: b' },
      ofValue,
      'Istio\'s engine makes a map of this text, as it reads as one; write it without ": ", got "--own=a: b"',
    ],
    [
      'a flag of ours',
      { path: `${discovery}.args[-1]`, value: '--tlsCertFile=/x' },
      ofValue,
      "'--tlsCertFile' is decided by the plan, by 'overlay' \"wellKnown\"; remove it here",
    ],
    [
      'a volume of ours',
      { path: `${pod}.volumes[-1]`, value: { name: 'cert-manager' } },
      ofValue,
      'volumes gets name "cert-manager" from the plan, by \'overlay\' "append"; remove it here',
      { overlay: 'append' },
    ],
    [
      'a mount path of ours',
      { path: `${discovery}.volumeMounts[-1]`, value: { name: 'own', mountPath: '/etc/cert-manager/ca' } },
      ofValue,
      'volumeMounts gets mountPath "/etc/cert-manager/ca" from the plan, by \'overlay\' "append"; remove it here',
      { overlay: 'append' },
    ],
    [
      'a second volume of a name',
      { path: `${pod}.volumes[-1]`, value: { name: 'cacerts' } },
      ofValue,
      'volumes has "cacerts" there already, which the API server refuses; write another, or "spec.template.spec.volumes.[name:cacerts]" as path',
    ],
    [
      'a second mount at a path',
      { path: `${discovery}.volumeMounts[-1]`, value: { name: 'own', mountPath: '/etc/cacerts' } },
      ofValue,
      'volumeMounts has "cacerts" there already, which the API server refuses; write another, or "spec.template.spec.containers.[name:discovery].volumeMounts.[name:cacerts]" as path',
    ],
    [
      'the volume that istiod’s certificate comes by',
      { path: `${pod}.volumes.[name:istio-csr-dns-cert].secret.optional`, value: true },
      at,
      '\'path\' changes volumes "istio-csr-dns-cert", by which istiod gets its certificate; remove it here, or write overlay: append',
    ],
  ])('%s', (_name, patch, where, message, ...[more]) => {
    expect(problems({ overlays: [deployment(patch)], ...more })).toEqual([[where, message]]);
  });
});

test('fails if an overlay is of a Deployment that the chart does not render', () => {
  const overlays = [{ ...deployment({ path: 'spec.replicas', value: 2 }), name: 'istiod-blue' }];
  expect(problems({ overlays, revision: 'blue' })).toEqual([]);
  expect(problems({ overlays })).toEqual([
    ['istio.overlays.0.name', `there is no Deployment of that name: ${SILENT}; write "istiod", got "istiod-blue"`],
  ]);
});

test('the second overlay is tried on what the first one leaves', () => {
  const first = deployment({ path: `${discovery}.args[-1]`, value: '--own' });
  const second = deployment({ path: `${discovery}.args[7]`, value: '--other' });
  expect(problems({ overlays: [first, second] })).toEqual([
    ['istio.overlays.1.patches.0.path', expect.stringContaining('replaces args[7], "--own", of istio.overlays; write')],
  ]);
});

test('fails if an index of the guide overwrites what an overlay has put at the end', () => {
  const overlays = [deployment({ path: `${discovery}.args[-1]`, value: '--own' })];
  expect(problems({ overlays, overlay: 'guide' })).toEqual([
    ['istio.overlay', `'overlay' "guide" overwrites args[7], "--own" of istio.overlays (with Istio 1.22); write "append" or "wellKnown"`],
  ]);
  expect(problems({ overlays, overlay: 'guide' }, '1.14')[0]?.[1]).toMatch(/; write "append"$/);
  expect(problems({ overlays, overlay: 'append' })).toEqual([]);
});

describe('fails if a value is decided by the plan, or does not get to istiod as it is', () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    [
      'caAddress',
      { global: { caAddress: 'x' } },
      'global.caAddress',
      `'global.caAddress' is decided by the plan, as "cert-manager-istio-csr.cert-manager.svc:443"; remove it here`,
    ],
    [
      'ENABLE_CA_SERVER',
      { pilot: { env: { ENABLE_CA_SERVER: 'true' } } },
      'pilot.env.ENABLE_CA_SERVER',
      `'pilot.env.ENABLE_CA_SERVER' is decided by the plan, as "false"; remove it here`,
    ],
    [
      'the trust domain',
      { meshConfig: { trustDomain: 'x' } },
      'meshConfig.trustDomain',
      `'meshConfig.trustDomain' is decided by the plan, as "cluster.local"; remove it here`,
    ],
    [
      'the cluster',
      { global: { multiCluster: { clusterName: 'x' } } },
      'global.multiCluster.clusterName',
      `'global.multiCluster.clusterName' is decided by the plan, as "cluster-1"; remove it here`,
    ],
    [
      'all that is above',
      { pilot: { env: {} } },
      'pilot.env',
      `'pilot.env.ENABLE_CA_SERVER' is decided by the plan, as "false"; remove it here`,
    ],
    [
      'a key beside pilot',
      { extraContainerArgs: ['--x'] },
      'extraContainerArgs',
      `'extraContainerArgs' stands below pilot, in every version; write pilot.extraContainerArgs`,
    ],
    [
      'nothing',
      { global: { logAsJson: null } },
      'global.logAsJson',
      `"global.logAsJson" has no value, e.g. "text", true or []; write one, or remove it`,
    ],
    [
      'no list',
      { pilot: { extraContainerArgs: '--x' } },
      'pilot.extraContainerArgs',
      `'pilot.extraContainerArgs' must be a list, e.g. [], got "--x"`,
    ],
    [
      'a key that no path carries',
      { pilot: { podAnnotations: { 'a[b]': 'x' } } },
      'pilot.podAnnotations.a[b]',
      `a key of istiod's values cannot hold "[", "]" or "\\", nor end with ".", as a patch carries it, got "pilot.podAnnotations.a[b]"`,
    ],
    [
      'a text that becomes a map',
      { pilot: { podAnnotations: { a: 'b: c' } } },
      'pilot.podAnnotations.a',
      `Istio's patch engine would make a map of this text, as it reads as one; write it without ": ", got "b: c"`,
    ],
    [
      'a flag of ours',
      { pilot: { extraContainerArgs: ['--caCertFile=x'] } },
      'pilot.extraContainerArgs',
      `'--caCertFile' is decided by the plan, by 'overlay' "wellKnown"; remove it here`,
    ],
  ])('%s', (_name, values, where, message) => {
    expect(problems({ values })).toEqual([[`istio.values.${where}`, message]]);
  });
});
