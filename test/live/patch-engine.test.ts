// Our patch engine against Istio's, case by case: the same IstioOperator with overlays, rendered by real istioctl, gives the same Deployment.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyPatches, type Patch } from '../../src/plan/patch-engine';
import { buildPrograms, ok, run, type RunResult, tempDir } from './harness';
import { type KubeObject, objectsOf } from './mesh/dist';

jest.setTimeout(60_000);

let istioctl: string;
let chart: KubeObject;
beforeAll(async () => {
  ({ istioctl } = await buildPrograms(['istioctl']));
  chart = istiodOf(ok(await render([])));
}, 45 * 60_000);

/** istioctl on an IstioOperator with lists of patches for istiod's Deployment, each an overlay of its own. */
function render(overlays: readonly (readonly Patch[])[]): Promise<RunResult> {
  const file = join(tempDir('engine'), 'operator.yaml');
  const k8s = { overlays: overlays.map(patches => ({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'istiod', patches })) };
  const spec = { profile: 'minimal', components: { pilot: { k8s } } };
  writeFileSync(file, JSON.stringify({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', metadata: { name: 'x' }, spec }));
  return run(istioctl, ['manifest', 'generate', '-f', file]);
}

function istiodOf(text: string): KubeObject {
  // what it has to say of a pattern stands in the same stream.
  const found = objectsOf(text.replaceAll(/^[-:.\dTZ]+\terror\t.*\n/gm, '')).find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'istiod',
  );
  if (!found) throw new Error('istioctl rendered no istiod');
  return found;
}

const pod = 'spec.template.spec';
const discovery = `${pod}.containers.[name:discovery]`;
const volume = { name: 'own', secret: { secretName: 'own', items: [{ key: 'a', path: 'b' }] } };

const writes: [string, ...Patch[]][] = [
  ['an index replaces the whole element', { path: `${discovery}.args[7]`, value: '--x' }, { path: `${pod}.volumes[2]`, value: volume }],
  ['an index at the length appends', { path: `${pod}.volumes[6]`, value: volume }],
  ['an index far above it appends', { path: `${discovery}.args[40]`, value: '--x' }, { path: `${pod}.volumes[12]`, value: volume }],
  ['-1 appends, each time', { path: `${discovery}.args[-1]`, value: '--x' }, { path: `${discovery}.args[-1]`, value: '--y' }],
  ['a dot before the bracket is the same', { path: `${discovery}.args.[-1]`, value: '--x' }],
  ['an index may have a sign and zeros', { path: `${discovery}.args[+01]`, value: '--x' }],
  ['-2 is no index', { path: `${discovery}.args[-2]`, value: '--x' }],
  ['an index reaches into an element', { path: `${pod}.volumes[2].secret.optional`, value: false }],
  ['an index above the length makes an element to reach into', { path: `${pod}.volumes[9].name`, value: 'own' }],
  ['[name:x] replaces', { path: `${pod}.volumes.[name:cacerts]`, value: volume }],
  ['[name:x] without the dot', { path: `${pod}.volumes[name:cacerts]`, value: volume }],
  ['[name:x] reaches into an element', { path: `${pod}.volumes.[name:istio-csr-dns-cert].secret.optional`, value: false }],
  ['[name:x] adds none where there is none', { path: `${pod}.volumes.[name:own]`, value: volume }],
  ['[mountPath:x] selects too', { path: `${discovery}.volumeMounts.[mountPath:/etc/cacerts].readOnly`, value: false }],
  ['a selector compares what is printed', { path: `${discovery}.ports.[containerPort:15012].name`, value: 'own' }],
  ['a key that no element has', { path: `${pod}.volumes.[nothing:x].name`, value: 'own' }],
  [
    '<nil> is what an element prints for a key that it has not',
    { path: `${discovery}.volumeMounts.[readOnly:<nil>].readOnly`, value: true },
  ],
  ['[x] selects a text that holds the pattern', { path: `${discovery}.args.[30m]`, value: '10m' }],
  ['[:x] is the same', { path: `${discovery}.args.[:30m]`, value: '10m' }],
  ['the first one that holds it', { path: `${discovery}.args.[do]`, value: '--x' }],
  ['a pattern with a colon, an escaped dot, ends', { path: `${discovery}.args.[^cluster\\.local$]`, value: 'x.y' }],
  ['a pattern that is none', { path: `${discovery}.args.[(]`, value: 'x' }],
  ['brackets without anything', { path: `${discovery}.args.[]`, value: 'x' }],
  ['a text that matches nothing', { path: `${discovery}.args.[zzz]`, value: 'x' }],
  ['keys on the way are made', { path: `${pod}.affinity.nodeAffinity.own`, value: { a: [1] } }],
  ['an index into a list that is not there makes a key', { path: `${pod}.hostAliases[0]`, value: { ip: '10.0.0.1' } }],
  ['[-1] into a list that is not there makes a key', { path: `${pod}.hostAliases[-1]`, value: { ip: '10.0.0.1' } }],
  ['a list as a leaf is replaced', { path: `${discovery}.args`, value: ['discovery'] }],
  ['a map as a leaf is replaced', { path: `${discovery}.resources`, value: { limits: { cpu: '1' } } }],
  ['an escaped dot belongs to the key', { path: 'spec.template.metadata.annotations.prometheus\\.io/scrape', value: 'false' }],
  ['one without a backslash does not', { path: 'spec.template.metadata.annotations.own.io', value: 'x' }],
  ['slashes are tidied as those of a file', { path: 'spec.template.metadata.annotations.a//b/../c', value: 'x' }],
  ['a dot at either end does not count', { path: '.spec.template.spec.priorityClassName.', value: 'x' }],
  ['two dots are one', { path: 'spec..template.spec.priorityClassName', value: 'x' }],
  ['a scalar has nothing below', { path: `${pod}.serviceAccountName.own`, value: 'x' }],
  ['no path at all', { path: '', value: { a: 1 } }],
  ['no value: a key is taken away', { path: `${discovery}.resources` }],
  ['null: the same', { path: `${discovery}.resources`, value: null }],
  ['no value: an element is taken away', { path: `${discovery}.args[2]` }, { path: `${pod}.volumes.[name:cacerts]` }],
  ['no value: a text is taken away', { path: `${discovery}.args.[30m]` }],
  ['no value: a key that is not there', { path: `${pod}.own` }],
  ['a text that reads as a map becomes one', { path: 'spec.template.metadata.annotations', value: 'own: "x"' }],
  ['so does an argument', { path: `${discovery}.args[-1]`, value: '--own=a: b' }],
  ['a text of several lines too', { path: 'spec.template.metadata.annotations', value: 'a:\n  b' }],
  ['JSON does not', { path: 'spec.template.metadata.annotations.own', value: '{"a": 1}' }],
  ['a text with a colon in one line does not', { path: `${discovery}.args[-1]`, value: 'a:b' }],
  [
    'what a patch has added is found by the next',
    { path: `${pod}.volumes[-1]`, value: volume },
    { path: `${pod}.volumes.[name:own].secret.optional`, value: true },
  ],
  [
    'there a list in place of a list is appended to it',
    { path: `${pod}.volumes[-1]`, value: volume },
    { path: `${pod}.volumes.[name:own].secret.items`, value: ['x'] },
  ],
  [
    'there an index makes a list that is not there',
    { path: `${pod}.volumes[-1]`, value: volume },
    { path: `${pod}.volumes.[name:own].projected.sources[-1]`, value: { a: 1 } },
  ],
  [
    'there a text that reads as a map takes the place of the key',
    { path: `${pod}.volumes[-1]`, value: volume },
    { path: `${pod}.volumes.[name:own].secret`, value: 'emptyDir: {}' },
  ],
  [
    'there an element is taken away too',
    { path: `${pod}.volumes[-1]`, value: volume },
    { path: `${pod}.volumes.[name:own].secret.items[0]` },
  ],
  [
    'one that fails does not stop the next',
    { path: `${pod}.volumes.[name:nothing]`, value: volume },
    { path: `${discovery}.args[-1]`, value: '--x' },
  ],
  [
    'a second container',
    { path: `${pod}.containers[-1]`, value: { name: 'own' } },
    { path: `${pod}.containers.[name:own].args[0]`, value: 'x' },
  ],
];

test.each(writes)('%s', async (_name, ...patches) => {
  expect(istiodOf(ok(await render([patches])))).toEqual(applyPatches(chart, patches).object);
});

test('of two overlays the second finds what the first has put there as if it were the chart’s', async () => {
  const first: Patch[] = [{ path: `${pod}.volumes[-1]`, value: volume }];
  const second: Patch[] = [{ path: `${pod}.volumes.[name:own].secret.items`, value: ['x'] }];
  const ours = applyPatches(applyPatches(chart, first).object, second).object;
  expect(istiodOf(ok(await render([first, second])))).toEqual(ours);
  expect(ours).not.toEqual(applyPatches(chart, [...first, ...second]).object);
});

test.each([[`${discovery}.args[-1]`], [`${pod}.volumes[9]`]])(
  'istioctl ends with a panic where %s has no value; ours says so',
  async path => {
    const { code, stdout, stderr } = await render([[{ path }]]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('panic: reflect.Value.Slice: slice index out of bounds');
    expect(applyPatches(chart, [{ path }]).outcomes).toEqual([{ at: [], error: 'there is no such element to take away' }]);
  },
);
