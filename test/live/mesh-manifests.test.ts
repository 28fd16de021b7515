// Every manifest of dist/ on the real API server, strictly. The ControlPlane's CRD is made from our own types: Tetrate publishes none.
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { buildPrograms, certManagerCrds, ensureNamespace, type Kube, ok, startKube, tempDir } from './harness';
import { type Dist, type KubeObject, objectsOf, writeDist } from './mesh/dist';
import { controlPlaneCrd, controlPlaneOfTsb } from './mesh/tetrate';
import { configs, makeRoot } from './world';

jest.setTimeout(120_000);

const tsb = {
  hub: 'registry.example/tsb',
  managementPlane: { host: 'tsb.example.com', port: 8443, selfSigned: true },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200, protocol: 'https' as const, selfSigned: true, version: 7 } },
};

let kube: Kube;
/** The two configs of the repository, and one in which everything is in the manifests. */
let dists: Record<'recommended' | 'reviewed' | 'guide' | 'everything', Dist>;

beforeAll(async () => {
  await buildPrograms(['etcd', 'kube-apiserver', 'kubectl']);
  kube = await startKube();
  const crds = await certManagerCrds();
  ok(await kube.kubectl(['apply', '--server-side', '-f', crds]));
  ok(await kube.kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', crds]));
  await kube.apply(JSON.stringify(controlPlaneCrd()));
  ok(await kube.kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd/controlplanes.install.tetrate.io']));
  for (const name of ['istio-system', 'cert-manager']) await ensureNamespace(kube, name);

  const { pem } = await makeRoot(tempDir('root'));
  const everything: MeshCaConfig = {
    ...configs.recommended,
    vault: { server: 'https://vault.example.com:8200', caBundle: pem },
    root: { certificate: pem },
    auth: 'appRole',
    secret: { delivery: 'manifest' },
    tsb,
  };
  dists = {
    recommended: writeDist(tempDir('dist'), planMeshCa(configs.recommended)),
    reviewed: writeDist(tempDir('dist'), planMeshCa({ ...configs.kubernetes, kubernetes: { host: 'https://10.0.0.1:6443' } })),
    guide: writeDist(tempDir('dist'), planMeshCa(configs.guide)),
    everything: writeDist(tempDir('dist'), planMeshCa(everything), { secretIds: { 'cluster-1': '0123:"x"\\@$(y)-yes' } }),
  };
}, 45 * 60_000);
afterAll(() => kube.stop());
// each test begins without a ControlPlane and without what another one applied.
beforeEach(async () => {
  await kube.kubectl(['delete', 'controlplane,issuer,secret', '--all', '-n', 'istio-system']);
  await kube.kubectl(['delete', 'secret', '--all', '-n', 'cert-manager']);
});

const apply = (dist: Dist, ...args: string[]) =>
  kube.kubectl(['--context', 'cluster-1', 'apply', '--validate=strict', ...args], { cwd: dist.folder });
const partial = 'cluster-1/control-plane.partial.yaml';
const manifests = ({ files }: Dist) => files.filter(({ kind }) => kind === 'manifest');
const live = async () =>
  (await kube.get(['controlplane', 'controlplane', '-n', 'istio-system'])) as { spec: Record<string, unknown> } | undefined;

test.each([
  ['recommended', ['cluster-1/manifests/0-access/service-account.yaml', 'cluster-1/manifests/1-issuer/issuer.yaml', partial]],
  [
    'reviewed',
    [
      'cluster-1/manifests/0-access/service-account.yaml',
      'cluster-1/manifests/0-access/reviewer.yaml',
      'cluster-1/manifests/1-issuer/issuer.yaml',
      partial,
    ],
  ],
  ['guide', ['cluster-1/manifests/1-issuer/issuer.yaml', partial]],
  [
    'everything',
    [
      'cluster-1/manifests/1-issuer/secret.yaml',
      'cluster-1/manifests/1-issuer/issuer.yaml',
      'cluster-1/manifests/2-istio-csr/root-ca.yaml',
      'cluster-1/manifests/3-control-plane/control-plane.yaml',
    ],
  ],
] as const)('each manifest of %s is taken by itself, and comes out as it went in', async (name, paths) => {
  const dist = dists[name];
  expect(manifests(dist).map(({ path }) => path)).toEqual([...paths, 'cluster-1/sample/sample.yaml']);
  // a partial one is merged into TSB's.
  if (name !== 'everything') await kube.apply(JSON.stringify(controlPlaneOfTsb));
  for (const { path } of manifests(dist)) ok(await (path === partial ? merge(dist) : apply(dist, '-f', `dist/${path}`)));
  for (const object of manifests(dist).flatMap(({ content }) => objectsOf(content))) {
    const { kind, metadata } = object;
    expect(await kube.get([kind, metadata.name, ...(metadata.namespace ? ['-n', metadata.namespace] : [])])).toMatchObject(
      asStored(object),
    );
  }
});

/** Runs the command that the header of the partial ControlPlane gives, in the file's folder. */
function merge(dist: Dist) {
  const command = /^# +kubectl (--context cluster-1 patch controlplane .*)$/m.exec(dist.text(partial))?.[1];
  if (command === undefined) throw new Error('the header gives no command');
  return kube.kubectl(command.split(' '), { cwd: join(dist.folder, 'dist/cluster-1') });
}

/** The API server keeps the text of a Secret as base64. */
function asStored({ stringData, ...object }: KubeObject & { readonly stringData?: Readonly<Record<string, string>> }): object {
  if (!stringData) return object;
  return {
    ...object,
    data: Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  };
}

test('an unknown field fails in each kind of object that we write, at the top and inside', async () => {
  const objects = [...manifests(dists.everything), ...manifests(dists.guide), ...manifests(dists.reviewed)].flatMap(({ content }) =>
    objectsOf(content),
  );
  const byKind = new Map(objects.map(object => [object.kind, object]));
  expect([...byKind.keys()].sort()).toEqual([
    'ClusterRoleBinding',
    'ControlPlane',
    'Deployment',
    'Issuer',
    'Namespace',
    'Role',
    'RoleBinding',
    'Secret',
    'ServiceAccount',
  ]);
  byKind.set('ControlPlane', objects.find(({ kind }) => kind === 'ControlPlane') as KubeObject);
  for (const object of byKind.values()) {
    const wrong: object[] = [
      { ...object, nonsense: 'x' },
      { ...object, metadata: { ...object.metadata, nonsense: 'x' } },
    ];
    if (object.spec) wrong.push({ ...object, spec: { ...object.spec, nonsense: 'x' } });
    for (const one of wrong) {
      await expect(kube.apply(JSON.stringify(one))).rejects.toThrow(/unknown field "(metadata\.|spec\.)?nonsense"/);
    }
  }
});

test('an unknown field fails deep inside the ControlPlane and the Issuer too, and a wrong type', async () => {
  const [controlPlane] = objectsOf(dists.everything.text('cluster-1/manifests/3-control-plane/control-plane.yaml'));
  const issuer = dists.everything.text('cluster-1/manifests/1-issuer/issuer.yaml');
  const text = JSON.stringify(controlPlane);
  await expect(kube.apply(text.replace('"kubeSpec":{', '"kubeSpec":{"overlay":[],'))).rejects.toThrow(
    'unknown field "spec.components.istio.kubeSpec.overlay"',
  );
  await expect(kube.apply(text.replace('"patches":[{', '"patches":[{"vale":1,'))).rejects.toThrow(
    'unknown field "spec.components.istio.kubeSpec.overlays[0].patches[0].vale"',
  );
  await expect(kube.apply(text.replace('"managed":"EXTERNAL"', '"managed":"external"'))).rejects.toThrow('Unsupported value: "external"');
  await expect(kube.apply(text.replace('"port":8443', '"port":"8443"'))).rejects.toThrow('must be of type integer');
  await expect(kube.apply(issuer.replace('roleId:', 'roleID:'))).rejects.toThrow(
    /unknown field "spec\.vault\.auth\.appRole\.roleID"|roleId: Required/,
  );
});

describe('everything at once', () => {
  test("a cluster's manifests folder applies as a whole, and again without a change", async () => {
    ok(await apply(dists.everything, '-R', '-f', 'dist/cluster-1/manifests'));
    const versions = async () => {
      const kinds = [
        'get',
        'secret,issuer,controlplane',
        '-A',
        '-o',
        'custom-columns=K:.kind,N:.metadata.name,V:.metadata.resourceVersion',
        '--no-headers',
      ];
      return ok(await kube.kubectl(kinds))
        .trim()
        .split('\n');
    };
    const before = await versions();
    expect(before).toHaveLength(4);
    ok(await apply(dists.everything, '-R', '-f', 'dist/cluster-1/manifests'));
    expect(await versions()).toEqual(before);
    expect(await live()).toMatchObject({ spec: { hub: tsb.hub, managementPlane: { clusterName: 'cluster-1' } } });
  });

  test("so does that of a config without the fields of TSB, and TSB's ControlPlane is not touched: the partial one lies elsewhere", async () => {
    await kube.apply(JSON.stringify(controlPlaneOfTsb));
    const before = await live();
    ok(await apply(dists.recommended, '-R', '-f', 'dist/cluster-1/manifests'));
    expect(await kube.get(['issuer', 'vault-issuer', '-n', 'istio-system'])).toBeDefined();
    expect(await live()).toEqual(before);
  });

  test('a partial one alone is refused: nothing makes a ControlPlane of it', async () => {
    const { code, stderr } = await apply(dists.recommended, '-f', `dist/${partial}`);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/spec\.hub: Required value[^]*spec\.managementPlane: Required value/) as string,
    });
    expect(await live()).toBeUndefined();
  });
});

