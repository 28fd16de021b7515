// The URLs that a mount of ours writes into certificates; what a CA is called; whether Vault has an audit device. No cluster is asked: the
// root's script makes a root and a policy CA.
import { X509Certificate } from 'node:crypto';
import type { MeshCaConfig } from '../../src/config/config';
import { ok, run, startVaultDev, type Vault } from './harness';
import { verifyChain } from './mesh/certificates';
import { configOf } from './roots';
import { dataOf, makeWorld, type World } from './world';

jest.setTimeout(180_000);
let vault: Vault;
beforeAll(async () => {
  vault = await startVaultDev();
}, 45 * 60_000);
afterAll(() => vault.stop());

const read = async (path: string) => dataOf((await vault.request('GET', path)).body);
const caOf = async (mount: string) => String((await read(`${mount}/issuer/default`)).certificate);
const textOf = async (pem: string) => ok(await run('openssl', ['x509', '-noout', '-text'], { input: pem }));

/** A root that Vault generates, and a policy CA below it. */
const settings = (name: string, urls = {}) =>
  configOf(name, {
    root: { source: 'generate', mount: `pki-${name}`, keyType: 'ec', urls },
    policyCas: [{ name: 'policy', mount: `policy-${name}`, keyType: 'ec' }],
  });

describe('an audit device', () => {
  const WARNING = 'WARNING: Vault has no audit device';
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(settings('audit'), vault, []);
  });

  test('there is none: it is warned of in each run, and in a look', async () => {
    expect(ok(await world.script('root', ['--plan']))).toContain(WARNING);
    expect(ok(await world.script('root'))).toContain(WARNING);
    expect(ok(await world.script('root', ['--check']))).toMatch(new RegExp(`${WARNING}[^]*no drift`));
  });

  test('a token that may not see it is asked for no more, does not try, and the reader is told', async () => {
    const policy = ok(await world.script('root', ['--print-policy', '--check']));
    expect(policy).not.toContain('sys/audit');
    await vault.request('POST', 'sys/policies/acl/least', { policy });
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['least'], ttl: '10m' });
    const VAULT_TOKEN = (body as { auth: { client_token: string } }).auth.client_token;
    const stdout = ok(await world.script('root', ['--check'], { VAULT_TOKEN }));
    expect(stdout).toContain('note: this token may not see whether Vault has an audit device (read and sudo on sys/audit)');
    expect(stdout).toContain('no drift');
  });

  test('there is one: nothing is said', async () => {
    expect((await vault.request('POST', 'sys/audit/file', { type: 'file', options: { file_path: 'discard' } })).status).toBe(204);
    expect(ok(await world.script('root', ['--check']))).not.toContain('audit device');
    await vault.request('DELETE', 'sys/audit/file');
  });
});

describe('URLs', () => {
  const at = (mount: string) => `http://vault.example.com:8200/v1/${mount}`;
  const none = { issuing_certificates: [], crl_distribution_points: [], ocsp_servers: [], enable_templating: false };

  test('those of the config stand in what the mount signs, with the ID of its CA, and not in the root; without them there are none', async () => {
    const world = await makeWorld(
      settings('urls', {
        issuingCertificates: [`${at('pki-urls')}/issuer/{{issuer_id}}/der`],
        crlDistributionPoints: [`${at('pki-urls')}/issuer/{{issuer_id}}/crl/der`],
        ocspServers: [`${at('pki-urls')}/ocsp`],
      }),
      vault,
      [],
    );
    ok(await world.script('root'));
    const { default: id } = await read('pki-urls/config/issuers');
    const [root, policy] = [await caOf('pki-urls'), await caOf('policy-urls')];
    expect(new X509Certificate(policy).infoAccess?.trim().split('\n').sort()).toEqual([
      `CA Issuers - URI:${at('pki-urls')}/issuer/${String(id)}/der`,
      `OCSP - URI:${at('pki-urls')}/ocsp`,
    ]);
    expect(await textOf(policy)).toContain(`URI:${at('pki-urls')}/issuer/${String(id)}/crl/der`);
    expect(await textOf(root)).not.toContain('URI:');
    expect(await read('policy-urls/config/urls')).toEqual(none);
    expect(ok(await world.script('root', ['--check']))).toContain('no drift');
  });

  test('every field that was changed by hand is found, named, and put back', async () => {
    const world = await makeWorld(settings('drift'), vault, []);
    ok(await world.script('root'));
    const changes = {
      issuing_certificates: ['http://other.example.com/ca'],
      crl_distribution_points: ['http://other.example.com/crl'],
      ocsp_servers: ['http://other.example.com/ocsp'],
      enable_templating: true,
    };
    const steps = { 'root/urls': 'pki-drift', 'policy/urls': 'policy-drift' };
    for (const mount of Object.values(steps)) {
      expect((await vault.request('POST', `${mount}/config/urls`, changes)).status).toBeLessThan(300);
    }
    const { code, stdout } = await world.script('root', ['--check']);
    expect(code).toBe(3);
    expect(stdout).toContain(`differ: ${Object.keys(steps).join(' ')}. to put all of it right: `);
    for (const [field, value] of Object.entries(changes)) {
      const lines = `      - ${field}: ${JSON.stringify(value)}\n      + ${field}: ${JSON.stringify(none[field as keyof typeof none])}\n`;
      expect(stdout.split(lines)).toHaveLength(3);
    }
    for (const [step, mount] of Object.entries(steps)) {
      ok(await world.script('root', ['--repair', step]));
      expect(await read(`${mount}/config/urls`)).toEqual(none);
    }
  });

  test('a mount that was there before may serve others: its own stay, and the reader is told', async () => {
    await vault.request('POST', 'sys/mounts/pki-shared', { type: 'pki', config: { max_lease_ttl: '87600h' } });
    await vault.request('POST', 'pki-shared/config/urls', { ocsp_servers: ['http://other.example.com/ocsp'] });
    const world = await makeWorld(settings('shared', { ocspServers: [`${at('pki-shared')}/ocsp`] }), vault, []);
    const note = 'note: the mount pki-shared was there before and may serve others: pki-shared/config/urls stays as it is';
    expect(ok(await world.script('root'))).toContain(note);
    expect(await read('pki-shared/config/urls')).toMatchObject({ ocsp_servers: ['http://other.example.com/ocsp'] });
    expect(ok(await world.script('root', ['--check']))).toContain('no drift');
  });
});

