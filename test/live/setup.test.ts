// The setup scripts on a real Vault and a real API server. The Secret lands in the real API; nothing here plays Vault.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptProgram, ok, run, startVaultServer, tempDir } from './harness';
import { configs, dataOf, makeRoot, makeWorld, noSecrets, programsBefore, rootFiles, startServers, stateOf } from './world';

const { kube: kubeOf, devVault, endAfterTest } = startServers();
let kube: ReturnType<typeof kubeOf>;
beforeAll(() => {
  kube = kubeOf();
});

// what somebody may have written by hand.
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' });
const otherConfig = {
  jwt: { jwt_validation_pubkeys: [otherKey], bound_issuer: 'somebody' },
  kubernetes: { kubernetes_host: 'https://example.com', disable_local_ca_jwt: true },
};
const steps = (stdout: string) => stdout.split('\n').filter(line => line.startsWith('['));
const doneAlready = (stdout: string) => stdout.split('\n').filter(line => line === '      done already').length;

describe.each(['recommended', 'kubernetes', 'appRole', 'guide'] as const)('the %s config', name => {
  const config = configs[name];
  const keyFile = name === 'guide' ? ['--exported-key', 'istioca.key'] : [];

  test('is set up, and a second run finds everything done and changes nothing', async () => {
    const vault = await devVault();
    const world = await makeWorld(config, vault, [kube]);
    const root = await makeRoot(world.folder);

    // --plan changes nothing
    const before = await vault.request('GET', 'sys/mounts');
    const planned = await world.script('root', ['--plan']);
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout.split('\n').filter(line => line === '      to do')).toHaveLength(steps(planned.stdout).length);
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).toEqual(dataOf(before.body));

    ok(await world.script('root', rootFiles(root)));
    const first = await world.script('cluster-1', keyFile);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/cluster cluster-1 is ready in Vault: \d+ trials passed/);
    const state = await stateOf(vault, world.cluster);
    expect(new X509Certificate(String(dataOf({ data: state.issuer }).certificate)).subject).toBe(
      `CN=${world.cluster.intermediate.commonName}`,
    );

    const again = await world.script('root');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(doneAlready(again.stdout)).toBe(steps(again.stdout).length);
    const second = await world.script('cluster-1');
    expect(second).toMatchObject({ code: 0, stderr: '' });
    // the trial is no step that can be done already.
    expect(doneAlready(second.stdout)).toBe(steps(second.stdout).length - 1);
    expect(await stateOf(vault, world.cluster)).toEqual(state);
    expect((await world.script('cluster-1', ['--plan'])).stdout).not.toContain('to do');
  });

  test('arrives when it changes, and mends what was edited by hand; the CA stays', async () => {
    const vault = await devVault();
    const world = await makeWorld(config, vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    ok(await world.script('cluster-1', keyFile));
    const state = await stateOf(vault, world.cluster);
    const { role, policy, auth, intermediate } = world.cluster;

    const byHand = { not_after: '2099-01-01T00:00:00Z', not_before_duration: '720h', ext_key_usage_oids: '1.3.6.1.5.5.7.3.3' };
    await vault.request('POST', role.path, { allow_any_name: true, cn_validations: 'disabled', ...byHand });
    await vault.request('POST', `sys/policies/acl/${policy.name}`, { policy: 'path "*" { capabilities = ["sudo"] }' });
    const cidrs = auth.method === 'appRole' ? ['token_bound_cidrs', 'secret_id_bound_cidrs'] : ['token_bound_cidrs'];
    await vault.request('POST', auth.path, {
      ...auth.fields,
      // with none of what tells it from another maker's it would be refused.
      token_policies: [policy.name, 'root-like'],
      token_ttl: 60,
      ...Object.fromEntries(cidrs.map(field => [field, ['10.0.0.0/8']])),
    });
    if (auth.method === 'appRole') await vault.request('POST', `${auth.path}/role-id`, { role_id: 'another' });
    else if (auth.method in otherConfig)
      await vault.request('POST', `auth/${auth.mount}/config`, otherConfig[auth.method as keyof typeof otherConfig]);
    await vault.request('POST', `sys/mounts/${intermediate.mount}/tune`, { max_lease_ttl: '1h' });

    const found = await world.script('cluster-1', ['--plan']);
    expect(found.stdout.match(/^ {6}to do$/gm)).toHaveLength(5);
    expect(found.stdout).toContain('note: allow_any_name: is true, planned false');
    for (const field of [...Object.keys(byHand), 'cn_validations', ...cidrs]) {
      expect(found.stdout).toContain(`note: ${field}: is `);
    }
    ok(await world.script('cluster-1'));
    expect(await stateOf(vault, world.cluster)).toEqual(state);

    const [settings] = config.clusters;
    const longer = { name: 'cluster-1', ...settings, certificates: { workloadTtl: '2h' }, role: { ...settings?.role, maxTtl: '2h' } };
    const wider = await makeWorld({ ...config, clusters: [longer] }, vault, [kube]);
    ok(await wider.script('cluster-1'));
    const changed = await stateOf(vault, wider.cluster);
    expect(changed.role).toMatchObject({ max_ttl: 7200 });
    expect(changed.issuer).toEqual(state.issuer);
  });

  test('stops at a mount that holds another CA, and changes nothing', async () => {
    const vault = await devVault();
    const world = await makeWorld(config, vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    const { mount } = world.cluster.intermediate;
    ok(await vault.vault(['secrets', 'enable', `-path=${mount}`, 'pki']));
    ok(await vault.vault(['write', `${mount}/root/generate/internal`, 'common_name=Somebody Else']));
    const before = await vault.request('LIST', `${mount}/issuers`);
    const tuned = await vault.request('GET', `sys/mounts/${mount}/tune`);

    const stopped = await world.script('cluster-1', keyFile);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain(`${mount} holds another CA ('Somebody Else'`);
    expect(dataOf((await vault.request('LIST', `${mount}/issuers`)).body)).toEqual(dataOf(before.body));
    expect(dataOf((await vault.request('GET', `sys/mounts/${mount}/tune`)).body)).toEqual(dataOf(tuned.body));
  });
});

