// npm run bench: side by side in one run, medians. A benchmark, never a test: it says, it does not judge.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';

const require = createRequire(import.meta.url);
const { ApiObject, App, Chart } = require('cdk8s');
const { planMeshCa } = require('../../lib/src/plan/plan.js');
const { renderFiles } = require('../../lib/src/synth.js');
const { parseAllDocuments } = require('yaml');

const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-bench-'));
const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const seconds = ms => `${(ms / 1000).toFixed(3)} s`;
const timed = task => {
  const started = performance.now();
  task();
  return performance.now() - started;
};
const node = (...args) => timed(() => spawnSync(process.execPath, args));

/** A config of so many clusters. */
const configOf = count => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: Array.from({ length: count }, (_, i) => ({ name: `cluster-${i + 1}` })),
});

/** What mesh-ca synth does for a config: plan, render, write. */
function ours(config, out) {
  for (const { path, content } of renderFiles(planMeshCa(config))) {
    mkdirSync(dirname(join(out, path)), { recursive: true });
    writeFileSync(join(out, path), content);
  }
}

/** The same Kubernetes objects in one stock App, a chart for each stage of each cluster, as a user would write it by hand. */
function stock(charts, outdir) {
  const app = new App({ outdir });
  for (const [name, objects] of charts) {
    const chart = new Chart(app, name);
    objects.forEach((object, i) => new ApiObject(chart, `object-${i}`, object));
  }
  app.synth();
}

/** The objects of a config by chart: parsed once, outside the time. */
function chartsOf(config) {
  const manifests = [...renderFiles(planMeshCa(config))].filter(file => file.kind === 'manifest');
  return manifests.map(({ path, content }) => [
    path.replaceAll(/[^a-z0-9]+/g, '-').replace(/-yaml$/, ''),
    parseAllDocuments(content).map(doc => doc.toJS()),
  ]);
}

const rounds = 21;
const pairs = Array.from({ length: rounds }, (_, i) => [
  node('lib/src/cli.js', 'synth', '--out', join(folder, `cold-${i}`)),
  node('-e', '0'),
]);
const [synth, empty] = [median(pairs.map(([a]) => a)), median(pairs.map(([, b]) => b))];
console.log(
  `cold synth of mesh-ca.yaml: ${seconds(synth)}, node -e 0: ${seconds(empty)}; ${(synth / empty).toFixed(1)} times (median of ${rounds} pairs; bound 5)`,
);

const thousand = configOf(1000);
const charts = chartsOf(thousand);
ours(configOf(10), join(folder, 'warm'));
const [mine, theirs] = [[], []];
for (let i = 0; i < 3; i++) {
  mine.push(timed(() => ours(thousand, join(folder, `ours-${i}`))));
  theirs.push(timed(() => stock(charts, join(folder, `stock-${i}`))));
}
const one = median(mine);
console.log(
  `1,000 clusters, all files: ${seconds(one)}; their ${charts.length} manifests alone in one stock cdk8s App: ${seconds(median(theirs))} (median of 3)`,
);

const five = median([0, 1, 2].map(i => timed(() => ours(configOf(5000), join(folder, `five-${i}`)))));
console.log(`5,000 clusters: ${seconds(five)}; ${(five / one).toFixed(1)} times 1,000 (median of 3; bound 6)`);
rmSync(folder, { recursive: true });
