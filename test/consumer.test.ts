import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { rootPem } from './config/certificates';

const root = path.join(__dirname, '..');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'consumer-'));
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');

const run = (program: string, args: readonly string[], cwd: string) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', env: { ...process.env, npm_config_cache: path.join(work, 'npm') } });

/** Packs the sources as they are now, as a fresh clone does: there is no lib/ until npm has it built. */
function pack(): string {
  const clone = path.join(work, 'clone');
  for (const name of ['src', 'imports', 'package.json', 'mesh-ca.schema.json', 'tsconfig.json', 'tsconfig.build.json']) {
    fs.cpSync(path.join(root, name), path.join(clone, name), { recursive: true });
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'));
  // what the sources' types are is checked by scripts/check-types.mjs; here it would take as long again.
  const config = path.join(clone, 'tsconfig.build.json');
  const { compilerOptions, ...rest } = JSON.parse(fs.readFileSync(config, 'utf8')) as { compilerOptions: object };
  fs.writeFileSync(config, JSON.stringify({ ...rest, compilerOptions: { ...compilerOptions, noCheck: true } }));
  const tarball = run('npm', ['pack', '--silent', '--pack-destination', work], clone).trim();
  return path.join(work, tarball);
}

/** A folder with the packed package in it; its peers and dependencies are the repository's, as there is no registry here. */
function install(folder: string, tarball: string): void {
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(path.join(modules, 'cdk8s-mesh-ca'), { recursive: true });
  run('tar', ['-xzf', tarball, '-C', path.join(modules, 'cdk8s-mesh-ca'), '--strip-components=1'], folder);
  for (const name of ['cdk8s', 'cdk8s-plus-27', 'constructs', '@types', 'yaml', 'commander', 'fastest-levenshtein']) {
    fs.symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  }
}

interface K8sObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec?: unknown;
  readonly stringData?: unknown;
}

const consumer = path.join(work, 'consumer');
let tarball = '';

beforeAll(() => {
  tarball = pack();
  fs.cpSync(path.join(__dirname, 'consumer'), consumer, { recursive: true, filter: source => !source.includes('node_modules') });
  install(consumer, tarball);
  fs.writeFileSync(path.join(consumer, 'root.pem'), rootPem);
}, 120_000);

afterAll(() => fs.rmSync(work, { recursive: true }));

test('what npm packs from a fresh clone is built, and holds no source', () => {
  const files = run('tar', ['-tzf', tarball], work).trim().split('\n');
  const { main, types, bin } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    main: string;
    types: string;
    bin: Record<string, string>;
  };
  expect(files).toEqual(expect.arrayContaining([main, types, ...Object.values(bin), 'mesh-ca.schema.json'].map(file => `package/${file}`)));
  expect(files.filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
});

test('an app of its own is type-checked against the packed package, and synthesizes', () => {
  run(process.execPath, [tsc, '-p', '.'], consumer);
  run(process.execPath, ['main.js'], consumer);

  const out = (file: string) => fs.readFileSync(path.join(consumer, 'out', file), 'utf8');
  expect(fs.readdirSync(path.join(consumer, 'out'), { recursive: true, encoding: 'utf8' }).sort()).toEqual([
    'cluster-1',
    'cluster-1.k8s.yaml',
    'cluster-1/control-plane.patch',
    'cluster-1/istio-csr.values.yml',
    'cluster-1/setup.sh',
    'cluster-2',
    'cluster-2.k8s.yaml',
    'cluster-2/control-plane.patch',
    'cluster-2/istio-csr.values.yml',
    'cluster-2/setup.sh',
    'root',
    'root/setup.sh',
  ]);
  for (const script of ['root/setup.sh', 'cluster-1/setup.sh', 'cluster-2/setup.sh']) {
    run('bash', ['-n', path.join('out', script)], consumer);
    expect(fs.statSync(path.join(consumer, 'out', script)).mode & 0o777).toBe(0o755);
  }

  // what stands in one file is what another one means by it.
  for (const cluster of ['cluster-1', 'cluster-2']) {
    const objects = parseAllDocuments(out(`${cluster}.k8s.yaml`)).map(doc => doc.toJS() as K8sObject);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'Secret cert-manager/istio-root-ca',
      'ServiceAccount istio-system/vault-issuer',
      'Role istio-system/vault-issuer-token',
      'RoleBinding istio-system/vault-issuer-token',
      'Issuer istio-system/vault-issuer',
    ]);
    const [secret, , , , issuer] = objects;
    expect(secret?.stringData).toEqual({ 'ca.cert.pem': rootPem });
    expect(issuer?.spec).toEqual({
      vault: {
        server: 'https://vault.example.com:8200',
        path: `istioca-${cluster}/sign/${cluster}`,
        auth: { kubernetes: { mountPath: `/v1/auth/jwt-${cluster}`, role: 'cert-manager', serviceAccountRef: { name: 'vault-issuer' } } },
      },
    });
    const script = out(`${cluster}/setup.sh`);
    for (const part of [`istioca-${cluster}/sign/${cluster}`, `auth/jwt-${cluster}/role/cert-manager`, 'spiffe://example.com/']) {
      expect(script).toContain(part);
    }
    expect(parse(out(`${cluster}/istio-csr.values.yml`))).toMatchObject({
      app: {
        certmanager: { namespace: 'istio-system', issuer: { name: 'vault-issuer', kind: 'Issuer' } },
        server: { clusterID: cluster },
        tls: { rootCAFile: '/var/run/secrets/istio-csr/ca.cert.pem', trustDomain: 'example.com' },
      },
      volumes: [{ name: 'root-ca', secret: { secretName: 'istio-root-ca' } }],
    });
    const patch = out(`${cluster}/control-plane.patch`);
    expect(parse(patch)).toMatchObject({ kind: 'ControlPlane', spec: { components: { istio: { trustDomain: 'example.com' } } } });
    expect(patch).toContain('value: cert-manager-istio-csr.cert-manager.svc:443');
  }
}, 60_000);

