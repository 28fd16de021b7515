// What approver-policy lets through to Vault: the real approver-policy, cert-manager without an approver of its own, real Vault and API server;
// each runs as the service account that it has in a cluster, with the rights that its own chart gives. istio-csr's requests are made with
// Istio's own code and sent with a token of istio-csr's service account. Two things are played: cert-manager's webhook, which writes into each
// request who asks (here the API server does, by a MutatingAdmissionPolicy), and the rights that istio-csr's chart gives. No network plugin runs
// here, so of the NetworkPolicies no more is seen than that the API server takes them and that they select the pods of cert-manager's chart.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ClusterPlan } from '../../src/plan/plan';
import {
  buildPrograms,
  certManagerCrds,
  type Kube,
  helmTemplate,
  kubeconfigOf,
  ok,
  run,
  startApproverPolicy,
  startCertManager,
  startKube,
  startVaultDev,
  tempDir,
  until,
  type Vault,
} from './harness';
import { verifyChain } from './mesh/certificates';
import { objectsOf } from './mesh/dist';
import { base64, helmValues, istiodCertificate, unbase64 } from './mesh/istio-csr';
import { readiness, setUp, type VaultMesh } from './mesh/vault-mesh';
import { configs, ensureAccount } from './world';

jest.setTimeout(120_000);

const running: { stop(): Promise<void> }[] = [];
let kube: Kube;
let vault: Vault;
let mesh: VaultMesh;
let cluster: ClusterPlan;
let istioCsr: string;
let controllers: string;

beforeAll(async () => {
  await buildPrograms();
  vault = await startVaultDev({ audit: true });
  kube = await startKube();
  running.push(vault, kube);
  await ensureAccount(kube, 'cert-manager', 'cert-manager-istio-csr');
  await kube.apply(JSON.stringify(mayAsk('istio-csr', 'istio-system', { name: 'cert-manager-istio-csr', namespace: 'cert-manager' })));
  istioCsr = await tokenOf('cert-manager', 'cert-manager-istio-csr');

  const chart = join(dirname(await certManagerCrds()), 'charts/cert-manager');
  const set = ['disableAutoApproval=true'];
  controllers = await helmTemplate(chart, 'cert-manager', {
    namespace: 'cert-manager',
    only: ['serviceaccount', 'rbac', 'deployment'],
    set,
  });
  await kube.apply(controllers);
  const kubeconfig = await kubeconfigOf(kube, 'cert-manager', 'cert-manager');
  running.push(await startCertManager({ ...kube, kubeconfig }, { approve: false }));
  running.push(await startApproverPolicy(kube));

  const network = { networkPolicy: true, networkPolicyVault: ['127.0.0.0/8'], networkPolicyApiServer: ['127.0.0.1/32', '::1/128'] };
  mesh = await setUp({ ...configs.recommended, certManager: { approverPolicy: true }, ...network }, vault, [kube]);
  cluster = mesh.world.cluster;
  await kube.apply(requesterIsWritten);
  // the runbook's own order: the folder, then the policies Ready.
  ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '--validate=strict', '-f', 'dist/cluster-1/manifests/1-issuer']));
  ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '--validate=strict', '-f', 'dist/cluster-1/manifests/2-istio-csr']));
  for (const { name } of cluster.requestPolicies) await readiness(kube, ['certificaterequestpolicy', name]);
  await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system']);
  await until('the API server to write who asks', async () => {
    const { csr } = await istioRequest(workload);
    const { body } = await create(istioCsr, { csr }, '?dryRun=All');
    return (body as { spec: { username?: string } }).spec.username === 'system:serviceaccount:cert-manager:cert-manager-istio-csr';
  });
}, 45 * 60_000);
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

const workload = 'spiffe://cluster.local/ns/foo/sa/sleep';
const serving = 'cert-manager-istio-csr.cert-manager.svc';

const tokenOf = async (namespace: string, name: string) => ok(await kube.kubectl(['create', 'token', name, '-n', namespace])).trim();

/** The right to make CertificateRequests in a namespace. */
const mayAsk = (name: string, namespace: string, subject: { name: string; namespace: string }) => ({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name, namespace },
      rules: [
        {
          apiGroups: ['cert-manager.io'],
          resources: ['certificaterequests'],
          verbs: ['get', 'list', 'create', 'update', 'delete', 'watch'],
        },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', ...subject }],
    },
  ],
});

