// The attacker: somebody who has stolen a token that runs setup.sh.
// Holds: exactly the policies that --print-policy and --print-policy --ca print, in a batch token as the runbook has it made.
// Tries: a CA of its own, other policies, logins, roles, mounts and keys, and to keep the token alive.
// What it can do all the same is what the scripts do: docs/threat-model.md says it.
import { readFileSync } from 'node:fs';
import type { MeshCaConfig } from '../../../src/config/config';
import type { AuthPlan } from '../../../src/plan/auth';
import { asSent } from '../../../src/script/step';
import { buildPrograms, type Kube, ok, run, startKube, startVaultDev, type Vault } from '../harness';
import { printedPolicy, tokenWith } from '../policies';
import { configs, dataOf, makeRoot, makeWorld, rootFiles, type World } from '../world';
import { attacker, type Attempt, csrOf } from './attacks';

jest.setTimeout(300_000);
let kube: Kube;
let vault: Vault;
let world: World;
let csr: string;
/** With both policies of the cluster's script. */
let as: ReturnType<typeof attacker>;
/** With the one for every day. */
let daily: ReturnType<typeof attacker>;
let token: string;

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [kube, vault] = await Promise.all([startKube(), startVaultDev()]);
  world = await makeWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  const [every, ca] = [await printedPolicy(world, 'cluster-1'), await printedPolicy(world, 'cluster-1', ['--ca'])];
  const env = await tokenWith(vault, [...every, ...ca], 'setup-ca');
  token = env.VAULT_TOKEN;
  // it is the token of a run that works.
  ok(await world.script('cluster-1', [], env));
  as = attacker(vault, token);
  daily = attacker(vault, (await tokenWith(vault, every, 'setup')).VAULT_TOKEN);
  csr = await csrOf(world.folder, 'attacker', '/CN=Attacker CA', 'basicConstraints=critical,CA:TRUE');
}, 45 * 60_000);
afterAll(() => Promise.all([vault.stop(), kube.stop()]));

test('cannot have a CA signed but with the planned name, lifetime and path length', async () => {
  const { commonName, ttl } = world.cluster.intermediate;
  const path = 'pki/root/sign-intermediate';
  const planned = { csr, common_name: commonName, ttl, max_path_length: '0', format: 'pem_bundle' };
  expect(await vault.request('POST', path, { csr, ttl: '87000h' })).toMatchObject({ status: 200 });
  const { max_path_length: _length, ...unbounded } = planned;
  const { ttl: _ttl, ...endless } = planned;
  const { common_name: _name, ...nameless } = planned;
  for (const body of [
    { csr },
    { ...planned, ttl: '87600h' },
    { ...planned, ttl: '87599h' },
    { ...planned, max_path_length: '1' },
    { ...planned, max_path_length: '-1' },
    { ...planned, max_path_length: 0 },
    { ...planned, common_name: 'Attacker CA' },
    { ...planned, not_after: '2036-01-01T00:00:00Z' },
    { ...planned, use_csr_values: true },
    { ...planned, permitted_dns_domains: '' },
    { ...planned, issuer_ref: 'x' },
    { ...planned, alt_names: 'a.example.com' },
    unbounded,
    endless,
    nameless,
  ]) {
    expect([Object.entries(body).slice(1), await as.status('POST', path, body)]).toEqual([Object.entries(body).slice(1), 403]);
  }
  // the planned CA for a key of the attacker's: to hold the policy with --ca is to hold such a CA.
  expect(await as.status('POST', path, planned)).toBe(200);
  expect(await daily.status('POST', path, planned)).toBe(403);
  expect(await as.status('POST', 'pki/issuer/default/sign-intermediate', planned)).toBe(403);
  expect(await as.status('POST', 'pki/sign-verbatim', { csr })).toBe(403);
});

test('cannot write another policy for cert-manager, or for anybody', async () => {
  const path = `sys/policies/acl/${world.cluster.policy.name}`;
  const planned = ((await vault.request('GET', path)).body as { data: { policy: string } }).data.policy;
  for (const policy of [
    'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
    `${planned}\npath "*" { capabilities = ["sudo"] }`,
    `path "${world.cluster.role.signPath}" { capabilities = ["update"] }`,
    '',
  ]) {
    expect([policy, await as.status('POST', path, { policy })]).toEqual([policy, 403]);
    expect([policy, await as.status('POST', path, { Policy: policy })]).toEqual([policy, 403]);
    expect([policy, await as.status('POST', `sys/policy/${world.cluster.policy.name}`, { policy })]).toEqual([policy, 403]);
    expect([policy, await as.status('POST', 'sys/policies/acl/other', { policy })]).toEqual([policy, 403]);
  }
  expect(await as.status('POST', path, { policy: planned })).toBe(204);
  expect(await as.status('DELETE', path)).toBe(403);
  const { body } = await vault.request('GET', path);
  expect((body as { data: { policy: string } }).data.policy).toBe(planned);
});