test('two copies of the package in one tree work together', () => {
  // GIVEN a library of somebody else with a copy of its own
  const library = path.join(consumer, 'node_modules/platform');
  fs.mkdirSync(library);
  install(library, tarball);
  fs.writeFileSync(path.join(library, 'index.js'), `module.exports = require('cdk8s-mesh-ca');`);

  // WHEN
  const script = `
    const { App, Chart } = require('cdk8s');
    const [ours, theirs] = [require('cdk8s-mesh-ca'), require('platform')];
    const app = new App({ outdir: 'two' });
    const chart = new Chart(app, 'chart');
    new theirs.IstioCsrValues(chart, 'values', { clusterId: 'cluster-1' });
    new ours.IstioCsrValues(chart, 'other-values', { clusterId: 'cluster-2' });
    let message;
    try { new ours.IstioCsrValues(chart, 'same', { clusterId: 'cluster-1' }); } catch (error) { message = error.message; }
    app.synth();
    process.stdout.write(JSON.stringify([ours.TextFile === theirs.TextFile, message]));`;
  const same = run(process.execPath, ['-e', script], consumer);

  // THEN
  const [isSame, message] = JSON.parse(same) as [boolean, string];
  expect(isSame).toBe(false);
  expect(message).toContain('got "cluster-1/istio-csr.values.yml" for chart/same/Resource');
  expect(message).toContain('for chart/values/Resource');
  const written = fs.readdirSync(path.join(consumer, 'two'), { recursive: true, encoding: 'utf8' });
  expect(written.filter(file => file.endsWith('.yml')).sort()).toEqual([
    'cluster-1/istio-csr.values.yml',
    'cluster-2/istio-csr.values.yml',
  ]);
});

describe('the cdk8s command', () => {
  /** Runs the command on the app above; the app takes its folder from the command. */
  const cdk8s = (...args: string[]) => {
    const main = fs.readFileSync(path.join(consumer, 'main.js'), 'utf8').replace("new cdk8s_1.App({ outdir: 'out' })", 'new cdk8s_1.App()');
    fs.writeFileSync(path.join(consumer, 'app.js'), main);
    const bin = path.join(root, 'node_modules/cdk8s-cli/bin/cdk8s');
    const env = { ...process.env, CI: 'true', CDK8S_CHECK_UPGRADE: 'false' };
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [bin, 'synth', '--app', `${process.execPath} app.js`, '--check-upgrade', 'false', ...args],
      {
        cwd: consumer,
        encoding: 'utf8',
        env,
      },
    );
    return { status, stdout, stderr };
  };
  const texts = ['control-plane.patch', 'istio-csr.values.yml', 'setup.sh'];
  const files = [...['cluster-1', 'cluster-2'].flatMap(cluster => texts.map(file => `${cluster}/${file}`)), 'root/setup.sh'];
  const below = (folder: string) =>
    fs
      .readdirSync(path.join(consumer, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => fs.statSync(path.join(consumer, folder, file)).isFile())
      .sort();

  test('writes the text files beside the manifests', () => {
    expect(cdk8s('--output', 'plain')).toMatchObject({ status: 0, stderr: '' });
    expect(below('plain')).toEqual(['cluster-1.k8s.yaml', ...files.slice(0, 3), 'cluster-2.k8s.yaml', ...files.slice(3)].sort());
  });

  test('with --stdout prints manifests alone, and names the files that it leaves out', () => {
    const { status, stdout, stderr } = cdk8s('--stdout');
    expect(status).toBe(0);
    expect(stderr.split('\n').filter(line => line.startsWith('warning: '))).toEqual([
      `warning: cdk8s synth --stdout prints manifests alone; without it these files are written too: ${files.join(', ')}`,
    ]);
    // by lines: cdk8s puts no `---` between two charts, so the last object of one and the first of the next are one YAML document.
    const kinds = stdout.match(/^kind: \S+$/gm) ?? [];
    expect(kinds.filter(kind => kind === 'kind: Issuer')).toHaveLength(2);
    expect(kinds).not.toContain('kind: ControlPlane');
  });

  test('with --format helm leaves templates to manifests, and the files out of the packaged chart', () => {
    expect(cdk8s('--format', 'helm', '--chart-version', '1.0.0', '--output', 'chart')).toMatchObject({ status: 0, stderr: '' });
    expect(below('chart/templates')).toEqual(['cluster-1.k8s.yaml', 'cluster-2.k8s.yaml']);
    expect(below('chart/mesh-ca')).toEqual(files);
    expect(fs.readFileSync(path.join(consumer, 'chart/.helmignore'), 'utf8')).toBe('mesh-ca/\n');
  });
});