/** Plays cert-manager's webhook: who asks stands in each request, whatever he wrote there. */
const requesterIsWritten = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'requester' },
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: ['cert-manager.io'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['certificaterequests'] },
          ],
        },
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        mutations: [
          {
            patchType: 'JSONPatch',
            jsonPatch: {
              expression:
                '[JSONPatch{op: "add", path: "/spec/username", value: request.userInfo.username}, JSONPatch{op: "add", path: "/spec/groups", value: request.userInfo.groups}]',
            },
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: 'requester' },
      spec: { policyName: 'requester' },
    },
  ],
});

/** A request and its key, made with Istio's own code, as istio-csr and the sidecars do. */
async function istioRequest(names: string, flags: readonly string[] = []): Promise<{ csr: string; key: string }> {
  const { csr: program } = await buildPrograms(['csr']);
  const [csr = '', key = ''] = ok(await run(program, [...flags, names])).split(/(?=-----BEGIN [A-Z ]*PRIVATE KEY-----)/);
  return { csr, key };
}

/** One made by OpenSSL, for what Istio's code does not make. */
async function opensslRequest(names: string, subject = '/', key = 'rsa:2048'): Promise<{ csr: string }> {
  const file = join(tempDir('csr'), 'key.pem');
  const args = ['req', '-new', '-newkey', key, '-nodes', '-keyout', file, '-subj', subject, '-addext', `subjectAltName=${names}`];
  return { csr: ok(await run('openssl', args)) };
}

interface Ask {
  readonly csr: string;
  readonly duration?: string | null;
  readonly isCA?: boolean;
  readonly usages?: readonly string[];
  readonly namespace?: string;
}

/** Sends a CertificateRequest as istio-csr does, with whose token it is told. */
function create(
  token: string,
  { csr, duration = '1h', isCA = false, usages = ['client auth', 'server auth'], namespace = 'istio-system' }: Ask,
  query = '',
) {
  const spec = {
    request: base64(csr),
    ...(duration === null ? {} : { duration }),
    isCA,
    usages,
    issuerRef: { name: 'vault-issuer', kind: 'Issuer', group: 'cert-manager.io' },
  };
  const request = { apiVersion: 'cert-manager.io/v1', kind: 'CertificateRequest', metadata: { generateName: 'istio-csr-' }, spec };
  return kube.request('POST', `/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests${query}`, request, token);
}

/** Its name. */
async function asked(token: string, ask: Ask): Promise<string> {
  const { status, body } = await create(token, ask, '?fieldValidation=Strict');
  if (status !== 201) throw new Error(`the API server answers ${status}: ${JSON.stringify(body)}`);
  return (body as { metadata: { name: string } }).metadata.name;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Status {
  readonly certificate?: string;
  readonly conditions?: readonly Condition[];
}

const statusOf = async (name: string, namespace = 'istio-system') =>
  ((await kube.get(['certificaterequest', name, '-n', namespace])) as { status?: Status } | undefined)?.status;

/** What became of it, once that is final: its conditions by type. */
const decided = (name: string) =>
  until(`CertificateRequest ${name} to be decided`, async () => {
    const status = await statusOf(name);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    if (!ready || ready.reason === 'Pending') throw new Error(JSON.stringify(status ?? 'no status'));
    const of = Object.fromEntries((status?.conditions ?? []).map(({ type, ...rest }) => [type, rest]));
    return { of, certificate: unbase64(status?.certificate ?? '') };
  });

/** How often Vault was asked to sign: its audit log has each request. */
const timesAsked = () =>
  readFileSync(vault.auditFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as { type: string; request: { path: string } })
    .filter(({ type, request }) => type === 'request' && request.path === cluster.role.signPath).length;

/** The name of a policy by its end. */
const policyOf = (of: string) => `istio-system-vault-issuer-${of}`;

describe('approved, signed, and verified to the root:', () => {
  test.each([
    ['a workload, as a sidecar asks', () => istioRequest(workload), ['client auth', 'server auth'], 'workloads'],
    ['a workload without a subject', () => opensslRequest(`URI:${workload}`), ['client auth', 'server auth'], 'workloads'],
    ["istio-csr's own server", () => istioRequest(serving), ['server auth'], 'serving'],
  ] as const)('%s', async (_, make, usages, by) => {
    const before = timesAsked();
    const { of, certificate } = await decided(await asked(istioCsr, { csr: (await make()).csr, usages }));
    expect(of).toMatchObject({
      Approved: { status: 'True', reason: 'policy.cert-manager.io', message: `Approved by CertificateRequestPolicy: "${policyOf(by)}"` },
      Ready: { status: 'True', reason: 'Issued' },
    });
    ok(await verifyChain(certificate, mesh.root));
    expect(timesAsked()).toBe(before + 1);
  });

  test("istiod's Certificate, as istio-csr's chart makes it: cert-manager asks", async () => {
    const value = helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml'));
    await kube.apply(JSON.stringify(istiodCertificate(value)));
    await readiness(kube, ['certificate', 'istiod', '-n', 'istio-system']);
    const { items } = (await kube.get(['certificaterequest', '-n', 'istio-system'])) as {
      items: { metadata: { ownerReferences?: { name: string }[] }; spec: object; status: Status }[];
    };
    const [request] = items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === 'istiod');
    expect(request?.spec).toMatchObject({ username: 'system:serviceaccount:cert-manager:cert-manager' });
    expect(request?.status.conditions?.find(({ type }) => type === 'Approved')?.message).toBe(
      `Approved by CertificateRequestPolicy: "${policyOf('istiod')}"`,
    );
    const { data } = (await kube.get(['secret', 'istiod-tls', '-n', 'istio-system'])) as { data: Record<string, string> };
    ok(await verifyChain(unbase64(data['tls.crt'] ?? ''), mesh.root));
  });
});

