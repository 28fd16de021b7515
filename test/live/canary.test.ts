// Two istiods at once. What each target gives to them, through real istioctl, real helm and Istio's own patch engine; one certificate for both,
// by the real setup.sh, Vault and cert-manager; and two real istiods that serve it. The charts are those of 1.31 for both; istio-csr, TSB's
// operator and the kubelet are played (mesh/), and the Sail operator's values are given to helm.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterSettings, type IstioConfig } from '../../src/config/config';
import { type MeshCaPlan, planMeshCa } from '../../src/plan/plan';
import { buildPrograms, type Kube, ok, startCertManager, startIstiod, startKube, startVaultDev, until, type Vault } from './harness';
import { fingerprints, makeCsr, verifyChain } from './mesh/certificates';
import { type Difference, differences } from './mesh/difference';
import { objectsOf, writeDist } from './mesh/dist';
import { askCertManager, helmValues, istiodCertificate, unbase64 } from './mesh/istio-csr';
import { handshake, startedAs } from './mesh/istiod';
import { filesOf, renderChart, renderOperator, sailValues } from './mesh/targets';
import { render, type Rendered } from './mesh/tetrate';
import { readiness, setUp, type VaultMesh } from './mesh/vault-mesh';
import { configs } from './world';

jest.setTimeout(180_000);
beforeAll(() => buildPrograms(), 45 * 60_000);

const REVISION = '1-31';
const canary = { revision: REVISION };
const caAddress = 'cert-manager-istio-csr.cert-manager.svc:443';
const sorted = (list: readonly Difference[]) => [...list].sort(([a], [b]) => (a < b ? -1 : 1));
/** What was rendered, less the chart's own record of the values it was given, and what the pods are told of them in turn. */
const told = (list: readonly Difference[]) =>
  sorted(list.filter(([at]) => !/^ConfigMap\/values|^Deployment\/istiod-\S+ metadata|checksum/.test(at)));

