// Attacker: somebody who could write to Vault for a short time before setup.sh ran, and cannot any more.
// Holds: the private keys, the roles and the settings that were left there, and our ownership marker, which is a text that anybody can write.
// Tries: to become the mesh's CA (a key, an issuer, a root, a policy CA), or to be let in later (a PKI role, a policy, a login role, an AppRole,
// a role ID, a mount's settings). Real Vault 1.13, real API server.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshCaConfig } from '../../../src/config/config';
import { emergencyScript } from '../../../src/script/emergency';
import { policyText } from '../../../src/script/policy-text';
import { buildPrograms, type Kube, ok, run, startKube, startVaultDev, tempDir, type Vault } from '../harness';
import { configOf, listed } from '../roots';
import { caFiles, dataOf, makeRoot, makeWorld, rootFiles, type World } from '../world';
import { csrOf } from './attacks';

let vault: Vault;
let kube: Kube;
jest.setTimeout(180_000);
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = [await startVaultDev(), await startKube()];
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

const read = async (path: string) => dataOf((await vault.request('GET', path)).body);
async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const { status, body: answer } = await vault.request('POST', path, body);
  expect([path, status, status < 300 ? '' : answer]).toEqual([path, status, '']);
  return dataOf(answer);
}
const refusal = (message: string) => ({ code: 1, stderr: expect.stringContaining(message) as string });

/** Two ways to leave a mount: as anybody would, and with the marker that our scripts write. */
const marks = [
  ['in a mount without our marker', 'plain'],
  ['in a mount with a forged marker', 'forged'],
] as const;
type Mark = (typeof marks)[number][1];
const description = (mark: Mark) => (mark === 'forged' ? ['-description=cdk8s-mesh-ca: CA of mesh'] : []);
const plantMount = async (mount: string, mark: Mark) =>
  ok(await vault.vault(['secrets', 'enable', ...description(mark), '-max-lease-ttl=87600h', `-path=${mount}`, 'pki']));
const plantLogins = async (mount: string, type: string, mark: Mark) =>
  ok(await vault.vault(['auth', 'enable', ...description(mark), `-path=${mount}`, type]));

/** A key of the attacker's, imported under a name; gives its public half. */
async function plantKey(mount: string, name: string): Promise<string> {
  const file = join(tempDir('attacker'), 'key');
  ok(await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file]));
  const pem_bundle = readFileSync(file, 'utf8');
  await post(`${mount}/keys/import`, { pem_bundle, key_name: name });
  const [id] = await listed(vault, `${mount}/keys`);
  await post(`${mount}/config/keys`, { default: id });
  return spki(createPublicKey(createPrivateKey(pem_bundle)));
}
const spki = (key: ReturnType<typeof createPublicKey>) => String(key.export({ type: 'spki', format: 'pem' }));
const keyOf = async (mount: string, issuer = 'default') =>
  spki(new X509Certificate(String((await read(`${mount}/issuer/${issuer}`)).certificate)).publicKey);

/** The victim: a config whose names are all after its cluster, with a root that is imported. */
async function victim(name: string, more: Partial<MeshCaConfig> = {}, { root = true } = {}): Promise<World> {
  const world = await makeWorld(
    configOf(name, { root: { mount: `pki-${name}` }, intermediate: { keyType: 'ec', keyBits: 256 }, ...more }),
    vault,
    [kube],
  );
  if (root) ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  return world;
}

/** The same config with another intermediate, in the same folder's root.pem. */
async function next(world: World, name: string, intermediate: MeshCaConfig['intermediate']): Promise<World> {
  const later = await victim(name, { intermediate }, { root: false });
  writeFileSync(join(later.folder, 'root.pem'), readFileSync(join(world.folder, 'root.pem')));
  return later;
}

const everything = async () => [(await vault.request('GET', 'sys/mounts')).body, (await vault.request('GET', 'sys/auth')).body].map(dataOf);

