// Every public construct is called with every property wrong, one at a time, as JavaScript may call it. The table holds right properties; that
// it names every property of every exported interface is checked against the sources.
import * as path from 'node:path';
import { App, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { Project } from 'ts-morph';
import * as library from '../../src';
import { formats } from '../../src/config/formats';
import { keyPem, rootPem } from '../config/certificates';

type Right = Readonly<Record<string, unknown>>;
type Kind = keyof typeof library;

const plan = library.planMeshCa({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'cluster-1' }],
});
const caAddress = 'cert-manager-istio-csr.cert-manager.svc:443';
const overlays = [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'istiod', patches: [{ path: 'spec.replicas', value: 2 }] }];
const mesh = { caAddress, trustDomain: 'example.com', trustDomainAliases: ['old.example.com'], proxyMetadata: { A: 'b' } };
const istiod = { ...mesh, clusterId: 'cluster-1', overlay: 'wellKnown', revision: 'stable', values: { global: {} } };
const file = { header: ['by hand'], path: 'a/b.txt' };
const place = { name: 'a', namespace: 'b' };
const keyRef = { name: 'a', key: 'b' };
const controlPlane = {
  ...mesh,
  ...place,
  overlay: 'wellKnown',
  deployment: 'istiod-a',
  istioOperator: 'a',
  values: { global: {} },
  overlays,
  canary: { overlay: 'append', deployment: 'istiod-b', istioOperator: 'b', values: {}, overlays: [] },
  ztunnelClusterId: 'cluster-1',
  isolationBoundaries: [{ name: 'global', revisions: [{ name: 'stable', istio: { tsbVersion: '1.12.0' } }] }],
};
const issuer = new library.VaultIssuer(new Chart(new App(), 'issuers'), 'issuer', {
  server: 'https://vault.example.com:8200',
  path: 'pki/sign/role',
  auth: { kubernetes: { mountPath: '/v1/auth/jwt', role: 'r', serviceAccountRef: { name: 'a' } } },
});