describe('fails if istio-csr asks, and Vault is not asked, for', () => {
  const forWorkload = `[${policyOf('workloads')}: `;
  type Denied = [what: string, make: () => Promise<{ csr: string }>, ask: Partial<Ask>, says: string];
  test.each<Denied>([
    ['another trust domain', () => istioRequest('spiffe://other.example/ns/foo/sa/sleep'), {}, 'spec.allowed.uris.values'],
    ...['/x', '/../istiod', '//x', '%2f..', '?x=y', '/', '..'].map((end): Denied => [
      `a SPIFFE ID that ends in ${end}`,
      () => opensslRequest(`URI:${workload}${end}`),
      {},
      'must be of one namespace and one service account',
    ]),
    ["another service's DNS name", () => istioRequest('other.foo.svc'), {}, 'spec.allowed.dnsNames'],
    [
      'a DNS name beside the SPIFFE ID',
      () => istioRequest(`${workload},other.foo.svc`),
      {},
      'spec.allowed.dnsNames: Invalid value: ["other.foo.svc"]: no allowed values',
    ],
    ["istiod's name", () => istioRequest('istiod.istio-system.svc'), {}, 'spec.allowed.dnsNames'],
    [
      'a common name',
      () => opensslRequest(`URI:${workload}`, '/CN=sleep'),
      {},
      'spec.allowed.commonName: Invalid value: "sleep": no allowed value',
    ],
    ['an organization', () => opensslRequest(`URI:${workload}`, '/O=admins'), {}, 'spec.allowed.subject.organizations'],
    ['an IP address', () => opensslRequest(`URI:${workload},IP:10.0.0.1`), {}, 'spec.allowed.ipAddresses'],
    [
      'longer than the plan says',
      () => istioRequest(workload),
      { duration: '2h' },
      'spec.constraints.maxDuration: Invalid value: "2h0m0s": 1h0m0s',
    ],
    ['no lifetime at all', () => istioRequest(workload), { duration: null }, 'spec.constraints.maxDuration'],
    ['an EC key', () => istioRequest(workload, ['-ec']), {}, 'spec.constraints.privateKey.algorithm: Invalid value: "ECDSA": RSA'],
    [
      'a short key',
      () => opensslRequest(`URI:${workload}`, '/', 'rsa:1024'),
      {},
      'spec.constraints.privateKey.minSize: Invalid value: "1024": 2048',
    ],
    ['a CA', () => istioRequest(workload), { isCA: true }, 'spec.allowed.isCA'],
    ['another usage', () => istioRequest(workload), { usages: ['client auth', 'code signing'] }, 'spec.allowed.usages'],
  ])('%s', async (_, make, ask, says) => {
    const before = timesAsked();
    const { csr } = await make();
    const { of, certificate } = await decided(await asked(istioCsr, { csr, ...ask }));
    expect({ of, certificate }).toMatchObject({
      of: { Denied: { status: 'True', reason: 'policy.cert-manager.io' }, Ready: { status: 'False', reason: 'Denied' } },
      certificate: '',
    });
    const { message } = of.Denied as Condition;
    expect(message).toMatch(/^No policy approved this request: /);
    // of the policy that is for workloads, and not only of the other one.
    expect(message.slice(message.indexOf(forWorkload))).toContain(says);
    expect(timesAsked()).toBe(before);
  });
});