describe('a key that was left', () => {
  test('cannot become the key of the CA: a mount without our marker is refused before the first step', async () => {
    const world = await victim('key-plain');
    await plantMount('istioca-key-plain', 'plain');
    await plantKey('istioca-key-plain', 'mesh-ca');
    const before = await everything();
    expect(await world.script('key-plain')).toMatchObject({
      ...refusal('the mount istioca-key-plain, with its key '),
      stdout: '',
    });
    expect(await everything()).toEqual(before);
  });

  test('cannot become the key of the CA in a mount with a forged marker: a new key is made, and the other one is named with its delete line', async () => {
    const world = await victim('key-forged');
    await plantMount('istioca-key-forged', 'forged');
    const theirs = await plantKey('istioca-key-forged', 'mesh-ca');
    const [id = ''] = await listed(vault, 'istioca-key-forged/keys');
    const stdout = ok(await world.script('key-forged'));
    expect(await keyOf('istioca-key-forged')).not.toBe(theirs);
    expect(stdout).toContain(`to remove it: vault delete istioca-key-forged/key/${id}`);
    expect((await world.script('key-forged', ['--check'])).code).toBe(3);
    ok(await vault.vault(['delete', `istioca-key-forged/key/${id}`]));
    expect(await world.script('key-forged', ['--check'])).toMatchObject({ code: 0 });
  });

  test('cannot become the key of the next generation, which a renamed key waits for', async () => {
    const world = await victim('key-next');
    ok(await world.script('key-next'));
    const theirs = await plantKey('istioca-key-next', 'mesh-ca-2');
    const later = await next(world, 'key-next', { keyType: 'ec', keyBits: 256, generation: 2 });
    ok(await later.script('key-next'));
    expect(await keyOf('istioca-key-next', 'key-next-g2')).not.toBe(theirs);
  });

  test('cannot be reused as that of a former CA: an issuer that has its name and is not below the root is none', async () => {
    const world = await victim('key-reused');
    ok(await world.script('key-reused'));
    const mount = 'istioca-key-reused';
    const key = { key_type: 'ec', key_bits: 256, issuer_name: 'key-reused-g1' };
    const { certificate } = await post(`${mount}/issuers/generate/root/internal`, {
      common_name: 'key-reused Mesh Intermediate CA',
      ...key,
    });
    const later = await next(world, 'key-reused', { keyType: 'ec', keyBits: 256, generation: 2, reuseKey: true });
    await later.script('key-reused');
    // whether the run goes on or stops, no CA of the mesh has the key of the issuer that was left.
    const theirs = spki(new X509Certificate(String(certificate)).publicKey);
    for (const id of await listed(vault, `${mount}/issuers`)) {
      const issuer = await read(`${mount}/issuer/${id}`);
      const one = new X509Certificate(String(issuer.certificate));
      if (one.subject !== one.issuer) expect([id, spki(one.publicKey)]).not.toEqual([id, theirs]);
    }
  });

  test.each(marks)('cannot become the key of a policy CA, %s', async (_, mark) => {
    const name = `key-policy-${mark}`;
    const world = await victim(
      name,
      { policyCas: [{ name: 'policy', mount: `pki-policy-${mark}`, keyType: 'ec', keyBits: 256 }] },
      { root: false },
    );
    await plantMount(`pki-policy-${mark}`, mark);
    const theirs = await plantKey(`pki-policy-${mark}`, 'mesh-ca');
    const result = await world.script('root', rootFiles(await makeRoot(world.folder)));
    if (mark === 'plain') expect(result).toMatchObject(refusal(`the mount pki-policy-${mark}, with its key `));
    else {
      ok(result);
      expect(await keyOf(`pki-policy-${mark}`)).not.toBe(theirs);
    }
  });

  test('cannot become the key of the next CA once a CA with it was revoked', async () => {
    const name = 'key-revoked';
    const world = await victim(name);
    ok(await world.script(name));
    const emergency = join(world.folder, 'emergency.sh');
    writeFileSync(emergency, emergencyScript(world.cluster));
    ok(await run('bash', [emergency, 'revoke-intermediate', '--yes', name], { cwd: world.folder, env: world.env }));
    const later = await next(world, name, { keyType: 'ec', keyBits: 256, generation: 2, reuseKey: true });
    expect(await later.script(name)).toMatchObject(refusal('intermediate.reuseKey: a CA in istioca-key-revoked is revoked'));
    expect(await listed(vault, `istioca-${name}/issuers`)).toHaveLength(2);
    const own = await next(world, name, { keyType: 'ec', keyBits: 256, generation: 2 });
    ok(await own.script(name));
  });

  test('cannot be what an offline root signs: without a request beside the config, a new key is made', async () => {
    const root = await makeRoot(tempDir('offline'));
    const name = 'key-offline';
    const world = await victim(name, { root: { source: 'offline', certificate: root.pem } }, { root: false });
    await plantMount(`istioca-${name}`, 'forged');
    const theirs = await plantKey(`istioca-${name}`, 'mesh-ca');
    expect(await world.script(name)).toMatchObject({ code: 4, stderr: '' });
    const requested = ok(await run('openssl', ['req', '-in', join(world.folder, `istioca-${name}.csr`), '-noout', '-pubkey']));
    expect(requested).not.toBe(theirs);
    // the run after that finds its own key again, and no other.
    const keys = await listed(vault, `istioca-${name}/keys`);
    expect(await world.script(name)).toMatchObject({ code: 4, stderr: '' });
    expect(await listed(vault, `istioca-${name}/keys`)).toEqual(keys);
    expect(ok(await run('openssl', ['req', '-in', join(world.folder, `istioca-${name}.csr`), '-noout', '-pubkey']))).toBe(requested);
  });
});

