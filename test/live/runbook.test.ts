// The runbook's own lines, typed as they stand, against a real API server and a real Vault, and the output that it and the README show.
// No kubelet runs, so a StatefulSet's status is written here.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { planMeshCa } from '../../src/plan/plan';
import { type Kube, ensureNamespace, ok, run, startKube, startVaultDev, tempDir, until } from './harness';
import { writeDist } from './mesh/dist';
import { controlPlaneCrd, controlPlaneOfTsb } from './mesh/tetrate';
import { configs, makeRoot, makeWorld } from './world';

jest.setTimeout(120_000);

let kube: Kube;
let folder: string;
let lines: readonly string[];
let texts: readonly string[];

beforeAll(async () => {
  kube = await startKube();
  folder = tempDir('runbook');
  const { files } = writeDist(folder, planMeshCa(configs.recommended));
  texts = files.filter(({ path }) => path.endsWith('README.md')).map(({ content }) => content);
  lines = texts.flatMap(text =>
    [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, body = '']) => body.replaceAll('\\\n', '').split('\n')),
  );
  await kube.apply(stringify(controlPlaneCrd()));
  await until('the ControlPlane to be served', async () => (await kube.kubectl(['get', 'controlplanes', '-A'])).code === 0);
}, 45 * 60_000);
afterAll(() => kube.stop());

/** Types the one line of the runbook that holds the words. */
function type(...words: readonly string[]) {
  return typeIn(folder, kube.env, ...words);
}

function typeIn(cwd: string, env: Readonly<Record<string, string | undefined>>, ...words: readonly string[]) {
  const found = [...new Set(lines)].filter(line => words.every(word => `${line}\n`.includes(word)));
  expect(found).toHaveLength(1);
  return run('bash', ['-c', found[0] ?? ''], { cwd, env });
}

test('a namespace is made, and left alone when it is there', async () => {
  expect(await type('create namespace istio-system')).toMatchObject({ code: 0, stdout: 'namespace/istio-system created\n', stderr: '' });
  expect(await type('create namespace istio-system')).toMatchObject({ code: 0, stdout: 'namespace/istio-system unchanged\n', stderr: '' });
});

test("Vault's pod is waited for in a way that its chart's StatefulSet allows", async () => {
  const labels = { app: 'vault' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'vault', image: 'vault' }] } };
  // the chart updates by hand only.
  const spec = { serviceName: 'vault', replicas: 1, updateStrategy: { type: 'OnDelete' }, selector: { matchLabels: labels }, template };
  ok(await type('create namespace vault-demo'));
  await kube.apply(stringify({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'vault', namespace: 'vault-demo' }, spec }));
  expect((await kube.kubectl(['rollout', 'status', 'statefulset/vault', '-n', 'vault-demo'])).stderr).toContain(
    'only available for RollingUpdate',
  );

  const waiting = type('wait', 'statefulset/vault');
  const status = JSON.stringify({ status: { replicas: 1, readyReplicas: 1 } });
  await kube.kubectl(['patch', 'statefulset', 'vault', '-n', 'vault-demo', '--subresource=status', '--type=merge', '-p', status]);
  expect(await waiting).toMatchObject({ code: 0, stdout: 'statefulset.apps/vault condition met\n' });
});

test('a partial ControlPlane is merged: what TSB needs stays, ours is added, and a second time nothing changes', async () => {
  await ensureNamespace(kube, 'istio-system');
  // by a client's apply, as most are: kubectl apply --server-side would take its fields over and remove them.
  await kube.apply(stringify(controlPlaneOfTsb));
  expect(await type('get controlplane', 'kubeSpec.overlays')).toEqual({ code: 0, stdout: '', stderr: '' });

  // kubectl says 1 where there is a difference.
  const seen = await type('patch controlplane', '--dry-run=server');
  expect(seen).toMatchObject({ code: 1, stderr: '' });
  expect(seen.stdout).toContain('+        managed: EXTERNAL');
  expect(seen.stdout).not.toMatch(/^-\s+(?!generation)\w/m);
  const patched = 'controlplane.install.tetrate.io/controlplane patched';
  expect(await type('patch controlplane', '.partial.yaml\n')).toEqual({ code: 0, stdout: `${patched}\n`, stderr: '' });
  const found = (await kube.get(['controlplane', 'controlplane', '-n', 'istio-system'])) as { spec: Record<string, unknown> };
  expect(found.spec).toMatchObject({
    ...controlPlaneOfTsb.spec,
    components: { istio: { tsbVersion: '1.12.0', trustDomain: 'cluster.local' } },
  });
  expect(await type('patch controlplane', '.partial.yaml\n')).toEqual({ code: 0, stdout: `${patched} (no change)\n`, stderr: '' });
});

