import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { rootPem } from '../config/certificates';
import { problemsOf as refusals } from './problems';

const base: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'one' }, { name: 'two' }],
};

const noUrls = { issuing_certificates: [], crl_distribution_points: [], ocsp_servers: [], enable_templating: false };

const problemsOf = (config: Partial<MeshCaConfig>) => refusals({ ...base, ...config });

test('each policy CA is signed by the one before, lives less long, and allows as many CAs as stand below it', () => {
  const { policyCas, clusters } = planMeshCa({ ...base, policyCas: [{ name: 'regional' }, { name: 'mesh', keyType: 'ec' }] });
  expect(policyCas).toStrictEqual([
    {
      name: 'regional',
      mount: 'pki-regional',
      commonName: 'regional Mesh Policy CA',
      subject: {},
      ttl: '73000h',
      key: 'internal',
      keyType: 'rsa',
      keyBits: 4096,
      maxPathLength: 2,
      permittedDnsDomains: [],
      permittedUriDomains: [],
      urls: noUrls,
      signer: { mount: 'pki', issuer: 'default', signPath: 'pki/root/sign-intermediate' },
    },
    {
      name: 'mesh',
      mount: 'pki-mesh',
      commonName: 'mesh Mesh Policy CA',
      subject: {},
      ttl: '58400h',
      key: 'internal',
      keyType: 'ec',
      keyBits: 384,
      maxPathLength: 1,
      permittedDnsDomains: [],
      permittedUriDomains: [],
      urls: noUrls,
      signer: { mount: 'pki-regional', issuer: 'default', signPath: 'pki-regional/root/sign-intermediate' },
    },
  ]);
  expect(clusters.map(({ intermediate }) => intermediate.signer)).toStrictEqual([
    { mount: 'pki-mesh', issuer: 'default', signPath: 'pki-mesh/root/sign-intermediate' },
    { mount: 'pki-mesh', issuer: 'default', signPath: 'pki-mesh/root/sign-intermediate' },
  ]);
});

test.each([
  [1, 2],
  [-1, -1],
] as const)('below an intermediate of path length %i it is %i', (maxPathLength, wanted) => {
  const plan = planMeshCa({ ...base, intermediate: { maxPathLength }, policyCas: [{ name: 'policy' }] });
  expect(plan.policyCas[0]?.maxPathLength).toBe(wanted);
});

test('an issuer of an existing root signs at its own path, and an offline root signs in no mount', () => {
  const existing = planMeshCa({ ...base, root: { source: 'existing', mount: 'corp', issuer: 'corporate' } });
  expect(existing.clusters[0]?.intermediate.signer).toStrictEqual({
    mount: 'corp',
    issuer: 'corporate',
    signPath: 'corp/issuer/corporate/sign-intermediate',
  });
  const offline = planMeshCa({ ...base, root: { source: 'offline', certificate: rootPem }, policyCas: [{ name: 'policy' }] });
  expect([offline.root.mount, offline.policyCas[0]?.signer]).toStrictEqual([undefined, undefined]);
});

test('what is wider than it need be, and a root that is taken as it is, are warned of', () => {
  const warned = planMeshCa({ ...base, root: { source: 'existing' }, policyCas: [{ name: 'policy', maxPathLength: 3 }] });
  expect(warned.warnings.map(({ key, path }) => [key, path.join('.')])).toStrictEqual([
    ['root.source', 'root.source'],
    ['policyCas.maxPathLength', 'policyCas.0.maxPathLength'],
  ]);
  const named = { source: 'existing', certificate: rootPem } as const;
  expect(planMeshCa({ ...base, root: named, policyCas: [{ name: 'policy', maxPathLength: 1 }] }).warnings).toStrictEqual([]);
});

const policy = (more: object, ...others: object[]) => ({ policyCas: [{ name: 'policy', ...more }, ...others] }) as Partial<MeshCaConfig>;

