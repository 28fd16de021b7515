import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ClusterPlan } from '../../src/plan/plan';
import { RootCarrier } from '../../src/plan/root-ca';
import { caConstants } from '../../src/script/ca-steps';
import { clusterScript } from '../../src/script/setup';
import { clusterSteps, policyText, rootSteps } from '../../src/script/steps';
import { trialCommands } from '../../src/script/trial';
import { rootPem } from '../config/certificates';
import { clusterOf, load, names, plans, scripts } from './scripts';

const generated = load('mesh-ca.yaml');

test('the root comes before its trial by its users: mount, bound, import, URLs, write', () => {
  expect(rootSteps(generated).map(step => step.id)).toEqual(['root/mount', 'root/tune', 'root/import', 'root/urls', 'root/write']);
  expect(rootSteps({ ...generated, root: { ...generated.root, source: 'generate', certificate: 'known' } }).map(step => step.id)).toEqual([
    'root/mount',
    'root/tune',
    'root/generate',
    'root/urls',
  ]);
});

test.each<[name: keyof typeof plans, wayIn: string[], delivery: string[]]>([
  ['recommended', ['jwt/mount', 'jwt/role', 'jwt/config'], []],
  ['discovery', ['jwt/mount', 'jwt/role', 'jwt/config'], []],
  // the reviewer's token is tried by a login, which needs the role.
  ['kubernetes', ['kubernetes/mount', 'kubernetes/role', 'kubernetes/config'], []],
  ['outside', ['kubernetes/mount', 'kubernetes/role', 'kubernetes/config'], []],
  ['appRole', ['approle/mount', 'approle/tune', 'approle/lockout', 'approle/write', 'approle/role-id'], ['cluster/secret-id']],
])('a cluster (%s): CA, role, policy, way in, delivery, and the trial last', (name, wayIn, delivery) => {
  expect(clusterSteps(clusterOf(name)).map(step => step.id)).toEqual([
    'intermediate/mount',
    'intermediate/tune',
    'intermediate/urls',
    'intermediate/tidy',
    'intermediate/issue',
    'role/write',
    'issuer/default',
    'issuer/retire',
    'policy/write',
    ...wayIn,
    'cluster/root-ca',
    'cluster/trust',
    ...delivery,
    'trial',
  ]);
});

test("Vault gets the cluster's keys from the script, or fetches them", () => {
  const config = (name: keyof typeof plans) => {
    const { fields, unless, run, needs } = clusterSteps(clusterOf(name)).find(({ id }) => id === 'jwt/config')!;
    return { fields, unless, run, needs };
  };
  const path = 'auth/jwt-cluster-1/config';
  const needs = (sent: object) => ({ look: { [path]: ['read'] }, act: { [path]: ['create', 'update'] }, sends: { [path]: [sent] } });
  // the keys are what the API server says when the script runs.
  expect(config('recommended')).toEqual({
    fields: undefined,
    unless: ['trusts_cluster'],
    run: [['trust_cluster']],
    needs: needs({ bound_issuer: [], jwt_validation_pubkeys: [] }),
  });
  const url = 'https://keys.example.com';
  expect(config('discovery')).toEqual({
    fields: { oidc_discovery_url: url, bound_issuer: url, jwt_validation_pubkeys: [] },
    unless: ['same_fields', path],
    run: [['write_fields', path]],
    needs: needs({ oidc_discovery_url: [url], bound_issuer: [url], jwt_validation_pubkeys: [[]] }),
  });
});

test('Vault asks the API server that it runs beside with its own token, another with that of a reviewer', () => {
  const config = (name: keyof typeof plans) => {
    const { title, fields, unless, run, needs } = clusterSteps(clusterOf(name)).find(({ id }) => id === 'kubernetes/config')!;
    return { title, fields, unless, run, needs };
  };
  const path = 'auth/kubernetes-cluster-1/config';
  const needs = (sent: object) => ({ look: { [path]: ['read'] }, act: { [path]: ['create', 'update'] }, sends: { [path]: [sent] } });
  expect(config('kubernetes')).toEqual({
    title: "Let Vault ask the API server of the cluster that it runs in, with its own service account's token",
    fields: { kubernetes_host: 'https://kubernetes.default.svc', kubernetes_ca_cert: '', disable_local_ca_jwt: false },
    unless: ['same_fields', path],
    run: [['write_fields', path]],
    needs: needs({ kubernetes_host: ['https://kubernetes.default.svc'], kubernetes_ca_cert: [''], disable_local_ca_jwt: [false] }),
  });
  expect(config('outside')).toEqual({
    title: 'Let Vault ask the API server at https://10.0.0.1:6443, with a token of service account istio-system/vault-issuer-reviewer',
    fields: undefined,
    unless: ['reviews_tokens'],
    run: [['review_tokens']],
    needs: needs({
      kubernetes_host: ['https://10.0.0.1:6443'],
      kubernetes_ca_cert: [],
      disable_local_ca_jwt: [true],
      token_reviewer_jwt: [],
    }),
  });
});

test.each(['recommended', 'outside', 'appRole'] as const)('the role of the login (%s) is written whole, as it was planned', name => {
  const { auth } = clusterOf(name);
  const step = clusterSteps(clusterOf(name)).find(({ unless }) => unless?.[1] === auth.path)!;
  // with jwt, the UID of the service account is added when the script runs.
  const write = auth.method === 'jwt' ? 'bind_to_account' : 'write_fields';
  expect([step.fields, step.run]).toEqual([auth.fields, [[write, auth.path]]]);
});

