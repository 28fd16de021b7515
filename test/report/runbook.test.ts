import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { code, fingerprints, plain, table } from '../../src/report/markdown';
import { synthesize } from '../../src/synth';

const config = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const guide = parse(readFileSync('examples/guide/mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const tsb = {
  hub: 'registry.example.com/tsb',
  managementPlane: { host: 'tsb.example.com', port: 443 },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
};

let folder: string;
let rootPem: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-ca-runbook-'));
  const [key, cert] = [join(folder, 'ca.key'), join(folder, 'ca.crt')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Root', '-days', '3650', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  );
  rootPem = readFileSync(cert, 'utf8');
  // each program writes down what it is called with, in one write since two may run at once, and does nothing.
  const recorder = `#!/bin/sh\nline=\${0##*/}\nfor word do line=$line$(printf '\\037')$word; done\nprintf '%s\\n' "$line" >>"$RECORD"\n`;
  for (const name of ['kubectl', 'helm', 'istioctl', 'vault', 'openssl', 'jq', 'base64', 'npx', 'bash', 'ls', 'date']) {
    writeFileSync(join(folder, name), recorder);
    chmodSync(join(folder, name), 0o755);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The runbooks of a config by path. */
function runbooks(from: MeshCaConfig, secretIds: Record<string, string> = {}): Record<string, string> {
  const files = synthesize(planMeshCa(from), { secretIds });
  return Object.fromEntries(files.filter(({ path }) => path.endsWith('README.md')).map(({ path, content }) => [path, content]));
}

/** What stands in the fences of a language. */
const fences = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, body = '']) => body);

