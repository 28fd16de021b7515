import { loadConfig } from '../../src/config/load';
import { ConfigError } from '../../src/config/problem';
import { planMeshCa } from '../../src/plan/plan';
import { intermediatePem, keyPem, leafPem, otherRootPem, rootPem } from './certificates';

const now = new Date('2027-01-01T00:00:00Z');

const files: Record<string, string> = {
  'root.pem': rootPem,
  'roots.pem': `the old one\n${rootPem}the new one\n${otherRootPem}`,
  'intermediate.pem': intermediatePem,
  'leaf.pem': leafPem,
  // a byte of the signature is another one.
  'forged.pem': rootPem.replace(/(.)(.{10}\n-----END)/, (_, byte: string, rest: string) => (byte === 'A' ? 'E' : 'A') + rest),
  'key.pem': rootPem + keyPem,
  'empty.pem': '',
  'csr.pem': rootPem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
  'broken.pem': rootPem.replace(/MII.{20}/, 'MIIxxxx'),
  'cut.pem': rootPem + rootPem.slice(0, 300),
};

function load(text: string, at = now) {
  const read = (path: string) => {
    const found = files[path];
    if (found === undefined) throw new Error('there is no such file');
    return found;
  };
  return loadConfig(text, { file: 'mesh-ca.yaml', read, now: at, plan: planMeshCa });
}

