// The runbook's section on a canary, its lines of istioctl typed as they stand, against a real API server: the canary comes beside the istiod in
// use, goes, comes again, and takes its place. No controller and no kubelet run, so that a Deployment is available is written here, and the
// charts are those of 1.31 for both.
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { planMeshCa } from '../../src/plan/plan';
import { buildPrograms, ensureNamespace, type Kube, ok, run, startKube, tempDir, until } from './harness';
import { writeDist } from './mesh/dist';
import { configs } from './world';

jest.setTimeout(180_000);

interface Deployment {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly selector: unknown; readonly template: { readonly metadata: { readonly labels: unknown } } };
}

interface Deleted {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly deletionTimestamp?: string };
}

const CANARY = 'istiod-1-31';
const DEFAULT_VALIDATOR = 'istiod-default-validator';
let kube: Kube;
let folder: string;
let env: Readonly<Record<string, string | undefined>>;
let lines: readonly string[];

beforeAll(async () => {
  const { istioctl } = await buildPrograms(['istioctl', 'etcd', 'kube-apiserver', 'kubectl']);
  kube = await startKube();
  env = { ...kube.env, PATH: [dirname(istioctl), kube.env.PATH].join(delimiter) };
  folder = tempDir('runbook-canary');
  const istio = { canary: { revision: '1-31' } };
  const plan = planMeshCa({ ...configs.recommended, target: 'istioOperator', istioVersion: '1.31', istio });
  const text = writeDist(folder, plan).text('cluster-1/README.md');
  lines = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, body = '']) => body.replaceAll('\\\n', '').split('\n'));
  const yours = { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec: { profile: 'minimal' } };
  for (const name of ['YOURS.yaml', 'CANARY.yaml']) writeFileSync(join(folder, name), JSON.stringify(yours));
  await ensureNamespace(kube, 'istio-system');
}, 45 * 60_000);
afterAll(() => kube.stop());

/** Types the one line of the runbook that holds the words, and says yes to what it asks. */
async function type(...words: readonly string[]): Promise<string> {
  const found = [...new Set(lines)].filter(line => words.every(word => `${line}\n`.includes(word)));
  expect(found).toHaveLength(1);
  const typed = await run('bash', ['-c', found[0] ?? ''], { cwd: folder, env, input: 'y\n' });
  ok(typed);
  return typed.stdout + typed.stderr;
}

/** Types a line that installs an istiod, and makes the ReplicaSet of its Deployment, with a pod that is ready, as the controllers do. */
async function install(deployment: string, ...words: readonly string[]): Promise<void> {
  const played = until(`${deployment} to be there`, async () => {
    const found = (await kube.get(['deployment', deployment, '-n', 'istio-system'])) as Deployment | undefined;
    if (found === undefined) throw new Error('it is not there');
    const { metadata, spec } = found;
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment, uid: metadata.uid, controller: true };
    const of = { name: `${deployment}-1`, namespace: 'istio-system', labels: spec.template.metadata.labels, ownerReferences: [owner] };
    const { selector, template } = spec;
    await kube.apply(
      JSON.stringify({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: of, spec: { replicas: 1, selector, template } }),
    );
    const status = JSON.stringify({ status: { replicas: 1, readyReplicas: 1 } });
    ok(await kube.kubectl(['patch', 'replicaset', of.name, '-n', 'istio-system', '--subresource=status', '--type=merge', '-p', status]));
    return true;
  });
  const [said] = await Promise.all([type(...words), played]);
  expect(said).toContain('Installation complete');
}

