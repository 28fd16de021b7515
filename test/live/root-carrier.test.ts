// istioCsr.rootCarrier on real programs: what brings the root certificate to istio-csr. Its pod does not run here: what the test reads is the
// object that the Helm values mount.
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { type IstioCsrConfig, type MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { verifyScript } from '../../src/script/verify';
import { type Controllers, ok, run, startTrustManager, tempDir, until } from './harness';
import { configs, dataOf, makeRoot, makeWorld, rootFiles, startServers, type World } from './world';

const { kube, devVault } = startServers();
const BUNDLES = 'bundles.trust.cert-manager.io';
const carriers = ['secret', 'configMap', 'bundle'] as const;
type Carrier = (typeof carriers)[number];

let trustManager: Controllers;
beforeAll(async () => {
  trustManager = await startTrustManager(kube(), 'trust');
}, 45 * 60_000);
afterAll(() => trustManager.stop());

const configOf = (istioCsr: IstioCsrConfig, root?: MeshCaConfig['root']): MeshCaConfig => ({
  ...configs.recommended,
  ...(root && { root }),
  istioCsr: { ...(istioCsr.rootCarrier === 'bundle' ? { trustNamespace: 'trust' } : {}), ...istioCsr },
});

const fileOf = ({ cluster }: World, name: string) => clusterFiles(cluster).find(({ path }) => path.endsWith(name))?.content;
const printsOf = (pem: string) =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []).map(one => new X509Certificate(one).fingerprint256);

/** The text that istio-csr would read: of the object that the values mount, below the key that they name. */
async function mounted(world: World): Promise<string | undefined> {
  const values = parse(fileOf(world, 'istio-csr.values.yml') ?? '') as {
    app: { tls: { rootCAFile: string } };
    volumes: [{ secret?: { secretName: string }; configMap?: { name: string } }];
    volumeMounts: [{ mountPath: string }];
  };
  const [{ secret, configMap }] = values.volumes;
  const key = values.app.tls.rootCAFile.replace(`${values.volumeMounts[0].mountPath}/`, '');
  const what = secret ? ['secret', secret.secretName] : ['configmap', configMap?.name ?? ''];
  const object = (await kube().get([...what, '-n', 'cert-manager'])) as { data?: Record<string, string> } | undefined;
  const text = object?.data?.[key];
  return text !== undefined && secret ? Buffer.from(text, 'base64').toString() : text;
}

const synced = (name: string, status = 'True') =>
  kube().kubectl(['wait', `--for=condition=Synced=${status}`, `${BUNDLES}/${name}`, '--timeout=30s']);

/** What verify.sh says of the root file and the Bundle. */
async function verified({ cluster, folder, env }: World, root: string): Promise<string[]> {
  const [script, file] = [join(folder, 'verify.sh'), join(folder, 'the-root.pem')];
  writeFileSync(script, verifyScript(cluster));
  writeFileSync(file, root);
  const { stdout } = await run('bash', [script, '--root', file], { cwd: folder, env });
  return stdout.split('\n').filter(line => /^\w+ +(root bundle|istio-csr root file): /.test(line));
}
const kindOf = (carrier: Carrier) => (carrier === 'secret' ? 'Secret' : 'ConfigMap');
const fine = (name: string, carrier: Carrier, pem: string) => [
  ...(carrier === 'bundle' ? [`ok      root bundle: ${name} is Synced`] : []),
  `ok      istio-csr root file: ca.cert.pem of ${kindOf(carrier)} ${name} is the root, SHA-256 ${printsOf(pem).join(' and ')}`,
];

