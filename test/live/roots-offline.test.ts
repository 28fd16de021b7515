// A root that is not in Vault. Real Vault, real API server.
import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms, type Kube, ok, run, startKube, startVaultDev, tempDir, type Vault } from './harness';
import { certificates, fingerprints } from './mesh/certificates';
import { configOf, listed, newKey, offlineRoot, signAsTold } from './roots';
import { dataOf, makeWorld, type World } from './world';

// one for all of the file, with mounts of each test's own.
let vault: Vault;
let kube: Kube;
jest.setTimeout(120_000);
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = [await startVaultDev(), await startKube()];
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

const refusal = (message: string) => ({ code: 1, stderr: expect.stringContaining(message) as string });
const read = async (path: string) => dataOf((await vault.request('GET', path)).body);
describe('a root that is not in Vault', () => {
  type Root = Awaited<ReturnType<typeof offlineRoot>>;
  const policyCas = [
    {
      name: 'first',
      keyType: 'ec',
      subject: { organization: 'Example, Ltd', country: 'DE' },
      permittedDnsDomains: ['svc', 'example.com'],
      permittedUriDomains: ['cluster.local', '.example.com'],
    },
  ] as const;

  async function waiting(name: string, root: Root): Promise<{ world: World; stdout: string; mount: string }> {
    const mount = `pki-${name}`;
    const config = configOf(name, { root: { source: 'offline', certificate: root.pem }, policyCas: [{ ...policyCas[0], mount }] });
    const world = await makeWorld(config, vault, [kube]);
    const { code, stdout, stderr } = await world.script('root');
    expect({ code, stderr }).toEqual({ code: 4, stderr: '' });
    return { world, stdout, mount };
  }

  test('signs a policy CA by hand, and the cluster goes on from there', async () => {
    const root = await offlineRoot();
    const { world, stdout, mount } = await waiting('hand', root);
    expect(stdout).toContain(
      `to be signed: ${mount}.csr, by the root 'Offline Root', SHA-256 ${new X509Certificate(root.pem).fingerprint256}`,
    );
    expect(stdout).toContain('waiting for a signature');
    const keys = await listed(vault, `${mount}/keys`);
    expect(keys).toHaveLength(1);
    const request = readFileSync(join(world.folder, `${mount}.csr`), 'utf8');

    // a run before the signature comes finds the same key and leaves the request as it is.
    const again = await world.script('root');
    expect(again).toMatchObject({ code: 4, stderr: '' });
    expect(await listed(vault, `${mount}/keys`)).toEqual(keys);
    expect(readFileSync(join(world.folder, `${mount}.csr`), 'utf8')).toBe(request);
    expect(await world.script('hand')).toMatchObject(refusal(`the policy CA in Vault's mount ${mount}: run dist/root/setup.sh first`));

    const signed = await signAsTold(world, again.stdout, root);
    expect(ok(await world.script('root', ['--signed', signed]))).toContain('the root CA is ready outside of Vault');
    expect(await listed(vault, `${mount}/keys`)).toEqual(keys);
    expect((await world.script('root', ['--check'])).stdout).toContain('no drift');
    const policy = readFileSync(join(world.folder, signed), 'utf8');
    const { certificate, ca_chain: chain } = await read(`${mount}/issuer/default`);
    expect(fingerprints(String(certificate))).toEqual(fingerprints(policy));
    expect(fingerprints((chain as string[]).join(''))).toEqual(fingerprints(policy + root.pem));

    expect(ok(await world.script('hand'))).toMatch(/\d+ trials passed/);
    const issuing = await read('istioca-hand/issuer/default');
    expect(fingerprints((issuing.ca_chain as string[]).join(''))).toEqual(fingerprints(String(issuing.certificate) + policy + root.pem));
    // nothing is asked for any more.
    ok(await world.script('root'));
    ok(await world.script('hand'));
  });

  test("signs each cluster's intermediate where there is no policy CA", async () => {
    const root = await offlineRoot();
    const world = await makeWorld(configOf('direct', { root: { source: 'offline', certificate: root.pem } }), vault, [kube]);
    ok(await world.script('root'));
    const first = await world.script('direct');
    expect(first).toMatchObject({ code: 4, stderr: '' });
    // what comes after the CA waits with it.
    expect((await vault.request('GET', 'sys/policies/acl/cert-manager-direct')).status).toBe(404);
    const signed = await signAsTold(world, first.stdout, root);
    expect(ok(await world.script('direct', ['--signed', signed]))).toMatch(/\d+ trials passed/);
    ok(await world.script('direct'));
  });

  test('fails if what was signed does not fit, each with its own message, and takes the right one after that', async () => {
    const root = await offlineRoot();
    const { world, stdout, mount } = await waiting('unfit', root);
    const other = await offlineRoot({ commonName: 'Other Root' });
    const at = (file: string) => join(world.folder, file);
    const sign = async (name: string, by: Root, change: (command: string) => string) =>
      signAsTold(world, stdout, by, command => change(command).replace(/-out \S+/, `-out ${name}.crt`));
    const ext = (name: string, text: string) => {
      writeFileSync(at(`${name}.ext`), text);
      return (command: string) => command.replace(/-extfile \S+/, `-extfile ${name}.ext`);
    };
    const usage = 'keyUsage=critical,keyCertSign,cRLSign\n';
    ok(
      await run('openssl', [
        'req',
        '-new',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        '/CN=first Mesh Policy CA',
        '-keyout',
        at('x.key'),
        '-out',
        at('x.csr'),
      ]),
    );
    writeFileSync(at('empty.crt'), 'nothing\n');
    const cases: [file: string, message: string][] = [
      ['empty.crt', '--signed holds no PEM certificate'],
      [await sign('key', root, c => c.replace(/-in \S+/, '-in x.csr')), `is not of the key that waits in ${mount}`],
      [
        await sign('name', root, c => `${c} -subj "/CN=Another"`),
        'has another name than was asked for, CN=first Mesh Policy CA,O=Example\\, Ltd,C=DE',
      ],
      [await sign('leaf', root, ext('leaf', usage)), 'is no CA certificate'],
      [
        await sign('usage', root, ext('usage', 'basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,cRLSign\n')),
        'may not sign certificates',
      ],
      [
        await sign('short', root, ext('short', `basicConstraints=critical,CA:TRUE,pathlen:0\n${usage}`)),
        'has the path length 0, the plan says 1',
      ],
      [
        await sign('wide', root, ext('wide', `basicConstraints=critical,CA:TRUE\n${usage}`)),
        'has the path length without a bound, the plan says 1',
      ],
      [
        await sign('names', root, ext('names', `basicConstraints=critical,CA:TRUE,pathlen:1\n${usage}nameConstraints=permitted;DNS:svc\n`)),
        'has other name constraints than the plan says, DNS:example.com,DNS:svc,URI:.example.com,URI:cluster.local',
      ],
      [await sign('days', root, c => c.replace(/-days \d+/, '-days 30')), 'before what it is to sign for 157680000 s would'],
      [await sign('long', root, c => c.replace(/-days \d+/, '-days 9999')), 'after the root does'],
      [await sign('sha1', root, c => c.replace('-sha256', '-sha1')), 'a certificate of --signed is signed with ecdsa-with-SHA1'],
      [await sign('root', other, c => c), 'does not verify to the root'],
    ];
    const keys = await listed(vault, `${mount}/keys`);
    for (const [file, message] of cases) {
      const { code, stderr } = await world.script('root', ['--signed', file]);
      expect([file, code, stderr]).toEqual([file, 1, expect.stringContaining(message)]);
      expect([file, await listed(vault, `${mount}/issuers`), await listed(vault, `${mount}/keys`)]).toEqual([file, [], keys]);
    }
    expect(await world.script('root', ['--signed', 'nowhere.crt'])).toMatchObject({ code: 2 });
    ok(await world.script('root', ['--signed', await sign('right', root, c => c)]));
  });

  test('a swapped request and swapped extensions show another SHA-256 value on the machine of the root', async () => {
    const root = await offlineRoot();
    const { world, stdout, mount } = await waiting('swapped', root);
    const [, key, extensions] = /SHA-256 of the request's public key: (\w{64})\n +SHA-256 of \S+: (\w{64})\n/.exec(stdout) ?? [];
    // what the script says to run there, run by the real OpenSSL.
    const told = stdout.split('\n').filter(line => line.includes('openssl dgst'));
    expect(told).toHaveLength(2);
    const shown = async () => {
      const lines: string[] = [];
      for (const line of told) lines.push(ok(await run('bash', ['-c', line.trim()], { cwd: world.folder })).split(' ')[0] ?? '');
      return lines;
    };
    expect(await shown()).toEqual([key, extensions]);

    const at = (end: string) => join(world.folder, `${mount}.${end}`);
    const subject = ['-subj', '/CN=first Mesh Policy CA'];
    ok(await run('openssl', ['req', '-new', ...newKey('ec', 256), '-nodes', ...subject, '-keyout', '/dev/null', '-out', at('csr')]));
    writeFileSync(at('ext'), readFileSync(at('ext'), 'utf8').replace('pathlen:1', 'pathlen:9'));
    const [otherKey, otherExtensions] = await shown();
    expect(otherKey).not.toBe(key);
    expect(otherExtensions).not.toBe(extensions);
    // here too: neither is handed out.
    expect(await world.script('root')).toMatchObject(refusal(`${mount}.csr is not the request of the key`));
    renameSync(at('csr'), join(tempDir('moved'), 'csr'));
    expect(await world.script('root')).toMatchObject(refusal(`${mount}.ext is not what the plan says`));
  });

  test('URI name constraints: below such a CA OpenSSL refuses a SPIFFE ID of another trust domain', async () => {
    const root = await offlineRoot();
    const { world, stdout } = await waiting('uri', root);
    const signed = await signAsTold(world, stdout, root);
    const text = ok(await run('openssl', ['x509', '-in', join(world.folder, signed), '-noout', '-ext', 'nameConstraints']));
    expect(text.replace(/\s+/g, ' ')).toContain('Permitted: DNS:example.com DNS:svc URI:.example.com URI:cluster.local');
    ok(await world.script('root', ['--signed', signed]));
    // Vault signs whatever its role allows: here any URI. What verifies is up to the constraints.
    ok(await vault.vault(['write', 'pki-uri/roles/any', 'allow_any_name=true', 'allowed_uri_sans=*', 'key_type=ec', 'require_cn=false']));
    const verifies = async (id: string) => {
      const { certificate } = dataOf((await vault.request('POST', 'pki-uri/issue/any', { uri_sans: id, ttl: '1h' })).body);
      const { certificate: ca } = await read('pki-uri/issuer/default');
      const folder = tempDir('uri');
      const [leaf, above] = ['leaf.pem', 'above.pem'].map(name => join(folder, name)) as [string, string];
      writeFileSync(leaf, String(certificate));
      writeFileSync(above, String(ca));
      return (await run('openssl', ['verify', '-CAfile', root.cert, '-untrusted', above, leaf])).code === 0;
    };
    const ids: [id: string, right: boolean][] = [
      ['spiffe://cluster.local/ns/a/sa/b', true],
      ['spiffe://a.example.com/ns/a/sa/b', true],
      ['spiffe://other.example.org/ns/a/sa/b', false],
      ['spiffe://a.cluster.local/ns/a/sa/b', false],
      ['spiffe://example.com/ns/a/sa/b', false],
    ];
    const found: [string, boolean][] = [];
    for (const [id] of ids) found.push([id, await verifies(id)]);
    expect(found).toEqual(ids);
  });

  test('fails if a request lies there that is not of the key that waits, and writes over nothing', async () => {
    const root = await offlineRoot();
    const { world, mount } = await waiting('stale', root);
    const file = join(world.folder, `${mount}.csr`);
    renameSync(file, join(tempDir('moved'), 'csr'));
    ok(await run('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x', '-keyout', '/dev/null', '-out', file]));
    const stale = readFileSync(file, 'utf8');
    expect(await world.script('root')).toMatchObject(refusal(`${mount}.csr is not the request of the key that waits in ${mount}`));
    expect(readFileSync(file, 'utf8')).toBe(stale);
  });

  test('fails if the plan has come to want another key than the one that waits', async () => {
    const root = await offlineRoot();
    const { world, mount } = await waiting('rekey', root);
    const config = configOf('rekey', { root: { source: 'offline', certificate: root.pem }, policyCas: [{ name: 'first', mount }] });
    const later = await makeWorld(config, vault, [kube]);
    for (const one of ['csr', 'ext'])
      writeFileSync(join(later.folder, `${mount}.${one}`), readFileSync(join(world.folder, `${mount}.${one}`)));
    expect(await later.script('root')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`the key \\S+ in ${mount} is not rsa with 4096 bits`)) as string,
    });
  });

  test('takes a chain with a CA between, and hands all of it on', async () => {
    const root = await offlineRoot();
    const { world, stdout } = await waiting('between', root);
    // the root signs a CA of the PKI team, and that one signs ours.
    const folder = tempDir('team');
    const [csr, key, cert, ext] = ['csr', 'key', 'crt', 'ext'].map(end => join(folder, `team.${end}`)) as [string, string, string, string];
    writeFileSync(ext, 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n');
    ok(await run('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Team CA', '-keyout', key, '-out', csr]));
    const by = ['-CA', root.cert, '-CAkey', root.key, '-set_serial', '7', '-days', '3600'];
    ok(await run('openssl', ['x509', '-req', '-in', csr, ...by, '-extfile', ext, '-out', cert]));
    const signed = await signAsTold(world, stdout, { cert, key });
    const chain = readFileSync(join(world.folder, signed), 'utf8') + readFileSync(cert, 'utf8');
    writeFileSync(join(world.folder, 'chain.pem'), chain);
    expect(await world.script('root', ['--signed', signed])).toMatchObject(refusal('does not verify to the root'));
    ok(await world.script('root', ['--signed', 'chain.pem']));
    ok(await world.script('between'));
    const issuing = await read('istioca-between/issuer/default');
    expect(certificates((issuing.ca_chain as string[]).join('')).map(one => new X509Certificate(one).subject)).toEqual([
      'CN=between Mesh Intermediate CA',
      'C=DE\nO=Example\\, Ltd\nCN=first Mesh Policy CA',
      'CN=Team CA',
      'CN=Offline Root',
    ]);
  });
});
