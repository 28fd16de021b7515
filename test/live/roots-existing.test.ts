// A root that Vault has already. Real Vault, real API server.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms, type Kube, ok, startKube, startVaultDev, type Vault } from './harness';
import { fingerprints } from './mesh/certificates';
import { configOf, listed, newKey, offlineRoot } from './roots';
import { dataOf, makeWorld } from './world';

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
async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const { status, body: answer } = await vault.request('POST', path, body);
  expect([path, status, status < 300 ? '' : answer]).toEqual([path, status, '']);
  return dataOf(answer);
}

/** A mount with two roots; the second is not the default. */
async function corporate(mount: string): Promise<string> {
  ok(await vault.vault(['secrets', 'enable', `-path=${mount}`, '-max-lease-ttl=87600h', 'pki']));
  const ca = { key_type: 'ec', ttl: '87600h' };
  await post(`${mount}/root/generate/internal`, { ...ca, common_name: 'Former Root', issuer_name: 'former' });
  const { certificate } = await post(`${mount}/root/generate/internal`, { ...ca, common_name: 'Corporate Root', issuer_name: 'corporate' });
  return String(certificate);
}

/** All that the mount of a root holds. */
const heldBy = async (mount: string) => ({
  tune: await read(`sys/mounts/${mount}/tune`),
  default: await read(`${mount}/config/issuers`),
  issuers: await Promise.all((await listed(vault, `${mount}/issuers`)).map(id => read(`${mount}/issuer/${id}`))),
  keys: await listed(vault, `${mount}/keys`),
});