describe('names', () => {
  const subject = {
    organization: 'Example, Ltd',
    ou: 'Mesh "1"',
    country: 'DE',
    locality: 'Köln',
    province: 'N+W',
  };
  const lines = [
    'countryName=DE',
    'localityName=Köln',
    'organizationName=Example, Ltd',
    'organizationalUnitName=Mesh "1"',
    'stateOrProvinceName=N+W',
  ];
  const named = (name: string, more: object) => {
    const { root, policyCas, ...rest } = settings(name);
    return { ...rest, root: { ...root, ...more }, policyCas: policyCas?.map(ca => ({ ...ca, ...more })) } as MeshCaConfig;
  };

  test('each field of the config stands in the name of the root and of a CA below it; a CA that is there keeps its name, and the reader is told', async () => {
    const world = await makeWorld(named('names', { subject }), vault, []);
    expect(ok(await world.script('root'))).not.toContain('its name says');
    for (const mount of ['pki-names', 'policy-names']) {
      const text = ok(
        await run('openssl', ['x509', '-noout', '-subject', '-nameopt', 'multiline,utf8,-esc_msb'], { input: await caOf(mount) }),
      );
      const fields = text
        .split('\n')
        .slice(1, -1)
        .map(line => line.trim().replace(/ *= /, '='));
      expect(fields.filter(line => !line.startsWith('commonName=')).sort()).toEqual(lines);
    }
    const other = await makeWorld(named('names', { subject: { organization: 'Other' } }), vault, []);
    const note = `note: its name says ${lines.join(',')} beside the common name, the plan organizationName=Other; it is kept\n`;
    const looked = ok(await other.script('root', ['--plan']));
    expect(looked.split(note)).toHaveLength(3);
    expect(looked).not.toContain('to do');
  });
});

test('name constraints: of DNS names what is outside is signed by Vault and refused by OpenSSL; SPIFFE IDs of any trust domain and IP addresses pass', async () => {
  const config = settings('constraints');
  const world = await makeWorld(
    {
      ...config,
      root: { ...config.root, permittedDnsDomains: ['svc', 'example.com'] },
      policyCas: config.policyCas?.map(ca => ({ ...ca, permittedDnsDomains: ['svc'] })),
    },
    vault,
    [],
  );
  expect(ok(await world.script('root'))).not.toContain('of names it may sign');
  const [root, policy] = [await caOf('pki-constraints'), await caOf('policy-constraints')];
  const names = await Promise.all([root, policy].map(async pem => (await textOf(pem)).match(/(?<=^ +)DNS:.*/gm)));
  expect(names).toEqual([['DNS:svc', 'DNS:example.com'], ['DNS:svc']]);

  const role = { allow_any_name: true, allowed_uri_sans: ['spiffe://*'], require_cn: false, key_type: 'ec', ttl: '1h' };
  await vault.request('POST', 'policy-constraints/roles/any', role);
  const verdict = async (asked: object) => {
    const { status, body } = await vault.request('POST', 'policy-constraints/issue/any', { exclude_cn_from_sans: true, ...asked });
    expect(status).toBe(200);
    const chain = `${String(dataOf(body).certificate)}\n${policy}`;
    return (await verifyChain(chain, root)).code === 0;
  };
  expect(await verdict({ alt_names: 'istiod.istio-system.svc' })).toBe(true);
  expect(await verdict({ alt_names: 'www.example.com' })).toBe(false);
  expect(await verdict({ uri_sans: 'spiffe://other.example.org/ns/a/sa/b' })).toBe(true);
  expect(await verdict({ ip_sans: '10.0.0.1' })).toBe(true);
  // without a DNS name OpenSSL takes the common name for one. Go does not (measured by hand).
  expect(await verdict({ common_name: 'www.example.com', uri_sans: 'spiffe://cluster.local/ns/a/sa/b' })).toBe(false);
});