test('cannot write a login that gives another policy, lives longer, or takes another account', async () => {
  const { path } = world.cluster.auth;
  for (const [name, values] of Object.entries({
    token_policies: [['admin'], 'admin', 'cert-manager-cluster-1,admin', ['cert-manager-cluster-1', 'admin'], []],
    policies: [['admin']],
    token_ttl: ['700h', '11m', 42],
    token_max_ttl: ['700h', '0'],
    ttl: ['700h'],
    max_ttl: ['700h'],
    token_period: ['24h'],
    token_explicit_max_ttl: ['700h'],
    token_type: ['service', 'default'],
    token_no_default_policy: [false, 'false'],
    bound_subject: ['system:serviceaccount:default:default', ''],
    bound_audiences: [['other'], []],
    bound_claims_type: ['glob'],
    user_claim: ['iss'],
    role_type: ['oidc'],
    expiration_leeway: ['876000h', 876000],
    clock_skew_leeway: ['876000h'],
  })) {
    for (const value of values) expect([name, value, await as.status('POST', path, { [name]: value })]).toEqual([name, value, 403]);
  }
  expect(await as.status('POST', `${path}-other`, { role_type: 'jwt', token_policies: ['admin'] })).toBe(403);
});

test('can, with the policy of --ca, bind the login to another UID of the account, which only a run knows: stated in the threat model', async () => {
  const { path, fields } = world.cluster.auth;
  const planned = (await vault.request('GET', path)).body as { data: { bound_claims: object } };
  const write = (bound_claims: object) => as.status('POST', path, { ...asSent({ ...fields }), bound_claims });
  expect(await write({ '/kubernetes.io/serviceaccount/uid': 'another' })).toBeLessThan(300);
  expect(await write(planned.data.bound_claims)).toBeLessThan(300);
  expect(readFileSync('docs/threat-model.md', 'utf8').replaceAll(/\s+/g, ' ')).toContain('the UID of the service account');
});

test('cannot, with the policy for every day, write what decides who logs in and what is signed, whole or with a field left out', async () => {
  const { role, auth } = world.cluster;
  const paths = [role.path, auth.path, `auth/${auth.mount}/config`];
  const planned = await Promise.all(paths.map(async path => [path, dataOf((await vault.request('GET', path)).body)] as const));
  for (const [path, fields] of planned) {
    for (const without of ['', ...Object.keys(fields)]) {
      const body = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== without));
      expect([path, without, await daily.status('POST', path, asSent(body))]).toEqual([path, without, 403]);
    }
    expect([path, await daily.isPatchForbidden(path, 'a=b')]).toEqual([path, true]);
    expect([path, await daily.status('DELETE', path)]).toEqual([path, 403]);
  }
  expect(await Promise.all(planned.map(async ([path]) => [path, dataOf((await vault.request('GET', path)).body)]))).toEqual(planned);
});

