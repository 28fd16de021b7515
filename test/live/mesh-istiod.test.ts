// The ControlPlane's patches, through Istio's own engine and real istioctl, to a real istiod that serves the certificate that real Vault
// signed. The IstioOperator is played (mesh/tetrate.ts), and so is the kubelet (mesh/istiod.ts). The charts are those of istioctl, 1.31.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterConfig } from '../../src/config/config';
import { type OverlayMode } from '../../src/plan/istio';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { buildPrograms, type Kube, ok, startIstiod, startKube, startVaultDev } from './harness';
import { fingerprints, makeCsr, verifyChain } from './mesh/certificates';
import { type Difference, differences } from './mesh/difference';
import { type KubeObject, objectsOf } from './mesh/dist';
import { handshake, podOf, startedAs } from './mesh/istiod';
import { render, type Rendered, TSB_VARIABLE } from './mesh/tetrate';
import { setUp, type VaultMesh } from './mesh/vault-mesh';
import { configs, dataOf } from './world';

jest.setTimeout(120_000);

const worlds = { wellKnown: 'recommended', append: 'recommended', guide: 'guide' } as const;

/** The synthesized ControlPlane of a mode. */
function controlPlane(overlay: OverlayMode, istio: ClusterConfig['istio'] = {}): KubeObject {
  const config = configs[worlds[overlay]];
  const [cluster] = config.clusters as [ClusterConfig];
  const plan = planMeshCa({ ...config, clusters: [{ ...cluster, istio: { ...cluster.istio, ...istio, overlay } }] });
  const file = synthesize(plan).find(({ path }) => path === 'cluster-1/control-plane.partial.yaml');
  return objectsOf(file?.content ?? '')[0] as KubeObject;
}

const rendered: Partial<Record<OverlayMode, Rendered>> = {};
let unpatched: Rendered;
let kube: Kube;
let mesh: VaultMesh;
let rootFile: string;
/** What lies in istio-system: the certificate that Vault signed by the role, and the root as istio-csr writes it. */
let objects: Record<'istiod-tls' | 'istio-ca-root-cert', Record<string, string>>;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  await buildPrograms();
  const vault = await startVaultDev();
  kube = await startKube();
  running.push(vault, kube);
  mesh = await setUp(configs.recommended, vault, [kube]);
  rootFile = join(mesh.world.folder, 'root.pem');
  const { csr, key } = await makeCsr(
    ['DNS:istiod.istio-system.svc', 'URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account'],
    'istiod.istio-system.svc',
  );
  const { body } = await vault.request('POST', mesh.world.cluster.role.signPath, { csr, common_name: 'istiod.istio-system.svc' });
  const { certificate, issuing_ca: ca } = dataOf(body) as { certificate: string; issuing_ca: string };
  const chain = `${certificate}\n${ca}\n`;
  ok(await verifyChain(chain, mesh.root));
  objects = {
    'istiod-tls': { 'tls.crt': chain, 'tls.key': key, 'ca.crt': mesh.root },
    'istio-ca-root-cert': { 'root-cert.pem': mesh.root },
  };
  unpatched = await render();
  for (const mode of ['wellKnown', 'append', 'guide'] as const) rendered[mode] = await render(controlPlane(mode));
}, 45 * 60_000);
afterEach(async () => {
  for (const one of running.splice(2)) await one.stop();
});
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

const caAddress = 'cert-manager-istio-csr.cert-manager.svc:443';
/** What the workloads are told; `values` is the chart's own record of what it was rendered with. */
const workloads: Difference[] = [
  ['ConfigMap/istio-sidecar-injector data values global caAddress', '', caAddress],
  ['ConfigMap/values data merged-values global caAddress', '', caAddress],
  ['ConfigMap/values data original-values global caAddress', undefined, caAddress],
];
const variable: Difference[] = [
  ['ConfigMap/istio-sidecar-injector data values pilot env ENABLE_CA_SERVER', undefined, 'false'],
  ['ConfigMap/values data merged-values env ENABLE_CA_SERVER', undefined, 'false'],
  ['ConfigMap/values data merged-values pilot env', undefined, { ENABLE_CA_SERVER: 'false' }],
  ['ConfigMap/values data original-values pilot env', undefined, { ENABLE_CA_SERVER: 'false' }],
];
const pod = 'Deployment/istiod spec template spec';
const discovery = `${pod} containers discovery`;
const noCa: Difference[] = [[`${discovery} env ENABLE_CA_SERVER`, undefined, { name: 'ENABLE_CA_SERVER', value: 'false' }]];
const certificate: Difference[] = [
  [`${discovery} args 7`, undefined, '--tlsCertFile=/etc/cert-manager/tls/tls.crt'],
  [`${discovery} args 8`, undefined, '--tlsKeyFile=/etc/cert-manager/tls/tls.key'],
  [`${discovery} args 9`, undefined, '--caCertFile=/etc/cert-manager/ca/root-cert.pem'],
  [`${discovery} volumeMounts cert-manager`, undefined, { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true }],
  [`${discovery} volumeMounts ca-root-cert`, undefined, { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true }],
  [`${pod} volumes cert-manager`, undefined, { name: 'cert-manager', secret: { secretName: 'istiod-tls' } }],
  [`${pod} volumes ca-root-cert`, undefined, { name: 'ca-root-cert', configMap: { name: 'istio-ca-root-cert', defaultMode: 420 } }],
];
const sorted = (list: readonly Difference[]) => [...list].sort(([a], [b]) => (a < b ? -1 : 1));