test('the recommended trial refuses each name that it must, and the guide reports what its role wrongly signs', async () => {
  const refused = [
    'a workload of another trust domain',
    'another service',
    "a subdomain of istio-csr's name",
    'an IP address',
    'localhost',
    'a wildcard',
    'a foreign common name',
    'an end of its own choice (not_after)',
  ];
  for (const name of ['recommended', 'guide'] as const) {
    const vault = await devVault();
    const world = await makeWorld(configs[name], vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    const { stdout, code } = await world.script('cluster-1', name === 'guide' ? ['--exported-key', 'istioca.key'] : []);
    expect(code).toBe(0);
    const lines = stdout.split('\n').map(line => line.trim());
    const wrongly = lines
      .filter(line => line.startsWith('WRONGLY SIGNED: '))
      .map(line => line.replace(/^WRONGLY SIGNED: (.*) \(.*$/, '$1'));
    if (name === 'recommended') {
      expect(lines.filter(line => line.startsWith('refused, as it must be: '))).toEqual(
        refused.map(what => `refused, as it must be: ${what}`),
      );
      expect(wrongly).toEqual([]);
    } else {
      // another trust domain is the one name that the page's role refuses; an end of its own choice is refused by the policy.
      expect(wrongly).toEqual(refused.slice(1, -1));
      expect(lines).toContainEqual(expect.stringContaining('WARNING: the role signs 6 of the names that it should refuse'));
    }
    await noSecrets(kube);
  }
});

test('the trial fails if a role that must be exact signs too much', async () => {
  const vault = await devVault();
  const world = await makeWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  const file = join(world.folder, 'dist/cluster-1/setup.sh');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"allow_localhost": false', '"allow_localhost": true'));
  const { code, stdout, stderr } = await world.script('cluster-1');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('trial: the role signs 1 of the names that it must refuse') as string,
  });
  expect(stdout).toContain('WRONGLY SIGNED: localhost (DNS:localhost)');
});

