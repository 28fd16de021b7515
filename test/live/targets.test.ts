// What configures istiod where it is no ControlPlane, through real istioctl and real helm, and to a real istiod. The Sail operator is not to be
// had here: its object's values are what helm is given.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrograms, type Kube, ok, startIstiod, startKube, startVaultDev, tempDir } from './harness';
import { fingerprints, makeCsr, verifyChain } from './mesh/certificates';
import { type Difference, differences } from './mesh/difference';
import { handshake, startedAs } from './mesh/istiod';
import { filesOf, renderChart, renderOperator, sailValues } from './mesh/targets';
import { type Rendered } from './mesh/tetrate';
import { setUp } from './mesh/vault-mesh';
import { configs, dataOf } from './world';

jest.setTimeout(180_000);
beforeAll(() => buildPrograms(), 45 * 60_000);

const caAddress = 'cert-manager-istio-csr.cert-manager.svc:443';
const pod = 'Deployment/istiod spec template spec';
const discovery = `${pod} containers discovery`;
const sorted = (list: readonly Difference[]) => [...list].sort(([a], [b]) => (a < b ? -1 : 1));

/** What was rendered, less the chart's own record of the values it was given, and what the pods are told of them in turn. */
const told = (list: readonly Difference[]) =>
  sorted(list.filter(([at]) => !/^ConfigMap\/values|^Deployment\/istiod metadata|checksum/.test(at)));

const mesh: Difference[] = [
  ['ConfigMap/istio-sidecar-injector data values global caAddress', '', caAddress],
  ['ConfigMap/istio-sidecar-injector data values global multiCluster clusterName', '', 'cluster-1'],
  ['ConfigMap/istio-sidecar-injector data values pilot env ENABLE_CA_SERVER', undefined, 'false'],
  ['ConfigMap/istio data mesh trustDomain', 'cluster.local', 'mesh.example.com'],
  ['ConfigMap/istio data mesh trustDomainAliases', undefined, ['cluster.local']],
  [`${discovery} env ENABLE_CA_SERVER`, undefined, { name: 'ENABLE_CA_SERVER', value: 'false' }],
  [`${discovery} env CLUSTER_ID value`, 'Kubernetes', 'cluster-1'],
];
/** The gateway that an IstioOperator installs too. */
const ingress = 'Deployment/istio-ingressgateway spec template spec containers istio-proxy env';
const gateway: Difference[] = [
  [`${ingress} CA_ADDR value`, 'istiod.istio-system.svc:15012', caAddress],
  [`${ingress} ISTIO_META_CLUSTER_ID value`, 'Kubernetes', 'cluster-1'],
  [`${ingress} ISTIO_META_MESH_ID value`, 'cluster.local', 'mesh.example.com'],
  [`${ingress} TRUST_DOMAIN value`, 'cluster.local', 'mesh.example.com'],
];
const required: Difference[] = [[`${pod} volumes istio-csr-dns-cert secret optional`, true, false]];
const waits: Difference[] = [
  [`${discovery} volumeMounts cert-manager`, undefined, { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true }],
  [`${pod} volumes cert-manager`, undefined, { name: 'cert-manager', secret: { secretName: 'istiod-tls' } }],
];
const flags: Difference[] = [
  ...waits,
  [`${discovery} args 7`, undefined, '--tlsCertFile=/etc/cert-manager/tls/tls.crt'],
  [`${discovery} args 8`, undefined, '--tlsKeyFile=/etc/cert-manager/tls/tls.key'],
  [`${discovery} args 9`, undefined, '--caCertFile=/etc/cert-manager/ca/root-cert.pem'],
  [`${discovery} volumeMounts ca-root-cert`, undefined, { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true }],
  [`${pod} volumes ca-root-cert`, undefined, { name: 'ca-root-cert', configMap: { name: 'istio-ca-root-cert', defaultMode: 420 } }],
];

const settings = { trustDomain: 'mesh.example.com', trustDomainAliases: ['cluster.local'] } as const;

describe('what is rendered differs from a mesh without our part in this and nothing else', () => {
  test.each([
    ['wellKnown', required],
    ['append', flags],
  ] as const)('istioOperator, %s, by istioctl', async (overlay, wanted) => {
    const part = filesOf({ ...settings, target: 'istioOperator', istio: { overlay } }).get('istio-operator.yml');
    expect(told(differences(await renderOperator(), await renderOperator(part)))).toEqual(sorted([...mesh, ...gateway, ...wanted]));
  });

  test.each([
    ['wellKnown', waits],
    ['append', flags],
  ] as const)('helm and sail, %s, by helm', async (overlay, wanted) => {
    const values = filesOf({ ...settings, target: 'helm', istio: { overlay } }).get('istiod.values.yml');
    const before = await renderChart('istiod');
    expect(told(differences(before, await renderChart('istiod', values)))).toEqual(sorted([...mesh, ...wanted]));
    const part = filesOf({ ...settings, target: 'sail', istio: { overlay } }).get('istio.partial.yaml');
    expect(differences(await renderChart('istiod', values), await renderChart('istiod', sailValues(part)))).toEqual([]);
  });

  test('a revision: the Deployment of that name', async () => {
    const istio = { revision: 'stable' };
    const operator = filesOf({ target: 'istioOperator', istio }).get('istio-operator.yml');
    const changed = differences(await renderOperator(undefined, { revision: 'stable' }), await renderOperator(operator));
    expect(changed.map(([at]) => at)).toContain('Deployment/istiod-stable spec template spec volumes istio-csr-dns-cert secret optional');
    const values = filesOf({ target: 'helm', istio }).get('istiod.values.yml');
    expect([...(await renderChart('istiod', values)).keys()]).toContain('Deployment/istiod-stable');
  });

  test("other variables and volumes of the user's stay, where they are no lists of the same name", async () => {
    const theirs = { values: { pilot: { env: { THEIRS: 'kept' } }, global: { logAsJson: true } } };
    const part = filesOf({ ...settings, target: 'istioOperator', istio: { overlay: 'append' } }).get('istio-operator.yml');
    const found = differences(await renderOperator(undefined, theirs), await renderOperator(part, theirs));
    expect(found).toContainEqual([`${discovery} args 8`, undefined, '--tlsCertFile=/etc/cert-manager/tls/tls.crt']);
    expect(found.filter(([, before, after]) => before !== undefined && after === undefined)).toEqual([]);
  });
});

