import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type ClusterPlan } from '../../src/plan/plan';
import { verifyScript } from '../../src/script/verify';
import { certificate, type Mesh, meshCertificates, type Signed } from '../fixtures/verify/certificates';
import { clusterOf, configDump, type Facts, goodFacts, KEY, objectsOf } from '../fixtures/verify/mesh';

const folder = mkdtempSync(join(tmpdir(), 'verify-'));
afterAll(() => rmSync(folder, { recursive: true }));

let mesh: Mesh;
let other: Signed;
let plan: ClusterPlan;
beforeAll(() => {
  mesh = meshCertificates(folder);
  other = certificate(folder, 'other', { subject: '/CN=Other Root' });
  plan = clusterOf({ root: { certificate: mesh.root.pem } });
});

/** What a test changes in a world that is as it was planned. */
interface Change {
  readonly facts?: Partial<Facts>;
  /** Objects that are not there, e.g. `issuers.cert-manager.io/istio-system/vault-issuer`. */
  readonly without?: readonly string[];
  /** What kubectl says instead of an answer, by object. */
  readonly errors?: Readonly<Record<string, string>>;
  readonly unreachable?: boolean;
  readonly chain?: string;
  readonly trusted?: string;
  readonly istioctlError?: string;
  readonly plan?: ClusterPlan;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files beside mesh-ca.yaml. */
  readonly files?: Readonly<Record<string, string>>;
}

const WORKLOAD = ['--workload', 'foo/sleep'];

/** Runs the script against stand-ins for kubectl and istioctl, and checks what holds whatever it finds. */
function verify(change: Change = {}) {
  const at = change.plan ?? plan;
  const world = mkdtempSync(join(folder, 'world-'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(world, path)), { recursive: true });
    writeFileSync(join(world, path), text);
  };
  for (const object of objectsOf(at, { ...goodFacts(at, mesh), ...change.facts })) {
    const { name, namespace, labels } = object.metadata;
    const group = object.apiVersion.replace(/^v1$|\/v1$/, '');
    const kind = `${object.kind.toLowerCase()}s${group && `.${group}`}`;
    const path = `${kind}/${namespace}/${name}`;
    if (!change.without?.includes(path)) write(`${path}.json`, JSON.stringify(object));
    if (labels) write(`podlists/${namespace}/all.json`, JSON.stringify({ items: [object] }));
  }
  for (const [path, text] of Object.entries(change.errors ?? {})) write(`${path}.error`, text);
  if (change.unreachable) write('unreachable', '');
  const dump = JSON.stringify(configDump(change.chain ?? chainOf(mesh), change.trusted ?? mesh.root.pem));
  write('istioctl.json', JSON.stringify((JSON.parse(camelCased(dump)) as { configs: unknown[] }).configs[0]));
  if (change.istioctlError) write('istioctl.error', change.istioctlError);
  for (const [path, text] of Object.entries({ 'verify.sh': verifyScript(at), ...change.files })) write(`cwd/${path}`, text);
  mkdirSync(join(world, 'tmp'));

  const bin = join(__dirname, '../fixtures/verify/bin');
  const env = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    WORLD: world,
    CONTEXT: at.context,
    TMPDIR: join(world, 'tmp'),
    ...change.env,
  };
  const run = spawnSync('bash', ['verify.sh', ...(change.args ?? WORKLOAD)], { cwd: join(world, 'cwd'), env, encoding: 'utf8' });
  const said = run.stdout + run.stderr;
  expect(said).not.toContain(KEY);
  expect(said).not.toContain(Buffer.from(KEY).toString('base64'));
  expect(readdirSync(join(world, 'tmp'))).toEqual([]);
  const record = join(world, 'calls');
  const calls = existsSync(record)
    ? readFileSync(record, 'utf8')
        .split('\0\0')
        .filter(Boolean)
        .map(call => call.split('\0'))
    : [];
  for (const call of calls) expect(call.slice(1, 3)).toEqual(['--context', at.context]);
  return { code: run.status, lines: run.stdout.trimEnd().split('\n'), stderr: run.stderr, calls, world };
}

