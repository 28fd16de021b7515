// Two clusters under one root: one Vault, two API servers, one config, each cluster set up by its own script.
import { delimiter } from 'node:path';
import { type ClusterPlan } from '../../src/plan/plan';
import { buildPrograms, type Kube, ok, startKube, startVaultDev, type Vault } from './harness';
import { certificates, fingerprints, makeCsr, verifyChain } from './mesh/certificates';
import { rootFileOf } from './mesh/istio-csr';
import { configs, dataOf, makeRoot, makeWorld, stateOf, type World } from './world';

jest.setTimeout(120_000);

const clusterNames = ['cluster-1', 'cluster-2'] as const;
type Name = (typeof clusterNames)[number];
const other = { 'cluster-1': 'cluster-2', 'cluster-2': 'cluster-1' } as const;

let vault: Vault;
let kubes: Record<Name, Kube>;
let world: World;
let root: string;
/** What the first cluster is in Vault before the second one is set up. */
let first: Record<string, unknown>;

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  vault = await startVaultDev();
  kubes = { 'cluster-1': await startKube(), 'cluster-2': await startKube({ context: 'cluster-2' }) };
  const config = { ...configs.recommended, clusters: [{ name: 'cluster-1' }, { name: 'cluster-2' }] };
  world = await makeWorld(config, vault, Object.values(kubes));
  const { cert, key, pem } = await makeRoot(world.folder);
  root = pem;
  ok(await world.script('root', ['--root-cert', cert, '--root-key', key]));
  // of two kubeconfigs the first one's current context counts: here it is always the other cluster's.
  const currentIs = (name: Name) => ({ KUBECONFIG: [kubes[name], kubes[other[name]]].map(kube => kube.kubeconfig).join(delimiter) });
  ok(await world.script('cluster-1', [], currentIs('cluster-2')));
  first = await stateOf(vault, planOf('cluster-1'));
  ok(await world.script('cluster-2', [], currentIs('cluster-1')));
}, 45 * 60_000);
afterAll(async () => {
  await vault.stop();
  for (const kube of Object.values(kubes)) await kube.stop();
});

function planOf(name: Name): ClusterPlan {
  const found = world.plan.clusters.find(cluster => cluster.name === name);
  if (!found) throw new Error(`the plan has no ${name}`);
  return found;
}

/** A token as a cluster's cert-manager asks for it. */
async function accountToken(name: Name): Promise<string> {
  const { auth } = planOf(name);
  if (auth.method !== 'jwt') throw new Error(`the way in is ${auth.method}`);
  const token = ['create', 'token', auth.serviceAccount.name, '-n', auth.serviceAccount.namespace, `--audience=${auth.audience}`];
  return ok(await kubes[name].kubectl(token)).trim();
}

/** Logs in at a cluster's mount as its cert-manager does. */
function login(at: Name, jwt: string) {
  return vault.request('POST', `auth/${planOf(at).auth.mount}/login`, { role: planOf(at).auth.role, jwt }, '');
}

async function tokenOf(name: Name): Promise<string> {
  const { body } = await login(name, await accountToken(name));
  return (body as { auth: { client_token: string } }).auth.client_token;
}

/** Has a workload's certificate signed at a cluster's path: chain, or Vault's refusal. */
async function sign(at: Name, token: string) {
  const { csr } = await makeCsr([`URI:spiffe://cluster.local/ns/foo/sa/${at}`]);
  const { status, body } = await vault.request('POST', planOf(at).role.signPath, { csr }, token);
  const { certificate, issuing_ca: ca } = dataOf(body) as { certificate?: string; issuing_ca?: string };
  return { status, body, chain: `${certificate ?? ''}\n${ca ?? ''}\n` };
}

test('the second one changes nothing of the first in Vault', async () => {
  expect(await stateOf(vault, planOf('cluster-1'))).toEqual(first);
});

test.each(clusterNames)('a token of %s, of the same service account with the same audience, is of no use for the other', async name => {
  const jwt = await accountToken(name);
  expect((await login(name, jwt)).status).toBe(200);
  const { status, body } = await login(other[name], jwt);
  expect({ status, body }).toEqual({ status: 400, body: { errors: [expect.stringContaining('error validating token') as string] } });
});

test('nothing secret has landed in either cluster: the root certificate is all', async () => {
  for (const name of clusterNames) {
    const secrets = ok(
      await kubes[name].kubectl(['get', 'secret', '-A', '--no-headers', '-o', 'custom-columns=N:.metadata.namespace,M:.metadata.name']),
    );
    expect(secrets.trim().split(/ +/)).toEqual(['cert-manager', 'istio-root-ca']);
  }
});

test.each(clusterNames)("a workload's certificate of %s verifies against the other one's trust anchor", async name => {
  const { status, chain } = await sign(name, await tokenOf(name));
  expect(status).toBe(200);
  const trusted = await rootFileOf(kubes[other[name]], planOf(other[name]));
  expect(fingerprints(trusted)).toEqual(fingerprints(root));
  ok(await verifyChain(chain, trusted));
  // each has an intermediate of its own, and the root alone joins them.
  const [, theirs] = fingerprints((await sign(other[name], await tokenOf(other[name]))).chain);
  expect(fingerprints(chain)[1]).not.toBe(theirs);
  expect((await verifyChain(certificates(chain).slice(0, 1).join(''), trusted)).stderr).toContain('unable to get local issuer certificate');
});

test.each(clusterNames)("the way in of %s cannot sign at the other one's path", async name => {
  const { status, body } = await sign(other[name], await tokenOf(name));
  expect({ status, body }).toEqual({ status: 403, body: { errors: [expect.stringContaining('permission denied') as string] } });
});
