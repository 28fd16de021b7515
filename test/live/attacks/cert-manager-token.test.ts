// The attacker: somebody who has stolen cert-manager's token for Vault, or its service account's, and logs in with that.
// Holds: the token of one login, valid for ten minutes, with the policy that setup.sh has written.
// Tries: a certificate that is valid for longer than the role allows, a CA, other roles, keys, and to change what decides all of that.
import { X509Certificate } from 'node:crypto';
import { buildPrograms, type Kube, ok, startKube, startVaultDev, type Vault } from '../harness';
import { configs, makeRoot, makeWorld, rootFiles, type World } from '../world';
import { attacker, type Attempt, certManagerToken, csrOf } from './attacks';

jest.setTimeout(300_000);
let kube: Kube;
let vault: Vault;
let world: World;
let signPath: string;
let csr: string;
let as: ReturnType<typeof attacker>;

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [kube, vault] = await Promise.all([startKube(), startVaultDev()]);
  world = await makeWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  expect(ok(await world.script('cluster-1'))).toContain('refused, as it must be: an end of its own choice (not_after)');
  ({ signPath } = world.cluster.role);
  csr = await csrOf(world.folder, 'attacker', '/', 'subjectAltName=URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account');
  as = attacker(vault, await certManagerToken(vault, kube, world));
}, 45 * 60_000);
afterAll(() => Promise.all([vault.stop(), kube.stop()]));

/** How many hours the certificate of an answer is valid for. */
function hours(body: unknown): number {
  const { certificate } = (body as { data: { certificate: string } }).data;
  const { validFrom, validTo } = new X509Certificate(certificate);
  return (Date.parse(validTo) - Date.parse(validFrom)) / 3_600_000;
}

test('cannot choose the end of a certificate by not_after, in any letter case, beside which parameters ever', async () => {
  // this very Vault lets a request override the role's max_ttl: the policy alone is in the way.
  const asked = { csr, not_after: '2031-01-01T00:00:00Z' };
  const { body } = await vault.request('POST', signPath, asked);
  expect(hours(body)).toBeGreaterThan(24 * 365);
  for (const name of ['not_after', 'NOT_AFTER', 'Not_After', 'nOt_aFtEr']) {
    expect([name, await as.status('POST', signPath, { csr, [name]: '2031-01-01T00:00:00Z' })]).toEqual([name, 403]);
    expect([name, await as.status('PUT', signPath, { csr, ttl: '10m', [name]: '2031-01-01T00:00:00Z' })]).toEqual([name, 403]);
  }
  // nor where the parameters stand in the address, where Vault looks at none.
  const query = await as.ask('POST', `${signPath}?not_after=2031-01-01T00:00:00Z`, { csr });
  expect([query.status, hours(query.body)]).toEqual([200, expect.closeTo(1, 1)]);
});

test('cannot have a certificate that is valid for longer than the role allows, by ttl', async () => {
  const { status, body } = await as.ask('POST', signPath, { csr, ttl: '87600h' });
  expect([status, hours(body)]).toEqual([200, expect.closeTo(1, 1)]);
});

test('can do what cert-manager does: sign, with each of its parameters', async () => {
  const sent = { csr, common_name: '', alt_names: '', ip_sans: '', uri_sans: '', ttl: '10m', exclude_cn_from_sans: 'true' };
  const { status, body } = await as.ask('POST', signPath, sent);
  expect([status, hours(body)]).toEqual([200, expect.closeTo(10 / 60, 1)]);
});

test('cannot add what cert-manager never sends to a request: names in other forms, a serial number, a user ID, the format of keys', async () => {
  for (const name of [
    'other_sans',
    'serial_number',
    'user_ids',
    'remove_roots_from_chain',
    'private_key_format',
    'not_before_duration',
    'use_pss',
  ]) {
    expect([name, await as.status('POST', signPath, { csr, [name]: 'x' })]).toEqual([name, 403]);
  }
});

