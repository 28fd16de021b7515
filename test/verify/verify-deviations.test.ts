import { certificate } from '../fixtures/verify/certificates';
import { type Facts, goodFacts } from '../fixtures/verify/mesh';
import { type Change, different, folder, mesh, other, plan, verify } from '../fixtures/verify/run';

const { root, intermediate, istiod, workload } = mesh;
const csrArgs = (from: string, to: string) => ({ facts: { csrArgs: goodFacts(plan, mesh).csrArgs.map(arg => arg.replace(from, to)) } });
const issuerReady = (status: string, reason: string, message: string) => ({ facts: { issuerReady: { status, reason, message } } });
const caServerOff = { name: 'ENABLE_CA_SERVER', value: 'false' };
const leafOf = (name: string, namespace: string, days: number) => {
  const names = `URI:spiffe://cluster.local/ns/${namespace}/sa/sleep`;
  return certificate(folder, name, { subject: '/', by: intermediate, names, days });
};
const expired = leafOf('expired', 'foo', -1);
const foreign = leafOf('foreign', 'bar', 2);
const is = (what: string, it: string) => `${what} is not the root CN=Test Root, SHA-256 ${root.print}: it is ${it}`;
const otherRoot = `CN=Other Root, a root, SHA-256 ${other.print}`;
const more = (what: string, it: string) =>
  `${what} holds the root and more, which is trusted as much: ${it} (remove it, or, in a rotation, name it in root.alsoTrust; `;
const merge = '(merge control-plane.partial.yaml, as README.md says, section 5';