describe('a root that was left', () => {
  test.each(marks)('cannot become the root, %s: it is refused by its fingerprint, with what accepts it', async (_, mark) => {
    const name = `root-${mark}`;
    const mount = `pki-${name}`;
    const world = await victim(name, { root: { source: 'generate', mount, keyType: 'ec' } }, { root: false });
    await plantMount(mount, mark);
    const { certificate } = await post(`${mount}/root/generate/internal`, { common_name: 'Mesh Root CA', ttl: '87600h', key_type: 'ec' });
    const { fingerprint256 } = new X509Certificate(String(certificate));
    const refused = await world.script('root');
    expect(refused).toMatchObject(refusal(`SHA-256 ${fingerprint256}`));
    expect(existsSync(join(world.folder, 'root.pem'))).toBe(false);
    expect(await world.script('root', ['--check'])).toMatchObject({ code: 3 });
    // neither does the cluster's script take it.
    expect(await world.script(name)).toMatchObject(refusal(`SHA-256 ${fingerprint256}`));
    // somebody who knows the fingerprint accepts it by the line that was printed.
    const [, command = ''] = /accept it: (vault read .*? > root\.pem); then/.exec(refused.stderr) ?? [];
    ok(await run('bash', ['-c', command], { cwd: world.folder, env: world.env }));
    ok(await world.script('root'));
    ok(await world.script(name));
  });

  test('cannot show another fingerprint by its name', async () => {
    const name = 'root-name';
    const mount = `pki-${name}`;
    const world = await victim(name, { root: { source: 'generate', mount, keyType: 'ec' } }, { root: false });
    await plantMount(mount, 'forged');
    const lie = `SHA-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`;
    const { certificate } = await post(`${mount}/root/generate/internal`, {
      common_name: `Root', ${lie}`,
      exclude_cn_from_sans: true,
      ttl: '87600h',
      key_type: 'ec',
    });
    const { fingerprint256 } = new X509Certificate(String(certificate));
    expect(await world.script('root')).toMatchObject(refusal(`'Root?, ${lie}', SHA-256 ${fingerprint256})`));
  });

  test.each([
    ['a key', (mount: string) => plantKey(mount, 'theirs')],
    ['a role', (mount: string) => post(`${mount}/roles/theirs`, { allow_any_name: true })],
  ])('%s cannot wait beside a root that is generated', async (what, plant) => {
    const name = `root-${what.slice(2)}`;
    const world = await victim(name, { root: { source: 'generate', mount: `pki-${name}`, keyType: 'ec' } }, { root: false });
    await plantMount(`pki-${name}`, 'forged');
    await plant(`pki-${name}`);
    expect(await world.script('root')).toMatchObject(refusal(`the mount pki-${name}, with its ${what.slice(2)} `));
    expect(await listed(vault, `pki-${name}/issuers`)).toEqual([]);
  });

  test('a run that was stopped after Vault generated the root has a plain way on', async () => {
    const name = 'root-stopped';
    const world = await victim(name, { root: { source: 'generate', mount: `pki-${name}`, keyType: 'ec' } }, { root: false });
    const bin = tempDir('bin');
    writeFileSync(
      join(bin, 'vault'),
      `#!/bin/bash\n"${vault.bin}" "$@"; rc=$?; [[ $* != *root/generate* ]] || kill -KILL 0; exit "$rc"\n`,
      {
        mode: 0o755,
      },
    );
    expect(await world.script('root', [], { PATH: `${bin}:${world.env.PATH ?? ''}` })).toMatchObject({ code: 137 });
    const { stderr } = await world.script('root');
    const [, command = ''] = /accept it: (vault read .*? > root\.pem); then/.exec(stderr) ?? [];
    ok(await run('bash', ['-c', command], { cwd: world.folder, env: world.env }));
    ok(await world.script('root'));
  });
});

