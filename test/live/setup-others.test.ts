// The setup scripts in a Vault and a cluster where others have been before, or are at the same time. Real Vault, real API server.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptProgram, ok, run, tempDir } from './harness';
import { configs, dataOf, makeRoot, makeWorld, noSecrets, programsBefore, rootFiles, startServers, stateOf } from './world';

const { kube, devVault } = startServers();
// the way in with the most to lose: an AppRole may be shared, and its Secret lies in the cluster.
const { appRole } = configs;

/** A world whose root is in Vault, and known by ./root.pem. */
async function withRoot(config = appRole, options: Parameters<typeof devVault>[0] = {}) {
  const vault = await devVault(options);
  const world = await makeWorld(config, vault, [kube()]);
  const root = await makeRoot(world.folder);
  ok(await world.script('root', rootFiles(root)));
  return { vault, world, root };
}

const secretOf = () => kube().get(['secret', 'cert-manager-vault-approle', '-n', 'istio-system']);
const refusal = (message: string) => ({ code: 1, stderr: expect.stringContaining(message) as string });

test('a way in that the config had before is named, with what closes it', async () => {
  const { vault, world } = await withRoot(configs.recommended);
  ok(await world.script('cluster-1'));
  const other = await makeWorld(appRole, vault, [kube()]);
  ok(await other.script('cluster-1'));
  const { code, stdout } = await other.script('cluster-1', ['--check']);
  expect(code).toBe(3);
  const [, words = ''] =
    /may still log in at auth\/jwt-cluster-1, which an earlier config planned; to close it: vault (.*)\n/.exec(stdout) ?? [];
  ok(await vault.vault(words.split(' ')));
  expect(ok(await other.script('cluster-1', ['--check']))).toContain('no drift');
});