const chainOf = ({ workload, intermediate, root }: Mesh) => workload.pem + intermediate.pem + root.pem;
const camelCased = (json: string) => json.replace(/_([a-z])(?=[a-z_]*":)/g, (_, letter: string) => letter.toUpperCase());

/** The lines of a world that is as it was planned. */
function goodLines(): string[] {
  const { root, istiod, workload } = mesh;
  return [
    `ok      root: CN=Test Root of the config, ends ${root.ends}, SHA-256 ${root.print}`,
    'ok      issuer: vault-issuer is Ready, Vault verified (it proves a login at some time, not that Vault signs now)',
    'ok      istio-csr: 1 of 1 replicas available, 1 pods ready',
    'ok      istio-csr arguments: --cluster-id, --trust-domain, --issuer-name, --certificate-namespace, --root-ca-file, --serving-certificate-dns-names as planned',
    `ok      istio-csr root file: ca.cert.pem of Secret istio-root-ca is the root, SHA-256 ${root.print}`,
    'ok      istiod certificate: istiod is Ready',
    `ok      istiod-tls: for istiod.istio-system.svc, 2 certificates, the chain ends in the root; valid until ${istiod.ends}`,
    `ok      istio-ca-root-cert in istio-system: root-cert.pem is the root, SHA-256 ${root.print}`,
    'ok      istiod cluster ID: CLUSTER_ID of istiod is "cluster-1"',
    'ok      istiod CA server: ENABLE_CA_SERVER of istiod is "false"',
    'ok      trust domain: the mesh config says "cluster.local"',
    'ok      CA address: the injector says "cert-manager-istio-csr.cert-manager.svc:443"',
    'ok      sidecar cluster ID: the injector says "cluster-1"',
    `ok      istio-ca-root-cert in foo: root-cert.pem is the root, SHA-256 ${root.print}`,
    `ok      workload chain: leaf first, 3 certificates, the chain ends in the root; valid until ${workload.ends}`,
    'ok      workload name: spiffe://cluster.local/ns/foo/sa/sleep',
    "ok      workload service account: sleep, as the pod's",
    `ok      workload ROOTCA: the sidecar's ROOTCA is the root, SHA-256 ${root.print}`,
  ];
}

/** The lines that differ from those of a good world, without the count at the end; the check that each is of must be the same. */
function different(lines: readonly string[]): string[] {
  const good = goodLines();
  const checks = (all: readonly string[]) => all.map(line => line.slice(8).split(': ')[0]);
  expect(checks(lines.slice(0, -1))).toEqual(checks(good));
  return lines.slice(0, -1).filter((line, i) => line !== good[i]);
}

test('the script is one that bash and shellcheck take', () => {
  const input = verifyScript(plan);
  expect(spawnSync('bash', ['-n'], { input, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  const shellcheck = spawnSync('shellcheck', ['--shell=bash', '-'], { input, encoding: 'utf8' });
  expect(shellcheck).toMatchObject({ error: undefined, status: 0, stdout: '' });
});

test('a mesh that is as it was planned passes', () => {
  expect(verify()).toMatchObject({ code: 0, stderr: '', lines: [...goodLines(), '18 ok, 0 failed, 0 unknown'] });
});

test('--json prints one object a check', () => {
  const { code, lines } = verify({ args: [...WORKLOAD, '--json'], facts: { available: 0 } });
  expect(code).toBe(1);
  expect(lines.map(line => JSON.parse(line) as unknown).slice(1, 3)).toEqual([
    {
      check: 'issuer',
      status: 'ok',
      message: 'vault-issuer is Ready, Vault verified (it proves a login at some time, not that Vault signs now)',
    },
    {
      check: 'istio-csr',
      status: 'fail',
      message: '0 of 1 replicas available, 1 of 1 pods ready',
      todo: 'helm upgrade --install istio-csr with istio-csr.values.yml, then look at its log',
    },
  ]);
  expect(lines).toHaveLength(18);
});

describe('one thing that is not as planned gives that line, and 1:', () => {
  const args = (from: string, to: string) => ({ csrArgs: goodFacts(plan, mesh).csrArgs.map(arg => arg.replace(from, to)) });
  const rest = (text: string) => expect.stringContaining(text) as string;
  const deviations: [what: string, change: () => Change, lines: (string | (() => string))[]][] = [
    [
      'the Issuer is not Ready',
      () => ({ facts: { issuerReady: { status: 'False', reason: 'VaultError', message: 'permission denied' } } }),
      [
        'FAIL    issuer: vault-issuer: Ready is False, VaultError permission denied (run setup.sh again: its trial names what Vault refuses)',
      ],
    ],
    [
      'the Issuer is of another kind',
      () => ({ facts: { issuerReady: { status: 'True', reason: 'KeyPairVerified', message: 'ok' } } }),
      [rest('FAIL    issuer: vault-issuer: Ready is True, KeyPairVerified ok')],
    ],
    [
      'the Issuer signs elsewhere',
      () => ({ facts: { signPath: 'pki/sign/a' } }),
      [
        rest(
          'FAIL    issuer: it signs at "pki/sign/a" of "https://vault.example.com:8200", the plan says "istioca-cluster-1/sign/cluster-1"',
        ),
      ],
    ],
    [
      'no Issuer',
      () => ({ without: ['issuers.cert-manager.io/istio-system/vault-issuer'] }),
      ['FAIL    issuer: there is no issuers.cert-manager.io vault-issuer in namespace istio-system (apply manifests/1-issuer)'],
    ],
    [
      'no istio-csr replica',
      () => ({ facts: { available: 0 } }),
      [rest('FAIL    istio-csr: 0 of 1 replicas available, 1 of 1 pods ready')],
    ],
    [
      'an istio-csr pod that is not ready',
      () => ({ facts: { podReady: 'False' } }),
      [rest('FAIL    istio-csr: 1 of 1 replicas available, 0 of 1 pods ready')],
    ],
    [
      'a wrong cluster ID',
      () => ({ facts: args('--cluster-id=cluster-1', '--cluster-id=Kubernetes') }),
      [
        'FAIL    istio-csr arguments: --cluster-id is "Kubernetes", the plan says "cluster-1" (helm upgrade istio-csr with istio-csr.values.yml)',
      ],
    ],
    [
      'a wrong trust domain',
      () => ({ facts: args('--trust-domain=cluster.local', '--trust-domain=td') }),
      [rest('FAIL    istio-csr arguments: --trust-domain is "td", the plan says "cluster.local"')],
    ],
    [
      'a wrong issuer',
      () => ({ facts: args('--issuer-name=vault-issuer', '--issuer-name=istio-ca') }),
      [rest('FAIL    istio-csr arguments: --issuer-name is "istio-ca", the plan says "vault-issuer"')],
    ],
    [
      'a wrong namespace',
      () => ({ facts: args('--certificate-namespace=istio-system', '--certificate-namespace=x') }),
      [rest('FAIL    istio-csr arguments: --certificate-namespace is "x"')],
    ],
    [
      'no root file',
      () => ({ facts: args('--root-ca-file=', '--root-ca=') }),
      [rest('FAIL    istio-csr arguments: --root-ca-file is not set, the plan says "/var/run/secrets/istio-csr/ca.cert.pem"')],
    ],
    [
      'one DNS name more',
      () => ({ facts: { csrArgs: [...args('', '').csrArgs, '--serving-certificate-dns-names', 'a,b'] } }),
      [
        rest(
          'FAIL    istio-csr arguments: --serving-certificate-dns-names is "a", "b", "cert-manager-istio-csr.cert-manager.svc", the plan says "cert-manager-istio-csr.cert-manager.svc"',
        ),
      ],
    ],
    [
      "another root in istio-csr's Secret",
      () => ({ facts: { csrRoot: other.pem } }),
      [
        () =>
          `FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca is not the root CN=Test Root, SHA-256 ${mesh.root.print}: it is CN=Other Root, a root, SHA-256 ${other.print} (apply manifests/2-istio-csr, or run setup.sh)`,
      ],
    ],
    [
      'no root in it',
      () => ({ facts: { csrRoot: '' } }),
      [rest('FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca: it holds no certificate')],
    ],
    [
      'a damaged root in it',
      () => ({ facts: { csrRoot: mesh.root.pem.replace(/\n.{20}/, '\n') } }),
      [rest('FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca: its certificate 1 cannot be read')],
    ],
    [
      'no Certificate for istiod',
      () => ({ without: ['certificates.cert-manager.io/istio-system/istiod'] }),
      [rest('FAIL    istiod certificate: there is no Certificate istiod, nor istiod-dynamic, in namespace istio-system')],
    ],
    [
      'a Certificate that is not Ready',
      () => ({ facts: { certificateReady: 'False' } }),
      [rest('FAIL    istiod certificate: istiod: Ready is False, r m')],
    ],
    [
      'a Certificate by another issuer',
      () => ({ facts: { certificateIssuer: 'istio-ca' } }),
      [rest('FAIL    istiod certificate: istiod asks the issuer "istio-ca", the plan says "vault-issuer"')],
    ],
    [
      'no istiod-tls',
      () => ({ without: ['secrets/istio-system/istiod-tls'] }),
      [rest('FAIL    istiod-tls: there is no secrets istiod-tls in namespace istio-system')],
    ],
    [
      'an istiod-tls without its intermediate',
      () => ({ facts: { istiodChain: mesh.istiod.pem } }),
      [
        rest(
          'FAIL    istiod-tls: for istiod.istio-system.svc, the chain does not end in the root: unable to get local issuer certificate, at depth 0',
        ),
      ],
    ],
    [
      'an istiod-tls for another service',
      () => ({ facts: { istiodChain: mesh.workload.pem + mesh.intermediate.pem } }),
      [rest('FAIL    istiod-tls: its certificate is for URI:spiffe://cluster.local/ns/foo/sa/sleep, not for DNS:istiod.istio-system.svc')],
    ],
    [
      "another root in istiod's namespace",
      () => ({ facts: { rootMaps: { 'istio-system': other.pem, foo: mesh.root.pem } } }),
      [rest('FAIL    istio-ca-root-cert in istio-system: root-cert.pem is not the root CN=Test Root')],
    ],
    [
      "another root in the workload's namespace",
      () => ({ facts: { rootMaps: { 'istio-system': mesh.root.pem, foo: other.pem } } }),
      [rest('FAIL    istio-ca-root-cert in foo: root-cert.pem is not the root CN=Test Root')],
    ],
    [
      "istiod's cluster ID",
      () => ({
        facts: {
          istiodEnv: [
            { name: 'CLUSTER_ID', value: 'c' },
            { name: 'ENABLE_CA_SERVER', value: 'false' },
          ],
        },
      }),
      ['FAIL    istiod cluster ID: CLUSTER_ID of istiod is "c", the plan says "cluster-1" (apply manifests/3-control-plane)'],
    ],
    [
      'istiod is a CA',
      () => ({ facts: { istiodEnv: [{ name: 'CLUSTER_ID', value: 'cluster-1' }] } }),
      [rest('FAIL    istiod CA server: ENABLE_CA_SERVER of istiod is not set, which means "true", the plan says "false"')],
    ],
    [
      "the mesh's trust domain",
      () => ({ facts: { mesh: 'trustDomain: td\n' } }),
      [rest('FAIL    trust domain: the mesh config says "td", the plan says "cluster.local"')],
    ],
    [
      'the CA address',
      () => ({ facts: { injected: '{"global":{"caAddress":"","multiCluster":{"clusterName":"cluster-1"}}}' } }),
      [rest('FAIL    CA address: the injector says "", the plan says "cert-manager-istio-csr.cert-manager.svc:443"')],
    ],
    [
      "the sidecars' cluster ID",
      () => ({ facts: { injected: '{"global":{"caAddress":"cert-manager-istio-csr.cert-manager.svc:443"}}' } }),
      [rest('FAIL    sidecar cluster ID: the injector says "Kubernetes", the plan says "cluster-1"')],
    ],
    [
      "a service account that is not the pod's",
      () => ({ facts: { account: 'other' } }),
      [rest('FAIL    workload service account: it is "sleep", the pod\'s is "other"')],
    ],
    [
      'an intermediate as ROOTCA',
      () => ({ trusted: mesh.intermediate.pem }),
      [
        () =>
          `FAIL    workload ROOTCA: the sidecar's ROOTCA is not the root CN=Test Root, SHA-256 ${mesh.root.print}: it is CN=Test Intermediate, an intermediate below CN=Test Root, SHA-256 ${mesh.intermediate.print} (istio-csr gives its root file on renewal: put it right, then delete the pod)`,
      ],
    ],
    [
      'a chain of a leaf alone',
      () => ({ chain: mesh.workload.pem }),
      [rest('FAIL    workload chain: leaf first, the chain does not end in the root: unable to get local issuer certificate, at depth 0')],
    ],
  ];

  test.each(deviations)('%s', (_, change, expected) => {
    const { code, lines } = verify(change());
    expect(different(lines)).toEqual(expected.map(line => (typeof line === 'function' ? line() : line)));
    expect([code, lines.at(-1)]).toEqual([1, '17 ok, 1 failed, 0 unknown']);
  });

  test.each([
    ['expired', '/', 'foo', 'certificate has expired, at depth 0', -1],
    ['with a foreign name', '/', 'bar', undefined, 2],
  ])('a leaf that is %s', (_, subject, namespace, why, days) => {
    const leaf = certificate(folder, 'leaf', {
      subject,
      by: mesh.intermediate,
      names: `URI:spiffe://cluster.local/ns/${namespace}/sa/sleep`,
      days,
    });
    const { code, lines } = verify({ chain: leaf.pem + mesh.intermediate.pem + mesh.root.pem });
    const failed = lines.filter(line => line.startsWith('FAIL'));
    expect(code).toBe(1);
    expect(failed).toEqual([
      why === undefined
        ? rest('FAIL    workload name: it is "spiffe://cluster.local/ns/bar/sa/sleep", the plan says "spiffe://cluster.local/ns/foo/sa/*"')
        : rest(`FAIL    workload chain: leaf first, the chain does not end in the root: ${why}; the certificate ends ${leaf.ends}`),
    ]);
  });
});

describe('what cannot be checked is unknown, and never passed:', () => {
  test('a cluster that cannot be reached', () => {
    const { code, lines, calls } = verify({ unreachable: true, args: [] });
    const why = 'kubectl gets no answer: The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?';
    expect(lines.slice(1, -1).every(line => line.startsWith('unknown ') && line.endsWith(`: ${why}`))).toBe(true);
    expect([code, lines.at(-1)]).toEqual([3, '1 ok, 0 failed, 12 unknown']);
    // it is waited for once.
    expect(calls).toHaveLength(2);
  });

  test('a context that is not there', () => {
    const { code, lines } = verify({ args: [], env: { CONTEXT: 'another' } });
    expect(lines[1]).toBe('unknown issuer: kubectl gets no answer: error: context "cluster-1" does not exist');
    expect(code).toBe(3);
  });

  test('an object that may not be read', () => {
    const forbidden = 'Error from server (Forbidden): secrets "istio-root-ca" is forbidden: User "a" cannot get it';
    const { code, lines } = verify({ errors: { 'secrets/cert-manager/istio-root-ca': `Warning: old\n${forbidden}\n` } });
    expect(different(lines)).toEqual([`unknown istio-csr root file: kubectl get secrets istio-root-ca: ${forbidden}`]);
    expect([code, lines.at(-1)]).toEqual([3, '17 ok, 0 failed, 1 unknown']);
  });

  test('an istioctl that fails', () => {
    const { code, lines } = verify({ istioctlError: 'Error: unable to exec\n' });
    const why = 'istioctl proxy-config secret: Error: unable to exec';
    expect(different(lines)).toEqual([
      `unknown workload chain: ${why}`,
      `unknown workload name: ${why}`,
      'unknown workload service account: there is no name to read it from',
      `unknown workload ROOTCA: ${why}`,
    ]);
    expect(code).toBe(3);
  });

  test('without a root, all that is compared with it', () => {
    const { code, lines } = verify({ plan: clusterOf() });
    const unknown = lines.filter(line => line.startsWith('unknown')).map(line => line.slice(8).split(':')[0]);
    expect(unknown).toEqual([
      'root',
      'istio-csr root file',
      'istiod-tls',
      'istio-ca-root-cert in istio-system',
      'istio-ca-root-cert in foo',
      'workload chain',
      'workload ROOTCA',
    ]);
    expect(code).toBe(3);
  });

  test('an environment variable that stands elsewhere', () => {
    const { code, lines } = verify({
      facts: {
        istiodEnv: [
          { name: 'CLUSTER_ID', valueFrom: {} },
          { name: 'ENABLE_CA_SERVER', value: 'false' },
        ],
      },
    });
    expect(different(lines)).toEqual(['unknown istiod cluster ID: CLUSTER_ID of istiod is taken from another object, which is not read']);
    expect(code).toBe(3);
  });
});

describe('the root', () => {
  test.each([
    ['./root.pem', []],
    ['--root', ['--root', 'given.pem']],
  ])('comes from %s where the config does not know it', (_, args) => {
    const files = { [args[1] ?? 'root.pem']: mesh.root.pem };
    const { code, lines } = verify({ plan: clusterOf(), args: [...WORKLOAD, ...args], files });
    expect([code, lines[0]]).toEqual([0, expect.stringContaining(`ok      root: CN=Test Root of ${args[1] ?? './root.pem'}, ends`)]);
  });

  test('of --root that is another than that of the config fails', () => {
    const { code, lines } = verify({ args: [...WORKLOAD, '--root', 'given.pem'], files: { 'given.pem': other.pem } });
    expect(different(lines)).toEqual([
      `FAIL    root: the root of given.pem is CN=Other Root, a root, SHA-256 ${other.print}, that of the config has SHA-256 ${mesh.root.print} (find out which one is right; the config is used)`,
    ]);
    expect(code).toBe(1);
  });

  test('must be a root', () => {
    const { code, lines } = verify({ plan: clusterOf(), args: ['--root', 'given.pem'], files: { 'given.pem': mesh.intermediate.pem } });
    expect(lines[0]).toMatch(/^FAIL {4}root: the root of given.pem is not fit to end a chain: unable to get (local )?issuer certificate/);
    expect(code).toBe(1);
  });

  test('in a bundle is enough, and what is with it is said', () => {
    const { code, lines } = verify({ facts: { csrRoot: other.pem + mesh.root.pem } });
    expect(different(lines)).toEqual([
      `ok      istio-csr root file: ca.cert.pem of Secret istio-root-ca is the root, SHA-256 ${mesh.root.print}; it also holds CN=Other Root, a root, SHA-256 ${other.print}`,
    ]);
    expect(code).toBe(0);
  });

  test('that the machine trusts is no root of the mesh', () => {
    const leaf = certificate(folder, 'trusted', { subject: '/', by: other, names: 'URI:spiffe://cluster.local/ns/foo/sa/sleep' });
    const { code, lines } = verify({ chain: leaf.pem, env: { SSL_CERT_FILE: other.certFile } });
    expect(different(lines)).toEqual([expect.stringContaining('FAIL    workload chain: leaf first, the chain does not end in the root')]);
    expect(code).toBe(1);
  });
});

test.each([2, 3, 4])('a chain of %i certificates is taken apart, its last one whatever it is', length => {
  const { workload, intermediate, root } = mesh;
  const chain = [workload.pem, intermediate.pem, root.pem, other.pem].slice(0, length).join('');
  const { code, lines } = verify({ chain: chain.replaceAll('\n', '\r\n') });
  expect(lines[14]).toBe(
    `ok      workload chain: leaf first, ${length} certificates, the chain ends in the root; valid until ${workload.ends}`,
  );
  expect(code).toBe(0);
});

test('the intermediate as root file, which the guide gives, is named as that', () => {
  const guide = clusterOf({ root: { certificate: mesh.root.pem }, istioCsr: { rootFile: 'intermediate' } });
  const { intermediate, root } = mesh;
  const facts = { csrRoot: intermediate.pem, rootMaps: { 'istio-system': intermediate.pem, foo: intermediate.pem } };
  const { code, lines } = verify({ plan: guide, facts, trusted: intermediate.pem });
  const is = `is not the root CN=Test Root, SHA-256 ${root.print}: it is CN=Test Intermediate, an intermediate below CN=Test Root, SHA-256 ${intermediate.print}`;
  const todo = '(mesh-ca.yaml says istioCsr.rootFile: intermediate, as the guide does; write root)';
  expect(different(lines)).toEqual([
    `FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca ${is} ${todo}`,
    `FAIL    istio-ca-root-cert in istio-system: root-cert.pem ${is} ${todo}`,
    `FAIL    istio-ca-root-cert in foo: root-cert.pem ${is} ${todo}`,
    `FAIL    workload ROOTCA: the sidecar's ROOTCA ${is} ${todo}`,
  ]);
  expect(code).toBe(1);
});

test('istiod-dynamic is a Certificate for istiod as well', () => {
  const { code, lines } = verify({ facts: { certificateName: 'istiod-dynamic' } });
  expect(different(lines)).toEqual(['ok      istiod certificate: istiod-dynamic is Ready']);
  expect(code).toBe(0);
});

test('a revision has its own istiod and ConfigMaps', () => {
  const revised = clusterOf({ root: { certificate: mesh.root.pem }, istio: { revision: 'canary' } });
  const istiod = certificate(folder, 'canary', {
    subject: '/',
    by: mesh.intermediate,
    names: 'DNS:istiod.istio-system.svc,DNS:istiod-canary.istio-system.svc',
  });
  const { code } = verify({ plan: revised, facts: { istiodChain: istiod.pem + mesh.intermediate.pem } });
  expect(code).toBe(0);
});

describe('the trust domain of the mesh config', () => {
  test.each([
    ['at the top', 'trustDomain: cluster.local', 'ok'],
    ['in quotes, with a comment', '# c\n---\n"trustDomain":  "cluster.local"  # c\r\n', 'ok'],
    ['in single quotes, all of it set in', "\n    # c\n    trustDomain: 'cluster.local'\n    rootNamespace: x", 'ok'],
    ['as JSON', '{"a": {"trustDomain": "x"}, "trustDomain": "cluster.local"}', 'ok'],
    ['not at all', 'rootNamespace: x', 'ok'],
    ['not where it is deeper', 'a:\n- trustDomain: x\n- b\nc: |\n  trustDomain: x\ntrustDomainAliases: [x]\n', 'ok'],
    ['as another', 'trustDomain: "x"', 'FAIL'],
    ['twice', 'trustDomain: cluster.local\ntrustDomain: cluster.local', 'unknown'],
    ['in flow style', '{trustDomain: cluster.local}', 'unknown'],
    ['through an anchor', '<<: *a\nrootNamespace: x', 'unknown'],
    ['as an alias', 'trustDomain: *a', 'unknown'],
    ['with an escape', 'trustDomain: "cluster\\x2elocal"', 'unknown'],
    ['as a block', 'trustDomain: |\n  cluster.local', 'unknown'],
    ['in a second document', 'a: b\n---\ntrustDomain: x', 'unknown'],
  ])('%s', (_, text, expected) => {
    expect(verify({ facts: { mesh: text }, args: [] }).lines[10]).toMatch(new RegExp(`^${expected} +trust domain: `));
  });
});

test('a workload of a config dump needs no pod, and what it cannot be compared with is said', () => {
  const change = { args: [...WORKLOAD, '--config-dump', 'dump.json'], files: { 'dump.json': '{}' }, without: ['pods/foo/sleep'] };
  const { code, lines, calls } = verify(change);
  expect(different(lines)).toEqual(['unknown workload service account: there is no pod sleep in namespace foo to compare it with']);
  expect(calls.at(-1)).toEqual(['istioctl', '--context', 'cluster-1', 'proxy-config', 'secret', '--file', 'dump.json', '--output', 'json']);
  expect(code).toBe(3);
});

test('a workload is asked for by its pod and namespace, and one that is not there fails', () => {
  expect(verify().calls.at(-1)).toEqual(['istioctl', '--context', 'cluster-1', 'proxy-config', 'secret', 'sleep.foo', '--output', 'json']);
  const { code, lines } = verify({ without: ['pods/foo/sleep'] });
  expect([code, lines.at(-2)]).toEqual([
    1,
    'FAIL    workload: there is no pod sleep in namespace foo (name one with --workload NAMESPACE/POD)',
  ]);
});

test('control characters of the cluster do not reach the terminal, and no text of it is run', () => {
  const hostile = `x\u001b[31m$(touch pwned)\`touch pwned\`'"\\n\n%s`;
  const { code, lines, world } = verify({
    facts: {
      mesh: `trustDomain: '${'$(touch pwned)'}'`,
      istiodEnv: [
        { name: 'CLUSTER_ID', value: hostile },
        { name: 'ENABLE_CA_SERVER', value: 'false' },
      ],
      certificateIssuer: hostile,
      account: hostile,
    },
  });
  const clean = hostile.replaceAll('\u001b', ' ').replaceAll('\n', ' ');
  expect(different(lines)).toEqual([
    expect.stringContaining(`FAIL    istiod certificate: istiod asks the issuer "${clean}"`),
    expect.stringContaining(`FAIL    istiod cluster ID: CLUSTER_ID of istiod is "${clean}"`),
    expect.stringContaining('FAIL    trust domain: the mesh config says "$(touch pwned)"'),
    expect.stringContaining(`FAIL    workload service account: it is "sleep", the pod's is "${clean}"`),
  ]);
  expect([code, existsSync(join(world, 'cwd/pwned'))]).toEqual([1, false]);
});

test('a plan with hostile names is compared literally', () => {
  const hostile = `a'b $(touch pwned) "c" \\ *`;
  const at: ClusterPlan = { ...plan, context: hostile, clusterId: hostile, trustDomain: hostile };
  const istioCsr = {
    ...plan.istioCsr,
    values: { ...plan.istioCsr.values, 'app.server.clusterID': hostile, 'app.tls.trustDomain': hostile },
  };
  const { code, lines, world } = verify({ plan: { ...at, istioCsr }, args: [], facts: { mesh: JSON.stringify({ trustDomain: hostile }) } });
  expect(lines.filter(line => !line.startsWith('ok'))).toEqual(['13 ok, 0 failed, 0 unknown']);
  expect([code, existsSync(join(world, 'cwd/pwned'))]).toEqual([0, false]);
});

describe('bad usage', () => {
  test.each([
    [['--workload', 'foo'], '--workload must be NAMESPACE/POD, e.g. foo/sleep-557747455f-rcsmr, got "foo"'],
    [['--workload', 'foo/-x'], 'got "foo/-x"'],
    [['--workload'], '--workload needs a value'],
    [['--root', 'nowhere.pem'], '--root must name a file that can be read, got "nowhere.pem"'],
    [['--config-dump', '.'], '--config-dump must name a file that can be read, got "."'],
    [['--rot'], 'no such option, got "--rot"'],
  ])('fails if it is %j', (args, message) => {
    const { code, stderr, calls } = verify({ args });
    expect([code, stderr, calls]).toEqual([2, expect.stringContaining(message), []]);
  });

  test('--help is not', () => {
    expect(verify({ args: ['--help'] })).toMatchObject({
      code: 0,
      stderr: '',
      lines: expect.arrayContaining([expect.stringMatching(/^usage: /)]) as unknown,
    });
  });
});

test('fails if programs are missing, and names all of them', () => {
  const bin = mkdtempSync(join(folder, 'bin-'));
  const script = join(bin, 'verify.sh');
  writeFileSync(script, verifyScript(plan));
  const bash = spawnSync('sh', ['-c', 'command -v bash'], { encoding: 'utf8' }).stdout.trim();
  const { status, stderr } = spawnSync(bash, [script, ...WORKLOAD], { env: { PATH: bin }, encoding: 'utf8' });
  expect([status, stderr]).toEqual([
    3,
    `${script}: error: nothing can be checked without kubectl, jq, openssl, awk, sed, istioctl: install it\n`,
  ]);
});
