// The table of istiod's layout against real istioctl (1.31), and against the API server: what each mode makes of it at each version.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OverlayMode } from '../../src/plan/istio';
import { istiodPatches } from '../../src/plan/istiod-patches';
import { istiodLayout } from '../../src/plan/layout';
import { applyPatches } from '../../src/plan/patch-engine';
import { istiodDeployment, type IstiodDeployment, listsOf } from '../fixtures/istiod-deployment';
import { buildPrograms, ensureNamespace, istiodChart, type Kube, ok, run, type RunResult, startKube, tempDir } from './harness';
import { objectsOf } from './mesh/dist';

jest.setTimeout(120_000);

const own = { volumes: [{ name: 'own', emptyDir: {} }], volumeMounts: [{ name: 'own', mountPath: '/own' }] };
const settings: [string, Record<string, unknown>][] = [
  ['nothing', {}],
  ['logAsJson', { global: { logAsJson: true } }],
  ['taint.namespace', { pilot: { taint: { namespace: 'cni' } } }],
  ['an empty logging.level', { global: { logging: { level: '' } } }],
  ['jwksResolverExtraRootCA', { pilot: { jwksResolverExtraRootCA: 'PEM' } }],
  ['volumes and volumeMounts', { pilot: own }],
  ['all at once', { global: { logAsJson: true }, pilot: { ...own, jwksResolverExtraRootCA: 'PEM' } }],
];

/** What istioctl refuses, by its message, and Helm takes. */
const helmOnly: [string, Record<string, unknown>, string][] = [
  ['oneNamespace, which does nothing any more', { global: { oneNamespace: true } }, 'unknown field "oneNamespace"'],
  ['texts in extraContainerArgs', { pilot: { extraContainerArgs: ['--own'] } }, 'bad StructValue'],
];

type Objects = Map<string, unknown>;

/** What istioctl renders with Helm values and, if a mode is given, with its patches. */
async function render(istioctl: string, values: Record<string, unknown>, mode?: OverlayMode): Promise<Objects> {
  return mapOf(ok(await generate(istioctl, values, mode)));
}

function generate(istioctl: string, values: Record<string, unknown>, mode?: OverlayMode): Promise<RunResult> {
  const file = join(tempDir('layout'), 'operator.yaml');
  const overlays = mode && [{ kind: 'Deployment', name: 'istiod', patches: istiodPatches(mode) }];
  const spec = { profile: 'minimal', values, components: { pilot: { k8s: { overlays } } } };
  writeFileSync(file, JSON.stringify({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', metadata: { name: 'x' }, spec }));
  return run(istioctl, ['manifest', 'generate', '-f', file]);
}

const mapOf = (text: string): Objects => new Map(objectsOf(text).map(object => [`${object.kind}/${object.metadata.name}`, object]));

/** A rendered Deployment has the layout of the table. */
function expectLayout(deployment: unknown, values: Record<string, unknown>): void {
  const layout = istiodLayout('1.31', values);
  const pod = (deployment as IstiodDeployment).spec.template.spec;
  const paths = pod.containers[0]?.volumeMounts.map(({ name, mountPath }) => ({ name, mountPath }));
  expect(pod.containers[0]?.args).toEqual(layout.args.map(({ content }) => content));
  expect(paths).toEqual(layout.volumeMounts.map(({ content }) => content));
  expect(listsOf(deployment as IstiodDeployment).volumes).toEqual(layout.volumes.map(({ text }) => text));
}

test.each(helmOnly)('istioctl refuses %s, and Helm renders the layout of the table', async (_name, values, message) => {
  const { istioctl, helm } = await buildPrograms(['istioctl', 'helm']);
  const { code, stderr } = await generate(istioctl, values);
  expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  const file = join(tempDir('layout'), 'values.json');
  writeFileSync(file, JSON.stringify(values));
  const rendered = await run(helm, ['template', 'istiod', await istiodChart(), '-n', 'istio-system', '-f', file]);
  expectLayout(mapOf(ok(rendered)).get('Deployment/istiod'), values);
});

describe.each(settings)('istioctl with %s', (_name, values) => {
  let istioctl: string;
  let chart: Objects;
  beforeAll(async () => {
    ({ istioctl } = await buildPrograms(['istioctl']));
    chart = await render(istioctl, values);
  }, 45 * 60_000);

  test('renders the layout of the table', () => {
    expectLayout(chart.get('Deployment/istiod'), values);
  });

  test.each(['append', 'wellKnown', 'guide'] as const)(
    'and the patches of %s: what our engine makes of it, and nothing else differs',
    async mode => {
      const patched = await render(istioctl, values, mode);
      const { object } = applyPatches(chart.get('Deployment/istiod'), istiodPatches(mode));
      expect(patched).toEqual(new Map([...chart, ['Deployment/istiod', object]]));
      if (mode === 'guide') return;
      const [before, after] = [chart, patched].map(one => listsOf(one.get('Deployment/istiod') as IstiodDeployment));
      // nothing of the chart's is lost, nor moved.
      for (const list of ['args', 'volumeMounts', 'volumes'] as const)
        expect(after![list].slice(0, before![list].length)).toEqual(before![list]);
    },
  );
});

describe('the API server takes, strictly, what a mode makes of the layout', () => {
  let kube: Kube;
  beforeAll(async () => {
    await buildPrograms(['etcd', 'kube-apiserver', 'kubectl']);
    kube = await startKube();
    await ensureNamespace(kube, 'istio-system');
  }, 45 * 60_000);
  afterAll(() => kube.stop());

  const versions = ['1.8', '1.9', '1.10', '1.15', '1.16', '1.18', '1.19', '1.21', '1.22', '1.31'];
  const rows = versions.flatMap(version =>
    (['append', 'guide', 'wellKnown'] as const)
      .filter(mode => mode !== 'wellKnown' || Number(version.slice(2)) >= 16)
      .map(mode => [version, mode] as const),
  );
  const values = { pilot: { ...own, jwksResolverExtraRootCA: 'PEM' } };
  test.each(rows)('of Istio %s: %s', async (version, mode) => {
    const args = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
    for (const given of mode === 'guide' ? [{}] : [{}, values]) {
      const { object } = applyPatches(istiodDeployment(version, given), istiodPatches(mode));
      ok(await kube.kubectl(args, { input: JSON.stringify(object) }));
    }
  });

  test('and refuses what the guide makes of one that is shifted', async () => {
    const shifted = istiodDeployment('1.31', values);
    const { object } = applyPatches(shifted, istiodPatches('guide'));
    const { stderr } = await kube.kubectl(['apply', '--server-side', '--dry-run=server', '-f', '-'], { input: JSON.stringify(object) });
    expect(stderr).toContain('Not found: "extracacerts"');
  });
});