describe('what is there already and of another maker', () => {
  const role = { allowed_domains: 'example.com' };
  const config = {
    bound_issuer: 'somebody',
    jwt_validation_pubkeys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' })],
  };
  test.each([
    ['a PKI mount with roles', 'intermediate.mount', 'POST istioca-cluster-1/roles/theirs', role],
    ['an AppRole of the planned name', 'appRole.name', 'POST auth/approle/role/cert-manager-cluster-1', { token_ttl: 77 }],
    ['a policy of the planned name', 'policy.name', 'POST sys/policies/acl/cert-manager-cluster-1', { policy: 'path "x" {}' }],
    ['a JWT auth method of the planned name', 'jwt.mount', 'POST auth/jwt-cluster-1/config', config],
  ])('%s is not written over, until --take-over says so', async (_, key, call, body) => {
    const { vault, world } = await withRoot(key === 'jwt.mount' ? configs.recommended : appRole);
    ok(await vault.vault(['secrets', 'enable', '-path=istioca-cluster-1', 'pki']));
    ok(await vault.vault(['auth', 'enable', 'approle']));
    ok(await vault.vault(['auth', 'enable', '-path=jwt-cluster-1', 'jwt']));
    const [method = '', path = ''] = call.split(' ');
    expect((await vault.request(method, path, body)).status).toBeLessThan(300);
    const read = async () => dataOf((await vault.request('GET', path)).body);
    const before = await read();

    expect(await world.script('cluster-1')).toMatchObject({ ...refusal(`set ${key} in the config; or --take-over`), stdout: '' });
    expect(await world.script('cluster-1', ['--plan'])).toMatchObject(refusal('--take-over'));
    expect(await read()).toEqual(before);
    expect((await vault.request('LIST', 'istioca-cluster-1/issuers')).status).toBe(404);

    ok(await world.script('cluster-1', ['--take-over']));
    ok(await world.script('cluster-1'));
  });

  const login = { token_policies: ['theirs'], role_type: 'jwt', user_claim: 'sub', bound_audiences: ['theirs'] };
  test.each([
    ['an AppRole', 'appRole.name', { appRole: { name: 'theirs' } }, 'auth/approle/role/theirs', login],
    ['a policy', 'policy.name', { policy: { name: 'theirs' } }, 'sys/policies/acl/theirs', { policy: 'path "x" {}' }],
    ['an auth method', 'jwt.mount', { auth: 'jwt', jwt: { mount: 'theirs' } }, 'auth/theirs/role/cert-manager', login],
  ] as const)(
    '%s of another maker that a changed %s names is not written over, until --take-over says so',
    async (_, key, change, path, body) => {
      const { vault, world } = await withRoot({ ...appRole, auth: 'auth' in change ? change.auth : 'appRole' });
      ok(await world.script('cluster-1'));
      ok(await vault.vault(['auth', 'enable', '-path=theirs', 'jwt']));
      expect((await vault.request('POST', path, body)).status).toBeLessThan(300);
      const read = async () => dataOf((await vault.request('GET', path)).body);
      const before = await read();
      const renamed = await makeWorld({ ...appRole, clusters: [{ name: 'cluster-1', ...change }] }, vault, [kube()]);
      expect(await renamed.script('cluster-1')).toMatchObject(refusal(`set ${key} in the config; or --take-over`));
      expect(await read()).toEqual(before);

      ok(await renamed.script('cluster-1', ['--take-over']));
      ok(await renamed.script('cluster-1'));
      // a name that nobody has needs no word.
      const free = JSON.parse(JSON.stringify(change).replace('theirs', 'free')) as typeof change;
      ok(await (await makeWorld({ ...appRole, clusters: [{ name: 'cluster-1', ...free }] }, vault, [kube()])).script('cluster-1'));
    },
  );

  test('a run that is stopped amid the way in, in a mount that was there before, is gone on with by --take-over, and after the role without', async () => {
    const { vault, world } = await withRoot(configs.recommended);
    ok(await vault.vault(['auth', 'enable', '-path=jwt-cluster-1', 'jwt']));
    for (const path of ['auth/jwt-cluster-1/role/cert-manager', 'auth/jwt-cluster-1/config']) {
      const bin = programsBefore(
        { vault: `[[ "$*" != *'write -format=json ${path} '* ]] || exit 1; exec "$real" "$@"` },
        { vault: vault.bin },
      );
      expect(await world.script('cluster-1', ['--take-over'], { PATH: `${bin}:${world.env.PATH ?? ''}` })).toMatchObject(
        refusal('did not get through'),
      );
    }
    ok(await world.script('cluster-1'));
    expect((await world.script('cluster-1', ['--plan'])).stdout).not.toContain('to do');
  });

  test('failed logins lock no AppRole of a mount that the script has enabled; one that was there is left, and the command said', async () => {
    for (const theirs of [false, true]) {
      const { vault, world } = await withRoot();
      if (theirs) ok(await vault.vault(['auth', 'enable', 'approle']));
      const stdout = ok(await world.script('cluster-1'));
      const { data } = (await secretOf()) as { data: { secretId: string } };
      const { auth } = world.cluster;
      const role_id = auth.method === 'appRole' ? auth.roleId : '';
      const logIn = async (secret_id: string) => (await vault.request('POST', 'auth/approle/login', { role_id, secret_id })).status;
      for (let n = 1; n <= 5; n++) expect(await logIn('00000000-0000-0000-0000-000000000000')).toBeGreaterThanOrEqual(400);
      const secret = Buffer.from(data.secretId, 'base64').toString();
      expect([theirs, await logIn(secret)]).toEqual([theirs, theirs ? 403 : 200]);
      const command = 'vault auth tune -user-lockout-disable=true approle';
      expect(stdout.includes(`so it is left as it is; to end that: ${command}\n`)).toBe(theirs);
      expect(ok(await world.script('cluster-1', ['--plan'])).includes('to do')).toBe(false);
      if (theirs) ok(await vault.vault(command.split(' ').slice(1)));
      expect(await logIn(secret)).toBe(200);
      await noSecrets(kube());
    }
  });

  test('further roles and issuers that can sign with the CA are named at each run, and left alone', async () => {
    const { vault, world } = await withRoot();
    ok(await world.script('cluster-1'));
    const state = await stateOf(vault, world.cluster);
    await vault.request('POST', 'istioca-cluster-1/roles/theirs', role);
    await vault.request('POST', 'istioca-cluster-1/issuers/generate/root/internal', { common_name: 'Theirs' });
    const { stdout, code } = await world.script('cluster-1', ['--plan']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/note: issuer \S+ can sign here too, besides the default: 'Theirs', SHA-256 /);
    expect(stdout).toContain('note: role istioca-cluster-1/roles/theirs signs with this CA too, and is not of the plan');
    expect(stdout).not.toContain('has no certificate');
    ok(await world.script('cluster-1'));
    expect(await stateOf(vault, world.cluster)).toEqual(state);
  });

  test('a CA below another root than the planned one is kept: both ways on are said, and no file that is gone by then', async () => {
    const { vault, world } = await withRoot();
    ok(await world.script('cluster-1'));
    const state = await stateOf(vault, world.cluster);
    const moved = await makeWorld({ ...appRole, root: { mount: 'pki-2' } }, vault, [kube()]);
    ok(await moved.script('root', rootFiles(await makeRoot(moved.folder, 'Another Root'))));
    const { code, stderr } = await moved.script('cluster-1');
    expect([code, stderr]).toEqual([
      1,
      // the reason in OpenSSL's words, which change with its version.
      expect.stringMatching(
        /istioca-cluster-1 holds a CA that does not verify to the root in pki-2 \([a-z -]+\): CA material is never replaced here; choose another mount in the config, or raise intermediate\.generation, where the root is another one now\n$/,
      ),
    ]);
    expect((await stateOf(vault, world.cluster)).issuer).toEqual(state.issuer);
  });

  test('a CA with another key or path length than the plan has today is kept, and the difference is named', async () => {
    const { vault, world } = await withRoot();
    ok(await world.script('cluster-1'));
    const state = await stateOf(vault, world.cluster);
    const later = { name: 'cluster-1', intermediate: { keyBits: 4096, maxPathLength: -1 } } as const;
    const wider = await makeWorld({ ...appRole, clusters: [later] }, vault, [kube()]);
    const { stdout, code } = await wider.script('cluster-1');
    expect(code).toBe(0);
    expect(stdout).toContain('its key is not rsa with 4096 bits, as the plan says; it is kept');
    expect(stdout).toContain('its path length is 0, the plan says -1; it is kept');
    expect((await stateOf(vault, world.cluster)).issuer).toEqual(state.issuer);
  });

  test('a Secret of another cluster of the config, or of another maker, is not taken', async () => {
    const clusters = ['cluster-1', 'cluster-2'].map(name => ({ name, context: 'cluster-1' }));
    // the plan refuses two clusters of one context, so the second config is another file.
    const { vault, world } = await withRoot({ ...appRole, clusters: clusters.slice(0, 1) });
    ok(await world.script('cluster-1'));
    const mine = await secretOf();
    const second = await makeWorld({ ...appRole, clusters: clusters.slice(1) }, vault, [kube()]);
    // a new CA is made below a root that is known alone, and this folder knows none.
    rmSync(join(second.folder, 'root.pem'));
    expect(await second.script('cluster-2')).toMatchObject(refusal('a root certificate to compare with the root in pki'));
    writeFileSync(join(second.folder, 'root.pem'), readFileSync(join(world.folder, 'root.pem')));
    expect(await second.script('cluster-2')).toMatchObject(
      refusal('another name than istio-system/cert-manager-vault-approle for the Secret: context cluster-1 has one of cluster cluster-1'),
    );
    expect(await secretOf()).toEqual(mine);

    const annotate = ['annotate', 'secret', 'cert-manager-vault-approle', '-n', 'istio-system', 'cdk8s-mesh-ca/cluster-'];
    ok(await kube().kubectl(annotate));
    expect(await second.script('cluster-2')).toMatchObject(refusal('has one of another maker'));
    // the one who put it there by hand, as the guide says, goes on.
    ok(await world.script('cluster-1'));
    ok(await second.script('cluster-2', ['--take-over']));
  });
});