describe('what would sign or let somebody in later', () => {
  test.each(marks)('an issuer with the planned name cannot become the CA, %s', async (_, mark) => {
    const name = `issuer-${mark}`;
    const world = await victim(name);
    await plantMount(`istioca-${name}`, mark);
    await post(`istioca-${name}/root/generate/internal`, { common_name: `${name} Mesh Intermediate CA`, ttl: '8760h', key_type: 'ec' });
    expect(await world.script(name)).toMatchObject(refusal('that does not verify to the root'));
  });

  test.each(marks)('a PKI role cannot wait for the CA, %s', async (_, mark) => {
    const name = `role-${mark}`;
    const world = await victim(name);
    await plantMount(`istioca-${name}`, mark);
    await post(`istioca-${name}/roles/${name}`, { allow_any_name: true, enforce_hostnames: false });
    expect(await world.script(name)).toMatchObject(refusal(`the mount istioca-${name}, with its role ${name}`));
  });

  test('a policy of the planned name cannot be kept', async () => {
    const world = await victim('policy');
    await post('sys/policies/acl/cert-manager-policy', { policy: 'path "*" { capabilities = ["sudo", "read"] }' });
    expect(await world.script('policy')).toMatchObject(refusal('sys/policies/acl/cert-manager-policy'));
  });

  const backdoor = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['theirs'], token_policies: ['cert-manager-login'] };
  test.each([
    ['a login role in an auth mount without our marker', 'login-plain', 'plain', true, 'the auth mount auth/jwt-login-plain'],
    ['an auth mount without our marker', 'login-empty', 'plain', false, 'the auth mount auth/jwt-login-empty'],
    [
      'a login role in an auth mount with a forged marker',
      'login-forged',
      'forged',
      true,
      'the auth mount auth/jwt-login-forged, with its role theirs',
    ],
  ] as const)('%s cannot be taken silently', async (_, name, mark, hasRole, message) => {
    const world = await victim(name);
    await plantLogins(`jwt-${name}`, 'jwt', mark);
    if (hasRole) await post(`auth/jwt-${name}/role/theirs`, backdoor);
    const before = await everything();
    const refused = await world.script(name);
    expect(refused).toMatchObject(refusal(message));
    expect(refused.stdout.includes(`vault delete auth/jwt-${name}/role/theirs`)).toBe(hasRole);
    expect(await everything()).toEqual(before);
    // who takes it over has the role named, in each run, until it is removed.
    expect(ok(await world.script(name, ['--take-over'])).includes(`vault delete auth/jwt-${name}/role/theirs`)).toBe(hasRole);
  });

  test('a login role that was added later cannot stay unnamed: setup, --check and the emergency name it, with what removes it', async () => {
    const name = 'backdoor';
    const world = await victim(name);
    ok(await world.script(name));
    await post(`auth/jwt-${name}/role/theirs`, backdoor);
    const line = `vault delete auth/jwt-${name}/role/theirs`;
    expect(ok(await world.script(name))).toContain(line);
    const checked = await world.script(name, ['--check']);
    expect(checked).toMatchObject({ code: 3, stdout: expect.stringContaining(line) as string });
    const emergency = join(world.folder, 'emergency.sh');
    writeFileSync(emergency, emergencyScript(world.cluster));
    expect(ok(await run('bash', [emergency, 'block-login', '--yes', name], { cwd: world.folder, env: world.env }))).toContain(line);
    ok(await vault.vault(line.split(' ').slice(1)));
    expect(ok(await world.script(name, ['--reopen']))).not.toContain(line);
    expect(await world.script(name, ['--check'])).toMatchObject({ code: 0 });
  });

  test('the name of a mount cannot become a command in the line that disables it', async () => {
    const name = 'quoted';
    const world = await victim(name);
    ok(await world.script(name));
    const mount = "jwt-former; touch pwned; 'echo'";
    ok(await vault.vault(['auth', 'enable', `-description=cdk8s-mesh-ca: logins of cert-manager in ${name}`, `-path=${mount}`, 'jwt']));
    const { stdout } = await world.script(name, ['--check']);
    const [, command = ''] = /to close it: (vault auth disable .*)/.exec(stdout) ?? [];
    ok(await run('bash', ['-c', command], { cwd: world.folder, env: world.env }));
    expect(existsSync(join(world.folder, 'pwned'))).toBe(false);
    expect(Object.keys(dataOf((await vault.request('GET', 'sys/auth')).body)).filter(one => one.includes('former'))).toEqual([]);
  });

  test('an AppRole that gives our policy cannot hide in the shared mount, and the AppRole of others is not named', async () => {
    const name = 'shared';
    const world = await victim(name, { auth: 'appRole' });
    if (!('approle/' in dataOf((await vault.request('GET', 'sys/auth')).body))) ok(await vault.vault(['auth', 'enable', 'approle']));
    await post('auth/approle/role/others', { token_policies: ['default'] });
    await post('auth/approle/role/theirs', { token_policies: [`cert-manager-${name}`] });
    expect(await world.script(name)).toMatchObject(refusal('the auth mount auth/approle, with its role theirs'));
    ok(await vault.vault(['delete', 'auth/approle/role/theirs']));
    ok(await world.script(name));
    expect(await world.script(name, ['--check'])).toMatchObject({ code: 0 });
    await post('auth/approle/role/theirs', { token_policies: [`cert-manager-${name}`] });
    const { code, stdout } = await world.script(name, ['--check']);
    expect([code, stdout]).toEqual([3, expect.stringContaining('vault delete auth/approle/role/theirs')]);
    expect(stdout).not.toContain('role/others');
    ok(await vault.vault(['delete', 'auth/approle/role/theirs']));

    // another secret ID lets its holder sign as well.
    const { secret_id_accessor: accessor } = await post(`auth/approle/role/cert-manager-${name}/secret-id`, {});
    const second = await world.script(name, ['--check']);
    expect(second).toMatchObject({ code: 3, stdout: expect.stringContaining(`accessor ${String(accessor)}`) as string });
  });

  test('a role ID that another AppRole holds cannot log in for ours: setup stops', async () => {
    const name = 'roleid';
    // another cluster's Secret is in the namespace, from the test above.
    const world = await victim(name, { auth: 'appRole', secret: { name: 'roleid-approle' } });
    if (!('approle/' in dataOf((await vault.request('GET', 'sys/auth')).body))) ok(await vault.vault(['auth', 'enable', 'approle']));
    await post('auth/approle/role/squatter', { token_policies: ['default'] });
    await post('auth/approle/role/squatter/role-id', { role_id: `${name}.cert-manager-${name}` });
    expect(await world.script(name)).toMatchObject(refusal('role_id already in use'));
  });

  test('a forged record that is not a time cannot let a root go: it is refused, and named', async () => {
    const name = 'record';
    const world = await victim(name);
    ok(await world.script(name));
    const data = { 'root-cert.pem': readFileSync(join(world.folder, 'root.pem'), 'utf8') };
    const trust = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio-ca-root-cert', namespace: 'default' }, data };
    await kube.apply(JSON.stringify(trust));
    ok(await world.script(name));
    const { mount } = world.cluster.intermediate;
    const description = `cdk8s-mesh-ca: CA of ${name} [left.0123456789ABCDEF=never]`;
    await post(`sys/mounts/${mount}/tune`, { description });
    expect(await world.script(name)).toMatchObject(
      refusal(`this record is not a time, so these scripts did not write it: left.0123456789ABCDEF=never of mount ${mount}.`),
    );
    await post(`sys/mounts/${mount}/tune`, { description: `cdk8s-mesh-ca: CA of ${name}` });
    ok(await world.script(name));
    ok(await kube.kubectl(['delete', 'configmap', 'istio-ca-root-cert', '-n', 'default']));
  });

  test('settings of a mount with a forged marker cannot stay unnamed, and each line takes its setting back', async () => {
    const name = 'settings';
    const world = await victim(name);
    const mount = `istioca-${name}`;
    await plantMount(mount, 'forged');
    await post(`sys/mounts/${mount}/tune`, {
      passthrough_request_headers: ['X-Theirs'],
      audit_non_hmac_request_keys: ['csr'],
      listing_visibility: 'unauth',
    });
    await post(`${mount}/config/crl`, { disable: true });
    ok(await world.script(name));
    const { code, stdout } = await world.script(name, ['--check']);
    expect(code).toBe(3);
    const lines = [...stdout.matchAll(/to take it back: vault (write \S+ \S+)\n/g)].map(([, line = '']) => line);
    expect(lines).toHaveLength(4);
    for (const line of lines) ok(await vault.vault(line.split(' ')));
    expect(await world.script(name, ['--check'])).toMatchObject({ code: 0 });
  });
});

