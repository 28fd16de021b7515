// The runbook's section on a canary: what differs by what configures the istiods. Its lines are typed in test/live/runbook-canary.test.ts.
import { type ClusterSettings } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';

const tsb: NonNullable<ClusterSettings['tsb']> = {
  hub: 'registry.example.com/tsb',
  managementPlane: { host: 'tsb.example.com', port: 8443 },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
};

/** The section, with the commands in a line each. */
function section(settings: ClusterSettings): string {
  const vault = { server: 'https://vault.example.com:8200' };
  const files = synthesize(planMeshCa({ vault, ...settings, clusters: [{ name: 'east' }] }));
  const text = files.find(({ path }) => path === 'east/README.md')?.content ?? '';
  return /^## The canary\n([^]*?)^## /m.exec(text.replaceAll('\\\n', ''))?.[1] ?? '';
}

/** Where the words stand, in this order, after each other. */
function inOrder(text: string, words: readonly string[]): void {
  const places = words.reduce<number[]>((found, word) => [...found, text.indexOf(word, (found.at(-1) ?? -1) + 1)], []);
  expect(words.filter((_, i) => places[i] === -1)).toEqual([]);
}

const istio = { revision: 'stable', canary: { revision: 'next', tsbVersion: '1.12.0' } };

test('tsb, a whole ControlPlane: an istiod goes with the file that names it no more, before its name is forgotten', () => {
  const text = section({ tsbVersion: '1.7.2', istio, tsb });
  const [, back = '', promoted = ''] = text.split(/\*\*The (?:way back|canary becomes)/);
  const apply = 'kubectl --context east apply -f dist/east/manifests/3-control-plane\n';
  inOrder(back, ['Take `istio.canary` out', apply, 'wait --for=delete deployment/istiod-next', 'helm command', 'setup.sh']);
  inOrder(promoted, ['tsbVersion: ', apply, 'wait --for=delete deployment/istiod-stable', 'helm --kube-context', 'setup.sh']);
  expect(promoted).toContain('tsbVersion: \'1.12.0\'\nistio:\n  revision: "next"\n');
  expect(text).not.toContain('spec.components.xcp');
  expect(promoted.split(apply)).toHaveLength(2);
});

test('tsb, a part of the ControlPlane: a revision comes and goes by hand, where the list is', () => {
  const text = section({ tsbVersion: '1.7.2', istio });
  expect(text.match(/`spec\.components\.xcp\.isolationBoundaries`/g)).toHaveLength(3);
  expect(text).not.toContain('--for=delete');
});

test.each(['helm', 'sail', 'istioOperator'] as const)('%s: the version of the one that is promoted is that of Istio', target => {
  const canary = { revision: target === 'sail' ? 'default-v1-25-0' : 'next', istioVersion: '1.25.0' };
  const inUse = target === 'sail' ? { sailIstio: 'default', revision: 'default-v1-24-0' } : {};
  expect(section({ target, istioVersion: '1.24.0', istio: { ...inUse, canary } })).toContain("istioVersion: '1.25.0'\n");
});