describe.each(carriers)('%s', carrier => {
  test('with the certificate in the config: the manifest is taken strictly, and istio-csr gets exactly the root', async () => {
    const { pem } = await makeRoot(tempDir('root'));
    const name = `known-${carrier.toLowerCase()}`;
    const world = await makeWorld(configOf({ rootCarrier: carrier, rootName: name }, { certificate: pem }), await devVault(), [kube()]);
    const text = fileOf(world, 'root-ca.yaml')!;
    await expect(kube().apply(text.replace('metadata:', 'nonsense: x\nmetadata:'))).rejects.toThrow('unknown field "nonsense"');
    await kube().apply(text);
    if (carrier === 'bundle') ok(await synced(name));
    expect(printsOf((await mounted(world))!)).toEqual(printsOf(pem));
    expect(await verified(world, pem)).toEqual(fine(name, carrier, pem));
    // in istio-csr's namespace, and in no other.
    const everywhere = ['get', 'secret,configmap', '-A', `--field-selector=metadata.name=${name}`];
    expect(ok(await kube().kubectl([...everywhere, '-o', 'jsonpath={.items[*].metadata.namespace}']))).toBe('cert-manager');
  });

  test('without it: setup.sh delivers it, a second run finds it, and istio-csr gets exactly the root', async () => {
    const name = `delivered-${carrier.toLowerCase()}`;
    const world = await makeWorld(configOf({ rootCarrier: carrier, rootName: name }), await devVault(), [kube()]);
    const root = await makeRoot(world.folder);
    ok(await world.script('root', rootFiles(root)));
    const place = carrier === 'bundle' ? `ConfigMap trust/${name}-source` : `${kindOf(carrier)} cert-manager/${name}`;
    const first = ok(await world.script('cluster-1'));
    expect(first).toContain(`cluster/root-ca: Deliver the root certificate to ${place}\n[`);
    expect(ok(await world.script('cluster-1', ['--plan']))).toContain(`Deliver the root certificate to ${place}\n      done already\n`);
    if (carrier === 'bundle') {
      await kube().apply(fileOf(world, 'root-ca.yaml')!);
      ok(await synced(name));
    } else expect(fileOf(world, 'root-ca.yaml')).toBeUndefined();
    expect(printsOf((await mounted(world))!)).toEqual(printsOf(root.pem));
    expect(await verified(world, root.pem)).toEqual(fine(name, carrier, root.pem));
  });

  test('fails if another CA lies there: setup.sh leaves it and says how to go on, and verify.sh names it', async () => {
    const name = `foreign-${carrier.toLowerCase()}`;
    const world = await makeWorld(configOf({ rootCarrier: carrier, rootName: name }), await devVault(), [kube()]);
    const root = await makeRoot(world.folder);
    const other = await makeRoot(tempDir('other'), 'Other Root');
    ok(await world.script('root', rootFiles(root)));
    const place = world.cluster.istioCsr.rootCa.delivered!;
    const hold = (pem: string) =>
      kube().apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: place.kind,
          metadata: { name: place.name, namespace: place.namespace },
          [carrier === 'secret' ? 'stringData' : 'data']: { 'ca.cert.pem': pem },
        }),
      );
    await hold(other.pem);
    if (carrier === 'bundle') {
      await kube().apply(fileOf(world, 'root-ca.yaml')!);
      ok(await synced(name));
    }
    const { code, stderr } = await world.script('cluster-1');
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        `${place.kind} ${place.namespace}/${place.name} holds another CA than the planned one (SHA-256 ${printsOf(root.pem).join()}). Workloads trust what it holds: name it in root.alsoTrust, or where none does yet: kubectl --context cluster-1 delete ${place.kind.toLowerCase()} ${place.name} -n ${place.namespace}\n`,
      ),
    ]);
    expect(printsOf((await mounted(world))!)).toEqual(printsOf(other.pem));
    const [line] = (await verified(world, root.pem)).slice(-1);
    expect(line).toMatch(
      /^FAIL {4}istio-csr root file: ca\.cert\.pem of \w+ \S+ is not the root CN=Test Root CA, SHA-256 .* it is CN=Other Root, a root/,
    );

    // both, in a rotation, are left as they are.
    await hold(other.pem + root.pem);
    expect(ok(await world.script('cluster-1'))).toContain('note: it holds other CAs too, which the workloads trust as much');
    expect(await world.script('cluster-1', ['--check'])).toMatchObject({ code: 3, stderr: '' });
    await until('both roots', async () => printsOf((await mounted(world)) ?? '').length === 2);
    const both = printsOf(other.pem + root.pem);
    // trust-manager writes them in the order of their hashes.
    expect(printsOf((await mounted(world))!)).toEqual(carrier === 'bundle' ? both.sort() : both);
  });
});

