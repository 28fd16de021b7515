import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { clusterScript, rootScript } from '../../src/script/setup';
import { clusterSteps, policyText, rootSteps, signFields } from '../../src/script/steps';
import { trialCommands } from '../../src/script/trial';

const load = (file: string) => planMeshCa(parse(readFileSync(file, 'utf8')) as MeshCaConfig);
const plans = { recommended: load('mesh-ca.yaml'), guide: load('examples/guide/mesh-ca.yaml') };
const generated = load('mesh-ca.yaml');
const clusterOf = (name: keyof typeof plans) => {
  const [cluster] = plans[name].clusters;
  if (!cluster) throw new Error('no cluster');
  return cluster;
};
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

test('the root comes before its trial by its users: mount, bound, import, write', () => {
  expect(rootSteps(generated.root).map(step => step.id)).toEqual(['root/mount', 'root/tune', 'root/import', 'root/write']);
  expect(rootSteps({ ...generated.root, source: 'generate', certificate: 'known' }).map(step => step.id)).toEqual([
    'root/mount',
    'root/tune',
    'root/generate',
  ]);
});

test('a cluster: CA, role, policy, way in, delivery, and the trial last', () => {
  expect(clusterSteps(clusterOf('recommended')).map(step => step.id)).toEqual([
    'intermediate/mount',
    'intermediate/tune',
    'intermediate/issue',
    'role/write',
    'policy/write',
    'approle/mount',
    'approle/tune',
    'approle/write',
    'approle/role-id',
    'cluster/root-ca',
    'cluster/secret-id',
    'trial',
  ]);
});

test("a secret ID without an end, or within the server's own bound, leaves the mount as it is", () => {
  expect(clusterSteps(clusterOf('guide')).map(step => step.id)).not.toContain('approle/tune');
});

test('a known root lies in dist/, so the script does not deliver it; another root file it does', () => {
  const cluster = { ...clusterOf('recommended'), root: { ...generated.root, certificate: 'PEM' } };
  expect(clusterSteps(cluster).map(step => step.id)).not.toContain('cluster/root-ca');
  const guide = { ...cluster, istioCsr: clusterOf('guide').istioCsr };
  expect(clusterSteps(guide).map(step => step.id)).toContain('cluster/root-ca');
});

test('a secret that is delivered by manifest is not made by the script', () => {
  const cluster = { ...clusterOf('recommended'), secret: { ...clusterOf('recommended').secret, delivery: 'manifest' as const } };
  expect(clusterSteps(cluster).map(step => step.id)).not.toContain('cluster/secret-id');
});

test('every step but the trial can tell that it is done', () => {
  const steps = [...rootSteps(generated.root), ...clusterSteps(clusterOf('recommended'))];
  expect(steps.filter(step => step.unless === undefined).map(step => step.id)).toEqual(['trial']);
});

test('the root signs with the planned path length, or as the guide does without one', () => {
  expect(signFields(clusterOf('recommended').intermediate)).toEqual({ format: 'pem_bundle', ttl: '43800h', max_path_length: 0 });
  expect(signFields(clusterOf('guide').intermediate)).toEqual({ format: 'pem_bundle', ttl: '43800h' });
});

test('the policy allows the sign path and nothing else', () => {
  expect(policyText(clusterOf('guide').policy.rules)).toBe('path "istioca/sign/cluster-local" { capabilities = ["update"] }');
});

test('the trial has the names that the mesh asks for, and each name that must be refused beside its right one', () => {
  const rows = trialCommands(clusterOf('recommended'));
  expect(rows.filter(([word]) => word === 'signs')).toEqual([
    [
      'signs',
      'istiod',
      'CN=istiod.istio-system.svc,DNS:istiod.istio-system.svc,URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account',
    ],
    ['signs', "istio-csr's own server", 'DNS:cert-manager-istio-csr.cert-manager.svc'],
    ['signs', 'a workload', 'URI:spiffe://cluster.local/ns/mesh-ca-trial/sa/default'],
  ]);
  expect(rows.filter(([word]) => word === 'refuses').map(([, what, names]) => [what, names])).toEqual([
    ['a workload of another trust domain', 'URI:spiffe://other.cluster.local/ns/mesh-ca-trial/sa/default'],
    ['another service', 'DNS:mesh-ca-trial.default.svc'],
    ["a subdomain of istio-csr's name", 'DNS:mesh-ca-trial.cert-manager-istio-csr.cert-manager.svc'],
    ['an IP address', 'IP:10.0.0.1'],
    ['localhost', 'DNS:localhost'],
    ['a wildcard', 'DNS:*.cert-manager-istio-csr.cert-manager.svc'],
    [
      'a foreign common name',
      'CN=mesh-ca-trial.default.svc,DNS:istiod.istio-system.svc,URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account',
    ],
  ]);
});

describe.each(['recommended', 'guide'] as const)('the %s scripts', name => {
  const scripts = [rootScript(plans[name]), clusterScript(clusterOf(name))];

  test('are Bash', () => {
    for (const input of scripts) execFileSync('bash', ['-n'], { input });
  });

  (has('shellcheck') || process.env.CI === 'true' ? test : test.skip)('are clean for ShellCheck', () => {
    for (const input of scripts)
      expect(spawnSync('shellcheck', ['-'], { input, encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
  });

  test('warn of each unsafe choice at their head', () => {
    const head = scripts[1]?.split('\nreadonly')[0] ?? '';
    expect(head.match(/^# WARNING: .*$/gm) ?? []).toEqual(
      clusterOf(name).warnings.map(({ key, message }) => `# WARNING: ${key}: ${message}`),
    );
  });
});