describe('ztunnels ask istio-csr, with the ID of the cluster', () => {
  const ztunnel: Difference[] = [
    ['DaemonSet/ztunnel spec template spec containers istio-proxy env CA_ADDRESS value', 'istiod.istio-system.svc:15012', caAddress],
    ['DaemonSet/ztunnel spec template spec containers istio-proxy env ISTIO_META_CLUSTER_ID value', 'Kubernetes', 'cluster-1'],
  ];
  const ofZtunnel = (list: readonly Difference[]) => sorted(list.filter(([at]) => at.startsWith('DaemonSet/ztunnel')));

  test('istioOperator', async () => {
    const part = filesOf({ target: 'istioOperator', ambient: true }).get('istio-operator.yml');
    const theirs = { profile: 'ambient' };
    expect(ofZtunnel(differences(await renderOperator(undefined, theirs), await renderOperator(part, theirs)))).toEqual(ztunnel);
  });

  test('helm and sail', async () => {
    const values = filesOf({ target: 'helm', ambient: true }).get('ztunnel.values.yml');
    expect(ofZtunnel(differences(await renderChart('ztunnel'), await renderChart('ztunnel', values)))).toEqual(ztunnel);
    const part = filesOf({ target: 'sail', ambient: true }).get('ztunnel.partial.yaml');
    const { ztunnel: inner } = JSON.parse(sailValues(part)) as { ztunnel: unknown };
    expect(differences(await renderChart('ztunnel', values), await renderChart('ztunnel', JSON.stringify(inner)))).toEqual([]);
  });

  test('istio-csr trusts them', () => {
    expect(filesOf({ target: 'helm', ambient: true }).get('istio-csr.values.yml')).toContain('caTrustedNodeAccounts: istio-system/ztunnel');
    expect(filesOf({ target: 'helm' }).get('istio-csr.values.yml')).not.toContain('caTrustedNodeAccounts');
  });
});

describe('on the real servers', () => {
  let kube: Kube;
  const running: { stop(): Promise<void> }[] = [];
  const rendered = new Map<string, Rendered>();
  let objects: Record<'istiod-tls' | 'istio-ca-root-cert', Record<string, string>>;
  let rootFile: string;

  beforeAll(async () => {
    const vault = await startVaultDev();
    kube = await startKube();
    running.push(vault, kube);
    const { world, root } = await setUp(configs.recommended, vault, [kube]);
    rootFile = join(world.folder, 'root.pem');
    const name = 'istiod.istio-system.svc';
    const { csr, key } = await makeCsr([`DNS:${name}`, 'URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account'], name);
    const { body } = await vault.request('POST', world.cluster.role.signPath, { csr, common_name: name });
    const { certificate, issuing_ca: ca } = dataOf(body) as { certificate: string; issuing_ca: string };
    ok(await verifyChain(`${certificate}\n${ca}\n`, root));
    objects = {
      'istiod-tls': { 'tls.crt': `${certificate}\n${ca}\n`, 'tls.key': key, 'ca.crt': root },
      'istio-ca-root-cert': { 'root-cert.pem': root },
    };
    for (const overlay of ['wellKnown', 'append'] as const) {
      const istio = { overlay };
      const operator = filesOf({ target: 'istioOperator', istio }).get('istio-operator.yml');
      rendered.set(`istioOperator ${overlay}`, await renderOperator(operator));
      rendered.set(`helm ${overlay}`, await renderChart('istiod', filesOf({ target: 'helm', istio }).get('istiod.values.yml')));
    }
  }, 180_000);
  afterEach(async () => {
    for (const one of running.splice(2)) await one.stop();
  });
  afterAll(async () => {
    for (const one of running.reverse()) await one.stop();
  });

  const cases = ['istioOperator wellKnown', 'istioOperator append', 'helm wellKnown', 'helm append'];
  test.each(cases)('%s: the API server takes its istiod, strictly, and a real one serves 15012, verified to the root', async name => {
    const deployment = rendered.get(name)?.get('Deployment/istiod');
    const args = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
    ok(await kube.kubectl(args, { input: JSON.stringify(deployment) }));
    const istiod = await startIstiod(kube, startedAs(deployment, objects));
    running.push(istiod);
    const { code, stdout } = await handshake(istiod.securePort, rootFile);
    expect(code).toBe(0);
    expect(stdout).toContain('Verify return code: 0 (ok)');
    expect(fingerprints(stdout)).toEqual(fingerprints(objects['istiod-tls']['tls.crt'] ?? '').slice(0, 1));
    const other = join(tempDir('other'), 'other.pem');
    writeFileSync(other, kube.caPem);
    expect((await handshake(istiod.securePort, other)).code).not.toBe(0);
  });
});