/** One thing that is not as planned, and how the one line begins that says so. */
const deviations: readonly (readonly [change: Change, line: string])[] = [
  [
    issuerReady('False', 'VaultError', 'permission denied'),
    'issuer: vault-issuer: Ready is False, VaultError permission denied (run setup.sh',
  ],
  [issuerReady('True', 'KeyPairVerified', 'verified'), 'issuer: vault-issuer: Ready is True, KeyPairVerified verified'],
  [
    { facts: { signPath: 'pki/sign/a' } },
    'issuer: it signs at "pki/sign/a" of "https://vault.example.com:8200", the plan says "istioca-cluster-1/sign/cluster-1" of "https:',
  ],
  [
    { without: ['issuers.cert-manager.io/istio-system/vault-issuer'] },
    'issuer: there is no issuers.cert-manager.io vault-issuer in namespace istio-system (apply manifests/1-issuer)',
  ],
  [{ facts: { available: 0 } }, 'istio-csr: 0 of 1 replicas available, 1 of 1 pods ready (helm upgrade'],
  [{ facts: { podReady: 'False' } }, 'istio-csr: 1 of 1 replicas available, 0 of 1 pods ready (helm upgrade'],
  [
    csrArgs('--cluster-id=cluster-1', '--cluster-id=c'),
    'istio-csr arguments: --cluster-id is "c", the plan says "cluster-1" (helm upgrade',
  ],
  ...(
    [
      ['--ca-trusted-node-accounts=evil/ztunnel', '--ca-trusted-node-accounts is "evil/ztunnel", the plan says not set ('],
      ['--kubeconfig=/tmp/x', '--kubeconfig is "/tmp/x", and the plan does not set it ('],
      ['-v', '-v is not set, and the plan does not set it ('],
      ['--serving-tls-min-version=VersionTLS10', '--serving-tls-min-version is "VersionTLS10", and the plan does not set it ('],
    ] as const
  ).map(([arg, line]): [Change, string] => [
    { facts: { csrArgs: [...goodFacts(plan, mesh).csrArgs, arg] } },
    `istio-csr arguments: ${line}`,
  ]),
  ...(
    [
      ['-name=', '-name=evil', '--runtime-issuance-config-map-name is "evil", the plan says not set ('],
      [
        '-map-namespace=cert-manager',
        '-map-namespace=evil',
        '--runtime-issuance-config-map-namespace is "evil", the plan says "cert-manager" (',
      ],
      ['authenticator=false', 'authenticator=true', '--enable-client-cert-authenticator is "true", the plan says "false" ('],
      [
        '--max-client-certificate-duration=1h',
        '--max-client-certificate-duration=9000h',
        '--max-client-certificate-duration is "9000h", the plan',
      ],
    ] as const
  ).map(([from, to, line]): [Change, string] => [
    { facts: { csrArgs: goodFacts(plan, mesh).csrArgs.map(arg => (arg.endsWith(from) ? arg.replace(from, to) : arg)) } },
    `istio-csr arguments: ${line}`,
  ]),
  [
    { facts: { csrImage: 'quay.io/evil/cert-manager-istio-csr:v0.17.0' } },
    'istio-csr arguments: the image is "quay.io/evil/cert-manager-istio-csr:v0.17.0", the plan says "quay.io/jetstack/cert-manager-istio-csr:v0.17.0" (',
  ],
  [csrArgs('=cluster.local', '=td'), 'istio-csr arguments: --trust-domain is "td", the plan says "cluster.local" ('],
  [csrArgs('=vault-issuer', '=istio-ca'), 'istio-csr arguments: --issuer-name is "istio-ca", the plan says "vault-issuer" ('],
  [
    csrArgs('--certificate-namespace=istio-system', '--certificate-namespace=x'),
    'istio-csr arguments: --certificate-namespace is "x", the plan says "istio-system" (',
  ],
  [
    { facts: { csrArgs: goodFacts(plan, mesh).csrArgs.filter(arg => !arg.startsWith('--root-ca-file=')) } },
    'istio-csr arguments: --root-ca-file is not set, the plan says "/var/run/secrets/istio-csr/ca.cert.pem" (',
  ],
  [
    { facts: { csrArgs: [...goodFacts(plan, mesh).csrArgs, '--serving-certificate-dns-names', 'a,b'] } },
    'istio-csr arguments: --serving-certificate-dns-names is "a", "b", "cert-manager-istio-csr.cert-manager.svc", the plan says "cert-manager-istio-csr',
  ],
  [
    { facts: { csrRoot: other.pem } },
    `istio-csr root file: ${is('ca.cert.pem of Secret istio-root-ca', otherRoot)} (apply manifests/2-istio-csr, or delete the Secret and run setup.sh)`,
  ],
  [
    { facts: { csrRoot: root.pem + other.pem } },
    `istio-csr root file: ${more('ca.cert.pem of Secret istio-root-ca', otherRoot)}apply manifests/2-istio-csr, or delete the Secret and run setup.sh)`,
  ],
  [
    { without: ['secrets/cert-manager/istio-root-ca'] },
    'istio-csr root file: there is no secrets istio-root-ca in namespace cert-manager (apply manifests/2-istio-csr, or run setup.sh)',
  ],
  [{ facts: { csrRoot: '' } }, 'istio-csr root file: ca.cert.pem of Secret istio-root-ca: it holds no certificate ('],
  [
    { facts: { csrRoot: root.pem.replace(/\n.{20}/, '\n') } },
    'istio-csr root file: ca.cert.pem of Secret istio-root-ca: its certificate 1 cannot be read (',
  ],
  [
    { without: ['certificates.cert-manager.io/istio-system/istiod'] },
    'istiod certificate: there is no Certificate istiod, nor istiod-dynamic, in namespace istio-system (helm upgrade',
  ],
  [{ facts: { certificateReady: 'False' } }, 'istiod certificate: istiod: Ready is False, r m (look at: kubectl --context cluster-1 '],
  [{ facts: { certificateIssuer: 'istio-ca' } }, 'istiod certificate: istiod asks the issuer "istio-ca", the plan says "vault-issuer" ('],
  [{ without: ['secrets/istio-system/istiod-tls'] }, 'istiod-tls: there is no secrets istiod-tls in namespace istio-system (look at'],
  [
    { facts: { istiodChain: istiod.pem } },
    'istiod-tls: for istiod.istio-system.svc, the chain does not end in the root: unable to get local issuer certificate, at depth 0; the',
  ],
  [
    { facts: { istiodChain: workload.pem + intermediate.pem } },
    'istiod-tls: its certificate is for URI:spiffe://cluster.local/ns/foo/sa/sleep, not for DNS:istiod.istio-system.svc (helm upgrade',
  ],
  [
    { facts: { rootMaps: { 'istio-system': other.pem, foo: root.pem } } },
    `istio-ca-root-cert in istio-system: ${is('root-cert.pem', otherRoot)} (istio-csr writes it`,
  ],
  [
    { facts: { rootMaps: { 'istio-system': root.pem, foo: other.pem } } },
    `istio-ca-root-cert in foo: ${is('root-cert.pem', otherRoot)} (istio-csr writes it`,
  ],
  [
    { facts: { rootMaps: { 'istio-system': root.pem + other.pem, foo: root.pem } } },
    `istio-ca-root-cert in istio-system: ${more('root-cert.pem', otherRoot)}istio-csr writes it: look at its log`,
  ],
  [
    { facts: { rootMaps: { 'istio-system': root.pem, foo: other.pem + root.pem } } },
    `istio-ca-root-cert in foo: ${more('root-cert.pem', otherRoot)}istio-csr writes it: look at its log`,
  ],
  [
    { facts: { istiodEnv: [{ name: 'CLUSTER_ID', value: 'c' }, caServerOff] } },
    `istiod cluster ID: CLUSTER_ID of istiod is "c", the plan says "cluster-1" ${merge})`,
  ],
  [
    { facts: { istiodEnv: [caServerOff] } },
    `istiod cluster ID: CLUSTER_ID of istiod is not set, which means "Kubernetes", the plan says "cluster-1" ${merge})`,
  ],
  [
    { facts: { istiodEnv: [{ name: 'CLUSTER_ID', value: 'cluster-1' }] } },
    `istiod CA server: ENABLE_CA_SERVER of istiod is not set, which means "true", the plan says "false" ${merge})`,
  ],
  [
    { facts: { mesh: 'trustDomain: td\n' } },
    `trust domain: the mesh config says "td", the plan says "cluster.local" ${merge}, or put trustDomain of mesh-ca.yaml right)`,
  ],
  [
    { facts: { injected: '{"global":{"caAddress":"","multiCluster":{"clusterName":"cluster-1"}}}' } },
    `CA address: the injector says "", the plan says "cert-manager-istio-csr.cert-manager.svc:443" ${merge})`,
  ],
  [
    { facts: { injected: '{"global":{"caAddress":"cert-manager-istio-csr.cert-manager.svc:443"}}' } },
    `sidecar cluster ID: the injector says "Kubernetes", the plan says "cluster-1" ${merge})`,
  ],
  [
    { chain: expired.pem + intermediate.pem + root.pem },
    `workload chain: leaf first, the chain does not end in the root: certificate has expired, at depth 0; the certificate ends ${expired.ends} (delete`,
  ],
  [
    { chain: workload.pem },
    'workload chain: leaf first, the chain does not end in the root: unable to get local issuer certificate, at depth 0; the certificate ends',
  ],
  [
    { chain: foreign.pem + intermediate.pem + root.pem },
    'workload name: it is "spiffe://cluster.local/ns/bar/sa/sleep", the plan says "spiffe://cluster.local/ns/foo/sa/*" (compare',
  ],
  [{ facts: { account: 'other' } }, 'workload service account: it is "sleep", the pod\'s is "other" ('],
  [
    { trusted: intermediate.pem },
    `workload ROOTCA: ${is("the sidecar's ROOTCA", `CN=Test Intermediate, an intermediate below CN=Test Root, SHA-256 ${intermediate.print}`)} (istio-csr gives`,
  ],
  [
    { trusted: root.pem + other.pem },
    `workload ROOTCA: ${more("the sidecar's ROOTCA", otherRoot)}istio-csr gives its root file on renewal: put it right, then delete the pod)`,
  ],
];