test("a secret ID without an end, or within the server's own bound, leaves the mount as it is", () => {
  expect(clusterSteps(clusterOf('guide')).map(step => step.id)).not.toContain('approle/tune');
});

test('a known root lies in dist/, so the script does not deliver it; another root file it does', () => {
  const [cluster] = load('mesh-ca.yaml', { root: { certificate: rootPem } }).clusters;
  expect(clusterSteps(cluster!).map(step => step.id)).not.toContain('cluster/root-ca');
  expect(clusterScript(cluster!)).not.toContain('deliver_root');
  const [guide] = load('examples/guide/mesh-ca.yaml', { root: { certificate: rootPem } }).clusters;
  expect(clusterSteps(guide!).map(step => step.id)).toContain('cluster/root-ca');
});

test.each<[carrier: RootCarrier, place: string, why: string[] | undefined, text: string]>([
  ['secret', 'Secret cert-manager/istio-root-ca', undefined, 'root-in-secret.sh'],
  ['configMap', 'ConfigMap cert-manager/istio-root-ca', undefined, 'root-in-config-map.sh'],
  [
    'bundle',
    'ConfigMap cert-manager/istio-root-ca-source',
    ['The Bundle istio-root-ca of manifests/2-istio-csr refers to it.'],
    'root-in-config-map.sh',
  ],
])('an unknown root is delivered to where the carrier %s takes it from', (rootCarrier, place, why, text) => {
  const [cluster] = load('mesh-ca.yaml', { istioCsr: { rootCarrier } }).clusters;
  const [kind = '', at = ''] = place.split(' ');
  const object = [kind.toLowerCase(), ...at.split('/')];
  expect(clusterSteps(cluster!).find(({ id }) => id === 'cluster/root-ca')).toEqual({
    id: 'cluster/root-ca',
    title: `Deliver the root certificate to ${place}`,
    why,
    unless: ['root_delivered'],
    run: [['deliver_root']],
    needs: {},
    undo: { title: `Delete ${place}`, unless: ['object_gone', ...object], run: [['remove_object', ...object]], needs: {} },
  });
  expect(clusterScript(cluster!)).toContain(readFileSync(`src/script/runtime/${text}`, 'utf8'));
});

test('a secret that is delivered by manifest is not made by the script', () => {
  const [cluster] = load('mesh-ca.yaml', { auth: 'appRole', secret: { delivery: 'manifest' } }).clusters;
  expect(clusterSteps(cluster!).map(step => step.id)).not.toContain('cluster/secret-id');
});

test('policy CAs come after the root, and what an offline root signs is asked for before it is taken in', () => {
  expect(rootSteps(plans.policyCas).map(step => step.id)).toEqual([
    'root/check',
    ...['regional/mount', 'regional/tune', 'regional/urls', 'regional/request', 'regional/issue'],
    ...['mesh/mount', 'mesh/tune', 'mesh/urls', 'mesh/issue'],
  ]);
  expect(
    clusterSteps(clusterOf('offline'))
      .map(step => step.id)
      .slice(0, 6),
  ).toEqual([
    ...['intermediate/mount', 'intermediate/tune', 'intermediate/urls', 'intermediate/tidy'],
    ...['intermediate/request', 'intermediate/issue'],
  ]);
});

test.each(names)('every step but the trial can tell that it is done: %s', name => {
  const steps = [...rootSteps(generated), ...clusterSteps(clusterOf(name))];
  expect(steps.filter(step => step.unless === undefined).map(step => step.id)).toEqual(['trial']);
});

test('the root signs with the planned path length, or as the guide does without one', () => {
  const signOf = ({ intermediate }: ClusterPlan) => (JSON.parse(caConstants([intermediate])) as { sign: unknown }[])[0]?.sign;
  expect(signOf(clusterOf('recommended'))).toEqual({
    format: 'pem_bundle',
    common_name: 'cluster-1 Mesh Intermediate CA',
    ttl: '43800h',
    max_path_length: '0',
  });
  expect(signOf(clusterOf('guide'))).toEqual({
    format: 'pem_bundle',
    common_name: clusterOf('guide').intermediate.commonName,
    ttl: '43800h',
  });
});

test('the policy allows the sign path with the parameters that cert-manager sends, and nothing else', () => {
  expect(policyText(clusterOf('guide').policy.rules)).toBe(
    [
      'path "istioca/sign/cluster-local" {',
      '  capabilities = ["update"]',
      '  allowed_parameters = {',
      ...['csr', 'common_name', 'alt_names', 'ip_sans', 'uri_sans', 'ttl', 'exclude_cn_from_sans'].map(name => `    "${name}" = []`),
      '  }',
      '}',
    ].join('\n'),
  );
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

describe.each(scripts)('the script of the %s', (_name, input) => {
  test('is Bash', () => {
    execFileSync('bash', ['-n'], { input });
  });
});

test.each(names)('the script of the cluster (%s) warns of each unsafe choice at its head', name => {
  const head = clusterScript(clusterOf(name)).split('\nreadonly')[0] ?? '';
  expect(head.match(/^# WARNING: .*$/gm) ?? []).toEqual(
    clusterOf(name).warnings.map(({ key, message }) => `# WARNING: ${key}: ${message}`),
  );
});
