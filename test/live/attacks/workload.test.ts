// Attacker: a workload of the mesh, or somebody who controls its pod; and somebody who holds cert-manager's Vault token.
// Holds: the workload's service account token and its sidecar certificate with the key; in the second part, cert-manager's Vault token.
// Tries: to log in to Vault as cert-manager, to use the sidecar certificate as a CA, and to have names signed that no workload has. What the PKI
// role cannot refuse is asserted as it is, and is stated in docs/threat-model.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAccount, configs, makeRoot, makeWorld, rootFiles, type World } from '../world';
import { buildPrograms, type Kube, ok, run, startKube, startVaultDev, tempDir, type Vault } from '../harness';

const folder = tempDir('workload');
const file = (name: string) => join(folder, name);
let vault: Vault;
let kube: Kube;
let world: World;
let token: string;
jest.setTimeout(180_000);

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = await Promise.all([startVaultDev(), startKube()]);
  world = await makeWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(folder))));
  ok(await world.script('cluster-1'));
  await ensureAccount(kube, 'foo', 'sleep');
  ok(await run('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', file('key.pem')]));
  const { auth } = world.cluster;
  if (auth.method !== 'jwt') throw new Error(`expected auth: jwt, got ${auth.method}`);
  token = await logIn(await accountToken(world.cluster.issuer.namespace, auth.serviceAccount.name, auth.audience));
}, 45 * 60_000);
afterAll(async () => {
  await vault.stop();
  await kube.stop();
});

const accountToken = async (namespace: string, name: string, audience?: string) =>
  ok(await kube.kubectl(['create', 'token', name, '-n', namespace, ...(audience === undefined ? [] : ['--audience', audience])])).trim();

/** Logs in to Vault as cert-manager does; prints the errors of Vault where it refuses. */
async function logIn(jwt: string): Promise<string> {
  const { auth } = world.cluster;
  const role = auth.method === 'jwt' ? auth.role : '';
  const { status, body } = await vault.request('POST', `auth/${auth.mount}/login`, { role, jwt }, '');
  if (status !== 200) return (body as { errors: string[] }).errors.join(' ');
  return (body as { auth: { client_token: string } }).auth.client_token;
}

