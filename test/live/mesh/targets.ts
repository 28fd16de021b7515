// What the targets that are no ControlPlane give, rendered by real istioctl and real helm from the charts of Istio's module (1.31).
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { type MeshCaConfig } from '../../../src/config/config';
import { planMeshCa } from '../../../src/plan/plan';
import { synthesize } from '../../../src/synth';
import { buildPrograms, helmTemplate, istiodChart, ok, run, tempDir } from '../harness';
import { configs } from '../world';
import { objectsOf } from './dist';
import { type Rendered } from './tetrate';

/** The files of a target, by their paths in the cluster's folder. */
export function filesOf(settings: Omit<Partial<MeshCaConfig>, 'clusters' | 'vault'>): Map<string, string> {
  const files = synthesize(planMeshCa({ ...configs.recommended, istioVersion: '1.31', ...settings }));
  return new Map(files.map(({ path, content }) => [path.replace('cluster-1/', ''), content]));
}

const byName = (text: string): Rendered => new Map(objectsOf(text).map(object => [`${object.kind}/${object.metadata.name}`, object]));

/** What istioctl makes of an IstioOperator of the user's, and of a part that comes after it. */
export async function renderOperator(part?: string, spec: unknown = {}): Promise<Rendered> {
  const { istioctl } = await buildPrograms(['istioctl']);
  const folder = tempDir('render');
  const [theirs, ours] = [join(folder, 'theirs.yaml'), join(folder, 'ours.yml')];
  writeFileSync(
    theirs,
    JSON.stringify({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', metadata: { name: 'theirs' }, spec }),
  );
  writeFileSync(ours, part ?? '');
  return byName(ok(await run(istioctl, ['manifest', 'generate', '-f', theirs, ...(part === undefined ? [] : ['-f', ours])])));
}

/** What helm makes of a chart of Istio's with a values file. */
export async function renderChart(chart: 'istiod' | 'ztunnel', values?: string): Promise<Rendered> {
  const istiod = await istiodChart();
  const path = chart === 'istiod' ? istiod : join(dirname(dirname(istiod)), 'ztunnel');
  const file = join(tempDir('values'), 'values.yaml');
  writeFileSync(file, values ?? '{}');
  return byName(await helmTemplate(path, chart, { namespace: 'istio-system', values: [file] }));
}

/** The values of a part of an object of the Sail operator's, as a values file. */
export const sailValues = (part: string | undefined): string =>
  JSON.stringify((parse(part ?? '') as { spec: { values: unknown } }).spec.values);