test('overlays that the ControlPlane has already are shown by the line before', async () => {
  await ensureNamespace(kube, 'istio-system');
  await kube.kubectl(['delete', 'controlplane', '--all', '-n', 'istio-system']);
  const own = [
    { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', name: 'another', patches: [{ path: 'spec.hub', value: 'kept' }] },
  ];
  const { spec } = controlPlaneOfTsb;
  const istio = { ...spec.components.istio, kubeSpec: { overlays: own } };
  await kube.apply(stringify({ ...controlPlaneOfTsb, spec: { ...spec, components: { istio } } }));
  expect(JSON.parse(ok(await type('get controlplane', 'kubeSpec.overlays')))).toEqual(own);
  expect((await type('patch controlplane', '--dry-run=server')).stdout).toContain('-          name: another');
});

test('the proxies that still ask another CA are named, a native sidecar and a gateway too', async () => {
  await ensureNamespace(kube, 'shop');
  const proxy = (address: string) => ({ name: 'istio-proxy', image: 'none', env: [{ name: 'CA_ADDR', value: address }] });
  const app = { name: 'app', image: 'none' };
  const [ours, istiods] = ['cert-manager-istio-csr.cert-manager.svc:443', 'istiod.istio-system.svc:15012'];
  const pods = {
    restarted: { containers: [app, proxy(ours)] },
    gateway: { containers: [proxy(istiods)] },
    native: { initContainers: [{ ...proxy(istiods), restartPolicy: 'Always' }], containers: [app] },
    plain: { containers: [app] },
  };
  for (const [name, spec] of Object.entries(pods)) {
    await kube.apply(stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' }, spec }));
  }
  const named = ['gateway', 'native'].map(name => `shop/${name} asks ${istiods}\n`).join('');
  expect(await type('get pods -A', 'CA_ADDR')).toEqual({ code: 0, stdout: named, stderr: '' });
});

test('the output that the runbook and the README show is what the scripts print, and the fingerprints are compared as they say', async () => {
  const vault = await startVaultDev();
  try {
    const world = await makeWorld(configs.recommended, vault, [kube]);
    const root = await makeRoot(world.folder);
    // the key is not encrypted here, so that openssl does not ask for its passphrase at the terminal.
    const env = { ...world.env, HOME: kube.env.HOME };
    const done = [
      ok(await typeIn(world.folder, env, 'dist/root/setup.sh', '--root-cert ca.crt')),
      ok(await typeIn(world.folder, env, 'dist/cluster-1/setup.sh\n')),
    ];
    const printed = done.join('');

    // what is between the lines that are shown is left out with an ellipsis; the Issuer's and the Certificate's tables are kubectl's.
    const fences = texts
      .flatMap(text => [...text.matchAll(/^```text\n([^]*?)^```$/gm)].map(([, body = '']) => body))
      .filter(body => !body.startsWith('NAME'));
    const shown = fences.flatMap(body => body.trimEnd().split('\n')).filter(line => line !== '…');
    expect(shown.length).toBeGreaterThan(5);
    for (const line of shown) expect(printed.split('\n')).toContain(line);
    const [, trial = ''] = /<!-- a run of setup.sh -->\n\n```text\n([^]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
    expect(printed).toContain(trial);

    const print = `sha256 Fingerprint=${new X509Certificate(root.pem).fingerprint256}\n`;
    expect(ok(await typeIn(world.folder, env, 'vault read -field=certificate pki/cert/ca', '-sha256\n'))).toBe(print);
    expect(ok(await typeIn(world.folder, env, 'openssl x509 -in root.pem'))).toBe(print);
    expect(ok(await typeIn(world.folder, env, 'get secret istio-root-ca'))).toContain(print);
  } finally {
    await vault.stop();
  }
});
