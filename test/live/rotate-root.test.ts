// A root is replaced under two running clusters, as the config's three changes say it. Vault, the API servers and the scripts are real; what is
// played stands in mesh/root-change.ts.
import { type Kube, ok, startKube } from './harness';
import { ChangingMesh, idOf, type Phase } from './mesh/root-change';
import { rootFiles, startServers } from './world';

const { kube, devVault } = startServers();
let second: Kube;
beforeAll(async () => {
  second = await startKube({ context: 'cluster-2' });
}, 45 * 60_000);
afterAll(() => second.stop());

const refused = (message: string | RegExp) => ({
  code: 1,
  stderr: (typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message)) as string,
});
const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ';

test('a root is replaced in three changes of the config; each is refused before the one before it is through, and every connection holds', async () => {
  const mesh = await ChangingMesh.make(await devVault(), { 'cluster-1': kube(), 'cluster-2': second });
  await mesh.setUp();
  ok(await mesh.script('switched', 'root', rootFiles(mesh.b)));
  const [idA, idB] = [idOf(mesh.a.pem), idOf(mesh.b.pem)];
  expect(await mesh.description('cluster-1')).toBe(`cdk8s-mesh-ca: CA of cluster-1 [root=${idA}]`);
  const step = async (phase: Phase) => {
    await mesh.issue(phase);
    await mesh.connects();
  };
  await step('before');

  // a root that nobody trusts yet
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject(
    refused(`does not hand its workloads the root ${idB} that is to sign from now on: write it as root.alsoTrust first`),
  );
  await step('before');

  // both are trusted
  for (const name of ['cluster-1', 'cluster-2']) {
    const waits = ok(await mesh.script('trustBoth', name));
    expect(waits).toContain(`not every workload is handed the root ${idB} yet: namespace `);
    expect(waits).toMatch(/; still open, as said above: cluster\/trust\. next: README\.md beside this script\n$/);
    expect(await mesh.roots(name)).toEqual(['Root A', 'Root B']);
  }
  await step('trustBoth');
  await mesh.istioCsr({ restart: false });
  expect(ok(await mesh.script('trustBoth', 'cluster-1'))).toMatch(
    /istiod reads its roots at its start, and istiod-1 was started before they changed: kubectl --context cluster-1 rollout restart deployment\/istiod/,
  );
  expect(await mesh.description('cluster-1')).not.toContain(`trusts.${idB}`);
  await mesh.istioCsr();
  expect(ok(await mesh.script('trustBoth', 'cluster-1'))).toMatch(new RegExp(`from ${time} on every workload of cluster-1 trusts ${idB}`));
  expect(await mesh.script('trustBoth', 'cluster-1', ['--check'])).toMatchObject({ code: 0, stderr: '' });
  await step('trustBoth');

  // the new one signs
  const early = ok(await mesh.script('switched', 'cluster-1', ['--plan']));
  expect(early).toContain(
    `note: a run would be refused: the root ${idB} must not sign yet: the workloads of istioca-cluster-1 all trust it from `,
  );
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject(
    refused(
      new RegExp(
        `the root ${idB} must not sign yet: the workloads of istioca-cluster-1 all trust it from ${time} on; the workloads of istioca-cluster-2 are not on record as trusting it`,
      ),
    ),
  );
  ok(await mesh.script('trustBoth', 'cluster-2'));
  await mesh.wait('trustBoth', ['cluster-1']);
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject(
    refused(new RegExp(`the root ${idB} must not sign yet: the workloads of istioca-cluster-2 all trust it from ${time} on\n`)),
  );
  await mesh.wait('trustBoth');
  await mesh.connects();
  ok(await mesh.script('switched', 'cluster-1'));
  await step('switched');
  // the way back, and on again
  ok(await mesh.script('trustBoth', 'cluster-1'));
  await step('trustBoth');
  ok(await mesh.script('switched', 'cluster-1'));
  await step('switched');
  expect(await mesh.script('dropped', 'cluster-1')).toMatchObject(
    refused(
      new RegExp(
        `the root ${idA} must be trusted still: certificates of istioca-cluster-1 live until ${time}; istioca-cluster-2 still signs below it`,
      ),
    ),
  );
  ok(await mesh.script('switched', 'cluster-2'));
  await step('switched');

  // the old one goes
  expect(await mesh.script('dropped', 'cluster-2')).toMatchObject(refused(/must be trusted still: .* live until .*; .* live until /));
  expect(await mesh.roots('cluster-2')).toEqual(['Root A', 'Root B']);
  await mesh.wait('switched');
  for (const name of ['cluster-1', 'cluster-2']) {
    ok(await mesh.script('dropped', name));
    expect(await mesh.roots(name)).toEqual(['Root B']);
    await step('dropped');
  }
  await mesh.istioCsr();
  for (const name of ['cluster-1', 'cluster-2']) {
    ok(await mesh.script('dropped', name));
    expect(await mesh.script('dropped', name, ['--check'])).toMatchObject({ code: 0, stderr: '' });
    ok(await mesh.script('dropped', name, ['--retire']));
    expect(await mesh.description(name)).not.toContain(`trusts.${idA}`);
  }
  await step('dropped');
}, 900_000);