test('cannot sign at another path, read or list anything, or change anything', async () => {
  const { mount } = world.cluster.intermediate;
  const { name: role } = world.cluster.role;
  await vault.request('POST', `${mount}/roles/other`, { allow_any_name: true });
  const attempts: Attempt[] = [
    ['POST', `${mount}/sign-verbatim`, { csr }],
    ['POST', `${mount}/sign-verbatim/${role}`, { csr }],
    ['POST', `${mount}/sign/other`, { csr }],
    ['POST', `${mount}/issue/${role}`, { common_name: 'istiod.istio-system.svc' }],
    ['POST', `${mount}/issue/other`, { common_name: 'a' }],
    ['POST', `${mount}/issuer/default/sign/${role}`, { csr }],
    ['POST', `${mount}/issuer/default/sign-verbatim`, { csr }],
    ['POST', `${mount}/issuer/default/sign-intermediate`, { csr }],
    ['POST', `${mount}/root/sign-intermediate`, { csr }],
    ['POST', `${mount}/root/sign-self-issued`, { certificate: csr }],
    ['POST', 'pki/root/sign-intermediate', { csr }],
    ['POST', `${mount}/intermediate/generate/exported`, { common_name: 'a' }],
    ['POST', `${mount}/root/generate/exported`, { common_name: 'a' }],
    ['POST', `${mount}/keys/generate/exported`, {}],
    ['POST', `${mount}/keys/import`, { pem_bundle: 'x' }],
    ['POST', `${mount}/issuers/import/bundle`, { pem_bundle: 'x' }],
    ['POST', `${mount}/config/ca`, { pem_bundle: 'x' }],
    ['GET', `${mount}/keys?list=true`],
    ['GET', `${mount}/key/mesh-ca`],
    ['GET', `${mount}/roles/${role}`],
    ['POST', `${mount}/roles/${role}`, { max_ttl: '87600h' }],
    ['DELETE', `${mount}/roles/${role}`],
    ['POST', `${mount}/config/issuers`, { default: 'x' }],
    ['POST', `${mount}/revoke`, { serial_number: 'x' }],
    ['POST', `${mount}/tidy`, {}],
    ['GET', 'sys/mounts'],
    ['POST', `sys/mounts/${mount}/tune`, { max_lease_ttl: '1h' }],
    ['DELETE', `sys/mounts/${mount}`],
    ['GET', world.cluster.auth.path],
    ['POST', world.cluster.auth.path, { token_ttl: '700h' }],
    ['GET', `sys/policies/acl/${world.cluster.policy.name}`],
    ['POST', `sys/policies/acl/${world.cluster.policy.name}`, { policy: 'path "*" { capabilities = ["sudo"] }' }],
    ['POST', 'auth/token/create', {}],
    ['POST', 'auth/token/renew-self', {}],
    ['GET', 'auth/token/lookup-self'],
  ];
  const statuses = await Promise.all(attempts.map(async attempt => [attempt[0], attempt[1], await as.status(...attempt)]));
  expect(statuses).toEqual(attempts.map(([method, path]) => [method, path, 403]));
  expect(await as.isPatchForbidden(`${mount}/roles/${role}`, 'max_ttl=87600h')).toBe(true);
});

test('a policy that an earlier version wrote, with every parameter, is drift, and a run of setup.sh writes the planned one', async () => {
  const path = `sys/policies/acl/${world.cluster.policy.name}`;
  const before = await vault.request('GET', path);
  await vault.request('POST', path, { policy: `path "${signPath}" { capabilities = ["update"] }` });
  const again = attacker(vault, await certManagerToken(vault, kube, world));
  expect(await again.status('POST', signPath, { csr, not_after: '2031-01-01T00:00:00Z' })).toBe(200);
  const check = await world.script('cluster-1', ['--check']);
  expect([check.code, check.stdout]).toEqual([3, expect.stringContaining('drift: 1 of') as string]);
  expect(check.stdout).toContain('policy/write');
  ok(await world.script('cluster-1'));
  expect(await vault.request('GET', path)).toMatchObject({ status: 200, body: { data: (before.body as { data: object }).data } });
  expect(await again.status('POST', signPath, { csr, not_after: '2031-01-01T00:00:00Z' })).toBe(403);
});

test('a login with a further policy, which lets it choose the end, fails the self-test', async () => {
  await vault.request('POST', 'sys/policies/acl/more', {
    policy: `path "${signPath}" { capabilities = ["update"] allowed_parameters = { "*" = [] } }`,
  });
  // as somebody does who gives the policy by an identity group; here the planned policy is written with one more path.
  const entity = (await vault.request('POST', 'identity/entity', { name: 'cert-manager', policies: ['more'] })).body as {
    data: { id: string };
  };
  const auths = (await vault.request('GET', 'sys/auth')).body as { data: Record<string, { accessor: string }> };
  const accessor = auths.data[`${world.cluster.auth.mount}/`]?.accessor;
  const { serviceAccount } = world.cluster.auth as { serviceAccount: { namespace: string; name: string } };
  const name = `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`;
  await vault.request('POST', 'identity/entity-alias', { name, canonical_id: entity.data.id, mount_accessor: accessor });
  const result = await world.script('cluster-1');
  expect([result.code, result.stderr]).toEqual([
    1,
    expect.stringContaining('the login of cert-manager gives more policies than cert-manager-cluster-1: more.') as string,
  ]);
  await vault.request('DELETE', `identity/entity/id/${entity.data.id}`);
  ok(await world.script('cluster-1'));
});
