import { parse } from 'yaml';
import { type ClusterSettings, type MeshCaConfig } from '../../src/config/config';
import { type ClusterPlan, planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';

const config = (settings: ClusterSettings): MeshCaConfig => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.24',
  ...settings,
  clusters: [{ name: 'east' }],
});
const plan = (settings: ClusterSettings): ClusterPlan => planMeshCa(config(settings)).clusters[0]!;
const files = (settings: ClusterSettings) => synthesize(planMeshCa(config(settings)));

test.each([
  ['tsb', ['control-plane.partial.yaml']],
  ['istioOperator', ['istio-operator.yml']],
  ['helm', ['istiod.values.yml', 'ztunnel.values.yml']],
  ['sail', ['istio.partial.yaml', 'ztunnel.partial.yaml']],
] as const)('%s: one file configures istiod, and where the chart is apart one the ztunnels', (target, wanted) => {
  const all = files({ target, ambient: true }).map(({ path }) => path);
  const ours = all.filter(path => /east\/.*(control-plane|istio-operator|istiod|istio\.partial|ztunnel)/.test(path));
  expect(ours).toEqual(wanted.map(path => `east/${path}`));
  // nothing of it lies where Argo CD or Flux would apply it.
  expect(all.filter(path => path.includes('manifests/3'))).toEqual([]);
});

test.each(['tsb', 'istioOperator', 'helm', 'sail'] as const)(
  '%s: role, istio-csr and mesh say the same trust domain; an alias stands in the mesh alone',
  target => {
    const settings = { target, trustDomain: 'new.example.com', trustDomainAliases: ['old.example.com'] };
    const { role, istioCsr, istio } = plan(settings);
    expect(JSON.stringify(role)).toContain('spiffe://new.example.com/');
    expect(JSON.stringify(role)).not.toContain('old.example.com');
    expect(istioCsr.values['app.tls.trustDomain']).toBe('new.example.com');
    const text = files(settings).find(({ path }) => path === `east/${istio.target.file}`)?.content;
    expect(text).toMatch(/trustDomain: new\.example\.com/);
    expect(text).toMatch(/trustDomainAliases:?\n\s+(value:\n\s+)?- old\.example\.com/);
  },
);

test.each(['istioOperator', 'helm', 'sail'] as const)('%s: the runbook hands the file over, and speaks of no ControlPlane', target => {
  const { file } = plan({ target }).istio.target;
  const all = files({ target });
  const readme = all.find(({ path }) => path === 'east/README.md')?.content ?? '';
  expect(readme).toContain(`dist/east/${file}`);
  expect(all.find(({ path }) => path === 'README.md')?.content).toContain(`\`dist/CLUSTER/${file}\` is a part of what is there`);
  for (const { path, content } of all) {
    expect([path, content.includes('ControlPlane')]).toEqual([path, false]);
  }
});

test('ztunnels make EC keys, so all of the mesh does', () => {
  expect(plan({ ambient: true }).role.fields).toMatchObject({ key_type: 'ec', key_bits: 256 });
  expect(plan({}).role.fields).toMatchObject({ key_type: 'rsa' });
});

test('tsb: ztunnels are patched into the IstioOperator', () => {
  const text = files({ target: 'tsb', ambient: true }).find(({ path }) => path === 'east/control-plane.partial.yaml')?.content;
  expect(text).toContain('path: spec.values.ztunnel.caAddress\n');
  expect(text).toContain('path: spec.values.ztunnel.multiCluster.clusterName\n                value: east\n');
});

describe('fails if', () => {
  const problems = (settings: ClusterSettings) => {
    try {
      plan(settings);
    } catch (error) {
      return String(error);
    }
    return '';
  };

  test.each<[string, ClusterSettings, string]>([
    ['helm has to append before Istio 1.19', { target: 'helm', istioVersion: '1.15' }, 'write "istioOperator"'],
    [
      'sail has to append in Istio 1.18, which finds its certificate by itself',
      { target: 'sail', istioVersion: '1.18', istio: { overlay: 'append' } },
      'write "istioOperator", or istio.overlay: wellKnown',
    ],
    ["the guide's overlay is asked for elsewhere", { target: 'helm', istio: { overlay: 'guide' } }, 'write "append" or "wellKnown"'],
    ['a ControlPlane is named elsewhere', { target: 'sail', istio: { controlPlane: 'mine' } }, `'controlPlane' is of target "tsb"`],
    ['the trust domain is its own alias', { trustDomainAliases: ['cluster.local'] }, 'must be other ones than the trust domain'],
    ['ambient is asked of an older Istio', { ambient: true, istioVersion: '1.23' }, "'ambient' needs Istio 1.24 or later"],
    ['ambient is asked with RSA keys', { ambient: true, certificates: { keyType: 'rsa' } }, 'write keyType: ec, got rsa'],
    [
      'ambient is asked with longer EC keys',
      { ambient: true, certificates: { keyType: 'ec', keyBits: 384 } },
      'write keyBits: 256, got 384',
    ],
    [
      'ambient is asked of an older istio-csr',
      { ambient: true, istioVersion: '1.24', istioCsr: { chartVersion: 'v0.11.0' } },
      'has no app.server.caTrustedNodeAccounts, which v0.12.0 has',
    ],
  ])('%s', (_, settings, message) => expect(problems(settings)).toContain(message));
});

