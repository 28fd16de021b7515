// The root's key was stolen: the root is replaced without the waits of a planned change. What is real and what is simulated is as in
// rotate-root.test.ts.
import { ok } from './harness';
import { ChangingMesh, idOf } from './mesh/root-change';
import { rootFiles, startServers } from './world';

const { kube, devVault } = startServers();

test('--urgent goes on without the waits, says what breaks, needs the name of the cluster, and ends where the planned change ends', async () => {
  const mesh = await ChangingMesh.make(await devVault(), { 'cluster-1': kube() });
  await mesh.setUp();
  ok(await mesh.script('switched', 'root', rootFiles(mesh.b)));
  await mesh.issue('before');
  const [idA, idB] = [idOf(mesh.a.pem), idOf(mesh.b.pem)];

  // both are trusted; no workload was restarted yet.
  ok(await mesh.script('trustBoth', 'cluster-1'));
  await mesh.istioCsr();
  ok(await mesh.script('trustBoth', 'cluster-1'));
  expect(await mesh.script('switched', 'cluster-1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('must not sign yet') as string,
  });
  for (const args of [['--urgent'], ['--urgent', 'west']]) expect((await mesh.script('switched', 'cluster-1', args)).code).toBe(2);
  expect(ok(await mesh.script('switched', 'cluster-1', ['--plan']))).toContain('note: a run would be refused: ');

  const switched = ok(await mesh.script('switched', 'cluster-1', ['--urgent', 'cluster-1']));
  expect(switched).toContain('      URGENT, without the wait: the workloads of istioca-cluster-1 all trust it from ');
  expect(switched).toContain(`what breaks: a workload that does not trust the root ${idB} yet refuses every connection`);
  // and it does: the workload from before trusts the former root alone.
  await mesh.issue('switched');
  await expect(mesh.connects()).rejects.toThrow('unable to get local issuer certificate');

  expect(await mesh.script('dropped', 'cluster-1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('must be trusted still') as string,
  });
  expect((await mesh.roots('cluster-1')).sort()).toEqual(['Root A', 'Root B']);
  const dropped = ok(await mesh.script('dropped', 'cluster-1', ['--urgent', 'cluster-1']));
  expect(dropped).toContain(
    `      URGENT, without the wait: the root ${idA} is still needed: certificates of istioca-cluster-1 live until `,
  );
  expect(await mesh.roots('cluster-1')).toEqual(['Root B']);

  // every workload is restarted: all is as after a planned change.
  await mesh.istioCsr();
  await mesh.wait('dropped');
  await mesh.connects();
  ok(await mesh.script('dropped', 'cluster-1'));
  expect(await mesh.script('dropped', 'cluster-1', ['--check'])).toMatchObject({ code: 0, stderr: '' });
}, 600_000);
