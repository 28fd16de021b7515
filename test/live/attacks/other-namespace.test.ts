// The attacker controls a workload, or holds cert-manager's token, in a mesh whose PKI role is limited to some namespaces. The attacker asks
// for the SPIFFE ID of another namespace. Real Vault, real API server.
import { buildPrograms, type Kube, ok, startKube, startVaultDev, type Vault } from '../harness';
import { configs, dataOf, makeRoot, makeWorld, rootFiles } from '../world';

let vault: Vault;
let kube: Kube;
jest.setTimeout(300_000);
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = [await startVaultDev(), await startKube()];
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

test('cannot get a SPIFFE ID of a namespace that the role does not list, also where it lists three hundred', async () => {
  const namespaces = Array.from({ length: 300 }, (_, i) => `team-${i}`);
  const world = await makeWorld({ ...configs.recommended, role: { namespaces } }, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  const stdout = ok(await world.script('cluster-1'));
  expect(stdout).toContain('refused, as it must be: a workload of another namespace');
  expect(stdout).toContain('12 trials passed');
  expect((await world.script('cluster-1', ['--check'])).stdout).toContain('no drift');

  const { role, intermediate } = world.cluster;
  expect(role.fields.allowed_uri_sans).toHaveLength(301);
  // a CSR of Vault's own, since the names of a request are what the role looks at.
  const issue = async (id: string) =>
    (await vault.request('POST', `${intermediate.mount}/issue/${role.name}`, { uri_sans: id, ttl: '1h' })).status;
  const id = (path: string) => `spiffe://cluster.local/${path}`;
  for (const path of ['ns/team-0/sa/a', 'ns/team-299/sa/a', 'ns/istio-system/sa/a']) {
    expect([path, await issue(id(path))]).toEqual([path, 200]);
  }
  const refused = [
    'ns/default/sa/a',
    'ns/team-300/sa/a',
    'ns/team-0x/sa/a',
    'ns/team-/sa/a',
    'ns/x/ns/team-0/sa/a',
    'ns/TEAM-0/sa/a',
    'sa/a',
    '',
  ];
  for (const path of refused) expect([path, await issue(id(path))]).toEqual([path, 400]);
  // "*" takes slashes too: it stays below a listed namespace, and nobody in Istio has such an ID.
  expect(await issue(id('ns/team-0/sa/a/b'))).toBe(200);
  expect(dataOf((await vault.request('GET', role.path)).body).allowed_uri_sans).toHaveLength(301);
});