interface Batch {
  change: { facts: Partial<Facts>; without: string[]; chain?: string; trusted?: string };
  lines: string[];
}

/** Deviations of different checks and of different facts go into one run: a run takes half a second of processor. */
function batches(): Batch[] {
  const result: Batch[] = [];
  for (const [{ facts = {}, without = [], ...rest }, line] of deviations) {
    const check = (of: string) => of.split(': ')[0];
    const touched = (change: Batch['change']) => [...Object.keys(change.facts), ...Object.keys(change)];
    const keys = [...Object.keys(facts), ...Object.keys(rest)];
    const free = ({ change, lines }: Batch) =>
      !lines.some(of => check(of) === check(line)) && !keys.some(key => touched(change).includes(key));
    let batch = result.find(free);
    if (!batch) result.push((batch = { change: { facts: {}, without: [] }, lines: [] }));
    batch.change = { ...batch.change, ...rest, facts: { ...batch.change.facts, ...facts }, without: [...batch.change.without, ...without] };
    batch.lines.push(line);
  }
  return result;
}

test.each(batches().map(batch => [batch.lines.map(line => line.slice(0, 60)).join(' | '), batch] as const))(
  'each thing that is not as planned gives its one line, and 1: %s',
  (_, { change, lines }) => {
    const result = verify(change);
    // a leaf of its own may end at another second, which an ok line says.
    const failed = different(result.lines).filter(line => !line.startsWith('ok'));
    expect(failed.sort()).toEqual([...lines].sort().map(line => expect.stringContaining(`FAIL    ${line}`) as string));
    expect([result.code, result.lines.at(-1)]).toEqual([1, `${18 - lines.length} ok, ${lines.length} failed, 0 unknown`]);
  },
);
