import { execFileSync } from 'node:child_process';
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
  expect(parseAllDocuments(out('mesh-ca.k8s.yaml')).map(doc => doc.toJS() as unknown)).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'istio-root-ca', namespace: 'cert-manager' },
      type: 'Opaque',
      stringData: { 'ca.cert.pem': rootPem },
    },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'vault-issuer', namespace: 'istio-system' },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'vault-issuer-token', namespace: 'istio-system' },
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['vault-issuer'], verbs: ['create'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'vault-issuer-token', namespace: 'istio-system' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'vault-issuer-token' },
      subjects: [{ kind: 'ServiceAccount', name: 'cert-manager', namespace: 'cert-manager' }],
    },
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Issuer',
      metadata: { name: 'vault-issuer', namespace: 'istio-system' },
      spec: {
        vault: {
          server: 'https://vault.example.com:8200',
          path: 'istioca/sign/cluster-local',
          auth: {
            kubernetes: { mountPath: '/v1/auth/jwt-cluster-1', role: 'cert-manager', serviceAccountRef: { name: 'vault-issuer' } },
          },
        },
      },
    },
    {
      apiVersion: 'install.tetrate.io/v1alpha1',
      kind: 'ControlPlane',
      metadata: { name: 'controlplane', namespace: 'istio-system' },
      spec: {
        components: {
          internalCertProvider: { certManager: { managed: 'EXTERNAL' } },
          istio: {
            trustDomain: 'example.com',
            kubeSpec: {
              overlays: [
                {
                  apiVersion: 'install.istio.io/v1alpha1',
                  kind: 'IstioOperator',
                  name: 'tsb-istiocontrolplane',
                  patches: [
                    { path: 'spec.values.global.caAddress', value: 'cert-manager-istio-csr.cert-manager.svc:443' },
                    { path: 'spec.values.pilot.env.ENABLE_CA_SERVER', value: 'false' },
                    {
                      path: 'spec.components.pilot.k8s.overlays',
                      value: [
                        {
                          apiVersion: 'apps/v1',
                          kind: 'Deployment',
                          name: 'istiod',
                          patches: [{ path: 'spec.template.spec.volumes.[name:istio-csr-dns-cert].secret.optional', value: false }],
                        },
                      ],
                    },
                  ],
                },
              ],
            },
          },
        },
      },
    },
  ]);
  expect(parse(out('istio-csr.values.yml'))).toEqual({
    app: {
      certmanager: { issuer: { name: 'vault-issuer' } },
      server: { clusterID: 'cluster-1' },
      tls: { rootCAFile: '/var/run/secrets/istio-csr/ca.cert.pem', trustDomain: 'example.com' },
    },
    volumeMounts: [{ name: 'root-ca', mountPath: '/var/run/secrets/istio-csr' }],
    volumes: [{ name: 'root-ca', secret: { secretName: 'istio-root-ca' } }],
  });
  for (const script of ['root/setup.sh', 'cluster-1/setup.sh']) {
    run('bash', ['-n', path.join('out', script)], consumer);
    expect(fs.statSync(path.join(consumer, 'out', script)).mode & 0o777).toBe(0o755);
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
    new theirs.IstioCsrValues(new Chart(app, 'chart'), 'values', { clusterId: 'cluster-1' });
    ours.TextFile.writeAll(app);
    process.stdout.write(String(ours.TextFile === theirs.TextFile));`;
  const same = run(process.execPath, ['-e', script], consumer);

  // THEN
  expect(same).toBe('false');
  expect(fs.readdirSync(path.join(consumer, 'two'))).toEqual(['istio-csr.values.yml']);
});