describe('a CA below the real root, with a key of the attacker, that was left in the planned mount', () => {
  /** Has the root sign a CA of this name, and imports it with its key into a mount; gives its ID and its fingerprint. */
  async function plantCa(world: World, mount: string, common_name: string, issuer_name = ''): Promise<{ id: string; print: string }> {
    const folder = tempDir('attacker');
    const csr = await csrOf(folder, 'theirs', `/CN=${common_name}`, 'keyUsage=critical,keyCertSign');
    const signed = { csr, common_name, ttl: '43800h', max_path_length: 0, format: 'pem_bundle' };
    const { certificate } = await post(`${world.plan.root.mount ?? ''}/root/sign-intermediate`, signed);
    const pem_bundle = `${String(certificate)}\n${readFileSync(join(folder, 'theirs.key'), 'utf8')}`;
    const { imported_issuers: ids } = await post(`${mount}/issuers/import/bundle`, { pem_bundle });
    const [id = ''] = (ids ?? []) as string[];
    const found = await read(`${mount}/issuer/${id}`);
    expect(found.key_id).not.toBe('');
    if (issuer_name !== '') ok(await vault.vault(['patch', `${mount}/issuer/${id}`, `issuer_name=${issuer_name}`]));
    return { id, print: new X509Certificate(String(found.certificate)).fingerprint256 };
  }
  /** Accepts a CA by the line that a script printed. */
  async function accept({ folder, env }: World, text: string): Promise<void> {
    const [, command = ''] = /accept it: (vault read .*?\.ca\.pem); then/.exec(text) ?? [];
    ok(await run('bash', ['-o', 'pipefail', '-c', command], { cwd: folder, env }));
  }

  test.each([
    ['alone', 'ca-alone', false],
    ['with the planned role, policy and login', 'ca-complete', true],
  ])('cannot become the CA of the cluster: %s', async (_, name, isComplete) => {
    const world = await victim(name);
    const { intermediate, role, policy, auth } = world.cluster;
    await plantMount(intermediate.mount, 'forged');
    const { print } = await plantCa(world, intermediate.mount, intermediate.commonName);
    if (isComplete) {
      await post(role.path, role.fields);
      await post(`sys/policies/acl/${policy.name}`, { policy: policyText(policy.rules) });
      ok(
        await vault.vault([
          'auth',
          'enable',
          `-description=cdk8s-mesh-ca: logins of cert-manager in ${name}`,
          `-path=${auth.mount}`,
          'jwt',
        ]),
      );
      await post(auth.path, { ...auth.fields, bound_claims: { '/kubernetes.io/serviceaccount/uid': 'theirs' } });
    }
    const before = await everything();
    const refused = await world.script(name);
    expect(refused).toMatchObject(refusal(`the CA in ${intermediate.mount}, '${intermediate.commonName}', SHA-256 ${print}`));
    expect(await world.script(name, ['--take-over'])).toMatchObject(refusal(print));
    expect(await world.script(name, ['--repair', 'role/write'])).toMatchObject(refusal(print));
    expect(await everything()).toEqual(before);
    expect(ok(await world.script(name, ['--plan']))).toContain('a run would be refused: the CA in');
    expect(await world.script(name, ['--check'])).toMatchObject({ code: 3, stdout: expect.stringContaining(print) as string });
    expect(caFiles(world.folder)).not.toContain(`${intermediate.mount}.ca.pem`);
    // somebody who knows the fingerprint accepts it by the line that was printed.
    await accept(world, refused.stderr);
    ok(await world.script(name, isComplete ? ['--take-over'] : []));
  });

  test('cannot become a policy CA', async () => {
    const name = 'ca-policy';
    const world = await victim(name, { policyCas: [{ name: 'regional', mount: `pki-${name}-regional` }] }, { root: false });
    const root = rootFiles(await makeRoot(world.folder));
    const first = await victim(name, {}, { root: false });
    ok(await first.script('root', root));
    writeFileSync(join(world.folder, 'root.pem'), readFileSync(join(first.folder, 'root.pem')));
    const [{ mount, commonName } = { mount: '', commonName: '' }] = world.plan.policyCas;
    await plantMount(mount, 'forged');
    const { print } = await plantCa(world, mount, commonName);
    const refused = await world.script('root', root);
    expect(refused).toMatchObject(refusal(print));
    await accept(world, refused.stderr);
    ok(await world.script('root', root));
  });

  test('cannot become the next generation, nor take the place of the present one, nor look like an older one', async () => {
    const name = 'ca-later';
    const world = await victim(name);
    ok(await world.script(name));
    const { mount, commonName } = world.cluster.intermediate;
    const genuine = String((await read(`${mount}/config/issuers`)).default);
    const prints: string[] = [];
    for (const [cn, issuerName] of [
      ['Theirs', `${name}-g7`],
      [commonName, `${name}-g1`],
      [commonName.replace('CA', 'CA G2'), `${name}-g2`],
    ] as const) {
      const { id, print } = await plantCa(world, mount, cn, issuerName);
      prints.push(print);
      const { code, stdout } = await world.script(name, ['--check']);
      expect([issuerName, code, stdout]).toEqual([issuerName, 3, expect.stringContaining(`issuer ${id} can sign here too`)]);
      for (const one of prints) expect(stdout).toContain(one);
      expect(stdout).not.toMatch(new RegExp(`issuer ${genuine} can sign`));
    }
    const rooted = await world.script('root', ['--check']);
    expect(rooted.code).toBe(3);
    for (const one of prints) expect(rooted.stdout).toContain(one);

    ok(await world.script(name));
    expect((await read(`${mount}/config/issuers`)).default).toBe(genuine);
    expect(JSON.stringify(dataOf((await vault.request('GET', `sys/mounts/${mount}`)).body).description)).not.toContain('g7');
    // the next generation is made only where nothing has its name.
    const later = await next(world, name, { keyType: 'ec', keyBits: 256, generation: 2 });
    expect(await later.script(name)).toMatchObject(refusal(prints[2]!));
    expect((await read(`${mount}/config/issuers`)).default).toBe(genuine);
  });
});