test('the policy is narrower than the PKI role: of a deeper path Vault itself makes a certificate', async () => {
  const { csr } = await istioRequest(`${workload}/x`);
  expect((await vault.request('POST', cluster.role.signPath, { csr, ttl: '1h' })).status).toBe(200);
});

describe('fails if somebody else asks, or elsewhere: nobody approves or denies it, and Vault is not asked:', () => {
  const looksAway = async (token: string, namespace = 'istio-system') => {
    const before = timesAsked();
    const name = await asked(token, { csr: (await istioRequest(workload)).csr, namespace });
    await until('approver-policy to have looked at it', async () => (await eventsOf(name, namespace)).includes('Unprocessed'));
    expect((await statusOf(name, namespace))?.conditions ?? []).toEqual([]);
    expect(timesAsked()).toBe(before);
    return name;
  };

  test('a service account that may make requests; once it may use the policy too, the request that waits is signed', async () => {
    await ensureAccount(kube, 'foo', 'other');
    await kube.apply(JSON.stringify(mayAsk('other', 'istio-system', { name: 'other', namespace: 'foo' })));
    const name = await looksAway(await tokenOf('foo', 'other'));

    const role = policyOf('workloads');
    const bind = ['create', 'rolebinding', 'other-workloads', '-n', 'istio-system', `--role=${role}`, '--serviceaccount=foo:other'];
    ok(await kube.kubectl(bind));
    const { certificate } = await decided(name);
    ok(await verifyChain(certificate, mesh.root));
    ok(await kube.kubectl(['delete', 'rolebinding', 'other-workloads', '-n', 'istio-system']));
  });

  test('istio-csr in another namespace', async () => {
    await kube.apply(JSON.stringify(mayAsk('istio-csr', 'foo', { name: 'cert-manager-istio-csr', namespace: 'cert-manager' })));
    await looksAway(istioCsr, 'foo');
  });
});

test("fails if a Certificate is made for a workload's name: cert-manager asks, and may ask for istiod alone", async () => {
  const before = timesAsked();
  const spec = { secretName: 'stolen', uris: [workload], duration: '1h', privateKey: { algorithm: 'RSA', size: 2048 } };
  const issuerRef = { name: 'vault-issuer', kind: 'Issuer', group: 'cert-manager.io' };
  const metadata = { name: 'stolen', namespace: 'istio-system' };
  await kube.apply(JSON.stringify({ apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata, spec: { ...spec, issuerRef } }));
  const name = await until('cert-manager to ask', async () => {
    const { items } = (await kube.get(['certificaterequest', '-n', 'istio-system'])) as { items: { metadata: { name: string } }[] };
    return items.map(({ metadata }) => metadata.name).find(one => one.startsWith('stolen-'));
  });
  const { of } = await decided(name);
  expect(of.Denied?.message).toMatch(
    new RegExp(`^No policy approved this request: \\[${policyOf('istiod')}: .*spec\\.allowed\\.commonName\\.required`),
  );
  expect(timesAsked()).toBe(before);
  ok(await kube.kubectl(['delete', 'certificate', 'stolen', '-n', 'istio-system']));
});