describe('the root', () => {
  test('can be generated in Vault; its certificate is written beside the config, and is then known', async () => {
    const vault = await devVault();
    const world = await makeWorld(
      { ...configs.recommended, root: { source: 'generate', commonName: "Bob's $(root) CA", keyType: 'ec' } },
      vault,
      [kube],
    );
    ok(await world.script('root'));
    const pem = readFileSync(join(world.folder, 'root.pem'), 'utf8');
    expect(new X509Certificate(pem).subject).toBe("CN=Bob's $(root) CA");
    ok(await world.script('cluster-1'));
    const known = await makeWorld(
      { ...configs.recommended, root: { source: 'generate', commonName: "Bob's $(root) CA", keyType: 'ec', certificate: pem } },
      vault,
      [kube],
    );
    expect((await known.script('cluster-1', ['--plan'])).stdout).not.toContain('to do');
    expect(statSync(join(world.folder, 'root.pem')).mode & 0o777).toBe(0o644);
  });

  test('is generated once by two runs at the same time; the other one says that the name is taken, and finds it when run again', async () => {
    const vault = await devVault();
    const world = await makeWorld({ ...configs.recommended, root: { source: 'generate' } }, vault, [kube]);
    // both are past their look when the first one writes.
    ok(await vault.vault(['secrets', 'enable', '-path=pki', '-description=cdk8s-mesh-ca: the root CA', '-max-lease-ttl=87600h', 'pki']));
    const runs = await Promise.all([world.script('root'), world.script('root')]);
    for (const { code, stderr } of runs) {
      if (code !== 0) expect(stderr).toMatch(/issuer name already in use|another CA than pki holds|run this again/);
    }
    expect(ok(await world.script('root', ['--check']))).toContain('no drift');
    const { keys } = dataOf((await vault.request('LIST', 'pki/issuers')).body) as { keys: string[] };
    expect(keys).toHaveLength(1);
    // one that another maker has left beside it is named, with what removes it.
    await vault.request('POST', 'pki/root/generate/internal', { common_name: 'Twin', ttl: '24h' });
    await vault.request('POST', 'pki/config/issuers', { default: keys[0] });
    const { code, stdout } = await world.script('root', ['--check']);
    expect(code).toBe(3);
    const [, issuer = '', key = ''] =
      /can sign here too, besides the default: 'Twin', .*; to remove it: vault delete (\S+), then vault delete (\S+)\n/.exec(stdout) ?? [];
    for (const path of [issuer, key]) ok(await vault.vault(['delete', path]));
    expect(ok(await world.script('root', ['--check']))).toContain('no drift');
  });

  test('fails if one is to be generated where another one is known, before it is made', async () => {
    const vault = await devVault();
    const world = await makeWorld({ ...configs.recommended, root: { source: 'generate' } }, vault, [kube]);
    writeFileSync(join(world.folder, 'root.pem'), (await makeRoot(world.folder)).pem);
    expect(await world.script('root')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/error: \.\/root\.pem is there \('Test Root CA', SHA-256 \S+\), and pki holds no CA: /) as string,
    });
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['pki/']);
  });

  test('fails if the files are no CA, no pair, encrypted, another CA than the known one, or end too early; Vault is untouched', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    const { cert, key } = await makeRoot(world.folder);
    const other = await makeRoot(tempDir('other'), 'Other Root');
    const at = (name: string) => join(world.folder, name);
    const req = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x'];
    ok(
      await run('openssl', [
        ...req,
        '-keyout',
        at('leaf.key'),
        '-out',
        at('leaf.crt'),
        '-addext',
        'basicConstraints=critical,CA:FALSE',
        '-days',
        '3650',
      ]),
    );
    ok(await run('openssl', [...req, '-keyout', at('short.key'), '-out', at('short.crt'), '-days', '30']));
    const weak = (name: string, options: readonly string[]) =>
      run('openssl', [
        ...['req', '-x509', '-nodes', '-subj', '/CN=x', '-days', '3650', ...options],
        ...['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)],
      ]);
    ok(await weak('rsa1024', ['-newkey', 'rsa:1024']));
    ok(await weak('p224', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp224r1']));
    ok(await weak('sha1', ['-newkey', 'rsa:2048', '-sha1']));
    ok(await weak('usage', ['-newkey', 'rsa:2048', '-addext', 'keyUsage=critical,cRLSign']));
    const pair = (name: string) => ['--root-cert', at(`${name}.crt`), '--root-key', at(`${name}.key`)];
    ok(await run('openssl', ['pkey', '-in', key, '-aes256', '-passout', 'pass:test', '-out', at('encrypted.key')]));
    const refused: [string[], string][] = [
      [[], 'the root certificate: --root-cert FILE'],
      [['--root-cert', cert], 'the key of the root: --root-key FILE'],
      [['--root-cert', at('leaf.crt'), '--root-key', at('leaf.key')], 'is no CA certificate'],
      [['--root-cert', cert, '--root-key', other.key], '--root-key is the key of another certificate than --root-cert'],
      [
        ['--root-cert', cert, '--root-key', at('encrypted.key')],
        '--root-key is no private key that is not encrypted; for an encrypted one: openssl pkey',
      ],
      [['--root-cert', cert, '--root-key', '/dev/null'], '--root-key: /dev/null is empty; where a program was to write the key there'],
      [pair('rsa1024'), '--root-cert has an RSA key of 1024 bits; use at least 2048 bits'],
      [pair('p224'), '--root-cert has a key on the curve secp224r1; use P-256, P-384 or P-521'],
      [pair('sha1'), '--root-cert is signed with sha1WithRSAEncryption; use SHA-256, SHA-384 or SHA-512'],
      [pair('usage'), '--root-cert has a key usage without keyCertSign'],
      [['--root-cert', at('short.crt'), '--root-key', at('short.key')], 'before what it is to sign for 157680000 s would'],
    ];
    for (const [args, message] of refused) {
      expect(await world.script('root', args)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) as string });
    }
    const known = await makeWorld({ ...configs.recommended, root: { certificate: other.pem } }, vault, [kube]);
    expect((await known.script('root', rootFiles({ cert, key }))).stderr).toContain('--root-cert is another CA');
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['pki/']);
  });

  test('is not replaced: a mount with another root stops the script, also where only root.pem tells', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    const issuers = dataOf((await vault.request('LIST', 'pki/issuers')).body);
    const other = await makeRoot(tempDir('other'), 'Other Root');
    const second = await makeWorld(configs.recommended, vault, [kube]);
    // a folder that knows no root yet.
    rmSync(join(second.folder, 'root.pem'));
    expect(await second.script('root', rootFiles(other))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("pki holds another CA ('Test Root CA'") as string,
    });
    writeFileSync(join(second.folder, 'root.pem'), other.pem);
    expect(await second.script('root')).toMatchObject({ code: 1, stderr: expect.stringContaining('than ./root.pem') as string });
    expect(dataOf((await vault.request('LIST', 'pki/issuers')).body)).toEqual(issuers);
  });
});