/** Right properties, all of them, by construct; several where some exclude each other. */
const right: Readonly<Record<string, readonly Right[]>> = {
  ApproleSecret: [{ ...place, secretId: 'a18a7f36-0000-1111-2222-333344445555', key: 'c' }],
  CertManagerNetworkPolicy: [{ ...place, vault: { cidrs: ['10.0.0.0/8'], namespace: 'vault', port: 8200 }, apiServer: ['10.0.0.0/8'] }],
  ControlPlane: [
    {
      ...controlPlane,
      hub: 'registry.example.com/tsb',
      managementPlane: { host: 'tsb.example.com', port: 443, clusterName: 'cluster-1', selfSigned: true },
      telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200, protocol: 'https', selfSigned: false, version: 7 } },
    },
  ],
  ControlPlanePatch: [{ ...controlPlane, ...file, clusterId: 'cluster-1' }],
  ExternalSecretId: [{ kv: { mount: 'kv', path: 'a/b' } }, { generator: { path: 'auth/approle/role/a/secret-id' } }].map(source => ({
    ...place,
    source,
    server: 'https://vault.example.com:8200',
    login: { auth: 'jwt', mount: 'jwt', role: 'eso' },
    serviceAccount: { name: 'eso', audience: 'vault' },
    caBundle: rootPem,
    refreshInterval: '1h',
    key: 'c',
  })),
  IssuerAdmissionPolicies: [
    {
      issuer,
      requesters: ['system:serviceaccount:a:b'],
      tokenRequester: 'system:serviceaccount:a:b',
      certificate: {
        names: ['istiod'],
        namespace: 'a',
        secretName: 'istiod-tls',
        commonName: 'a.svc',
        dnsNames: ['a.svc'],
        uris: ['spiffe://cluster.local/ns/a/sa/b'],
      },
      serviceAccount: place,
      prefix: 'a-b',
    },
  ],
  IssuerServiceAccount: [{ ...place, certManager: place }],
  IstioCsrNetworkPolicy: [{ ...place, istioCsr: 'istio-csr', port: 6443, metricsPort: 9402, apiServer: ['10.0.0.0/8'] }],
  IstioCsrValues: [
    {
      ...file,
      clusterId: 'cluster-1',
      issuer: 'a',
      rootCa: { ...keyRef, carrier: 'secret' },
      chartVersion: 'v0.17.0',
      values: { 'app.tls.trustDomain': 'example.com' },
      extraValues: { replicaCount: 2 },
    },
  ],
  IstioOperator: [{ ...istiod, ...file, ...place, deployment: 'istiod', overlays, ambient: true }],
  IstioRootCa: [
    { ...place, key: 'c', carrier: 'secret', certificate: rootPem },
    { ...place, key: 'c', carrier: 'bundle', source: { name: 'other', key: 'd' } },
  ],
  IstiodValues: [{ ...istiod, ...file, waits: true }],
  MeshRules: [
    {
      ...place,
      cluster: 'cluster-1',
      alerts: [{ name: 'A', expr: 'up == 0', for: '5m', severity: 'critical', summary: 's', runbook: 'r' }],
      labels: { release: 'x' },
    },
  ],
  RequestPolicy: [
    {
      ...place,
      requester: place,
      maxDuration: '1h',
      privateKey: { algorithm: 'RSA', minSize: 2048 },
      commonName: 'a.svc',
      dnsNames: ['a.svc'],
      uris: ['spiffe://cluster.local/ns/*/sa/*'],
      usages: ['client auth'],
      issuer: { name: 'a', kind: 'Issuer' },
    },
  ],
  SailIstioPatch: [{ ...istiod, ...file, name: 'a', version: 'v1.24.3', waits: true }],
  SailZTunnelPatch: [{ ...file, caAddress, clusterId: 'cluster-1' }],
  SampleWorkload: [{ namespace: 'a', revision: 'stable', image: 'curlimages/curl:8.10.1' }],
  SealedSecretId: [{ ...place, key: 'c', ciphertext: formats.sealed?.example }],
  TextFile: [{ path: 'a/b.txt', content: () => '', executable: true }],
  TokenReviewer: [place],
  VaultIssuer: [
    { kubernetes: { mountPath: '/v1/auth/jwt', role: 'r', serviceAccountRef: { name: 'a' } } },
    { appRole: { roleId: 'r', secretRef: keyRef, path: 'approle' } },
    { clientCertificate: { mountPath: '/v1/auth/cert', name: 'n', secretName: 's' } },
    {
      aws: {
        mountPath: 'auth/aws',
        role: 'r',
        region: 'eu-central-1',
        iamRoleArn: 'arn:aws:iam::123456789012:role/r',
        vaultHeaderValue: 'vault',
        serviceAccountRef: { name: 'a' },
      },
    },
  ].map((auth, i) => ({
    ...place,
    auth,
    server: 'https://vault.example.com:8200',
    path: 'pki/sign/role',
    ...(i === 0 ? { caBundle: rootPem } : { caBundleSecretRef: keyRef }),
    clientCertSecretRef: keyRef,
    clientKeySecretRef: keyRef,
    serverName: 'vault.example.com',
    vaultNamespace: 'admin',
    kind: 'Issuer',
  })),
  VaultScript: [{ plan, cluster: 'cluster-1', path: 'a/b.sh' }],
  ZtunnelValues: [{ ...file, caAddress, clusterId: 'cluster-1' }],
};

const constructs = Object.keys(right) as Kind[];

/** Makes a construct as JavaScript may, with whatever properties. */
function make(name: Kind, props: unknown): Construct {
  const made = library[name] as unknown as new (scope: Construct, id: string, props: unknown) => Construct;
  return new made(new Chart(new App(), 'chart'), 'a', props);
}

/** The message of the error; none where nothing is thrown. */
function messageOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    // an error of JavaScript itself names no property that a user knows.
    return error instanceof Error && error.constructor === Error ? error.message : `a crash: ${String(error)}`;
  }
  return undefined;
}