function errorsOf(text: string, at = now): string[] {
  try {
    load(text, at);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const sound = `vault:
  server: https://vault.example.com:8200
istioVersion: "1.22"
clusters:
  - name: cluster-1
`;

test('a sound config is read as it stands', () => {
  expect(load(sound).config).toStrictEqual({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1' }],
  });
});

test('a PEM file is read, and only its certificates are taken over', () => {
  const { config } = load(`${sound}root: { certificate: roots.pem }\n`);
  expect(config.root).toStrictEqual({ certificate: rootPem + otherRootPem });
});

test('PEM text may stand in the config itself', () => {
  const { config } = load(`${sound}root:\n  certificate: |\n${rootPem.replaceAll(/^(?=.)/gm, '    ')}`);
  expect(config.root).toStrictEqual({ certificate: rootPem });
});

test('a place can be asked for afterwards, for warnings', () => {
  expect(load(sound).locate(['clusters', 0, 'name'])).toStrictEqual({ line: 5, column: 11 });
});

describe('fails if', () => {
  test.each<[what: string, text: string, errors: string[]]>([
    [
      'the file is empty',
      '',
      [
        `1:1: error: the config must be an object, e.g. { vault: { server: "https://vault.example.com:8200" }, clusters: [{ name: "cluster-1" }] }, got nothing`,
      ],
    ],
    [
      'a key is misspelt',
      sound.replace('vault:', 'valt:'),
      [
        `1:1: error: 'vault' is missing in the config, add e.g. vault: { server: "https://vault.example.com:8200" }`,
        '1:1: error: unknown key "valt" in the config, did you mean "vault"?',
      ],
    ],
    [
      'a deep key is misspelt',
      `${sound}    role: { hostz: exact }\n`,
      [`6:13: error: unknown key "hostz" in 'role', did you mean "hosts"?`],
    ],
    [
      'a key is like no other',
      `${sound}    policy: { zzzzzzzzz: 1 }\n`,
      [`6:15: error: unknown key "zzzzzzzzz" in 'policy', known are name`],
    ],
    [
      'a secret ID is written into the config',
      `${sound}    appRole: { secretId: a18a7f36-0000-4000-8000-c1a8760b0873 }\n`,
      [`6:16: error: unknown key "secretId" in 'appRole', did you mean "secretIdTtl"?`],
    ],
    ['a version is no text', sound.replace('"1.22"', '1.20'), [`3:15: error: 'istioVersion' must be text, write it in quotes: "1.20"`]],
    ['text is a boolean', `${sound}    clusterId: true\n`, [`6:16: error: 'clusterId' must be text, write it in quotes: "true"`]],
    [
      'a number is no duration either',
      `${sound}    certificates: { workloadTtl: 3600 }\n`,
      [`6:34: error: 'workloadTtl' must be a duration in hours, minutes or seconds, e.g. "720h", in quotes, got 3600`],
    ],
    [
      'a value is empty',
      sound.replace('name: cluster-1', 'name:'),
      [`5:5: error: 'name' must be a DNS label: lower case letters, digits and "-", at most 63, e.g. "cluster-1", got nothing`],
    ],
    ['an object is empty', `${sound}root:\n`, [`6:1: error: 'root' must be an object, e.g. {}, got nothing`]],
    ['an object is a list', `${sound}root: [1]\n`, [`6:7: error: 'root' must be an object, e.g. {}, got a list`]],
    [
      'a list is an object',
      sound.replace('- name', '  name'),
      [`5:5: error: 'clusters' must be a list, e.g. [{ name: "cluster-1" }], got an object`],
    ],
    [
      'there is no cluster',
      sound.replace(/ {2}- .*/, '  []'),
      [`5:3: error: 'clusters' must have at least 1, e.g. [{ name: "cluster-1" }]`],
    ],
    [
      'an item is no object',
      `${sound}  - cluster-2\n`,
      [`6:5: error: item 2 must be an object, e.g. { name: "cluster-1" }, got "cluster-2"`],
    ],
    [
      'a word is not of the list',
      `${sound}root: { source: generated }\n`,
      [`6:17: error: 'source' must be "import" or "generate", got "generated", did you mean "generate"?`],
    ],
    [
      'a number is not of the list',
      `${sound}root: { keyBits: 1024 }\n`,
      [`6:18: error: 'keyBits' must be 256, 384, 2048, 3072, 4096, got 1024`],
    ],
    [
      'a pattern does not fit',
      sound.replace('https://vault.example.com:8200', 'vault.example.com/v1'),
      [
        `2:11: error: 'server' must be the address of a server, without a path, e.g. "https://vault.example.com:8200", got "vault.example.com/v1"`,
      ],
    ],
    [
      'a switch is text',
      `${sound}    role: { storeCertificates: "yes" }\n`,
      [`6:32: error: 'storeCertificates' must be true or false, got "yes"`],
    ],
    [
      'a port is too large',
      `${sound}tsb:\n  hub: hub.example.com\n  managementPlane: { host: tsb.example.com, port: 65536 }\n  telemetryStore: { elastic: { host: es.example.com, port: 9200.5 } }\n`,
      [
        `8:51: error: 'port' must be a whole number from 1 to 65535, e.g. 443, got 65536`,
        `9:60: error: 'port' must be a whole number from 1 to 65535, e.g. 443, got 9200.5`,
      ],
    ],
    ['a key stands twice', `${sound}vault: {}\n`, ['6:1: error: the key "vault" stands twice, remove one']],
    [
      'there are two documents',
      `${sound}---\n${sound}`,
      ['6:1: error: the file must hold one document, remove what begins with the second "---"'],
    ],
    ['a tab indents', sound.replace('  server', '\tserver'), ['2:1: error: a tab cannot indent YAML, write spaces']],
    [
      'an anchor and its alias save writing',
      sound.replace('cluster-1', '&a cluster-1').concat('    context: *a\n'),
      [
        '5:14: error: an anchor (&) is not read, remove it, or write the value in quotes',
        '6:14: error: an alias (*) is not read, write the value out, or in quotes; what clusters share stands above clusters',
      ],
    ],
    [
      'there is a tag',
      sound.replace('cluster-1', '!!str 1'),
      ['5:17: error: a tag (!) is not read, remove it, or write the value in quotes'],
    ],
    ['there is a directive', `%YAML 1.1\n---\n${sound}`, ['1:1: error: a %YAML directive is not read, remove it']],
    ['a key is no text', `${sound}1: x\n`, ['6:1: error: a key must be plain text, got "1"; write it in quotes']],
    ['a key is __proto__', `${sound}__proto__: {}\n`, ['6:1: error: a key cannot be "__proto__"']],
    [
      'a number is not exact',
      `${sound}istioCsr: { values: { replicaCount: 12345678901234567890 } }\n`,
      ['6:37: error: a number must be finite and exact, got "12345678901234567890"; write it in quotes where text is meant'],
    ],
    [
      'a PEM file is not there',
      `${sound}root: { certificate: none.pem }\n`,
      [`6:22: error: 'certificate' cannot be read: there is no such file, got "none.pem"`],
    ],
    [
      'a root is no root',
      `${sound}root: { certificate: intermediate.pem }\n`,
      [`6:22: error: 'certificate' must be a root certificate, i.e. self-signed, got an intermediate, in "intermediate.pem"`],
    ],
    [
      'a root has signed itself by name only',
      `${sound}root: { certificate: forged.pem }\n`,
      [`6:22: error: 'certificate' must be a root certificate, i.e. self-signed, got an intermediate, in "forged.pem"`],
    ],
    [
      'a root is no CA',
      `${sound}root: { certificate: leaf.pem }\n`,
      [`6:22: error: 'certificate' must be a CA certificate (basic constraints CA:TRUE), got one that cannot sign, in "leaf.pem"`],
    ],
    [
      'a PEM file is empty',
      `${sound}root: { certificate: empty.pem }\n`,
      [
        `6:22: error: 'certificate' must hold PEM certificates, each from "-----BEGIN CERTIFICATE-----" to "-----END CERTIFICATE-----", in "empty.pem"`,
      ],
    ],
    [
      'a PEM block is cut',
      `${sound}root: { certificate: cut.pem }\n`,
      [
        `6:22: error: 'certificate' must hold PEM certificates, each from "-----BEGIN CERTIFICATE-----" to "-----END CERTIFICATE-----", in "cut.pem"`,
      ],
    ],
    [
      'a PEM block is another thing',
      `${sound}root: { certificate: csr.pem }\n`,
      [`6:22: error: 'certificate' must hold certificates only, got a block of certificate request, in "csr.pem"`],
    ],
    [
      'a certificate is broken',
      `${sound}root: { certificate: broken.pem }\n`,
      [`6:22: error: 'certificate' holds a certificate that cannot be read, in "broken.pem"`],
    ],
    [
      'a private key lies beside',
      `${sound}root: { certificate: key.pem }\n`,
      [
        `6:22: error: 'certificate' holds a private key, which must not be near a config; name a file with certificates only, PEM block 2, in "key.pem"`,
      ],
    ],
    [
      'the intermediate would outlive the root, and the plan has more to say',
      `${sound}intermediate: { ttl: 87600h }\nroot: { certificate: root.pem, ttl: 1h }\n`,
      [
        `6:22: error: 'ttl' must end before the root certificate does, e.g. "86692h", got "87600h"`,
        `7:37: error: 'ttl' is of a root that Vault generates, and this one is imported; remove it, or write source: generate, got "1h"`,
      ],
    ],
  ])('%s', (_what, text, errors) => {
    expect(errorsOf(text)).toStrictEqual(errors.map(line => `mesh-ca.yaml:${line}`));
  });
});

test('fails if a root has expired', () => {
  expect(errorsOf(`${sound}root: { certificate: root.pem }\n`, new Date('2037-01-01'))).toStrictEqual([
    `mesh-ca.yaml:6:22: error: 'certificate' has expired on 2036-11-21, in "root.pem"`,
  ]);
});

test('fails if a root is not valid yet', () => {
  expect(errorsOf(`${sound}root: { certificate: root.pem }\n`, new Date('2026-01-01'))).toStrictEqual([
    `mesh-ca.yaml:6:22: error: 'certificate' is not valid before 2026-11-24, in "root.pem"`,
  ]);
});

test('an intermediate is a good CA bundle for Vault', () => {
  const { config } = load(sound.replace('8200\n', '8200\n  caBundle: intermediate.pem\n'));
  expect(config.vault.caBundle).toBe(intermediatePem);
});

test('a problem of a shared setting is reported once, whatever the number of clusters', () => {
  expect(errorsOf(`${sound}  - name: cluster-2\nappRole: { tokenTtl: 9h }\n`)).toStrictEqual([
    `mesh-ca.yaml:7:22: error: 'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "9h"`,
  ]);
});

test('every problem is reported at once, in the order of the file', () => {
  const text = `vault: { server: x }\nistioVersion: 1\nclusters:\n  - name: A\n    b: 1\n`;
  expect(errorsOf(text).map(line => line.split(' ')[0])).toStrictEqual(['1:18:', '2:15:', '4:11:', '5:5:'].map(at => `mesh-ca.yaml:${at}`));
});

describe('a message shows', () => {
  const messageFor = (value: string) => errorsOf(`${sound}    context: ${JSON.stringify(value)}\n`).join('\n');

  test('no terminal escape', () => {
    expect(messageFor('\x1b[31mred\u202e\u2028')).toMatch(/got "\\u001b\[31mred\\u\{202e\}\\u\{2028\}"$/);
  });
  test('the beginning of a long value', () => {
    expect(messageFor(` ${'x'.repeat(100_000)}`)).toMatch(/got " x{58}…" \(99943 more\)$/);
  });
  test.each([keyPem, 'hvs.CAESIJ0000000000000000000', 'A18A7F36-0000-4000-8000-C1A8760B0873 ', 'a18a7f36-0000-4000-8000-c1a8760b0873 '])(
    'no secret',
    value => {
      const message = messageFor(value.startsWith('-') ? value : ` ${value}`);
      expect(message).toContain('(not shown)');
      expect(message).not.toMatch(/c2Vj|CAES|a18a/i);
    },
  );
});

test('a file nested a hundred thousand deep is an error', () => {
  expect(errorsOf('['.repeat(100_000))[0]).toMatch(/^mesh-ca\.yaml:1:\d+: error: /);
});
