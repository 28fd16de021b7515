import { loadConfig } from '../../src/config/load';
import { ConfigError } from '../../src/config/problem';
import { planMeshCa } from '../../src/plan/plan';
import { Path, withLeaf } from '../schema-leaves';
import { intermediatePem, keyPem, leafPem, otherRootPem, rootPem } from './certificates';

const now = new Date('2027-01-01T00:00:00Z');

const files: Record<string, string> = {
  'root.pem': rootPem,
  'roots.pem': `the old one\n${rootPem}the new one\n${otherRootPem}`,
  'other.pem': otherRootPem,
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
  const { config } = load(`${sound}root: { certificate: root.pem, alsoTrust: [other.pem] }\n`);
  expect(config.root).toStrictEqual({ certificate: rootPem, alsoTrust: [otherRootPem] });
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
      `${sound}    auth: appRole\n    appRole: { secretId: a18a7f36-0000-4000-8000-c1a8760b0873 }\n`,
      [`7:16: error: unknown key "secretId" in 'appRole', did you mean "secretIdTtl"?`],
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
      [`6:17: error: 'source' must be "import", "generate", "existing", "offline", got "generated", did you mean "generate"?`],
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
      'there is more than one root that signs',
      `${sound}root: { certificate: roots.pem }\n`,
      [`6:22: error: 'certificate' must hold one root, the one that signs, got 2; write the others as root.alsoTrust, in "roots.pem"`],
    ],
    [
      'a root to trust is none, or is the one that signs',
      `${sound}root:\n  certificate: root.pem\n  alsoTrust:\n    - intermediate.pem\n    - roots.pem\n`,
      [
        `9:7: error: item 1 must be a root certificate, i.e. self-signed, got an intermediate, in "intermediate.pem"`,
        `10:7: error: 'alsoTrust' must name other roots than root.certificate, which is trusted anyway; remove it`,
      ],
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
        `6:22: error: 'certificate' holds a private key, which must not be near a config; write certificates only, PEM block 2, in "key.pem"`,
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
  expect(errorsOf(`${sound}  - name: cluster-2\nauth: appRole\nappRole: { tokenTtl: 9h }\n`)).toStrictEqual([
    `mesh-ca.yaml:8:22: error: 'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "9h"`,
  ]);
});

test('every problem is reported at once, in the order of the file', () => {
  const text = `vault: { server: x }\nistioVersion: 1\nclusters:\n  - name: A\n    b: 1\n`;
  expect(errorsOf(text).map(line => line.split(' ')[0])).toStrictEqual(['1:18:', '2:15:', '4:11:', '5:5:'].map(at => `mesh-ca.yaml:${at}`));
});