describe('verify.sh', () => {
  const approval = async () => {
    const { stdout } = await mesh.run('bash', ['dist/cluster-1/verify.sh', '--json']);
    const lines = stdout.trim().split('\n');
    const found = lines.map(line => JSON.parse(line) as { check: string; status: string; message: string });
    return found
      .filter(({ check }) => /^request|^default approver$/.test(check))
      .map(({ check, status, message }) => ({ check, status, message }));
  };

  test('finds the policies Ready, and the approver off that the chart of cert-manager turns off by disableAutoApproval', async () => {
    ok(await kube.kubectl(['delete', 'certificaterequests', '--all', '-n', 'istio-system']));
    expect(await approval()).toEqual([
      { check: 'request policies', status: 'ok', message: 'all 3 are Ready' },
      { check: 'default approver', status: 'ok', message: 'cert-manager approves nothing by itself' },
      { check: 'requests', status: 'ok', message: 'none of vault-issuer is denied or waits for approval' },
    ]);
  });

  test('says why a request is denied, that the chart as it comes approves everything, and which policy is not Ready', async () => {
    ok(await kube.kubectl(['delete', 'certificaterequests', '--all', '-n', 'istio-system']));
    const name = await asked(istioCsr, { csr: (await istioRequest(workload)).csr, duration: '2h' });
    const { of } = await decided(name);
    const arg = { op: 'replace', path: '/spec/template/spec/containers/0/args', value: ['--v=2'] };
    const patch = ['patch', 'deployment', 'cert-manager', '-n', 'cert-manager', '--type=json', '-p', JSON.stringify([arg])];
    ok(await kube.kubectl(patch));
    ok(await kube.kubectl(['delete', 'certificaterequestpolicy', policyOf('serving')]));
    expect(await approval()).toEqual([
      { check: `request policy ${policyOf('serving')}`, status: 'fail', message: 'there is none of that name' },
      {
        check: 'default approver',
        status: 'fail',
        message: 'cert-manager approves every request by itself, so the policies decide nothing',
      },
      { check: 'requests', status: 'fail', message: `1 denied, e.g. ${name}: ${of.Denied?.message}`.slice(0, 600) },
    ]);
    await kube.apply(controllers);
    ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '-f', 'dist/cluster-1/manifests/1-issuer']));
  });
});

describe('NetworkPolicies', () => {
  interface NetworkPolicy {
    readonly spec: { readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> } };
  }
  const selects = ({ spec }: NetworkPolicy, labels: Readonly<Record<string, string>>) =>
    Object.entries(spec.podSelector.matchLabels).every(([key, value]) => labels[key] === value);

  test("the one to Vault selects the controller's pods of cert-manager's chart, and neither its webhook's nor its cainjector's", async () => {
    const policy = (await kube.get(['networkpolicy', 'cert-manager-to-vault', '-n', 'cert-manager'])) as NetworkPolicy;
    const chart = join(dirname(await certManagerCrds()), 'charts/cert-manager');
    const only = ['deployment', 'webhook-deployment', 'cainjector-deployment'];
    const pods = objectsOf(await helmTemplate(chart, 'any-name', { namespace: 'cert-manager', only })).map(({ metadata, spec }) => {
      const { template } = spec as { template: { metadata: { labels: Record<string, string> } } };
      return { name: metadata.name, selected: selects(policy, template.metadata.labels) };
    });
    expect(pods.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: 'any-name-cert-manager', selected: true },
      { name: 'any-name-cert-manager-cainjector', selected: false },
      { name: 'any-name-cert-manager-webhook', selected: false },
    ]);
  });

  test('each is taken by the API server as it was written, and with an unknown field it is not', async () => {
    for (const path of ['1-issuer', '2-istio-csr'].map(stage => `cluster-1/manifests/${stage}/network-policy.yaml`)) {
      const [object] = objectsOf(mesh.dist.text(path));
      if (!object) throw new Error(`${path} is empty`);
      expect(await kube.get(['networkpolicy', object.metadata.name, '-n', object.metadata.namespace ?? ''])).toMatchObject(object);
      await expect(kube.apply(JSON.stringify({ ...object, spec: { ...object.spec, nonsense: 1 } }))).rejects.toThrow(
        'unknown field "spec.nonsense"',
      );
    }
  });
});

test('an unknown field fails in a policy too, deep inside', async () => {
  const [policy] = objectsOf(mesh.dist.text('cluster-1/manifests/1-issuer/request-policies.yaml'));
  const text = JSON.stringify(policy);
  await expect(kube.apply(text.replace('"uris":{', '"uris":{"value":"x",'))).rejects.toThrow('unknown field "spec.allowed.uris.value"');
  await expect(kube.apply(text.replace('"minSize":2048', '"minSize":"2048"'))).rejects.toThrow('must be of type integer');
});

/** Reasons of the events of a request. */
async function eventsOf(name: string, namespace = 'istio-system'): Promise<string[]> {
  const { body } = await kube.request('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
  const { items } = body as { items: { reason: string; regarding: { name: string } }[] };
  return items.filter(({ regarding }) => regarding.name === name).map(({ reason }) => reason);
}