test('a root that is trusted beside it is added, and what lies there stays', async () => {
  const vault = await devVault();
  const [root, next, other] = await Promise.all(['Test', 'Next', 'Other'].map(name => makeRoot(tempDir(name), `${name} Root`)));
  const at = (alsoTrust?: string[]) => makeWorld(configOf({ rootName: 'two' }, { alsoTrust }), vault, [kube()]);
  const alone = await at();
  ok(await alone.script('root', rootFiles(root!)));
  ok(await alone.script('cluster-1'));
  const held = async () => printsOf((await mounted(alone)) ?? '');
  expect(await held()).toEqual(printsOf(root!.pem));

  const both = await at([next!.pem]);
  writeFileSync(join(both.folder, 'root.pem'), root!.pem);
  expect((await both.script('cluster-1', ['--check'])).stdout).toContain('drift: 2 of 15 steps differ: cluster/root-ca cluster/trust.');
  ok(await both.script('cluster-1'));
  expect(await held()).toEqual(printsOf(root!.pem + next!.pem));
  // no workload is handed a root here.
  expect((await both.script('cluster-1', ['--check'])).stdout).toContain('drift: 1 of 15 steps differ: cluster/trust.');

  const third = await at([other!.pem]);
  ok(await third.script('cluster-1'));
  expect(await held()).toEqual(printsOf(root!.pem + other!.pem + next!.pem));
});

