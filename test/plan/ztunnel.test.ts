import { MeshCaConfig } from '../../src/config/config';
import { ConfigError } from '../../src/config/problem';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { otherRootPem, rootPem } from '../config/certificates';

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

describe('what ztunnels cannot do', () => {
  const root = (version: string): Partial<MeshCaConfig> => ({
    target: 'helm',
    ambient: true,
    istioVersion: version,
    root: { certificate: rootPem, alsoTrust: [otherRootPem] },
  });

  test('before Istio 1.26 a change of the root is refused: they trust the first one alone', () => {
    expect(() => planOf(root('1.25'))).toThrow(`'istioVersion' must be at least 1.26 where root.alsoTrust names further roots`);
    expect(() => planOf({ ...root('1.25'), ambient: false })).not.toThrow();
    expect(() => planOf(root('1.26'))).not.toThrow();
  });

  test.each([
    ['1.26', true],
    ['1.29', true],
    ['1.30', false],
  ])(
    'the change of the root in Istio %s restarts the ztunnels, before it is recorded who trusts the next one: %s',
    (istioVersion, restarts) => {
      const plan = planOf({ target: 'helm', ambient: true, istioVersion, ztunnel: { namespace: 'nodes' } });
      const text = synthesize(plan)
        .map(({ content }) => content)
        .find(content => content.includes('**First, both are trusted.**'));
      const restart = 'kubectl --context cluster-1 rollout restart daemonset/ztunnel -n nodes';
      expect(text?.includes(restart)).toBe(restarts);
      if (restarts) expect(text).toMatch(/rollout status daemonset\/ztunnel -n nodes --timeout=30m\nbash dist\/cluster-1\/setup\.sh\n/);
    },
  );

  test('aliases of the trust domain are refused', () => {
    const aliases = { target: 'helm', istioVersion: '1.30', trustDomainAliases: ['old.local'] } as const;
    expect(() => planOf({ ...aliases, ambient: true })).toThrow(
      `'trustDomainAliases' do nothing in a ztunnel, which takes its own trust domain alone (istio/ztunnel#2092); remove them, or write ambient: false, got "old.local"`,
    );
    expect(() => planOf(aliases)).not.toThrow();
  });
});