describe('what breaks the schema does not hide what the plan finds', () => {
  test.each<[what: string, text: string, errors: string[]]>([
    [
      'with a key that is not known',
      `${sound}contxt: x\nappRole: { tokenTtl: 9h }\nroot: { commonName: x }\nauth: appRole\n`,
      [
        '6:1: error: unknown key "contxt" in the config, known are',
        `7:22: error: 'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "9h"`,
        `8:21: error: 'commonName' is of a root that Vault generates, and this one is imported; remove it, or write source: generate, got "x"`,
      ],
    ],
    [
      'with wrong values, of which one is required, and with a cluster without a name',
      `vault: { server: x }\nistioVersion: 1.2\nclusters:\n  - context: c\n  - name: two\n    context: c\n    certificates: { keyBits: 256 }\n`,
      [
        `1:18: error: 'server' must be the address of a server`,
        `2:15: error: 'istioVersion' must be text`,
        `4:5: error: 'name' is missing in item 1`,
        `7:30: error: 'keyBits' must be 2048, 3072 or 4096 for keyType "rsa", e.g. 2048, got 256`,
      ],
    ],
    [
      'with what YAML has and a config has not',
      `${sound}    context: &a x\n    clusterId: *a\nappRole: { tokenTtl: 9h }\nauth: appRole\n`,
      [
        '6:17: error: an anchor (&) is not read',
        '7:16: error: an alias (*) is not read',
        `8:22: error: 'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "9h"`,
      ],
    ],
    [
      'with a PEM file that is wrong',
      `${sound}trustDomain: A\nroot: { certificate: none.pem, ttl: 1h }\n`,
      [
        `6:14: error: 'trustDomain' must be a trust domain`,
        `7:22: error: 'certificate' cannot be read: there is no such file, got "none.pem"`,
        `7:37: error: 'ttl' is of a root that Vault generates`,
      ],
    ],
    [
      'and a PEM file is read although a value elsewhere is wrong',
      `${sound}trustDomain: A\nroot: { certificate: root.pem }\nintermediate: { ttl: 87600h }\n`,
      [
        `6:14: error: 'trustDomain' must be a trust domain`,
        `8:22: error: 'ttl' must end before the root certificate does, e.g. "86692h", got "87600h"`,
      ],
    ],
  ])('%s', (_what, text, errors) => {
    const found = errorsOf(text);
    expect(found.map((line, i) => line.slice(0, `mesh-ca.yaml:${errors[i] ?? ''}`.length))).toStrictEqual(
      errors.map(line => `mesh-ca.yaml:${line}`),
    );
  });

  test('but a place that is wrong is reported once', () => {
    const values = { ['replicaCount\0']: 1, nodeSelector: '\0', wrong: '\0', right: 1 };
    const config = {
      vault: { server: 'https://vault.example.com:8200' },
      istioVersion: '1.22',
      clusters: [{ name: 'a' }],
      istioCsr: { values },
    };
    expect(pathsOf(config).map(path => path.slice(2))).toStrictEqual([['replicaCount\0'], ['nodeSelector'], ['wrong'], ['right']]);
  });

  /** In order, and by each of its keys: without it, or with another value, the plan would refuse the rest. */
  const tight = {
    vault: { server: 'https://vault.example.com:8200' },
    root: { mount: 'istioca-a', source: 'generate', commonName: 'x', ttl: '200000h', maxLeaseTtl: '200000h', keyType: 'ec', keyBits: 384 },
    tsbVersion: '1.6.0',
    istioVersion: '1.15',
    certificates: { workloadTtl: '50000h', istiodTtl: '1h', servingTtl: '1h', keyType: 'ec', keyBits: 256 },
    intermediate: { ttl: '100000h', keyType: 'ec', keyBits: 384 },
    role: { maxTtl: '50000h' },
    auth: 'appRole',
    appRole: { tokenTtl: '90h', tokenMaxTtl: '90h' },
    certManager: { version: 'v1.11.5' },
    istio: { overlay: 'append' },
    clusters: [
      {
        name: 'a',
        clusterId: 'b',
        context: 'b',
        certificates: { keyType: 'rsa', keyBits: 3072 },
        intermediate: { mount: 'm1' },
        policy: { name: 'cert-manager-b' },
        istioCsr: {
          chartVersion: 'v0.8.0',
          disableKubernetesClientRateLimiter: false,
          values: { app: { controller: { configmapNamespaceSelector: '' } } },
        },
      },
      { name: 'b', clusterId: 'a', context: 'a', intermediate: { mount: 'm2' }, policy: { name: 'cert-manager-a' } },
    ],
  };

  /** Every place of a config but itself. */
  const placesOf = (value: unknown, at: Path = []): Path[] => {
    const children = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return children.flatMap(([key, child]) => {
      const place = [...at, Array.isArray(value) ? Number(key) : key];
      return [place, ...placesOf(child, place)];
    });
  };
  const places = placesOf(tight).filter(place => !place.includes('values') || place.at(-1) === 'values');
  const pathsOf = (config: unknown) => {
    try {
      load(JSON.stringify(config));
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(({ path }) => path);
      throw error;
    }
    return [];
  };

  test('and what would only follow from the repair is not reported, whatever the value', () => {
    expect(pathsOf(tight)).toStrictEqual([]);
    expect(places.length).toBeGreaterThan(40);
    // no key takes any of the two.
    for (const wrong of ['\0', 0]) {
      expect(places.map(place => pathsOf(withLeaf(tight, place, wrong)))).toStrictEqual(places.map(place => [place]));
    }
  });

  const misspelt = (value: unknown, [key, ...rest]: Path): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown, i) => (i === key ? misspelt(item, rest) : item));
    const pairs = Object.entries(value as Record<string, unknown>).map(([name, child]) => {
      if (name !== key) return [name, child];
      return rest.length === 0 ? [`${name}s`, child] : [name, misspelt(child, rest)];
    });
    return Object.fromEntries(pairs);
  };

  test('nor what follows from a key that is misspelt', () => {
    const required = ['vault', 'clusters', 'vault.server', 'clusters.0.name', 'clusters.1.name'];
    const keys = places.filter(place => typeof place.at(-1) === 'string');
    const found = keys.map(place => pathsOf(misspelt(tight, place)).map(path => path.join('.')));
    expect(found.map(paths => paths.sort())).toStrictEqual(
      keys.map(place => place.join('.')).map(place => [...(required.includes(place) ? [place] : []), `${place}s`]),
    );
  });
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