/** Runs every command of a runbook with programs that only write down their arguments, as a reader would type them. */
function typed(text: string): string[][] {
  const record = join(folder, 'record');
  writeFileSync(record, '');
  const { status, stderr } = spawnSync('/bin/bash', ['--norc', '-euc', `${fences(text, 'sh').join('\n')}\nwait`], {
    cwd: folder,
    env: { PATH: folder, RECORD: record },
    encoding: 'utf8',
    // with a socket there bash takes itself for a login and reads its rc files.
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return readFileSync(record, 'utf8')
    .trim()
    .split('\n')
    .map(line => line.split('\u001f'));
}

const hostile: MeshCaConfig = {
  ...config,
  clusters: [{ name: 'cluster-1', context: 'it\'s "$(touch pwned)" `x`; *', intermediate: { commonName: '`$(touch pwned)` \'|"' } }],
};

describe.each([
  ['recommended', config],
  ['guide', guide],
  ['hostile', hostile],
  ['whole', { ...config, tsb }],
  ['generated', { ...config, root: { source: 'generate' as const } }],
])('the runbooks of the %s config', (_name, from) => {
  test('run as they stand, every kubectl, helm and istioctl call with its context', () => {
    const { context } = planMeshCa(from).clusters[0]!;
    const calls = Object.values(runbooks(from)).flatMap(typed);
    for (const call of calls) {
      const [program = '', first = '', second = ''] = call;
      if (program === 'kubectl' || program === 'istioctl') expect(call.slice(1, 3)).toEqual(['--context', context]);
      // repositories are the machine's, no cluster's.
      if (program === 'helm' && first !== 'repo') expect([first, second]).toEqual(['--kube-context', context]);
    }
    expect(calls.filter(([program]) => program === 'kubectl').length).toBeGreaterThan(15);
  });

  test('name only files that are there', () => {
    const paths = synthesize(planMeshCa(from)).map(({ path }) => `dist/${path}`);
    const named = Object.values(runbooks(from))
      .flatMap(text => fences(text, 'sh').flatMap(body => [...body.matchAll(/dist\/[\w./-]+/g)]))
      .map(([path]) => path);
    expect(named.length).toBeGreaterThan(8);
    for (const name of named) expect(paths.some(path => path === name || path.startsWith(`${name}/`)) ? 'there' : name).toBe('there');
  });
});

test('a cluster is taken in the safe order: Vault, Issuer, istio-csr, and the ControlPlane last', () => {
  const calls = typed(runbooks({ ...config, tsb, root: { certificate: rootPem } })['cluster-1/README.md']!).map(call => call.join(' '));
  const place = (start: string) => calls.findIndex(call => call.startsWith(start));
  const order = [
    'kubectl --context cluster-1 create namespace istio-system',
    'helm --kube-context cluster-1 upgrade --install cert-manager jetstack/cert-manager --namespace cert-manager --version v1.21.2',
    'bash dist/cluster-1/setup.sh --plan',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/1-issuer',
    'kubectl --context cluster-1 wait --for=condition=Ready issuer/vault-issuer -n istio-system',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/2-istio-csr',
    'helm --kube-context cluster-1 upgrade --install cert-manager-istio-csr jetstack/cert-manager-istio-csr --namespace cert-manager --version v0.17.0 --values dist/cluster-1/istio-csr.values.yml',
    'kubectl --context cluster-1 wait --for=condition=Ready certificate/istiod -n istio-system',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/3-control-plane',
    'kubectl --context cluster-1 apply -f dist/cluster-1/sample/sample.yaml',
    'bash dist/cluster-1/verify.sh --workload foo/',
    'kubectl --context cluster-1 delete -f dist/cluster-1/sample/sample.yaml',
  ].map(place);
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('a partial ControlPlane is merged as its own header says, and never applied', () => {
  const calls = typed(runbooks(config)['cluster-1/README.md']!).map(call => call.join(' '));
  const file = 'dist/cluster-1/manifests/3-control-plane/control-plane.partial.yaml';
  const patch = `kubectl --context cluster-1 patch controlplane controlplane -n istio-system --type=merge --field-manager=cdk8s-mesh-ca --patch-file=${file}`;
  // its two halves run side by side.
  expect(calls.filter(call => call.includes('3-control-plane')).sort()).toEqual([patch, `${patch} --dry-run=server -o yaml`]);
  const partial = synthesize(planMeshCa(config)).find(({ path }) => path.endsWith('partial.yaml'))!;
  expect(partial.content).toContain(
    '#   kubectl --context cluster-1 patch controlplane controlplane -n istio-system --type=merge --patch-file=control-plane.partial.yaml',
  );
});

test("another cluster changes no byte of a cluster's runbook, and is named in the common one", () => {
  const one = runbooks(config);
  const two = runbooks({ ...config, clusters: [...config.clusters, { name: 'cluster-2' }] });
  expect(two['cluster-1/README.md']).toBe(one['cluster-1/README.md']);
  expect(two['README.md']).toContain('[dist/cluster-2/README.md](cluster-2/README.md)');
});

test('a known root is named by its fingerprint, as OpenSSL writes it', () => {
  const print = execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: rootPem, encoding: 'utf8' })
    .trim()
    .replace(/.*=/, '');
  expect(fingerprints(rootPem)).toEqual([print]);
  const books = runbooks({ ...config, root: { certificate: rootPem } });
  expect(books['README.md']).toContain(print);
  expect(books['cluster-1/README.md']).toContain(print);
  expect(books['cluster-1/README.md']).not.toContain('setup.sh has delivered the root');
});

test('a root that Vault generates is not made with openssl', () => {
  expect(runbooks({ ...config, root: { source: 'generate' } })['README.md']).not.toContain('openssl req');
  expect(runbooks(config)['README.md']).toContain('openssl req -x509');
});

test("the unsafe choices stand in front, in the common runbook and in the cluster's", () => {
  const books = runbooks(guide);
  for (const text of Object.values(books)) {
    expect(text.split('\n').filter(line => line.startsWith('- `')).length).toBe(planMeshCa(guide).warnings.length);
    expect(text.indexOf('## Warnings')).toBeLessThan(text.indexOf('## 1.'));
  }
  expect(books['cluster-1/README.md']).toContain('bash dist/cluster-1/setup.sh --exported-key istioca.key');
  expect(runbooks(config)['README.md']).not.toContain('## Warnings');
});

test('a secret ID that is delivered as a manifest is warned of and never shown', () => {
  const books = runbooks({ ...config, secret: { delivery: 'manifest' } }, { 'cluster-1': 'the-secret-id' });
  expect(books['README.md']).toContain('do not commit this folder');
  expect(books['cluster-1/README.md']).toContain(
    'MESH_CA_SECRET_ID_CLUSTER_1=$(vault write -force -field=secret_id auth/approle/role/cert-manager-cluster-1/secret-id)',
  );
  expect(Object.values(books).join('')).not.toContain('the-secret-id');
});

test('an older chart of cert-manager is given its older name for its CRDs', () => {
  const text = (version: string) => runbooks({ ...config, certManager: { version } })['cluster-1/README.md'];
  expect(text('v1.14.7')).toContain('--set installCRDs=true');
  expect(text('v1.15.0')).toContain('--set crds.enabled=true');
});

test('code, text and cells are what they were, whatever they hold', () => {
  expect(code('a')).toBe('`a`');
  expect(code('a`b``c')).toBe('``` a`b``c ```');
  expect(code('a\nb')).toBe('`a b`');
  expect(plain('<b> *x* [l](u) `c` a|b')).toBe('\\<b\\> \\*x\\* \\[l\\](u) \\`c\\` a\\|b');
  expect(table(['a'], [['b|c']])).toEqual(['| a |', '| --- |', '| b\\|c |', '']);
});
