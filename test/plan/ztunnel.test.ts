import { MeshCaConfig } from '../../src/config/config';
import { ConfigError } from '../../src/config/problem';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';

const planOf = (more: Partial<MeshCaConfig>) =>
  planMeshCa({ vault: { server: 'https://vault.example.com:8200' }, istioVersion: '1.26', clusters: [{ name: 'cluster-1' }], ...more });
const trusted = (more: Partial<MeshCaConfig>) => planOf(more).clusters[0]?.istioCsr.values['app.server.caTrustedNodeAccounts'];

test.each<[more: Partial<MeshCaConfig>, account: unknown]>([
  [{ target: 'sail', ambient: true }, 'ztunnel/ztunnel'],
  [{ target: 'helm', ambient: true }, 'istio-system/ztunnel'],
  [{ target: 'istioOperator', ambient: true, istio: { namespace: 'mesh' } }, 'mesh/ztunnel'],
  [{ target: 'sail', ambient: true, ztunnel: { namespace: 'kube-system' } }, 'kube-system/ztunnel'],
  [{ target: 'helm', ambient: true, ztunnel: { namespace: 'nodes', serviceAccount: 'zt' } }, 'nodes/zt'],
  [{ target: 'sail' }, undefined],
])('%j lets %s ask istio-csr for the workloads of its node', (more, account) => {
  expect(trusted(more)).toBe(account);
});

test('the runbook upgrades the ztunnels where they run', () => {
  const files = synthesize(planOf({ target: 'helm', ambient: true, ztunnel: { namespace: 'nodes' } }));
  const readme = files.find(({ path }) => path === 'cluster-1/README.md')?.content;
  expect(readme).toMatch(/upgrade ztunnel istio\/ztunnel --namespace nodes /);
});

test('without ambient there are none to place', () => {
  expect(() => planOf({ ztunnel: { namespace: 'kube-system' } })).toThrow(ConfigError);
  expect(() => planOf({ ztunnel: { namespace: 'kube-system' } })).toThrow(`'ztunnel' needs 'ambient', write ambient: true, or remove it`);
});