describe('what the canary gets of us is what the one in use gets, by its own names, and nothing else', () => {
  /** What our part changes of an istiod of a revision. */
  const ours = (suffix: string): Difference[] => {
    const discovery = `Deployment/istiod${suffix} spec template spec containers discovery`;
    return [
      [`ConfigMap/istio-sidecar-injector${suffix} data values global caAddress`, '', caAddress],
      [`ConfigMap/istio-sidecar-injector${suffix} data values global multiCluster clusterName`, '', 'cluster-1'],
      [`ConfigMap/istio-sidecar-injector${suffix} data values pilot env ENABLE_CA_SERVER`, undefined, 'false'],
      [`${discovery} env ENABLE_CA_SERVER`, undefined, { name: 'ENABLE_CA_SERVER', value: 'false' }],
      [`${discovery} env CLUSTER_ID value`, 'Kubernetes', 'cluster-1'],
    ];
  };
  const required = (suffix: string): Difference => [
    `Deployment/istiod${suffix} spec template spec volumes istio-csr-dns-cert secret optional`,
    true,
    false,
  ];
  const waits = (suffix: string): Difference[] => [
    [
      `Deployment/istiod${suffix} spec template spec containers discovery volumeMounts cert-manager`,
      undefined,
      { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
    ],
    [
      `Deployment/istiod${suffix} spec template spec volumes cert-manager`,
      undefined,
      { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
    ],
  ];
  const chartOf = (revision: string) => renderChart('istiod', JSON.stringify({ revision }));

  test('istioOperator, by istioctl', async () => {
    const files = filesOf({ target: 'istioOperator', istio: { revision: 'stable', canary } });
    for (const [revision, file] of [
      ['stable', 'istio-operator.yml'],
      [REVISION, `istio-operator-${REVISION}.yml`],
    ] as const) {
      const theirs = { profile: 'minimal' };
      const found = differences(await renderOperator(undefined, { ...theirs, revision }), await renderOperator(files.get(file), theirs));
      expect(told(found)).toEqual(sorted([...ours(`-${revision}`), required(`-${revision}`)]));
    }
  });

  test('helm, by helm', async () => {
    const files = filesOf({ target: 'helm', istio: { revision: 'stable', canary } });
    for (const [revision, file] of [
      ['stable', 'istiod.values.yml'],
      [REVISION, `istiod-${REVISION}.values.yml`],
    ] as const) {
      const found = differences(await chartOf(revision), await renderChart('istiod', files.get(file)));
      expect(told(found)).toEqual(sorted([...ours(`-${revision}`), ...waits(`-${revision}`)]));
    }
  });

  test('helm: no object is of both releases', async () => {
    const files = filesOf({ target: 'helm', istio: { canary } });
    const [inUse, second] = [
      await renderChart('istiod', files.get('istiod.values.yml')),
      await renderChart('istiod', files.get(`istiod-${REVISION}.values.yml`)),
    ];
    expect([...inUse.keys()].filter(key => second.has(key))).toEqual([]);
  });

  test('sail: the values of the Istio object, with the revision that the operator sets, are those of helm', async () => {
    const istio = { sailIstio: 'default', revision: 'default-v1-31-0', canary: { revision: 'default-v1-31-1', istioVersion: '1.31.1' } };
    const files = filesOf({ target: 'sail', istioVersion: '1.31.0', istio });
    for (const [revision, file] of [
      ['default-v1-31-0', 'istio.partial.yaml'],
      ['default-v1-31-1', 'istio-default-v1-31-1.partial.yaml'],
    ] as const) {
      const values = JSON.parse(sailValues(files.get(file))) as object;
      const found = differences(await chartOf(revision), await renderChart('istiod', JSON.stringify({ ...values, revision })));
      expect(told(found)).toEqual(sorted([...ours(`-${revision}`), ...waits(`-${revision}`)]));
    }
  });

  test("tsb: each overlay of the one ControlPlane changes the IstioOperator of its revision, by Istio's patch engine and istioctl", async () => {
    const [controlPlane] = objectsOf(
      filesOf({ target: 'tsb', istio: { revision: 'stable', canary } }).get('control-plane.partial.yaml') ?? '',
    );
    for (const revision of ['stable', REVISION]) {
      const operator = { name: `xcp-iop-${revision}`, revision };
      const found = told(differences(await render(undefined, operator), await render(controlPlane, operator)));
      const both = ours(`-${revision}`).filter(([at]) => !/clusterName|CLUSTER_ID/.test(at));
      expect(found).toEqual(sorted([...both, required(`-${revision}`)]));
    }
  });
});

describe('on the real servers, from one istiod to the other', () => {
  const names = { inUse: 'istiod.istio-system.svc', canary: `istiod-${REVISION}.istio-system.svc` };
  const phases = {
    before: {},
    both: { canary },
    after: { revision: REVISION },
  } as const satisfies Record<string, IstioConfig>;
  const running: { stop(): Promise<void> }[] = [];
  let vault: Vault;
  let kube: Kube;
  let mesh: VaultMesh;

  const settings = { target: 'helm', istioVersion: '1.31' } as const satisfies ClusterSettings;
  const planOf = (phase: keyof typeof phases): MeshCaPlan =>
    planMeshCa({ ...configs.recommended, vault: { server: vault.addr }, ...settings, istio: phases[phase] });
  /** What the runbook types of a phase: setup.sh and istio-csr's chart with its values; where a name goes, in reverse. */
  const enter = async (phase: keyof typeof phases) => {
    const dist = writeDist(mesh.world.folder, planOf(phase));
    const value = helmValues(dist.text('cluster-1/istio-csr.values.yml'));
    const setup = async () => void ok(await mesh.run('bash', ['dist/cluster-1/setup.sh']));
    const upgrade = () => kube.apply(JSON.stringify(istiodCertificate(value)));
    for (const one of phase === 'after' ? [upgrade, setup] : [setup, upgrade]) await one();
    return { dist, value };
  };
  /** The certificate that istiod has, when it has these names and no other. */
  const certificateFor = (...wanted: readonly string[]) =>
    until(`a certificate for ${wanted.join(', ')}`, async () => {
      const secret = (await kube.get(['secret', 'istiod-tls', '-n', 'istio-system'])) as { data: Record<string, string> } | undefined;
      const data = Object.fromEntries(Object.entries(secret?.data ?? {}).map(([key, text]) => [key, unbase64(text)]));
      const found = new X509Certificate(data['tls.crt'] ?? '').subjectAltName?.match(/(?<=DNS:)[^,]+/g) ?? [];
      // Vault sorts them.
      if (found.sort().join() !== [...wanted].sort().join()) throw new Error(`it is for ${found.join(', ')}`);
      return data;
    });
  /** Whether istio-csr's request for a name is signed. */
  const isSigned = async (value: Parameters<typeof askCertManager>[1], name: string) =>
    (await askCertManager(kube, value, (await makeCsr([`DNS:${name}`])).csr)).reason;

  beforeAll(async () => {
    vault = await startVaultDev();
    kube = await startKube();
    running.push(vault, kube, await startCertManager(kube));
    mesh = await setUp({ ...configs.recommended, ...settings }, vault, [kube]);
    ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '-f', 'dist/cluster-1/manifests/1-issuer']));
    await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system']);
  });
  afterAll(async () => {
    for (const one of running.reverse()) await one.stop();
  });

  test('the names that are signed follow the config: the canary comes, both are there, the former one goes', async () => {
    const before = await enter('before');
    const first = await certificateFor(names.inUse);
    expect(await isSigned(before.value, names.canary)).toBe('Failed');
    const chart = await renderChart('istiod', before.dist.text('cluster-1/istiod.values.yml'));
    const mounted = (data: typeof first) =>
      startedAs(chart.get('Deployment/istiod'), { 'istiod-tls': data, 'istio-ca-root-cert': { 'root-cert.pem': mesh.root } });
    const inUse = await startIstiod(kube, mounted(first));
    running.push(inUse);

    const both = await enter('both');
    const held = await certificateFor(names.inUse, names.canary);
    ok(await verifyChain(held['tls.crt'] ?? '', mesh.root));
    // as the kubelet does, under the istiod that runs: it takes the new one without a restart.
    for (const [file, text] of Object.entries(mounted(held).files)) writeFileSync(join(inUse.folder, file), text);
    await until('the istiod in use to serve the certificate for both', async () => {
      const { code, stdout } = await handshake(inUse.securePort, join(mesh.world.folder, 'root.pem'), names.canary);
      if (code !== 0) throw new Error(`it ends with ${code}: ${stdout.slice(-300)}`);
      return true;
    });
    for (const name of Object.values(names)) expect(await isSigned(both.value, name)).toBe('Issued');

    const after = await enter('after');
    await certificateFor(names.canary);
    expect(await isSigned(after.value, names.canary)).toBe('Issued');
    // the common name, which istio-csr's chart keeps.
    expect(await isSigned(after.value, names.inUse)).toBe('Issued');
    expect(await isSigned(after.value, 'istiod-other.istio-system.svc')).toBe('Failed');
  });

  test('two real istiods serve 15012 with it, each by its own name, verified to the root; verify.sh finds both as planned', async () => {
    const { dist } = await enter('both');
    const data = await certificateFor(names.inUse, names.canary);
    const objects = { 'istiod-tls': data, 'istio-ca-root-cert': { 'root-cert.pem': mesh.root } };
    const rootFile = join(mesh.world.folder, 'root.pem');
    const rendered: Rendered[] = [];
    for (const [name, file] of [
      ['istiod', 'istiod.values.yml'],
      [`istiod-${REVISION}`, `istiod-${REVISION}.values.yml`],
    ] as const) {
      const all = await renderChart('istiod', dist.text(`cluster-1/${file}`));
      rendered.push(all);
      const istiod = await startIstiod(kube, startedAs(all.get(`Deployment/${name}`), objects));
      running.push(istiod);
      const { code, stdout } = await handshake(istiod.securePort, rootFile, `${name}.istio-system.svc`);
      expect({ name, code }).toEqual({ name, code: 0 });
      expect(fingerprints(stdout)).toEqual(fingerprints(data['tls.crt'] ?? '').slice(0, 1));
      expect((await handshake(istiod.securePort, rootFile, 'istiod-other.istio-system.svc')).code).not.toBe(0);
    }

    // what verify.sh looks at, as the chart names it for each revision.
    const looked = rendered.flatMap(all =>
      [...all].filter(([key]) => /^(Deployment\/istiod|ConfigMap\/istio(-sidecar-injector)?(-1-31)?$)/.test(key)),
    );
    for (const [, object] of looked) await kube.apply(JSON.stringify(object));
    const check = async () => {
      const { stdout } = await mesh.run('bash', ['dist/cluster-1/verify.sh', '--json']);
      const lines = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { check: string; status: string });
      const ours = lines.filter(one => /^(istiod|trust domain|CA address|sidecar)/.test(one.check));
      return Object.fromEntries(ours.map(one => [one.check, one.status]));
    };
    const ofOne = ['istiod cluster ID', 'istiod CA server', 'trust domain', 'CA address', 'sidecar cluster ID'];
    const all = ['istiod certificate', 'istiod-tls', ...ofOne, ...ofOne.map(one => `${one} of the canary`)];
    const good = Object.fromEntries(all.map(one => [one, 'ok']));
    expect(await check()).toEqual(good);
    const args = ['set', 'env', `deployment/istiod-${REVISION}`, '-n', 'istio-system', 'ENABLE_CA_SERVER=true'];
    ok(await mesh.run('kubectl', ['--context', 'cluster-1', ...args]));
    expect(await check()).toEqual({ ...good, 'istiod CA server of the canary': 'fail' });
  });
});