describe('before the first step', () => {
  test('says all that is missing at once, and changes nothing', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.appRole, vault, [kube]);
    const nobody = (await vault.request('POST', 'auth/token/create', { policies: ['default'], ttl: '1h' })).body as {
      auth: { client_token: string };
    };
    const { code, stderr } = await world.script('cluster-1', [], { VAULT_TOKEN: nobody.auth.client_token, KUBECONFIG: '/dev/null' });
    expect(code).toBe(1);
    expect(stderr).toContain('this is missing, and nothing was changed:');
    expect(stderr).toContain('the capability list on auth/approle/role/cert-manager-cluster-1/secret-id for the token');
    expect(stderr).toContain('the capability update on auth/approle/role/cert-manager-cluster-1/secret-id for the token');
    expect(stderr).toContain('the capability update on pki/root/sign-intermediate for the token');
    expect(stderr).toContain('the namespace istio-system in the cluster of context cluster-1');
    expect(stderr).toContain('the namespace cert-manager in the cluster of context cluster-1');
  });

  test.each([
    ['no Vault answers', { VAULT_ADDR: 'http://127.0.0.1:9' }, 'an answer from Vault at http://127.0.0.1:9'],
    ['the token is none', { VAULT_TOKEN: 'nonsense' }, 'a token that Vault at'],
    ['a program is missing', { MESH_CA_CLI: 'no-such-vault' }, 'the program no-such-vault'],
  ])('fails if %s', async (_, env, message) => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    expect(await world.script('root', [], env)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) as string });
  });

  test('fails if the token lacks rights: the lines that it says give them, and with them it gets through', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['default'], ttl: '1h' });
    const nobody = { VAULT_TOKEN: (body as { auth: { client_token: string } }).auth.client_token };
    const type = async (line: string) => ok(await run('bash', ['-c', line], { cwd: world.folder, env: world.env })).trim();
    for (const [args, words, name] of [
      [[], '', ''],
      [['--check'], ' --check', '-check'],
      [['--retire'], ' --retire', '-retire'],
    ] as const) {
      const { code, stdout, stderr } = await world.script('cluster-1', args, nobody);
      const [, writes = '', create = ''] = /\n((?: {4}bash .*\n)+).*\n {4}(vault .*)\n$/.exec(stderr) ?? [];
      const policy = `mesh-ca-setup-cluster-1${name}`;
      const write = writes.trim().split(/\n */);
      const isRun = words !== ' --check';
      const ca = 'mesh-ca-setup-cluster-1-ca';
      expect([code, stdout, write, create]).toEqual([
        1,
        '',
        [
          `bash dist/cluster-1/setup.sh --print-policy${words} | vault policy write ${policy} -`,
          ...(isRun ? [`bash dist/cluster-1/setup.sh --print-policy --ca | vault policy write ${ca} -`] : []),
        ],
        `vault token create -type=batch -policy=${policy}${isRun ? ` -policy=${ca}` : ''} -ttl=1h`,
      ]);
      for (const line of write) await type(line);
      const VAULT_TOKEN = await type(`${create} -field=token`);
      expect(await world.script('cluster-1', args, { VAULT_TOKEN })).toMatchObject({ code: 0, stderr: '' });
    }
  });

  test('--plan with a token that only reads says what a run would lack of what is to do, and the lines that give it', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    const policy = ok(await world.script('cluster-1', ['--print-policy', '--check']));
    await vault.request('POST', 'sys/policies/acl/reads', { policy });
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['reads'], ttl: '1h' });
    const reader = { VAULT_TOKEN: (body as { auth: { client_token: string } }).auth.client_token };
    const lines = (stdout: string) =>
      /\na run would be refused with this token, which lacks for what is to do:\n(( {2}- .*\n)+)/.exec(stdout)?.[1];
    const plan = await world.script('cluster-1', ['--plan'], reader);
    expect([plan.code, plan.stderr]).toEqual([0, '']);
    expect(lines(plan.stdout)).toMatch(/ {2}- the capability update on pki\/root\/sign-intermediate for the token\n/);
    expect(plan.stdout).toMatch(/ {4}bash dist\/cluster-1\/setup\.sh --print-policy \| vault policy write mesh-ca-setup-cluster-1 -\n/);
    // of what is done already it lacks nothing.
    ok(await world.script('cluster-1'));
    expect(lines(ok(await world.script('cluster-1', ['--plan'], reader)))).toBeUndefined();
  });

  test('fails if there is no vault, which it names; with bao alone it takes that', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    const bin = tempDir('bin');
    const tools = ['bash', 'awk', 'cat', 'cut', 'grep', 'head', 'jq', 'mktemp', 'openssl', 'paste', 'rm', 'sed', 'sort', 'tail', 'tr'];
    for (const tool of tools) symlinkSync(ok(await run('bash', ['-c', 'type -P "$1"', '-', tool])).trim(), join(bin, tool));
    expect(await world.script('root', ['--plan'], { PATH: bin })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/this is missing, and nothing was changed:\n {2}- the program vault\n$/) as string,
    });
    // the same program by the name of its fork, which takes the same words.
    symlinkSync(vault.bin, join(bin, 'bao'));
    expect(ok(await world.script('root', ['--plan'], { PATH: bin }))).toContain('      to do\n');
  });

  test('fails with 2 and the usage if an option is unknown', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.recommended, vault, [kube]);
    expect(await world.script('root', ['--pln'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/unknown option '--pln'[^]*usage: /) as string,
    });
    // two words of which one would be dropped.
    for (const [words, message] of [
      [['--plan', '--check'], '--plan says what is to do, --check what differs: one of them'],
      [['--check', '--plan'], '--plan says what is to do, --check what differs: one of them'],
      [['--check', '--retire'], '--retire does, and --check only looks: one of them'],
    ] as const) {
      const { code, stdout, stderr } = await world.script('cluster-1', words);
      expect([words, code, stdout, stderr]).toEqual([words, 2, '', expect.stringContaining(message)]);
    }
    expect(await world.script('root', ['--help'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^usage: /) as string });
  });
});