test.each<[what: string, config: Partial<MeshCaConfig>, problems: [path: string, message: string][]]>([
  [
    'a policy CA lives as long as its issuer',
    policy({ ttl: '87600h' }),
    [['policyCas.0.ttl', `'ttl' must be less than that of its issuer, the root mount's maxLeaseTtl, e.g. "65700h", got "87600h"`]],
  ],
  [
    'a policy CA ends before the intermediates that it signs',
    policy({ ttl: '720h' }),
    [
      [
        'policyCas.0.ttl',
        `'ttl' must be more than that of the CAs below it, which live "43800h", e.g. "65700h", got "720h"; or write intermediate: { ttl: "360h" }`,
      ],
    ],
  ],
  [
    'an intermediate lives as long as the policy CA that signs it',
    { ...policy({ ttl: '1000h' }), intermediate: { ttl: '1000h' } },
    [['intermediate.ttl', `'ttl' must be less than that of its issuer, the policy CA "policy" of "1000h", e.g. "500h", got "1000h"`]],
  ],
  [
    'a path length is too short for what stands below',
    policy({ maxPathLength: 1 }, { name: 'mesh', maxPathLength: 0 }),
    [
      ['policyCas.0.maxPathLength', `'maxPathLength' must be at least 2, as 2 CAs stand below it, got 1`],
      ['policyCas.1.maxPathLength', `'maxPathLength' must be at least 1, as 1 CA stands below it, got 0`],
    ],
  ],
  [
    'a path length is bounded above an intermediate without a bound',
    { ...policy({ maxPathLength: 1 }), intermediate: { maxPathLength: -1 } },
    [['policyCas.0.maxPathLength', `'maxPathLength' must be at least -1, as an intermediate below it has no bound, got 1`]],
  ],
  [
    'a path length is more than that of its issuer allows',
    policy({}, { name: 'mesh', maxPathLength: 2 }),
    [['policyCas.1.maxPathLength', `'maxPathLength' must be less than that of its issuer, the policy CA "policy" of 2, e.g. 1, got 2`]],
  ],
  [
    'two policy CAs have one name, or that of the root',
    policy({}, { name: 'policy' }, { name: 'root' }),
    [
      ['policyCas.1.name', `'name' must be another one for each policy CA, e.g. "policy-2", got "policy" twice`],
      ['policyCas.2.name', `'name' must not be "root", whose steps have that name, e.g. "policy", got "root"`],
    ],
  ],
  [
    'mounts lie on or below each other',
    { ...policy({ mount: 'pki/policy' }), clusters: [{ name: 'one', intermediate: { mount: 'pki/policy/one' } }] },
    [
      ['policyCas.0.mount', `'mount' must be a mount of its own, e.g. "pki-policy", got "pki/policy" beside "pki"`],
      ['clusters.0.intermediate.mount', `'mount' must not be the root's, e.g. "istioca-one", got "pki/policy/one"`],
      ['clusters.0.intermediate.mount', `'mount' must not be a policy CA's, e.g. "istioca-one", got "pki/policy/one"`],
    ],
  ],
  [
    'a CA has the common name of one above it',
    {
      ...policy({ commonName: 'Same' }),
      root: { source: 'generate', commonName: 'Same' },
      intermediate: { commonName: 'Same' },
      clusters: [{ name: 'one' }],
    },
    [
      ['policyCas.0.commonName', `'commonName' must not be that of a CA above it, e.g. "policy Mesh Policy CA", got "Same"`],
      ['intermediate.commonName', `'commonName' must not be that of a CA above it, e.g. "one Mesh Intermediate CA", got "Same"`],
    ],
  ],
  [
    'the bits do not fit the type',
    policy({ keyType: 'ec', keyBits: 2048 }),
    [['policyCas.0.keyBits', `'keyBits' must be 256 or 384 for keyType "ec", e.g. 256, got 2048`]],
  ],
  [
    'an offline root has no certificate',
    { root: { source: 'offline' } },
    [['root.source', `'source' "offline" needs the root certificate, e.g. certificate: root.pem, got none`]],
  ],
  [
    'a root is told what it has no use for',
    { root: { source: 'offline', certificate: rootPem, mount: 'pki', issuer: 'x', maxLeaseTtl: '90000h' } },
    [
      [
        'root.mount',
        `'mount' is of a root whose mount we make, and this one is not in Vault; remove it, or write source: import, got "pki"`,
      ],
      [
        'root.issuer',
        `'issuer' is of a root that Vault has already, and this one is not in Vault; remove it, or write source: existing, got "x"`,
      ],
      [
        'root.maxLeaseTtl',
        `'maxLeaseTtl' is of a root whose mount we make, and this one is not in Vault; remove it, or write source: import, got "90000h"`,
      ],
    ],
  ],
  [
    'a key that waits for an offline root is to be handed out',
    { root: { source: 'offline', certificate: rootPem }, clusters: [{ name: 'one', intermediate: { key: 'exported' } }] },
    [
      [
        'clusters.0.intermediate.key',
        `'key' must be "internal" where an offline root signs: Vault hands a key out once, and it waits for a signature; or write policyCas, got "exported"`,
      ],
    ],
  ],
])('fails if %s', (_what, config, problems) => {
  expect(problemsOf(config)).toStrictEqual(problems);
});