describe('a partial ControlPlane', () => {
  test('is merged by the command that its header gives: what TSB set stays', async () => {
    await kube.apply(JSON.stringify(controlPlaneOfTsb));
    ok(await merge(dists.recommended));
    const istio = { tsbVersion: '1.12.0', trustDomain: 'cluster.local' };
    expect(await live()).toMatchObject({ spec: { ...controlPlaneOfTsb.spec, components: { istio } } });
  });

  test('replaces overlays that are there already, and its header says so', async () => {
    const overlays = [
      { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', name: 'tsb-gateways', patches: [{ path: 'spec.tag', value: 'x' }] },
    ];
    await kube.apply(
      JSON.stringify({ ...controlPlaneOfTsb, spec: { ...controlPlaneOfTsb.spec, components: { istio: { kubeSpec: { overlays } } } } }),
    );
    ok(await merge(dists.recommended));
    const wanted = objectsOf(dists.recommended.text(partial))[0] as KubeObject;
    expect(await live()).toMatchObject({ spec: wanted.spec });
    expect(dists.recommended.text(partial)).toContain('# It replaces the list of overlays as a whole');
  });

  test('is refused as a whole, not merged by halves, where kubectl apply would take fields of TSB away', async () => {
    await kube.apply(JSON.stringify(controlPlaneOfTsb));
    const { code, stderr } = await apply(dists.recommended, '-f', `dist/${partial}`);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('spec.hub: Required value') as string });
    expect(await live()).toMatchObject({ spec: controlPlaneOfTsb.spec });
  });
});