describe('what istioctl renders differs from a mesh without our patches in this and nothing else', () => {
  test.each<[OverlayMode, Difference[]]>([
    ['wellKnown', [...workloads, ...variable, ...noCa, [`${pod} volumes istio-csr-dns-cert secret optional`, true, false]]],
    ['append', [...workloads, ...variable, ...noCa, ...certificate]],
    // the page replaces the whole list of variables, so TSB's own is lost.
    ['guide', [...workloads, ...noCa, ...certificate, [`${discovery} env TSB_OWN_SETTING`, TSB_VARIABLE, undefined]]],
  ])('%s', (mode, wanted) => {
    expect(sorted(differences(unpatched, rendered[mode]!))).toEqual(sorted(wanted));
  });

  test("wellKnown, with a revision of TSB's isolation boundaries: the operator and the Deployment of that name", async () => {
    const operator = { name: 'xcp-iop-stable', revision: 'stable' };
    const patched = await render(controlPlane('wellKnown', { revision: 'stable', istioOperator: 'xcp-iop-stable' }), operator);
    const found = differences(await render(undefined, operator), patched).filter(([at]) => at.startsWith('Deployment/'));
    const named = noCa.map(([at, ...values]): Difference => [at.replace('istiod', 'istiod-stable'), ...values]);
    expect(sorted(found)).toEqual(
      sorted([...named, ['Deployment/istiod-stable spec template spec volumes istio-csr-dns-cert secret optional', true, false]]),
    );
  });

  test('nothing, where the ControlPlane has overlays for another operator only', async () => {
    const other = JSON.parse(JSON.stringify(controlPlane('wellKnown')).replace('tsb-istiocontrolplane', 'xcp-iop-other')) as KubeObject;
    await expect(render(other)).rejects.toThrow("the ControlPlane has 0 overlays for TSB's IstioOperator");
    expect(differences(unpatched, await render())).toEqual([]);
  });
});

test.each(['wellKnown', 'append', 'guide'] as const)('the API server takes the istiod of %s, strictly', async mode => {
  const deployment = rendered[mode]?.get('Deployment/istiod');
  const args = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
  ok(await kube.kubectl(args, { input: JSON.stringify(deployment) }));
  const wrong = JSON.stringify(deployment).replace('"volumeMounts":', '"volumeMount":');
  expect((await kube.kubectl(args, { input: wrong })).stderr).toMatch(/unknown field|field not declared/);
});

describe('a real istiod, started with the arguments, variables and files of the rendered Deployment', () => {
  // the page's volumes and ours of before 1.16; what the chart of today mounts by itself is left out, as it was not there then.
  const own = ['cert-manager', 'ca-root-cert'];
  test.each([
    [
      'wellKnown',
      undefined,
      ['var/run/secrets/istiod/ca/root-cert.pem', 'var/run/secrets/istiod/tls/tls.crt', 'var/run/secrets/istiod/tls/tls.key'],
    ],
    ['append', own, ['etc/cert-manager/ca/root-cert.pem', 'etc/cert-manager/tls/tls.crt', 'etc/cert-manager/tls/tls.key']],
    ['guide', own, ['etc/cert-manager/ca/root-cert.pem', 'etc/cert-manager/tls/tls.crt', 'etc/cert-manager/tls/tls.key']],
  ] as const)('%s: serves 15012 with the certificate that Vault signed, verified to the root', async (mode, volumes, paths) => {
    const started = startedAs(rendered[mode]?.get('Deployment/istiod'), objects, volumes);
    expect(Object.keys(started.files).sort()).toEqual(expect.arrayContaining([...paths]));
    expect(started.env.ENABLE_CA_SERVER).toBe('false');
    const istiod = await startIstiod(kube, started);
    running.push(istiod);
    const { code, stdout, stderr } = await handshake(istiod.securePort, rootFile);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toContain('Verify return code: 0 (ok)');
    expect(fingerprints(stdout)).toEqual(fingerprints(objects['istiod-tls']['tls.crt'] ?? '').slice(0, 1));
    // the check can fail: another root.
    writeFileSync(join(mesh.world.folder, 'other.pem'), kube.caPem);
    expect((await handshake(istiod.securePort, join(mesh.world.folder, 'other.pem'))).code).not.toBe(0);
  });

  test('wellKnown, too early: without the Secret it is ready but has no 15012; so the Secret must not be optional', async () => {
    expect(podOf(rendered.wellKnown?.get('Deployment/istiod')).volumes).toContainEqual({
      name: 'istio-csr-dns-cert',
      secret: { secretName: 'istiod-tls', optional: false },
    });
    const istiod = await startIstiod(
      kube,
      startedAs(rendered.wellKnown?.get('Deployment/istiod'), { 'istio-ca-root-cert': objects['istio-ca-root-cert'] }),
    );
    running.push(istiod);
    expect(istiod.log()).toContain('PILOT_CERT_PROVIDER=istiod is not implemented');
    expect((await handshake(istiod.securePort, rootFile)).stderr).toContain('Connection refused');
  });

  test('wellKnown: the Secret alone is enough to serve, so the gate need not wait for the ConfigMap', async () => {
    const istiod = await startIstiod(
      kube,
      startedAs(rendered.wellKnown?.get('Deployment/istiod'), { 'istiod-tls': objects['istiod-tls'] }),
    );
    running.push(istiod);
    expect((await handshake(istiod.securePort, rootFile)).stdout).toContain('Verify return code: 0 (ok)');
  });
});