describe('an exported key', () => {
  test('goes to the file that was asked for, and nowhere else; without one nothing begins', async () => {
    const vault = await devVault();
    const world = await makeWorld(configs.guide, vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    expect((await world.script('cluster-1')).stderr).toContain('--exported-key FILE');
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['istioca/']);

    const { stdout } = await world.script('cluster-1', ['--exported-key', 'istioca.key']);
    const key = readFileSync(join(world.folder, 'istioca.key'), 'utf8');
    expect(statSync(join(world.folder, 'istioca.key')).mode & 0o777).toBe(0o600);
    expect(stdout).not.toContain(key.split('\n')[1]);
    const issuer = dataOf({ data: (await stateOf(vault, world.cluster)).issuer });
    expect(ok(await run('openssl', ['pkey', '-pubout'], { input: key }))).toBe(
      new X509Certificate(String(issuer.certificate)).publicKey.export({ type: 'spki', format: 'pem' }),
    );
  });
});

test('a Vault with TLS, a private CA and file storage serves across a restart, and a sealed one is said to be', async () => {
  const vault = await startVaultServer();
  endAfterTest(vault);
  const config = { ...configs.recommended, vault: { ...configs.recommended.vault, caBundle: vault.caPem } };
  const world = await makeWorld(config, vault, [kube]);
  // the private CA comes from the config alone.
  const env = { VAULT_CACERT: undefined };
  ok(await world.script('root', rootFiles(await makeRoot(world.folder)), env));
  ok(await world.script('cluster-1', [], env));
  const state = await stateOf(vault, world.cluster);
  await vault.restart({ unseal: false });
  expect(await world.script('cluster-1', [], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('an unsealed Vault at') as string,
  });
  await vault.unseal();
  const again = await world.script('cluster-1', [], env);
  expect(doneAlready(again.stdout)).toBe(steps(again.stdout).length - 1);
  expect(await stateOf(vault, world.cluster)).toEqual(state);
});

