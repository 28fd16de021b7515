import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { ControlPlanePatch } from '../../src/constructs/control-plane-patch';
import { IstioCsrValues } from '../../src/constructs/istio-csr-values';
import { IstioOperator } from '../../src/constructs/istio-operator';
import { SailIstioPatch, SailZTunnelPatch } from '../../src/constructs/sail-patches';
import { TextFile } from '../../src/constructs/text-file';
import { IstiodValues, ZtunnelValues } from '../../src/constructs/values-file';
import { VaultScript } from '../../src/constructs/vault-script';
import { planMeshCa } from '../../src/plan/plan';

test('app.synth() writes every text file, and makes it executable where it should be', () => {
  // GIVEN
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'text-file-'));
  const app = new App({ outdir });
  new TextFile(app, 'a', { path: 'a.txt', content: () => 'one\n' });
  new TextFile(new Chart(app, 'chart'), 'b', { path: 'b/c/d.sh', content: () => 'two\n', executable: true });
  fs.writeFileSync(path.join(outdir, 'a.txt'), 'before, and longer\n', { mode: 0o700 });

  // WHEN
  app.synth();

  // THEN
  const look = (file: string) => [fs.readFileSync(path.join(outdir, file), 'utf8'), fs.statSync(path.join(outdir, file)).mode & 0o777];
  expect(look('a.txt')).toEqual(['one\n', 0o644]);
  expect(look('b/c/d.sh')).toEqual(['two\n', 0o755]);
  fs.rmSync(outdir, { recursive: true });
});

test('the text is there without writing', () => {
  expect(new TextFile(Testing.chart(), 'a', { path: 'a.txt', content: () => 'one\n' }).text).toBe('one\n');
});

test('it is known by a symbol that copies of the package share', () => {
  const file = new TextFile(Testing.chart(), 'a', { path: 'a.txt', content: () => '' });
  expect([file, { [Symbol.for('cdk8s-mesh-ca.TextFile')]: true }, {}, null, 'a'].map(x => TextFile.isTextFile(x))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test.each(['/etc/passwd', '../a', '..', 'a/../../b', './a', '', 'a//b', '.', 'a/', 'a\\b', 'a\nb'])('fails if the path is %j', file => {
  expect(() => new TextFile(Testing.chart(), 'a', { path: file, content: () => '' })).toThrow(
    `'path' must be a path below the output directory, e.g. "cluster-1/setup.sh", got ${JSON.stringify(file).replace('\n', '\\n')}`,
  );
});

test('nothing but app.synth() writes', () => {
  const outdir = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'text-file-')), 'out');
  const app = new App({ outdir });
  const chart = new Chart(app, 'chart');
  new TextFile(chart, 'a', { path: 'a.txt', content: () => 'one\n' });
  Testing.synth(chart);
  app.synthYaml();
  expect(fs.existsSync(outdir)).toBe(false);
});

test('a text that cannot be made stops the synthesis before its first file', () => {
  const outdir = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'text-file-')), 'out');
  const app = new App({ outdir });
  new TextFile(new Chart(app, 'chart'), 'a', {
    path: 'a.txt',
    content: () => {
      throw new Error('no text');
    },
  });
  expect(() => app.synth()).toThrow(new Error('no text'));
  expect(fs.existsSync(outdir)).toBe(false);
});

test.each([
  ['a/b.sh', 'a/b.sh'],
  ['a/b.sh', 'A/B.sh'],
  ['a', 'a/b.sh'],
  ['a/b.sh', 'a'],
])('fails if %s is written and %s as well, and names both constructs', (first, second) => {
  const app = new App();
  new TextFile(new Chart(app, 'one'), 'file', { path: first, content: () => '' });
  const other = new Chart(app, 'two');
  expect(() => new TextFile(other, 'file', { path: second, content: () => '' })).toThrow(
    new RegExp(
      `^'path' must be one that no other file has, e\\.g\\. ".*other-.*", got "${second}" for two/file, and "${first}" for one/file$`,
    ),
  );
});

test('fails if the name is one that cdk8s gives to manifests', () => {
  expect(() => new TextFile(Testing.chart(), 'a', { path: 'test.k8s.yaml', content: () => '' })).toThrow(
    `'path' must not end as the manifests of the app do, e.g. "cluster-1/setup.sh", got "test.k8s.yaml" for test/a`,
  );
});

test('two clusters in one app have files of their own by default, and so have two revisions', () => {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'text-file-'));
  const app = new App({ outdir });
  const plan = planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'east' }, { name: 'west' }],
  });
  const caAddress = 'cert-manager-istio-csr.cert-manager.svc:443';
  for (const clusterId of ['east', 'west']) {
    const chart = new Chart(app, clusterId);
    const settings = { clusterId, caAddress };
    new IstioCsrValues(chart, 'csr', { clusterId });
    new ControlPlanePatch(chart, 'control-plane', { ...settings, overlay: 'wellKnown' });
    new ZtunnelValues(chart, 'ztunnel', settings);
    new SailZTunnelPatch(chart, 'ztunnel-patch', settings);
    for (const revision of ['default', '1-24']) {
      new IstiodValues(chart, `istiod-${revision}`, { ...settings, revision });
      new IstioOperator(chart, `operator-${revision}`, { ...settings, revision });
      new SailIstioPatch(chart, `sail-${revision}`, { ...settings, revision });
    }
    new VaultScript(chart, 'script', { plan, cluster: clusterId });
  }
  app.synth();
  const own = (cluster: string) =>
    [
      'control-plane.patch',
      'istio-1-24.patch',
      'istio-csr.values.yml',
      'istio-operator-1-24.yml',
      'istio-operator.yml',
      'istio.patch',
      'istiod-1-24.values.yml',
      'istiod.values.yml',
      'setup.sh',
      'ztunnel.patch',
      'ztunnel.values.yml',
    ].map(file => `${cluster}/${file}`);
  const written = fs.readdirSync(outdir, { recursive: true, encoding: 'utf8' }).filter(file => file.includes('/'));
  expect(written.sort()).toEqual([...own('east'), ...own('west')]);
  // a patch is in no manifest, by whatever name.
  const manifests = ['east', 'west'].map(name => fs.readFileSync(path.join(outdir, `${name}.k8s.yaml`), 'utf8'));
  expect(manifests).toEqual(['', '']);
});