describe('the root that is there', () => {
  test('a mount that holds a CA is not taken for the root to import unless that one is named', async () => {
    const { vault, world, root } = await withRoot();
    rmSync(join(world.folder, 'root.pem'));
    expect(await world.script('root')).toMatchObject(refusal('the root certificate to compare with the CA that pki holds'));
    ok(await world.script('root', ['--root-cert', root.cert]));
    // with line ends of another system it is the same certificate.
    writeFileSync(join(world.folder, 'root.pem'), root.pem.replaceAll('\n', '\r\n'));
    ok(await world.script('root'));
    ok(await world.script('cluster-1'));
    expect(dataOf((await vault.request('LIST', 'pki/issuers')).body).keys).toHaveLength(1);
  });

  test('a cluster script stops where ./root.pem is another one', async () => {
    const { vault, world } = await withRoot();
    writeFileSync(join(world.folder, 'root.pem'), (await makeRoot(tempDir('other'), 'Other Root')).pem);
    expect(await world.script('cluster-1')).toMatchObject(refusal("pki holds another CA ('Test Root CA'"));
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['istioca-cluster-1/']);
  });

  test('one that ends before the intermediate would stops the script before it changes anything', async () => {
    const vault = await devVault();
    const world = await makeWorld(appRole, vault, [kube()]);
    const { cert, key } = await makeRoot(world.folder, 'Short Root', 365);
    ok(await vault.vault(['secrets', 'enable', 'pki']));
    const pem_bundle = readFileSync(cert, 'utf8') + readFileSync(key, 'utf8');
    await vault.request('POST', 'pki/config/ca', { pem_bundle });
    // everything that is wrong with it at once.
    const refused = await world.script('cluster-1');
    expect(refused).toMatchObject(refusal('before what it is to sign for 157680000 s would'));
    expect(refused).toMatchObject(
      refusal('pki issues for less than the 157680000 s of a CA below the CA; to raise it: vault secrets tune'),
    );
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['istioca-cluster-1/']);
  });

  test('a mount that allows more than the plan needs is left as it is', async () => {
    const { vault, world } = await withRoot();
    await vault.request('POST', 'sys/mounts/pki/tune', { max_lease_ttl: '99999h' });
    ok(await world.script('root'));
    expect(dataOf((await vault.request('GET', 'sys/mounts/pki/tune')).body)).toMatchObject({ max_lease_ttl: 99999 * 3600 });
  });
});