test('a secret ID that ends soon, never ends, or is unknown to Vault is replaced', async () => {
  const vault = await devVault();
  const world = await makeWorld(configs.appRole, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  const secretIdIn = async () => {
    const secret = (await kube.get(['secret', 'cert-manager-vault-approle', '-n', 'istio-system'])) as { data: { secretId: string } };
    return Buffer.from(secret.data.secretId, 'base64').toString();
  };
  const put = async (secretId: string) =>
    ok(
      await kube.kubectl([
        'patch',
        'secret',
        'cert-manager-vault-approle',
        '-n',
        'istio-system',
        '-p',
        JSON.stringify({ stringData: { secretId } }),
      ]),
    );
  const mint = async (ttl: number) => {
    await vault.request('POST', 'auth/approle/role/cert-manager-cluster-1', { ...world.cluster.auth.fields, secret_id_ttl: ttl });
    return String(dataOf((await vault.request('POST', 'auth/approle/role/cert-manager-cluster-1/secret-id', {})).body).secret_id);
  };
  for (const [why, secretId] of [
    ['soon', await mint(3600)],
    ['never', await mint(0)],
    ['unknown', 'not-a-secret-id\\@$(x)'],
  ] as const) {
    await put(secretId);
    const { code, stdout } = await world.script('cluster-1');
    expect([why, code]).toEqual([why, 0]);
    expect(await secretIdIn()).not.toBe(secretId);
    const kept = await secretIdIn();
    ok(await world.script('cluster-1'));
    expect(await secretIdIn()).toBe(kept);
    expect(stdout).not.toContain(kept);
  }
});

test('a cluster that holds another root stops the script, which says how to go on; a bundle with both is left as it is', async () => {
  const vault = await devVault();
  const world = await makeWorld(configs.recommended, vault, [kube]);
  const root = await makeRoot(world.folder);
  const other = await makeRoot(tempDir('other'), 'Other Root');
  ok(await world.script('root', rootFiles(root)));
  const hold = (pem: string) =>
    kube.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'istio-root-ca', namespace: 'cert-manager' },
        stringData: { 'ca.cert.pem': pem },
      }),
    );
  const held = async () => {
    const secret = (await kube.get(['secret', 'istio-root-ca', '-n', 'cert-manager'])) as { data: Record<string, string> };
    return Buffer.from(secret.data['ca.cert.pem'] ?? '', 'base64').toString();
  };
  await hold(other.pem);
  const { code, stderr } = await world.script('cluster-1');
  expect(code).toBe(1);
  expect(stderr).toContain('Secret cert-manager/istio-root-ca holds another CA than the planned one');
  expect(stderr).toContain('kubectl --context cluster-1 delete secret istio-root-ca -n cert-manager');
  expect(await held()).toBe(other.pem);

  await hold(other.pem + root.pem);
  ok(await world.script('cluster-1'));
  expect(await held()).toBe(other.pem + root.pem);
});