/** The places of an object's values, those inside of others too. */
function placesOf(value: unknown, above: readonly string[] = []): string[][] {
  // what is inside of another construct is not this construct's.
  if (typeof value !== 'object' || value === null || value instanceof Construct) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const place = [...above, key];
    // what is inside of a plan, and of Helm values, is not the construct's.
    return ['plan', 'values', 'extraValues', 'value'].includes(key) ? [place] : [place, ...placesOf(child, place)];
  });
}

/** An object with another value at a place. */
function withValue(object: unknown, [key = '', ...rest]: readonly string[], value: unknown): unknown {
  const changed = rest.length === 0 ? value : withValue((object as Right)[key], rest, value);
  if (Array.isArray(object)) return (object as unknown[]).map((one, i) => (String(i) === key ? changed : one));
  return { ...(object as Right), [key]: changed };
}

/** How an error names a place, e.g. `auth.kubernetes.role`, or `dnsNames[0]`. */
const named = (place: readonly string[]) => place.map((key, i) => (/^\d+$/.test(key) ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');

describe('the table', () => {
  const project = new Project({ tsConfigFilePath: path.join(__dirname, '../../tsconfig.build.json'), skipFileDependencyResolution: true });
  project.resolveSourceFileDependencies();
  const index = project.getSourceFileOrThrow('src/index.ts');
  const exported = index.getExportedDeclarations();

  test('has every construct that is exported', () => {
    const all = Object.entries(library).flatMap(([name, value]) =>
      typeof value === 'function' && value.prototype instanceof Construct ? [name] : [],
    );
    expect(all.sort()).toEqual([...constructs].sort());
  });

  test.each(constructs)('has every property of %s', name => {
    const type = exported.get(`${name}Props`)?.[0]?.getType();
    const members = type?.isUnion() ? type.getUnionTypes() : type ? [type] : [];
    const declared = new Set(members.flatMap(member => member.getProperties().map(property => property.getName())));
    expect(declared.size).toBeGreaterThan(0);
    const table = new Set((right[name] ?? []).flatMap(props => Object.keys(props)));
    expect([...table].sort()).toEqual([...declared].sort());
  });

  test.each(constructs)('holds right properties of %s', name => {
    for (const props of right[name] ?? []) expect(messageOf(() => make(name, props))).toBeUndefined();
  });
});

/** What no property can be. A function is none for all but `content`, and an object of a class for all. */
const wrongs: readonly unknown[] = [
  null,
  17.5,
  Number.NaN,
  '',
  '\n',
  '\u0000',
  new Date(0),
  Symbol('s'),
  ['\u0000'],
  { '\u0000': '\u0000' },
];

/** Of these properties everything is taken: values of a patch. */
const isOpen = (place: readonly string[]) => place.at(-1) === 'value';

describe.each(constructs)('%s', name => {
  const all = (right[name] ?? []).flatMap(props => placesOf(props).map(place => ({ props, place })));

  test('an error names the property that is of a wrong kind', () => {
    const silent = all
      .filter(({ place }) => !isOpen(place))
      .flatMap(({ props, place }) =>
        wrongs.flatMap(value => {
          // open objects take any keys, and variables of sidecars and labels may be empty.
          const isTaken = /(^|\.)(values|extraValues|proxyMetadata(\.A)?|labels(\.release)?)$/.test(named(place));
          if (
            isTaken &&
            (value === '' || (typeof value === 'object' && value !== null && '\u0000' in value && !/proxy|labels/.test(named(place))))
          )
            return [];
          const message = messageOf(() => make(name, withValue(props, place, value)));
          const isNamed = message !== undefined && !message.startsWith('a crash') && message.includes(`'${named(place)}`);
          return isNamed ? [] : [`${named(place)} = ${JSON.stringify(value)}: ${message}`];
        }),
      );
    expect(silent).toEqual([]);
  });

  test('a property that must be there is named where it is missing', () => {
    const silent = all.flatMap(({ props, place }) => {
      const message = messageOf(() => make(name, withValue(props, place, undefined)));
      // nothing is said of an optional one; no other error may come of it.
      const isRight =
        message === undefined ||
        message.includes(`'${named(place)}' is missing, add e.g. `) ||
        /^'\w+' (must have exactly one|is missing)|^'carrier' must be "bundle"|need each other/.test(message);
      return isRight ? [] : [`${named(place)}: ${message}`];
    });
    expect(silent).toEqual([]);
  });

  test('an unknown property is refused, and the known one proposed', () => {
    for (const props of right[name] ?? []) {
      const [key = ''] = Object.keys(props);
      expect(messageOf(() => make(name, { ...props, [`${key}x`]: 1 }))).toContain(`unknown property '${key}x'`);
    }
  });

  test.each([null, 1, 'text', [], new Date(0)])('%j instead of the properties is refused', props => {
    expect(messageOf(() => make(name, props))).toMatch(/^the properties must be an object, got /);
  });

  test('no value of a secret is repeated in an error', () => {
    const secrets = ['secretId', 'ciphertext', 'certificate', 'caBundle'];
    for (const { props, place } of all.filter(({ place }) => secrets.includes(place.join('.')))) {
      const message = messageOf(() => make(name, withValue(props, place, `${keyPem}\n`)));
      expect(message).toBeDefined();
      expect(message).not.toContain(keyPem.split('\n')[1]);
    }
  });
});

// what people wrote, by the words of the report.
test.each<[Kind, Right, string]>([
  [
    'VaultIssuer',
    { kind: 'clusterissuer' },
    `'kind' must be one of "Issuer" or "ClusterIssuer", got "clusterissuer", did you mean "ClusterIssuer"?`,
  ],
  ['VaultIssuer', { auth: {} }, `'auth' must have exactly one auth method, "kubernetes", "appRole", "clientCertificate", "aws"`],
  ['VaultIssuer', { name: 'Vault_Issuer' }, `'name' must be a DNS name in lower case, e.g. "vault-issuer", got "Vault_Issuer"`],
  ['VaultIssuer', { namespace: 'istio.system' }, `'namespace' must be a DNS label`],
  ['IstioCsrValues', { clusterId: undefined }, `'clusterId' is missing, add e.g. clusterId: "cluster-1"`],
  ['IstioCsrValues', { chartVersion: 'v0.17.0-rc.1' }, `'chartVersion' must be a whole version, e.g. "v0.17.0", got "v0.17.0-rc.1"`],
  ['IstiodValues', { clusterId: undefined }, `'clusterId' is missing, add e.g. clusterId: "cluster-1"`],
  ['IstiodValues', { overlay: 'guide' }, `'overlay' must be one of "wellKnown" or "append", got "guide"`],
  [
    'ControlPlane',
    { overlay: 'wellknown' },
    `'overlay' must be one of "wellKnown", "append", "guide", got "wellknown", did you mean "wellKnown"?`,
  ],
  [
    'ControlPlanePatch',
    { trustDomain: 'Example.com' },
    `'trustDomain' must be a trust domain in lower case, e.g. "cluster.local", got "Example.com"`,
  ],
  [
    'CertManagerNetworkPolicy',
    { vault: { cidrs: ['10.0.0.0'] } },
    `'vault.cidrs[0]' must be a range of addresses with its length, e.g. "10.0.0.0/8", got "10.0.0.0"`,
  ],
  ['RequestPolicy', { maxDuration: '1 hour' }, `'maxDuration' must be a duration in hours, minutes or seconds, e.g. "720h", got "1 hour"`],
  [
    'IssuerAdmissionPolicies',
    { issuer: { name: 'a', kind: 'Issuer', namespace: 'b' } },
    `'issuer' must be a VaultIssuer, e.g. new VaultIssuer(this, 'issuer', props), got an object`,
  ],
  ['IssuerAdmissionPolicies', { requesters: [] }, `'requesters' must have at least 1, e.g. ["system:serviceaccount:`],
  ['IssuerAdmissionPolicies', { prefix: 'A_b' }, `'prefix' must be a DNS name in lower case`],
  ['RequestPolicy', { usages: ['client-auth'] }, `'usages[0]' must be one of "server auth", "client auth", `],
  [
    'VaultScript',
    { plan: { vault: { server: 'https://vault.example.com:8200' }, clusters: [] } },
    `'plan' must be what planMeshCa returns, e.g. planMeshCa(config), got an object`,
  ],
  [
    'ControlPlanePatch',
    { path: 'a/control-plane.yaml' },
    `'path' must be a path below the output directory that does not end in .yaml, .yml or .json`,
  ],
])('%s refuses %j', (name, changed, message) => {
  expect(messageOf(() => make(name, { ...right[name]?.[0], ...changed }))).toContain(message);
});

test.each<[string, () => unknown, string]>([
  [
    'synthesize(config)',
    () => library.synthesize({ vault: { server: 'https://a' }, clusters: [{ name: 'a' }] } as never),
    `'plan' must be what planMeshCa returns, e.g. synthesize(planMeshCa(config)), got an object`,
  ],
  [
    'synthesize()',
    () => library.synthesize(undefined as never),
    `'plan' must be what planMeshCa returns, e.g. synthesize(planMeshCa(config)), got nothing`,
  ],
  [
    'synthesize with a secret ID of no cluster',
    () => library.synthesize(plan, { secretIds: { 'cluster-2': 'x' } }),
    `'secretIds' must be by clusters of the plan, "cluster-1", got "cluster-2", did you mean "cluster-1"?`,
  ],
  [
    'clusterFiles(plan)',
    () => library.clusterFiles(plan as never),
    `'cluster' must be what planMeshCa returns, e.g. clusterFiles(planMeshCa(config).clusters[0]), got an object`,
  ],
  ['clusterFiles of a cluster’s config', () => library.clusterFiles({ name: 'a' } as never), `'cluster' must be what planMeshCa returns`],
  ['planMeshCa()', () => library.planMeshCa(undefined as never), 'the config'],
  ['planMeshCa in a map over wrong configs', () => [{ clusters: [] }].map(library.planMeshCa as never), `'vault' is missing`],
  [
    'loadConfig without text',
    () => library.loadConfig(undefined as never, { plan: library.planMeshCa } as never),
    `'text' must be the text of a config, e.g. readFileSync("mesh-ca.yaml", "utf8"), got nothing`,
  ],
  ['loadConfig without a plan', () => library.loadConfig('a: 1', {} as never), `'plan' must be a function, e.g. planMeshCa, got nothing`],
])('%s is refused', (_call, run, message) => {
  expect(() => run()).toThrow(message);
});

test.each(constructs)('%s is put into the namespace of its Chart, unless it names its own, and what has none gets none', name => {
  for (const props of right[name] ?? []) {
    const { namespace: _own, ...rest } = props;
    const chart = new Chart(new App(), 'chart', { namespace: 'of-the-chart' });
    const made = library[name] as unknown as new (
      scope: Construct,
      id: string,
      props: unknown,
    ) => Construct & { object?: { metadata: object } };
    const { object } = new made(chart, 'a', rest);
    const objects = [
      ...(chart.toJson() as { kind: string; metadata: { namespace?: string } }[]),
      ...(object ? [{ kind: '', ...object } as never] : []),
    ];
    const withoutOne =
      /^(ClusterIssuer|ClusterRoleBinding|Namespace|CertificateRequestPolicy|Bundle|ValidatingAdmissionPolicy|ValidatingAdmissionPolicyBinding)$/;
    for (const { kind, metadata } of objects) {
      const isSail = name.startsWith('Sail');
      expect([kind, metadata.namespace]).toEqual([kind, withoutOne.test(kind) || isSail ? undefined : 'of-the-chart']);
    }
  }
});