test('what a server writes is never run, and a bound that is no number is not believed', async () => {
  const { vault, world } = await withRoot();
  // stands in for a Vault that answers so: real Vault writes numbers.
  const hostile = '"max_lease_ttl": "a[$(touch pwned)]"';
  const bin = programsBefore(
    { vault: `[[ $* == *sys/auth* ]] || exec "$real" "$@"; "$real" "$@" | sed 's/"max_lease_ttl": [0-9]*/${hostile}/'` },
    { vault: vault.bin },
  );
  const { code, stderr } = await world.script('cluster-1', [], { PATH: `${bin}:${world.env.PATH ?? ''}` });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('max_lease_ttl is no number') as string });
  expect((await run('ls', [], { cwd: world.folder })).stdout).not.toContain('pwned');
});

test('a Vault in another time zone: the secret ID that was delivered stays', async () => {
  const zones = join(ok(await run('go', ['env', 'GOROOT'])).trim(), 'lib/time/zoneinfo.zip');
  for (const TZ of ['Pacific/Auckland', 'America/Los_Angeles']) {
    const { vault, world } = await withRoot({ ...appRole, appRole: { secretIdTtl: '24h' } }, { env: { TZ, ZONEINFO: zones } });
    ok(await world.script('cluster-1'));
    const { expiration_time: ends } = dataOf(
      (
        await vault.request('POST', 'auth/approle/role/cert-manager-cluster-1/secret-id/lookup', {
          secret_id: Buffer.from(((await secretOf()) as { data: { secretId: string } }).data.secretId, 'base64').toString(),
        })
      ).body,
    );
    expect(ends).not.toMatch(/Z$/);
    const again = await world.script('cluster-1', ['--plan']);
    expect([TZ, again.stdout.includes('to do')]).toEqual([TZ, false]);
    await noSecrets(kube());
  }
});