test('bao is used where it is named, with the same words; no secret stands in an argument', async () => {
  const vault = await devVault();
  const kubectl = await keptProgram('kubectl');
  const record = join(tempDir('record'), 'calls');
  // stands in for OpenBao's CLI, which cannot be had here: it notes its arguments, and real Vault answers.
  const note = `printf '%s\\0' "\${0##*/}" "$@" $'\\n' >>${record}; exec "$real" "$@"`;
  const bin = programsBefore({ bao: note, kubectl: note, vault: 'exit 99' }, { bao: vault.bin, kubectl });
  const world = await makeWorld(configs.appRole, vault, [kube]);
  const { cert, key } = await makeRoot(world.folder);
  const env = { MESH_CA_CLI: 'bao', PATH: `${bin}:${world.env.PATH ?? ''}` };
  ok(await world.script('root', rootFiles({ cert, key }), env));
  ok(await world.script('cluster-1', [], env));
  // the second run looks the delivered secret ID up.
  ok(await world.script('cluster-1', [], env));

  const calls = readFileSync(record, 'utf8');
  const words = calls.split('\n').map(call => call.split('\0').filter(Boolean));
  expect(words).toContainEqual(['bao', 'write', '-format=json', 'sys/mounts/istioca-cluster-1', '-']);
  expect(words).toContainEqual(['bao', 'write', '-format=json', 'auth/approle/role/cert-manager-cluster-1', '-']);
  const secret = (await kube.get(['secret', 'cert-manager-vault-approle', '-n', 'istio-system'])) as { data: { secretId: string } };
  const secrets = [
    Buffer.from(secret.data.secretId, 'base64').toString(),
    secret.data.secretId,
    ...readFileSync(key, 'utf8').split('\n').slice(1, -2),
  ];
  for (const one of secrets) expect(calls).not.toContain(one);
  // every call to a cluster names it.
  for (const [program, ...args] of words.filter(([program]) => program === 'kubectl')) {
    expect([program, ...args.slice(0, 2)]).toEqual(['kubectl', '--context', 'cluster-1']);
  }
  expect(existsSync(join(world.folder, 'root.pem'))).toBe(true);
});
