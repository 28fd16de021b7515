import { Testing } from 'cdk8s';
import { VaultScript } from '../../src/constructs/vault-script';
import { planMeshCa } from '../../src/plan/plan';
import { clusterScript, rootScript } from '../../src/script/setup';

const plan = planMeshCa({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'cluster-1' }, { name: 'cluster-2' }],
});

test("without a cluster it is the root CA's", () => {
  const { file } = new VaultScript(Testing.chart(), 'script', { plan });
  expect([file.path, file.executable]).toEqual(['root/setup.sh', true]);
  expect(file.text).toBe(rootScript(plan));
});

test("with a cluster it is that cluster's", () => {
  const { file } = new VaultScript(Testing.chart(), 'script', { plan, cluster: 'cluster-2' });
  expect([file.path, file.executable]).toEqual(['cluster-2/setup.sh', true]);
  expect(file.text).toBe(clusterScript(plan.clusters[1]!));
});

test('its path can be chosen', () => {
  expect(new VaultScript(Testing.chart(), 'script', { plan, path: 'vault.sh' }).file.path).toBe('vault.sh');
});

test('fails if the plan has no such cluster', () => {
  expect(() => new VaultScript(Testing.chart(), 'script', { plan, cluster: 'cluster-3' })).toThrow(
    new Error(`'cluster' must be one of the plan's, e.g. "cluster-1", got "cluster-3"`),
  );
});