interface Names {
  /** Subject in OpenSSL's words. */
  readonly subject?: string;
  /** Subject alternative names in OpenSSL's words. */
  readonly san?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** Has a CSR signed with cert-manager's token; gives the names of the certificate, or what Vault says. */
async function sign({ subject = '/', san, parameters = {} }: Names): Promise<string[]> {
  const names = san === undefined ? [] : ['-addext', `subjectAltName=${san}`];
  const csr = ok(await run('openssl', ['req', '-new', '-key', file('key.pem'), '-subj', subject, ...names]));
  const asked = { csr, ttl: '1h', exclude_cn_from_sans: true, ...parameters };
  const { status, body } = await vault.request('POST', world.cluster.role.signPath, asked, token);
  if (status !== 200) return ['refused', (body as { errors: string[] }).errors.join(' ')];
  const { certificate } = (body as { data: { certificate: string } }).data;
  writeFileSync(file('leaf.pem'), certificate);
  const shown = ok(
    await run('openssl', ['x509', '-noout', '-subject', '-nameopt', 'RFC2253', '-ext', 'subjectAltName'], { input: certificate }),
  );
  const [first = '', ...rest] = shown.split('\n').filter(line => !line.includes('X509v3'));
  const subjectOf = first.replace(/^subject=/, '').trim();
  return [...(subjectOf === '' ? [] : [subjectOf]), ...rest.flatMap(line => line.trim().split(', ')).filter(Boolean)];
}

const id = 'spiffe://cluster.local/ns/foo/sa/sleep';

describe('a workload', () => {
  test.each([
    ['the audience of Vault', 'vault'],
    ['the audience of istio-csr', 'istio-ca'],
    ["the API server's own audience", undefined],
  ])('cannot log in to Vault with its token for %s', async (_name, audience) => {
    const { auth } = world.cluster;
    const wanted = audience === 'vault' && auth.method === 'jwt' ? auth.audience : audience;
    const jwt = await accountToken('foo', 'sleep', wanted);
    // The token is real: Kubernetes takes it, for that audience.
    expect(jwt.split('.')).toHaveLength(3);
    expect(await logIn(jwt)).toMatch(/invalid audience|error validating claims|sub claim does not match|claim "sub"|invalid subject/);
  });

  test('cannot ask Vault for a signature without a token, nor with a token of its own making', async () => {
    for (const one of ['', 'hvb.AAAAAQ']) {
      const { status } = await vault.request('POST', world.cluster.role.signPath, { csr: 'x' }, one);
      expect(status).toBe(403);
    }
  });

  test('cannot sign another certificate with its own: it is no CA', async () => {
    expect(await sign({ san: `URI:${id}` })).toEqual([`URI:${id}`]);
    ok(await run('openssl', ['req', '-new', '-key', file('key.pem'), '-subj', '/CN=istiod.istio-system.svc', '-out', file('evil.csr')]));
    const issuer = ['-CA', file('leaf.pem'), '-CAkey', file('key.pem'), '-set_serial', '1'];
    ok(await run('openssl', ['x509', '-req', '-in', file('evil.csr'), ...issuer, '-out', file('evil.pem')]));
    const above = ok(await vault.vault(['read', '-field=ca_chain', `${world.cluster.intermediate.mount}/issuer/default`]));
    writeFileSync(
      file('above.pem'),
      [readFileSync(file('leaf.pem'), 'utf8'), ...(above.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? [])].join('\n'),
    );
    const verify = (leaf: string) =>
      run('openssl', ['verify', '-no-CApath', '-CAfile', file('ca.crt'), '-untrusted', file('above.pem'), leaf]);
    ok(await verify(file('leaf.pem')));
    const { code, stdout, stderr } = await verify(file('evil.pem'));
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('invalid CA certificate');
  });
});

describe("the holder of cert-manager's token cannot have signed", () => {
  test.each<[string, Names]>([
    ['an e-mail address outside the allowed domains', { san: 'email:admin@example.com' }],
    ['a common name that is an e-mail address', { subject: '/CN=admin@istiod.istio-system.svc' }],
    ['a common name that is not a host name', { subject: '/CN=cluster admin' }],
    ['another service', { san: 'DNS:other.foo.svc' }],
    ['an IP address', { san: 'IP:10.0.0.1' }],
    ['a user principal name', { san: 'otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin' }],
    ['a serial number in the subject', { subject: '/serialNumber=5' }],
    ['another trust domain', { san: 'URI:spiffe://other.example/ns/foo/sa/sleep' }],
    ['a trust domain in capitals', { san: 'URI:spiffe://CLUSTER.LOCAL/ns/foo/sa/sleep' }],
    ['a SPIFFE ID with a user', { san: 'URI:spiffe://user@cluster.local/ns/foo/sa/sleep' }],
    ['a SPIFFE ID with a port', { san: 'URI:spiffe://cluster.local:80/ns/foo/sa/sleep' }],
    ['a URI of another scheme', { san: 'URI:https://cluster.local/ns/foo/sa/sleep' }],
    ['a SPIFFE ID without a service account', { san: 'URI:spiffe://cluster.local/ns/foo' }],
  ])('%s', async (_name, names) => {
    expect(await sign(names)).toEqual(['refused', expect.stringMatching(/not (allowed|valid)|not allow/)]);
  });

  test('a CA, by a CSR that asks to be one', async () => {
    const csr = ok(
      await run('openssl', [
        'req',
        '-new',
        '-key',
        file('key.pem'),
        '-subj',
        '/',
        '-addext',
        'basicConstraints=critical,CA:TRUE',
        '-addext',
        `subjectAltName=URI:${id}`,
      ]),
    );
    expect(csr).toContain('CERTIFICATE REQUEST');
    expect(await sign({ san: `URI:${id}`, parameters: { csr } })).toEqual([`URI:${id}`]);
    const text = ok(await run('openssl', ['x509', '-noout', '-text', '-in', file('leaf.pem')]));
    expect(text).not.toContain('CA:TRUE');
  });
});

describe('the PKI role cannot refuse this, as docs/threat-model.md states: a CSR', () => {
  const stated = readFileSync('docs/threat-model.md', 'utf8').replaceAll(/\s+/g, ' ');
  test.each<[what: string, names: Names, signed: string[]]>([
    [
      'with any namespace and service account',
      { san: 'URI:spiffe://cluster.local/ns/kube-system/sa/admin' },
      ['URI:spiffe://cluster.local/ns/kube-system/sa/admin'],
    ],
    ['with two SPIFFE IDs', { san: `URI:${id},URI:${id}2` }, [`URI:${id}`, `URI:${id}2`]],
    [
      'with a DNS name of istiod beside a SPIFFE ID',
      { san: `DNS:istiod.istio-system.svc,URI:${id}` },
      ['DNS:istiod.istio-system.svc', `URI:${id}`],
    ],
    ['without a name', {}, []],
    ['with an e-mail address below an allowed domain', { san: 'email:a@istiod.istio-system.svc' }, ['email:a@istiod.istio-system.svc']],
    ['with `..` in the SPIFFE ID', { san: `URI:${id}/../../../kube-system/sa/x` }, [`URI:${id}/../../../kube-system/sa/x`]],
    ['with `//` in the SPIFFE ID', { san: 'URI:spiffe://cluster.local/ns//sa//x' }, ['URI:spiffe://cluster.local/ns//sa//x']],
    ['with `%2f` in the SPIFFE ID', { san: `URI:${id}%2fx` }, [`URI:${id}%2fx`]],
    ['with `?` in the SPIFFE ID', { san: `URI:${id}?x=y` }, [`URI:${id}?x=y`]],
  ])('%s is signed (stated in the threat model)', async (what, names, signed) => {
    expect(await sign(names)).toEqual(signed);
    expect(stated).toContain(what);
  });

  test('with a `#` in the SPIFFE ID is signed without what follows it', async () => {
    expect(await sign({ san: `URI:${id}#istiod` })).toEqual([`URI:${id}`]);
  });

  test('whose names differ from the parameters is signed for the names of the CSR', async () => {
    expect(await sign({ san: `URI:${id}`, parameters: { uri_sans: `${id}-other` } })).toEqual([`URI:${id}`]);
  });
});