describe('a root that Vault has already', () => {
  const existing = (mount: string, more = {}) => ({ source: 'existing', mount, ...more }) as const;

  test.each([
    ['named by its name', 'byname', { issuer: 'corporate' }, 'Corporate Root'],
    ["the mount's default", 'bydefault', {}, 'Former Root'],
  ])('%s: it signs the intermediate, is written to root.pem, and nothing of its mount changes', async (_, name, more, commonName) => {
    const mount = `pki-${name}`;
    await corporate(mount);
    const before = await heldBy(mount);
    const world = await makeWorld(configOf(name, { root: existing(mount, more) }), vault, [kube]);
    expect((await world.script('root', ['--plan'])).stdout).toContain(`[1/2] root/check: Check the root CA in ${mount}`);
    ok(await world.script('root'));
    const pem = readFileSync(join(world.folder, 'root.pem'), 'utf8');
    expect(new X509Certificate(pem).subject).toBe(`CN=${commonName}`);
    expect(ok(await world.script(name))).toMatch(/\d+ trials passed/);
    expect(await heldBy(mount)).toEqual(before);
    const { certificate, ca_chain: chain } = await read(`istioca-${name}/issuer/default`);
    expect(new X509Certificate(String(certificate)).issuer).toBe(`CN=${commonName}`);
    expect(fingerprints((chain as string[]).join(''))).toEqual(fingerprints(`${String(certificate)}${pem}`));
    expect((await world.script('root', ['--check'])).stdout).toContain('no drift');
  });

  test('a token of the least policy is enough, and it cannot write to the mount of the root', async () => {
    await corporate('pki-least');
    const world = await makeWorld(configOf('least', { root: existing('pki-least', { issuer: 'corporate' }) }), vault, [kube]);
    const policy = ok(await world.script('root', ['--print-policy']));
    expect(policy.split('\n').filter(line => /create|update|delete|sudo/.test(line))).toEqual([]);
    const { token } = await leastToken(policy);
    ok(await world.script('root', [], { VAULT_TOKEN: token }));
    const printed = [ok(await world.script('least', ['--print-policy'])), ok(await world.script('least', ['--print-policy', '--ca']))];
    const more = await leastToken(printed.join('\n'));
    ok(await world.script('least', [], { VAULT_TOKEN: more.token }));
  });

  async function leastToken(policy: string): Promise<{ token: string }> {
    await post('sys/policies/acl/least', { policy });
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['least'] });
    return { token: (body as { auth: { client_token: string } }).auth.client_token };
  }

  test.each([
    [
      'there is none',
      'none',
      {},
      async () => {},
      "the root CA in Vault's mount pki-none, issuer default: root.source is existing, and there is none",
    ],
    [
      'the mount has no such issuer',
      'other',
      { issuer: 'other' },
      (mount: string) => corporate(mount),
      "the root CA in Vault's mount pki-other, issuer other: root.source is existing, and there is none",
    ],
    [
      'its key is elsewhere',
      'nokey',
      {},
      async (mount: string) => {
        ok(await vault.vault(['secrets', 'enable', `-path=${mount}`, '-max-lease-ttl=87600h', 'pki']));
        await post(`${mount}/config/ca`, { pem_bundle: (await offlineRoot()).pem });
        const [issuer] = await listed(vault, `${mount}/issuers`);
        await post(`${mount}/config/issuers`, { default: issuer });
      },
      'pki-nokey holds the root certificate without its key',
    ],
    ...(
      [
        ['its key is weak', 'weak', newKey('rsa', 1024), [], 'has an RSA key of 1024 bits; use at least 2048 bits'],
        ['its signature is weak', 'sha1', newKey('rsa', 2048), ['-sha1'], 'is signed with sha1WithRSAEncryption; use SHA-256'],
      ] as const
    ).map(
      ([what, name, key, options, message]) =>
        [
          what,
          name,
          {},
          async (mount: string) => {
            ok(await vault.vault(['secrets', 'enable', `-path=${mount}`, '-max-lease-ttl=87600h', 'pki']));
            const { pem, key: file } = await offlineRoot({ key: [...key, ...options] });
            await post(`${mount}/config/ca`, { pem_bundle: pem + readFileSync(file, 'utf8') });
          },
          message,
        ] as const,
    ),
    [
      'it may not sign',
      'usage',
      { issuer: 'corporate' },
      async (mount: string) => {
        await corporate(mount);
        await post(`${mount}/issuer/corporate`, { issuer_name: 'corporate', usage: 'read-only,crl-signing' });
      },
      'the root in pki-usage may not sign: its usage is crl-signing,read-only',
    ],
    [
      'its mount cuts what it signs',
      'cuts',
      {},
      async (mount: string) => {
        await corporate(mount);
        await post(`sys/mounts/${mount}/tune`, { max_lease_ttl: '720h' });
      },
      'pki-cuts issues for less than the 157680000 s of a CA below the root; to raise it: vault secrets tune -max-lease-ttl=157680000s pki-cuts',
    ],
    [
      'it ends before what it is to sign',
      'short',
      { issuer: 'short' },
      async (mount: string) => {
        await corporate(mount);
        await post(`${mount}/root/generate/internal`, { common_name: 'Short', issuer_name: 'short', ttl: '720h', key_type: 'ec' });
      },
      'before what it is to sign for 157680000 s would',
    ],
    [
      'it allows too few CAs below it',
      'path',
      { issuer: 'flat' },
      async (mount: string) => {
        await corporate(mount);
        await post(`${mount}/root/generate/internal`, {
          common_name: 'Flat',
          issuer_name: 'flat',
          ttl: '87600h',
          key_type: 'ec',
          max_path_length: 0,
        });
      },
      'allows 0 CAs below it, and istioca-path needs 1',
    ],
    [
      'it is no root',
      'sub',
      { issuer: 'sub' },
      async (mount: string) => {
        await corporate(mount);
        const { csr } = await post(`${mount}/intermediate/generate/internal`, { common_name: 'Sub', key_type: 'ec' });
        const { certificate } = await post(`${mount}/root/sign-intermediate`, { csr, ttl: '80000h' });
        const { imported_issuers: [id] = [] } = (await post(`${mount}/intermediate/set-signed`, { certificate })) as {
          imported_issuers?: string[];
        };
        await post(`${mount}/issuer/${id}`, { issuer_name: 'sub' });
      },
      'is not self-signed, so it is no root',
    ],
  ] as const)('fails if %s, before anything is changed', async (_, name, more, prepare, message) => {
    const mount = `pki-${name}`;
    await prepare(mount);
    const world = await makeWorld(configOf(name, { root: existing(mount, more) }), vault, [kube]);
    const results = [await world.script('root'), await world.script(name)];
    // what comes later in the life of a root does not stop its own script; the one that would sign with it is stopped.
    expect(results[['short', 'path'].includes(name) ? 1 : 0]).toMatchObject(refusal(message));
    expect((await vault.request('GET', `sys/mounts/istioca-${name}/tune`)).status).toBe(400);
  });

  test('fails if it is another one than the config names', async () => {
    await corporate('pki-named');
    const { pem } = await offlineRoot();
    const world = await makeWorld(configOf('named', { root: existing('pki-named', { certificate: pem }) }), vault, [kube]);
    expect(await world.script('root')).toMatchObject(refusal('holds another CA'));
  });
});