describe('a CA that was signed', () => {
  /** What the check of the root must say of a CA. */
  const named = (pem: unknown) => ({
    code: 3,
    stdout: expect.stringContaining(`SHA-256 ${new X509Certificate(String(pem)).fingerprint256}`) as string,
  });
  /** A request that OpenSSL makes by a config. */
  async function requestOf(folder: string, name: string, config: string): Promise<string> {
    const file = (ending: string) => join(folder, `${name}.${ending}`);
    writeFileSync(file('cnf'), `[req]\nprompt = no\ndistinguished_name = dn\nreq_extensions = extensions\n${config}`);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key')];
    ok(await run('openssl', ['req', '-new', ...key, '-config', file('cnf'), '-out', file('csr')]));
    return readFileSync(file('csr'), 'utf8');
  }

  test('by the root for somebody else cannot stay unknown: the check of the root names it until it is revoked', async () => {
    const name = 'signed';
    const world = await victim(name);
    ok(await world.script(name));
    expect(await world.script('root', ['--check'])).toMatchObject({ code: 0, stderr: '' });
    const csr = await csrOf(tempDir('attacker'), 'theirs', '/CN=Theirs', 'keyUsage=digitalSignature');
    const { certificate } = await post(`pki-${name}/root/sign-intermediate`, { csr, common_name: 'Theirs', ttl: '43800h' });
    const checked = await world.script('root', ['--check']);
    expect(checked).toMatchObject(named(certificate));
    // its certificate, in the mount of the cluster's CA, makes it no CA of ours: its key is not there.
    await post(`${world.cluster.intermediate.mount}/issuers/import/cert`, { pem_bundle: certificate });
    expect(await world.script('root', ['--check'])).toMatchObject(named(certificate));
    const [, line = '', accept = ''] =
      /To revoke it: vault (write \S+ \S+)\. If you know it: (vault read .*\.ca\.pem)\n/.exec(checked.stdout) ?? [];
    ok(await vault.vault(line.split(' ')));
    // the mesh reads no CRL, so it trusts the CA still.
    const revoked = await world.script('root', ['--check']);
    expect(revoked).toMatchObject(named(certificate));
    expect(revoked.stdout).toContain('It is revoked, and the mesh reads no CRL');
    ok(await run('bash', ['-o', 'pipefail', '-c', accept], { cwd: world.folder, env: world.env }));
    expect(await world.script('root', ['--check'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('cannot be a certificate for istiod either, of the root or of the CA of the cluster, however it was signed', async () => {
    const name = 'leaves';
    const world = await victim(name);
    ok(await world.script(name));
    const istiod = 'subjectAltName=URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account,DNS:istiod.istio-system.svc';
    const csr = await csrOf(tempDir('attacker'), 'leaf', '/CN=istiod', istiod);
    const { mount } = world.cluster.intermediate;
    for (const at of [`pki-${name}`, mount]) {
      const { certificate } = await post(`${at}/sign-verbatim`, { csr, ttl: '43000h' });
      const checked = await world.script('root', ['--check']);
      expect(checked).toMatchObject(named(certificate));
      expect(checked.stdout).toContain(`${at} has signed a certificate that no planned role signs`);
    }
  });

  test('what the planned role signs and Vault stores is no drift; what lives longer is', async () => {
    const name = 'stored';
    const world = await victim(name, { role: { storeCertificates: true } });
    ok(await world.script(name));
    expect(await listed(vault, `${world.cluster.intermediate.mount}/certs`)).not.toHaveLength(0);
    expect(await world.script('root', ['--check'])).toMatchObject({ code: 0, stderr: '' });
    const csr = await csrOf(tempDir('attacker'), 'leaf', '/CN=theirs', 'subjectAltName=DNS:theirs.example.com');
    const { certificate } = await post(`${world.cluster.intermediate.mount}/sign-verbatim`, { csr, ttl: '43000h' });
    expect(await world.script('root', ['--check'])).toMatchObject(named(certificate));
  });

  test('cannot hide behind the text of other certificates', async () => {
    const name = 'decoys';
    const world = await victim(name);
    const folder = tempDir('attacker');
    const decoy = '[dn]\nCN = Decoy\n[extensions]\n2.16.840.1.113730.1.13 = ASN1:IA5STRING:x\\nCertificate:\\nx\n';
    for (const one of ['a', 'b']) {
      const { certificate } = await post(`pki-${name}/sign-verbatim`, { csr: await requestOf(folder, one, decoy), ttl: '43800h' });
      // the ingredient is real: what OpenSSL prints of it has a line that begins another certificate.
      const text = ok(await run('openssl', ['x509', '-noout', '-text'], { input: String(certificate) }));
      expect(text.match(/^Certificate:/gm)).toHaveLength(2);
    }
    const csr = await csrOf(folder, 'theirs', '/CN=Theirs', 'keyUsage=digitalSignature');
    const { certificate } = await post(`pki-${name}/root/sign-intermediate`, { csr, common_name: 'Theirs', ttl: '43800h' });
    for (const one of ['c', 'd']) await post(`pki-${name}/sign-verbatim`, { csr: await requestOf(folder, one, decoy), ttl: '43800h' });
    expect(await world.script('root', ['--check'])).toMatchObject(named(certificate));
  });

  test("cannot hide behind the root's own name and key ID", async () => {
    const name = 'imitated';
    const world = await victim(name);
    const root = new X509Certificate(readFileSync(join(world.folder, 'root.pem')));
    const text = ok(await run('openssl', ['x509', '-noout', '-ext', 'subjectKeyIdentifier'], { input: root.toString() }));
    const id = (/([0-9A-F]{2}:)+[0-9A-F]{2}/.exec(text)?.[0] ?? '').replaceAll(':', '');
    const dn = `[dn]\n${root.subject}\n`;
    const authority = `authorityKeyIdentifier = DER:30168014${id}\n`;
    const csr = await requestOf(
      tempDir('attacker'),
      'theirs',
      `${dn}[extensions]\nbasicConstraints = critical,CA:TRUE\nsubjectKeyIdentifier = ${id}\n${authority}`,
    );
    const { certificate } = await post(`pki-${name}/root/sign-intermediate`, { csr, use_csr_values: true, ttl: '43800h' });
    const { subject, issuer } = new X509Certificate(String(certificate));
    expect([subject, issuer]).toEqual([root.subject, root.subject]);
    expect(await world.script('root', ['--check'])).toMatchObject(named(certificate));
  });
});