test('helm before Istio 1.19 cannot make istiod wait, and says so', () => {
  const text = (istioVersion: string) =>
    files({ target: 'helm', istioVersion }).find(({ path }) => path === 'east/istiod.values.yml')?.content;
  expect(text('1.18')).toContain('one that has started before is to be restarted');
  expect(text('1.18')).not.toContain('volumes');
  expect(text('1.19')).toContain('secretName: istiod-tls');
});

interface Boundary {
  readonly name: string;
  readonly revisions: readonly { readonly name: string; readonly istio?: { readonly tsbVersion: string } }[];
}

describe('a release of TSB', () => {
  const tsb = (tsbVersion: string, more: ClusterSettings = {}) => plan({ istioVersion: undefined, tsbVersion, ...more });

  test('that is later than all that are known is taken for the last one, with a warning; an older one is refused', () => {
    expect(tsb('1.13.1').istio.version).toBe('1.22.6');
    const stable = { istio: { revision: 'stable' } };
    expect(tsb('1.13.1', stable).warnings.map(({ message }) => message)).toEqual([
      'which Istio TSB 1.13.1 ships is not known here, and is taken for that of 1.12.0, 1.22.6; write istioVersion: "1.NN"',
    ]);
    expect(tsb('1.13.1', { istioVersion: '1.24', ...stable })).toMatchObject({ istio: { version: '1.24' }, warnings: [] });
    expect(tsb('1.12.0', stable).warnings).toEqual([]);
    expect(() => tsb('1.5.0')).toThrow("'tsbVersion' is known for");
  });

  test('that has isolation boundaries always, without a revision, is asked for the name of the object', () => {
    const said =
      'from TSB 1.12.0 on the IstioOperator of an istiod is called after its revision, and an overlay of another name changes nothing; write what "kubectl get istiooperators -n istio-system" lists as istio.istioOperator';
    expect(tsb('v1.12.0').warnings).toMatchObject([{ key: 'tsbVersion', message: said }]);
    expect(tsb('1.12.0', { istio: { istioOperator: 'mine' } }).warnings).toEqual([]);
    expect(tsb('1.12.0', { target: 'helm' }).warnings).toEqual([]);
    expect(tsb('1.7.2').warnings).toEqual([]);
  });

  const whole: NonNullable<ClusterSettings['tsb']> = {
    hub: 'registry.example.com/tsb',
    managementPlane: { host: 'tsb.example.com', port: 8443 },
    telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
  };

  test.each<[what: string, version: string, more: ClusterSettings, boundaries: unknown]>([
    ['none before there are any', '1.7.2', {}, undefined],
    ['its revision, where there is one', '1.7.2', { istio: { revision: 'a' } }, [['global', [['a', '1.7.2']]]]],
    ['that of TSB, where it cannot be without', 'v1.12.0', {}, [['global', [['default', '1.12.0']]]]],
    [
      'both revisions with the release of each',
      '1.7.2',
      { istio: { revision: 'a', canary: { revision: 'b', tsbVersion: '1.12.0' } } },
      [
        [
          'global',
          [
            ['a', '1.7.2'],
            ['b', '1.12.0'],
          ],
        ],
      ],
    ],
    [
      'the Istio of the operator, where the config names no release',
      '1.7.2',
      { istio: { revision: 'a', canary: { revision: 'b', istioVersion: '1.18' } } },
      [
        [
          'global',
          [
            ['a', '1.7.2'],
            ['b', undefined],
          ],
        ],
      ],
    ],
    ['the name that the config has', '1.7.2', { tsb: { ...whole, isolationBoundary: 'dev' } }, [['dev', [['default', '1.7.2']]]]],
  ])('a whole ControlPlane names in its isolation boundary %s', (_, version, more, boundaries) => {
    const { content = '' } =
      files({ istioVersion: undefined, tsbVersion: version, tsb: whole, ...more }).find(({ path }) =>
        path.endsWith('/control-plane.yaml'),
      ) ?? {};
    const { xcp } = (parse(content) as { spec: { components: { xcp?: { isolationBoundaries: Boundary[] } } } }).spec.components;
    expect(
      xcp?.isolationBoundaries.map(({ name, revisions }) => [name, revisions.map(({ name, istio }) => [name, istio?.tsbVersion])]),
    ).toEqual(boundaries);
  });

  test('a part of a ControlPlane names none: the list is merged as a whole, and may have more', () => {
    const { content = '' } =
      files({ istio: { revision: 'a', canary: { revision: 'b' } } }).find(({ path }) => path.endsWith('/control-plane.partial.yaml')) ?? {};
    expect(content).toContain('xcp-iop-b');
    expect(content).not.toContain('isolationBoundaries');
  });

  test('with isolation boundaries names the IstioOperator after the revision', () => {
    expect(plan({ istio: { revision: 'stable' } }).istio).toMatchObject({ istioOperator: 'xcp-iop-stable', deployment: 'istiod-stable' });
    expect(plan({}).istio.istioOperator).toBe('tsb-istiocontrolplane');
    expect(plan({ istio: { revision: 'stable', istioOperator: 'mine' } }).istio.istioOperator).toBe('mine');
  });
});