test('a rerun that only renews needs a token that may look, and make secret IDs', async () => {
  const { vault, world } = await withRoot();
  ok(await world.script('cluster-1'));
  const approle = 'auth/approle/role/cert-manager-cluster-1';
  const path = (name: string, ...capabilities: string[]) => `path "${name}" { capabilities = ${JSON.stringify(capabilities)} }`;
  const policy = [
    ...['sys/mounts', 'sys/auth', 'sys/policies/acl/cert-manager-cluster-1', approle, `${approle}/role-id`].map(name => path(name, 'read')),
    ...['pki', 'istioca-cluster-1'].flatMap(mount => [path(`${mount}/config/issuers`, 'read'), path(`${mount}/issuer/+`, 'read')]),
    ...['issuers', 'keys', 'roles'].map(name => path(`istioca-cluster-1/${name}`, 'list')),
    ...['roles/cluster-1', 'config/urls', 'config/auto-tidy', 'config/acme', 'config/est', 'config/crl'].map(name =>
      path(`istioca-cluster-1/${name}`, 'read'),
    ),
    path('auth/approle/role', 'list'),
    path('auth/approle/role/+', 'read'),
    path(`${approle}/secret-id`, 'list', 'update'),
    path(`${approle}/secret-id/lookup`, 'update'),
    path(`${approle}/secret-id-accessor/destroy`, 'update'),
  ].join('\n');
  await vault.request('POST', 'sys/policies/acl/renew', { policy });
  const made = (await vault.request('POST', 'auth/token/create', { policies: ['renew'], ttl: '1h' })).body;
  const { client_token } = (made as { auth: { client_token: string } }).auth;
  const env = { VAULT_TOKEN: client_token };
  ok(await kube().kubectl(['delete', 'secret', 'cert-manager-vault-approle', '-n', 'istio-system']));
  ok(await world.script('cluster-1', [], env));
  // what is to do is asked for, and nothing else.
  await vault.request('POST', world.cluster.role.path, { ...world.cluster.role.fields, allow_ip_sans: true });
  const { stderr, code } = await world.script('cluster-1', [], env);
  expect({ code, lines: stderr.split('\n').filter(line => line.startsWith('  - ')) }).toEqual({
    code: 1,
    lines: ['istioca-cluster-1/roles/cluster-1', 'sys/mounts/istioca-cluster-1/tune'].map(
      path => `  - the capability create, update on ${path} for the token`,
    ),
  });
});

test('a CA that another run makes after this one has looked is found, not made a second time', async () => {
  const { vault, world } = await withRoot();
  ok(await vault.vault(['secrets', 'enable', '-path=istioca-cluster-1', '-max-lease-ttl=43800h', 'pki']));
  // it asks for the Secret when it has looked at everything in Vault, and has found no CA.
  const kubectl = await keptProgram('kubectl');
  const other = `[[ $* != *'get secret cert-manager-vault-approle'* || -e other ]] || { touch other; PATH=\${PATH#*:} bash dist/cluster-1/setup.sh >&2; }; exec "$real" "$@"`;
  const bin = programsBefore({ kubectl: other }, { kubectl });
  const { code, stdout, stderr } = await world.script('cluster-1', [], { PATH: `${bin}:${world.env.PATH ?? ''}` });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('cluster cluster-1 is ready in Vault') as string });
  expect(stdout).toMatch(/intermediate\/issue: .*\n.* note: the CA is .*\n {6}done already/);
  expect(dataOf((await vault.request('LIST', 'istioca-cluster-1/keys')).body).keys).toHaveLength(1);
});

test.each(['recommended', 'appRole'] as const)('no path is read twice in a run that changes nothing (%s)', async name => {
  const { vault, world } = await withRoot(configs[name]);
  ok(await world.script('cluster-1'));
  const record = join(tempDir('calls'), 'calls');
  const bin = programsBefore({ vault: `echo "$1 \${@: -1}" >>${record}; exec "$real" "$@"` }, { vault: vault.bin });
  ok(await world.script('cluster-1', [], { PATH: `${bin}:${world.env.PATH ?? ''}` }));
  const reads = readFileSync(record, 'utf8')
    .split('\n')
    .filter(line => /^(read|list) /.test(line));
  expect(reads.length).toBeGreaterThan(10);
  expect(reads.filter((line, i) => reads.indexOf(line) !== i)).toEqual([]);
});

test('BAO_ADDR is for bao: vault goes where VAULT_ADDR says; a namespace is refused, since the Issuer would ask without it', async () => {
  const { world } = await withRoot();
  ok(await world.script('cluster-1', [], { BAO_ADDR: 'http://127.0.0.1:9', BAO_TOKEN: 'nonsense' }));
  expect(await world.script('cluster-1', [], { VAULT_NAMESPACE: 'team' })).toMatchObject(refusal('VAULT_NAMESPACE is set'));
});