test("a Bundle brings the intermediate too, where the config asks for the guide's own root file", async () => {
  const world = await makeWorld(configOf({ rootCarrier: 'bundle', rootName: 'guide', rootFile: 'intermediate' }), await devVault(), [
    kube(),
  ]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  await kube().apply(fileOf(world, 'root-ca.yaml')!);
  ok(await synced('guide'));
  const { stdout } = await run('openssl', ['x509', '-noout', '-subject'], { input: await mounted(world) });
  expect(stdout).toContain('cluster-1 Mesh Intermediate CA');
});

test('what trust-manager has made is made again where somebody edits it, and stays where its source goes', async () => {
  const world = await makeWorld(configOf({ rootCarrier: 'bundle', rootName: 'lasting' }), await devVault(), [kube()]);
  const [root, other] = [await makeRoot(world.folder), await makeRoot(tempDir('other'), 'Other Root')];
  ok(await world.script('root', rootFiles(root)));
  ok(await world.script('cluster-1'));
  await kube().apply(fileOf(world, 'root-ca.yaml')!);
  ok(await synced('lasting'));

  const hasRoot = async () => printsOf((await mounted(world))!).join() === printsOf(root.pem).join();
  const edit = ['patch', 'configmap', 'lasting', '-n', 'cert-manager', '--patch', JSON.stringify({ data: { 'ca.cert.pem': other.pem } })];
  expect(ok(await kube().kubectl(edit))).toContain('patched');
  await until('the root again', hasRoot);

  ok(await kube().kubectl(['delete', 'configmap', 'lasting-source', '-n', 'trust']));
  ok(await synced('lasting', 'False'));
  expect(await hasRoot()).toBe(true);
  // and setup.sh delivers the source again.
  ok(await world.script('cluster-1'));
  ok(await synced('lasting'));
});

test('a Bundle whose source is not there is not Synced, and verify.sh says what to do', async () => {
  const { pem } = await makeRoot(tempDir('root'));
  const world = await makeWorld(configOf({ rootCarrier: 'bundle', rootName: 'early' }), await devVault(), [kube()]);
  await kube().apply(fileOf(world, 'root-ca.yaml')!);
  ok(await synced('early', 'False'));
  expect(await verified(world, pem)).toEqual([
    expect.stringMatching(
      /^FAIL {4}root bundle: early: Synced is False, SourceNotFound .*"early-source" not found \(run setup\.sh, then look at the log of trust-manager\)$/,
    ),
    'FAIL    istio-csr root file: there is no configmaps early in namespace cert-manager (look at the log of trust-manager)',
  ]);
});

test('a Bundle is Synced also where no namespace is found to write into, or every one is: verify.sh looks further', async () => {
  const { pem } = await makeRoot(tempDir('root'));
  const at = (namespace: string) =>
    planMeshCa(configOf({ rootCarrier: 'bundle', rootName: 'astray', namespace }, { certificate: pem })).clusters[0]!;
  const world = await makeWorld(configOf({ rootCarrier: 'bundle', rootName: 'astray' }, { certificate: pem }), await devVault(), [kube()]);
  const nowhere: World = { ...world, cluster: at('nowhere') };
  await kube().apply(fileOf(nowhere, 'root-ca.yaml')!);
  ok(await synced('astray'));
  expect(await verified(nowhere, pem)).toEqual([
    'ok      root bundle: astray is Synced',
    'FAIL    istio-csr root file: there is no configmaps astray in namespace nowhere (look at the log of trust-manager)',
  ]);

  const patch = JSON.stringify([{ op: 'remove', path: '/spec/target/namespaceSelector' }]);
  ok(await kube().kubectl(['patch', BUNDLES, 'astray', '--type=json', '--patch', patch]));
  const namespaces = async () =>
    ok(await kube().kubectl(['get', 'configmap', '-A', '--field-selector=metadata.name=astray', '-o', 'name']))
      .trim()
      .split('\n');
  await until('a ConfigMap in every namespace', async () => (await namespaces()).length >= 6);
  const said = await verified(world, pem);
  expect(said[0]).toMatch(/^FAIL {4}root bundle: its target is not key ca\.cert\.pem of a ConfigMap in namespace cert-manager alone/);
  expect(said[1]).toMatch(/^ok {6}istio-csr root file: /);
});

test('a Bundle of 63 characters is brought, one of 64 is not: trust-manager writes the name into a label', async () => {
  const { pem } = await makeRoot(tempDir('root'));
  const long = 'n'.repeat(63);
  const world = await makeWorld(configOf({ rootCarrier: 'bundle', rootName: long }, { certificate: pem }), await devVault(), [kube()]);
  const text = fileOf(world, 'root-ca.yaml')!;
  await kube().apply(text);
  ok(await synced(long));
  await kube().apply(text.replace(`name: ${long}`, `name: ${long}n`));
  ok(await synced(`${long}n`, 'False'));
  const { status } = (await kube().get([BUNDLES, `${long}n`])) as { status: { conditions: [{ message: string }] } };
  expect(status.conditions[0].message).toContain('must be no more than 63');
});

test('who may not lay the root into the cluster is told so before anything is changed', async () => {
  const vault = await devVault();
  const world = await makeWorld(configOf({ rootCarrier: 'bundle', rootName: 'rights' }), vault, [kube()]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });
  const grant = (verbs: string[]) =>
    kube().apply(
      [
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'setup', namespace: 'trust' } },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: 'setup' },
          rules: [
            rule([''], ['namespaces', 'serviceaccounts', 'configmaps'], ['get']),
            rule([''], ['configmaps'], verbs),
            rule([''], ['serviceaccounts/token'], ['create']),
          ],
        },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name: 'setup' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'setup' },
          subjects: [{ kind: 'ServiceAccount', name: 'setup', namespace: 'trust' }],
        },
      ]
        .map(object => JSON.stringify(object))
        .join('\n---\n'),
    );
  await grant(['get']);
  const token = ok(await kube().kubectl(['create', 'token', 'setup', '-n', 'trust'])).trim();
  const KUBECONFIG = join(tempDir('setup'), 'kubeconfig');
  writeFileSync(KUBECONFIG, readFileSync(kube().kubeconfig, 'utf8').replace(kube().adminToken, token));
  const { code, stderr } = await world.script('cluster-1', [], { KUBECONFIG });
  expect([code, stderr.split('\n').slice(1)]).toEqual([
    1,
    ['  - the right to patch configmap/rights-source -n trust in context cluster-1', ''],
  ]);
  expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).not.toHaveProperty(['istioca-cluster-1/']);

  await grant(['get', 'create', 'patch']);
  ok(await world.script('cluster-1', [], { KUBECONFIG }));
  // what is there already needs no right to make it.
  await grant(['get']);
  ok(await world.script('cluster-1', [], { KUBECONFIG }));
});
