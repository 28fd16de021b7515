// The config and the scripts refuse the same weak CA certificates: both are asked about certificates that OpenSSL makes here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPem, weakCertificates } from '../../src/config/pem';
import runtime from '../../src/script/runtime.json';

const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-weak-'));
const rsa = (bits: number) => ['-newkey', `rsa:${bits}`];
const ec = (curve: string, ...more: string[]) => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`, ...more];

/** Makes a self-signed CA certificate. */
function make(options: readonly string[], extensions: readonly string[] = []): string {
  const file = join(folder, 'ca.pem');
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-nodes', '-days', '30', '-keyout', join(folder, 'ca.key'), '-out', file],
    // the lines that the Bash function reads, in a name.
    ...['-subj', '/CN=Signature Algorithm: sha256WithRSAEncryption', ...options, ...extensions.flatMap(one => ['-addext', one])],
  ]);
  expect([options, made.status, String(made.stderr).includes('Error')]).toEqual([options, 0, false]);
  return readFileSync(file, 'utf8');
}

/** What the scripts say. */
function inBash(pem: string): string {
  const { stdout, stderr, status } = spawnSync(
    'bash',
    ['-euo', 'pipefail', '-c', `${runtime['safe.sh']}\n${runtime['weak.sh']}\nweakness`],
    {
      input: pem,
      encoding: 'utf8',
    },
  );
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
}
const inConfig = (pem: string) => checkPem(pem, { kind: 'root' }).problems;
const curves = 'P-256, P-384 or P-521';

test.each<[what: string, options: string[], extensions: string[], config: string, script: string]>([
  [
    'RSA 1024',
    rsa(1024),
    [],
    'must have an RSA key of at least 2048 bits, got 1024 bits',
    'has an RSA key of 1024 bits; use at least 2048 bits',
  ],
  [
    'RSA 2047',
    rsa(2047),
    [],
    'must have an RSA key of at least 2048 bits, got 2047 bits',
    'has an RSA key of 2047 bits; use at least 2048 bits',
  ],
  ['P-224', ec('secp224r1'), [], `must have a key on ${curves}, got secp224r1`, `has a key on the curve secp224r1; use ${curves}`],
  ['P-192', ec('prime192v1'), [], `must have a key on ${curves}, got prime192v1`, `has a key on the curve prime192v1; use ${curves}`],
  ['secp256k1', ec('secp256k1'), [], `must have a key on ${curves}, got secp256k1`, `has a key on the curve secp256k1; use ${curves}`],
  [
    'explicit curve parameters',
    ec('prime256v1', '-pkeyopt', 'ec_param_enc:explicit'),
    [],
    `must have a key on ${curves}, got an unnamed curve`,
    `has a key on the curve without a name; use ${curves}`,
  ],
  [
    'Ed448',
    ['-newkey', 'ed448'],
    [],
    `must have an RSA key of at least 2048 bits or a key on ${curves}, got a key of type ed448`,
    `has a key of type ED448; use RSA with at least 2048 bits, or ${curves}`,
  ],
  ['SHA-1', [...rsa(2048), '-sha1'], [], 'got SHA-1', 'is signed with sha1WithRSAEncryption; use SHA-256, SHA-384 or SHA-512'],
  ['SHA-1 with ECDSA', [...ec('prime256v1'), '-sha1'], [], 'got SHA-1', 'is signed with ecdsa-with-SHA1; use'],
  ['MD5', [...rsa(2048), '-md5'], [], 'got MD5', 'is signed with md5WithRSAEncryption; use'],
  ['SHA-224', [...rsa(2048), '-sha224'], [], 'got SHA-224', 'is signed with sha224WithRSAEncryption; use'],
  [
    'PSS with SHA-1',
    [...rsa(2048), '-sha1', '-sigopt', 'rsa_padding_mode:pss'],
    [],
    'got RSASSA-PSS with a weaker hash',
    'is signed with rsassaPss and sha1',
  ],
  [
    'a key usage without keyCertSign',
    rsa(2048),
    ['keyUsage=critical,cRLSign,digitalSignature'],
    'must be allowed to sign certificates (key usage keyCertSign), got a key usage without it',
    'has a key usage without keyCertSign, so it must not sign certificates',
  ],
])('refuses %s', (_what, options, extensions, config, script) => {
  const pem = make(options, extensions);
  expect(inConfig(pem)).toEqual([expect.stringContaining(config)]);
  expect(inBash(pem)).toContain(script);
  // of a CA that Vault's or a client's certificate is checked with, the same.
  expect(checkPem(pem, { kind: 'cas' }).problems).toEqual([expect.stringContaining(config)]);
});

test.each<[what: string, options: string[], extensions: string[]]>([
  ['RSA 2048', rsa(2048), []],
  ['RSA 4096 with SHA-512', [...rsa(4096), '-sha512'], []],
  ['PSS with SHA-256', [...rsa(2048), '-sha256', '-sigopt', 'rsa_padding_mode:pss'], []],
  ['P-256', ec('prime256v1'), []],
  ['P-384', [...ec('secp384r1'), '-sha384'], []],
  ['P-521', [...ec('secp521r1'), '-sha512'], []],
  ['Ed25519', ['-newkey', 'ed25519'], []],
  ['a key usage with keyCertSign', rsa(2048), ['keyUsage=critical,keyCertSign,cRLSign']],
])('takes %s', (_what, options, extensions) => {
  const pem = make(options, extensions);
  expect(inConfig(pem)).toEqual([]);
  expect(inBash(pem)).toBe('');
});

test('a weak root that the workloads trust already is taken, so that a mesh can leave it, and is named for a warning', () => {
  const pem = make(rsa(1024));
  expect(checkPem(pem, { kind: 'roots' }).problems).toEqual([]);
  expect(weakCertificates(pem)).toEqual([
    { subject: expect.any(String) as string, weakness: 'must have an RSA key of at least 2048 bits, got 1024 bits' },
  ]);
});