/** Lets go what was deleted in the foreground, as the garbage collector does. */
async function collectGarbage(): Promise<void> {
  const kinds = 'deployments,replicasets,services,configmaps,serviceaccounts,roles,rolebindings,horizontalpodautoscalers';
  const ofCluster = 'clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations';
  const { items } = (await kube.get([`${kinds},${ofCluster}`, '-A'])) as { items: Deleted[] };
  for (const { kind, metadata } of items.filter(one => one.metadata.deletionTimestamp !== undefined)) {
    const where = metadata.namespace === undefined ? [] : ['-n', metadata.namespace];
    ok(await kube.kubectl(['patch', kind, metadata.name, ...where, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']));
  }
}

const namesOf = async (kind: string, ...where: readonly string[]) =>
  ok(await kube.kubectl(['get', kind, ...where, '-o', 'name']))
    .split('\n')
    .filter(name => name !== '')
    .map(name => name.replace(/.*\//, ''));
const istiods = () => namesOf('deployments', '-n', 'istio-system');
const injectors = () => namesOf('mutatingwebhookconfigurations');
const validators = () => namesOf('validatingwebhookconfigurations');

test('the canary comes with our part, goes and leaves the one in use whole, comes again, and takes its place with all that is of the cluster', async () => {
  await install('istiod', 'istioctl', ' install ', 'YOURS.yaml');
  const before = { injectors: await injectors(), validators: await validators() };
  const inUse = await kube.get(['deployment', 'istiod', '-n', 'istio-system']);

  await install(CANARY, 'istioctl', ' install ', 'CANARY.yaml');
  expect(await istiods()).toEqual(['istiod', CANARY]);
  expect(ok(await kube.kubectl(['get', 'configmap', 'istio-1-31', '-n', 'istio-system', '-o', 'yaml']))).toContain(
    'trustDomain: cluster.local',
  );
  expect(ok(await kube.kubectl(['get', 'configmap', 'istio-sidecar-injector-1-31', '-n', 'istio-system', '-o', 'yaml']))).toContain(
    'cert-manager-istio-csr.cert-manager.svc:443',
  );

  // the way back.
  expect(await type('istioctl', 'uninstall --revision 1-31\n')).toContain('Uninstall complete');
  await collectGarbage();
  expect(await istiods()).toEqual(['istiod']);
  expect({ injectors: await injectors(), validators: await validators() }).toEqual(before);
  expect((await kube.get(['deployment', 'istiod', '-n', 'istio-system'])) as object).toMatchObject({
    spec: (inUse as { spec: object }).spec,
  });

  // and on: the one in use goes, and what it did for the whole cluster is the canary's.
  await install(CANARY, 'istioctl', ' install ', 'CANARY.yaml');
  const wouldGo = await type('istioctl', 'uninstall --revision default --dry-run');
  expect(wouldGo).toContain('Not pruning object apps/v1, Kind=Deployment/istiod.istio-system');
  expect(wouldGo).not.toContain('1-31');
  expect(await istiods()).toEqual(['istiod', CANARY]);
  expect(await type('istioctl', 'uninstall --revision default\n')).toContain('Uninstall complete');
  await collectGarbage();
  expect(await istiods()).toEqual([CANARY]);
  await type('istioctl', 'tag set default');
  // by their names what they were before, of the canary now.
  const ofCanary = (names: readonly string[]) => names.map(name => name.replace(/(injector|validator)(?=$|-istio)/, '$1-1-31')).sort();
  expect({ injectors: await injectors(), validators: await validators() }).toEqual({
    injectors: ofCanary(before.injectors),
    validators: ofCanary(before.validators.filter(name => name !== DEFAULT_VALIDATOR)).concat(DEFAULT_VALIDATOR),
  });
  for (const [kind, name] of [
    ['mutatingwebhookconfiguration', 'istio-revision-tag-default'],
    ['validatingwebhookconfiguration', DEFAULT_VALIDATOR],
  ] as const) {
    const { webhooks } = (await kube.get([kind, name])) as { webhooks: { clientConfig: { service: { name: string } } }[] };
    expect([name, ...new Set(webhooks.map(one => one.clientConfig.service.name))]).toEqual([name, CANARY]);
  }
});

test('istioctl by the file of the one in use takes both, so the runbook goes by the revision', async () => {
  await install('istiod', 'istioctl', ' install ', 'YOURS.yaml');
  const { stdout, stderr } = await run('istioctl', ['uninstall', '-f', 'YOURS.yaml', '--dry-run'], { cwd: folder, env });
  for (const name of ['istiod', CANARY]) expect(stdout + stderr).toContain(`Deployment/${name}.istio-system`);
  expect(lines.filter(line => /uninstall.* -f /.test(line))).toEqual([]);
});