/** What else of an auth method decides who logs in, or is a login. */
function own(auth: AuthPlan): string[] {
  switch (auth.method) {
    case 'jwt':
    case 'kubernetes':
      return [`auth/${auth.mount}/config`];
    case 'aws':
      return [`auth/${auth.mount}/config/client`];
    case 'clientCertificate':
      return [];
    case 'appRole': {
      const { secret } = auth;
      const kept = secret.delivery === 'externalSecret' ? [`${secret.kv.mount}/data/${secret.kv.path}`, secret.store.path] : [];
      return [`${auth.path}/secret-id`, ...kept];
    }
  }
}
const kv = { delivery: 'externalSecret', store: { auth: 'jwt', mount: 'jwt-eso' } } as const;
test.each<[way: string, more: Partial<MeshCaConfig>]>([
  ['jwt', {}],
  ['kubernetes', { auth: 'kubernetes' }],
  ['appRole', { auth: 'appRole' }],
  ['appRole, in a KV secrets engine', { auth: 'appRole', secret: kv }],
  ['aws', { auth: 'aws', aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/a', region: 'eu-central-1' } }],
])('cannot, with the policy for every day, decide who logs in: %s', async (_, more) => {
  const other = await makeWorld({ ...configs.recommended, ...more }, vault, [kube]);
  const [policy, ca] = [await printedPolicy(other, 'cluster-1'), await printedPolicy(other, 'cluster-1', ['--ca'])];
  const paths = [
    other.cluster.role.path,
    other.cluster.auth.path,
    `sys/policies/acl/${other.cluster.policy.name}`,
    ...own(other.cluster.auth),
  ];
  const rightsOf = async (of: readonly string[], name: string) => {
    const { VAULT_TOKEN } = await tokenWith(vault, of, name);
    const { body } = await vault.request('POST', 'sys/capabilities-self', { paths }, VAULT_TOKEN);
    return paths.map(path => (dataOf(body)[path] as string[]).filter(one => !['read', 'list', 'deny'].includes(one)));
  };
  // the ingredient is real: the policy of --ca has them.
  for (const rights of await rightsOf(ca, 'ca-alone')) expect(rights).toContain('update');
  expect(await rightsOf(policy, 'daily-alone')).toEqual(paths.map(() => []));
});

test('does a run with the policy for every day, where all is in place; else the run names the second policy before it changes anything', async () => {
  const env = { VAULT_TOKEN: (await tokenWith(vault, await printedPolicy(world, 'cluster-1'), 'setup')).VAULT_TOKEN };
  expect(ok(await world.script('cluster-1', [], env))).toContain('11 trials passed');
  const { role } = world.cluster;
  const planned = dataOf((await vault.request('GET', role.path)).body);
  expect((await vault.request('POST', role.path, { ...planned, max_ttl: '2h' })).status).toBeLessThan(300);
  const { code, stderr } = await world.script('cluster-1', [], env);
  expect([code, stderr]).toEqual([1, expect.stringContaining(`the capability create, update on ${role.path} for the token`)]);
  expect(stderr).toContain('--print-policy --ca | vault policy write mesh-ca-setup-cluster-1-ca -');
  expect((await vault.request('POST', role.path, planned)).status).toBeLessThan(300);
});

test('cannot have the keys that logins are checked with fetched from elsewhere', async () => {
  const path = `auth/${world.cluster.auth.mount}/config`;
  for (const name of ['jwks_url', 'oidc_discovery_url', 'jwks_ca_pem', 'oidc_client_secret', 'default_role', 'provider_config']) {
    expect([name, await as.status('POST', path, { [name]: 'https://attacker.example.com' })]).toEqual([name, 403]);
  }
});

test('cannot write a PKI role that signs more, or another role', async () => {
  const { path } = world.cluster.role;
  for (const [name, values] of Object.entries({
    allow_any_name: [true, 'true', 1],
    allowed_domains: [['*'], 'example.com', []],
    allow_ip_sans: [true],
    allow_localhost: [true],
    allow_subdomains: [true],
    allow_glob_domains: [true],
    allow_wildcard_certificates: [true],
    allowed_uri_sans: [['*'], 'spiffe://*', ['spiffe://other/ns/*/sa/*'], ['spiffe://cluster.local/ns/x']],
    allowed_other_sans: [['*'], '*'],
    enforce_hostnames: [false],
    cn_validations: [['disabled'], 'disabled'],
    max_ttl: ['87600h', 3600, 360000],
    ttl: ['87600h'],
    not_after: ['2036-01-01T00:00:00Z'],
    not_after_bound: ['permit'],
    key_usage: [['CertSign'], 'CertSign'],
    key_type: ['any'],
    issuer_ref: ['other'],
    basic_constraints_valid_for_non_ca: [true],
    generate_lease: [true],
    organization: ['x'],
    allowed_user_ids: ['*'],
  })) {
    for (const value of values) expect([name, value, await as.status('POST', path, { [name]: value })]).toEqual([name, value, 403]);
  }
  expect(await as.isPatchForbidden(path, 'max_ttl=87600h')).toBe(true);
  expect(await as.status('DELETE', path)).toBe(403);
  expect(await as.status('POST', `${world.cluster.intermediate.mount}/roles/other`, { allow_any_name: true })).toBe(403);
});

test('cannot tune a mount, take its mark away, or enable another one', async () => {
  const { mount } = world.cluster.intermediate;
  const attempts: Attempt[] = [
    ['POST', `sys/mounts/${mount}/tune`, { max_lease_ttl: '876000h' }],
    ['POST', `sys/mounts/${mount}/tune`, { max_lease_ttl: 0 }],
    ['POST', `sys/mounts/${mount}/tune`, { default_lease_ttl: '876000h' }],
    ['POST', `sys/mounts/${mount}/tune`, { listing_visibility: 'unauth' }],
    ['POST', `sys/mounts/${mount}/tune`, { audit_non_hmac_request_keys: ['csr'] }],
    ['POST', `sys/mounts/${mount}/tune`, { passthrough_request_headers: ['X-A'] }],
    ['POST', `sys/mounts/${mount}/tune`, { description: 'of somebody else' }],
    ['POST', `sys/mounts/${mount}/tune`, { description: '' }],
    ['POST', 'sys/mounts/pki/tune', { max_lease_ttl: '43800h' }],
    ['POST', `sys/mounts/${mount}`, { type: 'kv' }],
    ['POST', `sys/mounts/${mount}`, { type: 'pki' }],
    ['POST', `sys/mounts/${mount}`, { type: 'pki', description: 'cdk8s-mesh-ca: CA of cluster-1', config: { max_lease_ttl: '876000h' } }],
    ['POST', `sys/mounts/${mount}`, { type: 'pki', description: 'cdk8s-mesh-ca: CA of cluster-1', plugin_name: 'x' }],
    ['POST', 'sys/mounts/other', { type: 'pki' }],
    ['DELETE', `sys/mounts/${mount}`],
    ['POST', 'sys/remount', { from: mount, to: 'a' }],
    ['POST', `sys/auth/${world.cluster.auth.mount}`, { type: 'userpass' }],
    ['POST', `sys/auth/${world.cluster.auth.mount}`, { type: 'jwt', description: 'x' }],
    ['POST', 'sys/auth/other', { type: 'userpass' }],
    ['POST', `sys/auth/${world.cluster.auth.mount}/tune`, { max_lease_ttl: '876000h' }],
    ['DELETE', `sys/auth/${world.cluster.auth.mount}`],
  ];
  const statuses = await Promise.all(attempts.map(async attempt => [...attempt, await as.status(...attempt)]));
  expect(statuses).toEqual(attempts.map(attempt => [...attempt, 403]));
});

test('cannot bring a key into a mount, have one out, or remove one', async () => {
  const { mount } = world.cluster.intermediate;
  const { key } = await makeRoot(world.folder, 'Attacker Root');
  const pem = ok(await run('cat', [key]));
  const attempts: Attempt[] = [mount, 'pki'].flatMap<Attempt>(at => [
    ['POST', `${at}/keys/import`, { pem_bundle: pem }],
    ['POST', `${at}/issuers/import/bundle`, { pem_bundle: pem }],
    ['POST', `${at}/issuers/import/cert`, { pem_bundle: pem }],
    ['POST', `${at}/config/ca`, { pem_bundle: pem }],
    ['POST', `${at}/config/keys`, { default: 'x' }],
    ['POST', `${at}/keys/generate/exported`, {}],
    ['POST', `${at}/intermediate/generate/exported`, { common_name: 'a' }],
    ['POST', `${at}/root/generate/internal`, { common_name: 'a' }],
    ['POST', `${at}/root/rotate/internal`, { common_name: 'a' }],
    ['POST', `${at}/key/default`, { key_name: 'x' }],
    ['DELETE', `${at}/key/default`],
    ['DELETE', `${at}/issuer/default`],
    ['DELETE', `${at}/root`],
    ['POST', `${at}/issuer/default/revoke`, {}],
  ]);
  const statuses = await Promise.all(attempts.map(async attempt => [attempt[0], attempt[1], await as.status(...attempt)]));
  expect(statuses).toEqual(attempts.map(([method, path]) => [method, path, 403]));
  expect(await as.isPatchForbidden(`${mount}/issuer/default`, 'usage=read-only')).toBe(true);
  // where it may bring certificates, Vault itself takes no key.
  const { status, body } = await as.ask('POST', `${mount}/intermediate/set-signed`, { certificate: pem });
  expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('private key') as string]);
});

test('cannot sign for a workload but as the self-test does, and not with the policy for every day', async () => {
  const { intermediate, role, trustDomain } = world.cluster;
  const path = `${intermediate.mount}/issuer/default/sign/${role.name}`;
  const leaf = await csrOf(world.folder, 'leaf', '/', `subjectAltName=URI:spiffe://${trustDomain}/ns/mesh-ca-trial/sa/default`);
  const uri = `spiffe://${trustDomain}/ns/mesh-ca-trial/sa/default`;
  const sent = { csr: leaf, common_name: '', alt_names: '', ip_sans: '', uri_sans: uri, ttl: '1h', exclude_cn_from_sans: 'true' };
  expect(await as.status('POST', path, sent)).toBe(200);
  expect(await as.status('POST', path, { ...sent, not_after: '2031-01-01T00:00:00Z' })).toBe(403);
  expect(await as.status('POST', path, { ...sent, ttl: '2h' })).toBe(403);
  expect(await as.status('POST', path, { csr: leaf })).toBe(403);
  expect(await as.status('POST', role.signPath, sent)).toBe(403);
  expect(await daily.status('POST', path, sent)).toBe(403);
});

test('cannot keep the token alive, or make another one with it', async () => {
  const attempts: Attempt[] = [
    ['POST', 'auth/token/renew-self', { increment: '700h' }],
    ['POST', 'auth/token/renew', { token, increment: '700h' }],
    ['POST', 'auth/token/create', { policies: ['setup-ca'], ttl: '700h' }],
    ['POST', 'auth/token/create-orphan', { ttl: '700h' }],
  ];
  for (const attempt of attempts) expect(await as.status(...attempt)).toBeGreaterThanOrEqual(400);
});
