import { parse } from 'yaml';
import { type ClusterSettings, type IstioConfig } from '../../src/config/config';
import { type ClusterPlan, planMeshCa } from '../../src/plan/plan';
import { trialCommands } from '../../src/script/trial';
import { synthesize } from '../../src/synth';

const config = (settings: ClusterSettings) => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  ...settings,
  clusters: [{ name: 'east' }],
});
const plan = (settings: ClusterSettings): ClusterPlan => planMeshCa(config(settings)).clusters[0]!;
const files = (settings: ClusterSettings) =>
  new Map(synthesize(planMeshCa(config(settings))).map(({ path, content }) => [path.replace('east/', ''), content]));

const canary = { revision: '1-24', istioVersion: '1.24' };
/** What makes two istiods, by target. */
const settings = {
  tsb: { target: 'tsb', istio: { revision: 'stable', canary } },
  istioOperator: { target: 'istioOperator', istio: { canary } },
  helm: { target: 'helm', istio: { canary } },
  sail: {
    target: 'sail',
    istioVersion: '1.22.3',
    istio: { sailIstio: 'default', revision: 'default-v1-22-3', canary: { revision: 'default-v1-24-0', istioVersion: '1.24.0' } },
  },
} as const satisfies Record<string, ClusterSettings>;
const targets = ['tsb', 'istioOperator', 'helm', 'sail'] as const;

describe.each(targets)('two istiods, %s:', target => {
  const both = plan(settings[target]);
  const [inUse, second] = both.istiods.map(({ istio }) => istio);
  const names = both.istiods.map(({ istio }) => istio.dnsName);

  test('one certificate has the name of each, and the PKI role signs them', () => {
    expect(names).toEqual([...new Set(names)]);
    expect(names).toEqual(both.istiods.map(({ istio }) => `${istio.deployment}.istio-system.svc`));
    expect(both.istioCsr.istiodCertificate).toEqual({ commonName: 'istiod.istio-system.svc', dnsNames: names });
    expect(both.istioCsr.values['app.istio.revisions']).toEqual([inUse?.revision, second?.revision]);
    const { fields } = both.role;
    expect(fields.allowed_domains).toEqual([...new Set(['istiod.istio-system.svc', ...names, 'cert-manager-istio-csr.cert-manager.svc'])]);
    // the trial asks as istio-csr's chart does.
    const asked = trialCommands(both).find(([command, what]) => command === 'signs' && what === 'istiod');
    expect(asked?.[2]).toBe(
      `CN=istiod.istio-system.svc,${names.map(name => `DNS:${name}`).join(',')},URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account`,
    );
  });

  test('approver-policy lets that request through, and no other name', () => {
    const { requestPolicies } = plan({ ...settings[target], certManager: { approverPolicy: true } });
    expect(requestPolicies.find(({ name }) => name.endsWith('-istiod'))).toMatchObject({
      commonName: 'istiod.istio-system.svc',
      dnsNames: names,
    });
  });

  test('each has what it is configured by, and what is of one mesh is said to both', () => {
    const all = files({
      ...settings[target],
      trustDomain: 'mesh.example.com',
      istio: { ...settings[target].istio, values: { global: { logAsJson: true } } },
    });
    const texts = [...new Set([inUse, second].map(one => one?.target.file ?? ''))].map(file => all.get(file) ?? '');
    expect(texts).toHaveLength(target === 'tsb' ? 1 : 2);
    const count = (what: RegExp) => [...texts.join('\n').matchAll(what)].length;
    expect(count(/cert-manager-istio-csr\.cert-manager\.svc:443/g)).toBe(2);
    expect(count(/logAsJson/g)).toBe(2);
    expect(count(/ENABLE_CA_SERVER/g)).toBe(2);
    expect(count(/trustDomain: mesh\.example\.com/g)).toBe(texts.length);
    expect(all.get('index.json')).toContain(second?.target.file);
  });

  test('the runbook moves there and back, and everything that is typed in it names the cluster', () => {
    const readme = files(settings[target]).get('README.md') ?? '';
    const [, section = ''] = /\n## The canary\n(.*?)\n## /s.exec(readme) ?? [];
    const commands = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, text = '']) => text).join('');
    expect(commands.match(/^(kubectl|helm|istioctl)(?! --(kube-)?context east )/gm)).toBeNull();
    const label = `istio-injection- istio.io/rev=${second?.revision} --overwrite`;
    // setup.sh, then istio-csr, then the canary, then workloads; the old one goes before its name does.
    const order = [
      'dist/east/setup.sh',
      'upgrade --install cert-manager-istio-csr',
      second?.target.file ?? '',
      `rollout status deployment/${second?.deployment}`,
      label,
      'istioctl --context east proxy-status',
      inUse?.revision === 'default' ? 'istio.io/rev- istio-injection=enabled' : `istio.io/rev=${inUse?.revision} --overwrite`,
    ];
    const at = order.map(one => commands.indexOf(one));
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(Math.min(...at)).toBeGreaterThanOrEqual(0);
    const promoted = section.slice(section.indexOf('**The canary becomes the one in use'));
    expect(promoted.indexOf(inUse?.revision === 'default' ? 'uninstall' : (inUse?.revision ?? ''))).toBeLessThan(
      promoted.indexOf('setup.sh'),
    );
    // what is asked for ends before what is signed.
    expect(promoted.indexOf('upgrade --install cert-manager-istio-csr')).toBeLessThan(promoted.indexOf('setup.sh'));
    expect(promoted).toContain(`istioVersion: '${second?.version}'\nistio:\n  revision: "${second?.revision}"`);
  });

  test('what the promotion says to write plans, and the canary has become the one in use', () => {
    const { canary: up, ...rest } = settings[target].istio;
    const after = plan({ ...settings[target], istioVersion: up.istioVersion, istio: { ...rest, revision: up.revision } });
    const { isCanary: _was, target: asCanary, ...same } = second!;
    const { isCanary: _is, target: inUseNow, ...now } = after.istio;
    expect(now).toEqual(same);
    expect(inUseNow).toEqual({ ...asCanary, file: inUse?.target.file, todo: inUse?.target.todo });
    expect(after.istiods).toHaveLength(1);
  });
});

test('without a canary there is one istiod, and no word of another', () => {
  const all = files({ target: 'helm' });
  for (const [path, text] of all) if (!path.endsWith('.sh')) expect([path, /canary/i.test(text)]).toEqual([path, false]);
  expect([...all.keys()].filter(path => path.startsWith('istiod'))).toEqual(['istiod.values.yml']);
});

test('a revision alone: its certificate has its own name and the plain one as common name, as the chart asks for it', () => {
  const one = plan({ istio: { revision: 'stable' } });
  expect(one.istioCsr.istiodCertificate).toEqual({ commonName: 'istiod.istio-system.svc', dnsNames: ['istiod-stable.istio-system.svc'] });
  expect(one.role.fields.allowed_domains).toContain('istiod.istio-system.svc');
});

describe('the canary', () => {
  test('is given its certificate as its own version wants it', () => {
    const two = plan({ target: 'istioOperator', istioVersion: '1.15', istio: { canary: { revision: '1-17', istioVersion: '1.17' } } });
    expect(two.istiods.map(({ istio }) => istio.overlay)).toEqual(['append', 'wellKnown']);
  });

  test('has the version of the one in use where it says none, and the one that its release of TSB ships', () => {
    expect(plan({ target: 'helm', istio: { canary: { revision: 'next' } } }).istiods[1]?.istio.version).toBe('1.22');
    const tsb = plan({
      istioVersion: undefined,
      tsbVersion: '1.7.2',
      istio: { revision: 'a', canary: { revision: 'b', tsbVersion: '1.12.0' } },
    });
    expect(tsb.istiods.map(({ istio }) => istio.version)).toEqual(['1.17.8', '1.22.6']);
  });

  test('has own values over those of the one in use, key by key; lists are taken whole', () => {
    const values = { global: { logAsJson: true }, pilot: { extraContainerArgs: ['--a'] } };
    const own = { pilot: { extraContainerArgs: ['--b'] }, meshConfig: { enableTracing: true } };
    const { istiods } = plan({ target: 'helm', istio: { values, canary: { ...canary, values: own } } });
    expect(istiods.map(one => one.values)).toEqual([values, { ...values, ...own }]);
  });

  test("has the overlays of the one in use, by its objects' name", () => {
    const patches = [{ path: 'spec.template.spec.containers.[name:discovery].args[-1]', value: '--x' }];
    const overlays = [
      { kind: 'Deployment', name: 'istiod', patches },
      { kind: 'Service', name: 'istiod', patches: [{ path: 'spec.type', value: 'ClusterIP' }] },
    ];
    const { istiods } = plan({ target: 'istioOperator', istio: { overlays, canary } });
    expect(istiods.map(one => one.overlays.map(({ kind, name }) => `${kind}/${name}`))).toEqual([
      ['Deployment/istiod', 'Service/istiod'],
      ['Deployment/istiod-1-24', 'Service/istiod-1-24'],
    ]);
  });

  test('of the Sail operator is another version of the same object, and the file says both', () => {
    const all = files(settings.sail);
    const spec = (file: string) => parse(all.get(file) ?? '') as { metadata: unknown; spec: Record<string, unknown> };
    expect(spec('istio-default-v1-24-0.partial.yaml')).toMatchObject({
      metadata: { name: 'default' },
      spec: { version: 'v1.24.0', updateStrategy: { type: 'RevisionBased' } },
    });
    expect(spec('istio.partial.yaml')).toMatchObject({ metadata: { name: 'default' }, spec: { version: 'v1.22.3' } });
    // the operator names the revision, and an InPlace one keeps its version.
    expect(JSON.stringify([...all].filter(([path]) => path.endsWith('.partial.yaml')))).not.toContain('revision:');
    expect(Object.keys((parse(files({ target: 'sail' }).get('istio.partial.yaml') ?? '') as { spec: object }).spec)).toEqual(['values']);
  });

  test('of TSB is a second object in the same list, which a merge replaces as a whole', () => {
    const { spec } = parse(files(settings.tsb).get('control-plane.partial.yaml') ?? '') as {
      spec: { components: { istio: { kubeSpec: { overlays: { name: string; patches: { path: string; value: unknown }[] }[] } } } };
    };
    const { overlays } = spec.components.istio.kubeSpec;
    expect(overlays.map(({ name }) => name)).toEqual(['xcp-iop-stable', 'xcp-iop-1-24']);
    expect(overlays.map(({ patches }) => JSON.stringify(patches.find(({ path }) => path.endsWith('k8s.overlays'))?.value))).toEqual([
      expect.stringContaining('"name":"istiod-stable"'),
      expect.stringContaining('"name":"istiod-1-24"'),
    ]);
  });

  test('with ztunnels: there is one set of them, configured once where its chart is apart', () => {
    const ambient = { ambient: true, istioVersion: '1.24', istio: { canary: { revision: 'next', istioVersion: '1.25' } } };
    expect([...files({ ...ambient, target: 'helm' }).keys()].filter(path => path.includes('ztunnel'))).toEqual(['ztunnel.values.yml']);
    // istioctl installs them with whichever IstioOperator has them, so each says where they ask.
    const operators = [...files({ ...ambient, target: 'istioOperator' })].filter(([path]) => path.startsWith('istio-operator'));
    expect(operators.map(([path, text]) => [path, text.includes('ztunnel:')])).toEqual([
      ['istio-operator.yml', true],
      ['istio-operator-next.yml', true],
    ]);
  });
});

test('a new root is read by both istiods: both are restarted', () => {
  const all = synthesize(planMeshCa(config(settings.helm)));
  expect(all.find(({ path }) => path === 'README.md')?.content).toContain(
    'kubectl --context east rollout restart deployment/istiod deployment/istiod-1-24 -n istio-system\n' +
      'kubectl --context east rollout status deployment/istiod -n istio-system --timeout=10m\n' +
      'kubectl --context east rollout status deployment/istiod-1-24 -n istio-system --timeout=10m\n',
  );
  expect(all.find(({ path }) => path === 'east/setup.sh')?.content).toContain("readonly istiod_deployments='istiod istiod-1-24'");
});

test('a mesh is adopted with both: the script waits until neither signs', () => {
  const text = files(settings.helm).get('adopt.sh') ?? '';
  expect(text).toContain("readonly istiod_deployments='istiod istiod-1-24'");
  expect(text).toContain("unless switched 'istiod CA server' 'CA address' 'istiod CA server of the canary' 'CA address of the canary'\n");
  expect(files(settings.helm).get('adopt.md')).toContain('The config has a canary');
});

describe('warns of', () => {
  const warnings = (given: ClusterSettings) => plan(given).warnings.map(({ key, path, message }) => ({ key, path, message }));

  test('a jump over more than two minor versions', () => {
    const jump = (istioVersion: string) => warnings({ target: 'helm', istio: { canary: { revision: 'next', istioVersion } } });
    expect(jump('1.24')).toEqual([]);
    expect(jump('1.25')).toEqual([
      {
        key: 'istio.canary.istioVersion',
        path: ['istio', 'canary', 'istioVersion'],
        message:
          'Istio supports an upgrade by revisions over two minor versions at most, and this is from 1.22 to 1.25; go by one between, e.g. "1.24"',
      },
    ]);
  });

  test('a jump over more than one, where ztunnels are there', () => {
    const jump = (istioVersion: string) =>
      warnings({ target: 'helm', ambient: true, istioVersion: '1.24', istio: { canary: { revision: 'next', istioVersion } } });
    expect(jump('1.25')).toEqual([]);
    expect(jump('1.26').map(({ message }) => message)).toEqual([
      'a ztunnel works with an istiod of its own minor version or the next one, and this is from 1.24 to 1.26; go by one between, e.g. "1.25"',
    ]);
  });

  test('a version of the canary whose Deployment is not known, at the place where it stands', () => {
    const found = warnings({ target: 'helm', istioVersion: '1.31', istio: { canary: { revision: 'next', istioVersion: '1.33' } } });
    expect(found.map(({ key }) => key)).toEqual(['istio.canary.istioVersion']);
    expect(found[0]?.message).toContain('taken for 1.33 from the nearest of them');
  });
});

describe('fails if', () => {
  const problems = (given: ClusterSettings) => {
    try {
      plan(given);
    } catch (error) {
      return String(error).replace('ConfigError: ', '').split('\n');
    }
    return [];
  };
  const helm = (istio: IstioConfig, more: ClusterSettings = {}): ClusterSettings => ({ target: 'helm', istio, ...more });

  test.each<[string, ClusterSettings, string]>([
    [
      'the canary has the revision of the one in use',
      helm({ revision: '1-24', canary: { revision: '1-24', istioVersion: '1.24' } }),
      `istio.canary.revision: 'revision' must be another one than that of the istiod in use, e.g. "canary", got "1-24"`,
    ],
    [
      'the canary has no revision of its own',
      helm({ revision: 'stable', canary: { revision: 'default', istioVersion: '1.24' } }),
      `istio.canary.revision: 'revision' of the canary cannot be "default": that istiod takes every namespace with istio-injection=enabled at once; write another, e.g. "1-24"`,
    ],
    [
      'the canary is older',
      helm({ canary: { revision: 'next', istioVersion: '1.21' } }),
      `istio.canary.istioVersion: the canary must not be older than the istiod in use, e.g. "1.22", got "1.21" beside "1.22"; to go back, the canary is taken away`,
    ],
    [
      "the guide's overlay has a canary beside it",
      { istioVersion: '1.15', istio: { overlay: 'guide', revision: 'a', canary: { revision: 'b', overlay: 'append' } } },
      `istio.overlay: 'overlay' "guide" is of one istiod, and there is a canary; write "append" or "wellKnown"`,
    ],
    [
      "istio-csr is too old for the canary's version",
      helm({ canary }, { istioCsr: { chartVersion: 'v0.12.0' } }),
      `istioCsr.chartVersion: 'chartVersion' must be at least v0.13.0 for Istio 1.24, e.g. "v0.17.0", got "v0.12.0"`,
    ],
    [
      'the canary is not known to find its certificate so',
      {
        istioVersion: '1.14',
        target: 'istioOperator',
        istio: { canary: { revision: 'next', istioVersion: '1.15', overlay: 'wellKnown' } },
      },
      `istio.canary.overlay: 'overlay' "wellKnown" needs Istio 1.16 or later, got it with Istio 1.15; write "append"`,
    ],
    [
      'a release of TSB is not known',
      { istio: { revision: 'a', canary: { revision: 'b', tsbVersion: '1.5.0' } } },
      `istio.canary.tsbVersion: 'tsbVersion' is known for 1.6.0, 1.6.1, 1.6.2, 1.6.3, 1.7.2, 1.12.0; for another write the Istio version that it ships, e.g. istioVersion: "1.22", got "1.5.0"`,
    ],
    [
      "TSB's object of the revision default is not named",
      { istio: { canary } },
      `istio.canary: 'istioOperator' of the istiod in use is missing: two istiods have isolation boundaries, and what TSB calls the object of revision "default" then is not known here; write what "kubectl get istiooperators -n istio-system" lists as istio.istioOperator, e.g. "xcp-iop-stable" for revision "stable"`,
    ],
    [
      'both are one object of TSB',
      { istio: { revision: 'stable', canary: { ...canary, istioOperator: 'xcp-iop-stable' } } },
      `istio.canary.istioOperator: 'istioOperator' must be another object than that of the istiod in use, e.g. "xcp-iop-1-24", got "xcp-iop-stable"`,
    ],
    [
      "TSB's object is named elsewhere",
      helm({ canary: { ...canary, istioOperator: 'mine' } }),
      `istio.canary.istioOperator: 'istioOperator' is of target "tsb", and the target is "helm"; remove it, got "mine"`,
    ],
    [
      'the Sail operator would have to run two istiods in place',
      { target: 'sail', istio: { canary } },
      `istio.canary: 'sailIstio' is missing: the Sail operator runs two istiods of one Istio object, by its update strategy RevisionBased; write istio.sailIstio, e.g. "default", and the revisions that it makes, e.g. "default-v1-24-3"`,
    ],
    [
      'a revision is not what the Sail operator makes',
      { ...settings.sail, istio: { ...settings.sail.istio, canary: { revision: 'default-v1-24-1', istioVersion: '1.24.0' } } },
      `istio.canary.revision: the Sail operator makes the revision "default-v1-24-0" of 'sailIstio' "default" and the version, got 'revision' "default-v1-24-1"; write that revision, or, for the update strategy InPlace, remove sailIstio`,
    ],
    [
      'the version is not whole, of which the Sail operator makes the revision',
      { ...settings.sail, istio: { ...settings.sail.istio, canary: { revision: 'default-v1-24-0', istioVersion: '1.24' } } },
      `istio.canary.istioVersion: 'istioVersion' must be whole, as the Sail operator makes the revision of it, e.g. "1.24.0", got "1.24"`,
    ],
    [
      "the Sail operator's object is named elsewhere",
      helm({ sailIstio: 'default' }),
      `istio.sailIstio: 'sailIstio' is of target "sail", and the target is "helm"; remove it, got "default"`,
    ],
    [
      "an overlay is of an object whose name with the canary's revision is not known",
      {
        target: 'istioOperator',
        istio: { overlays: [{ kind: 'ConfigMap', name: 'istio', patches: [{ path: 'metadata.labels.a', value: 'b' }] }], canary },
      },
      `istio.overlays[0].name: the canary's object has another name, which is known for "istiod" alone, as "istiod-1-24"; write istio.canary.overlays, got "istio"`,
    ],
    [
      "the canary's own overlay names the other istiod",
      {
        target: 'istioOperator',
        istio: {
          canary: { ...canary, overlays: [{ kind: 'Deployment', name: 'istiod', patches: [{ path: 'metadata.labels.a', value: 'b' }] }] },
        },
      },
      `istio.canary.overlays[0].name: there is no Deployment of that name: Istio's engine ends with an error up to 1.23, and says nothing from 1.24 on; write "istiod-1-24", got "istiod"`,
    ],
    [
      'an overlay is right for the one in use, and overwrites what the chart of the canary has there',
      {
        target: 'istioOperator',
        istioVersion: '1.15',
        istio: {
          overlays: [
            {
              kind: 'Deployment',
              name: 'istiod',
              patches: [{ path: 'spec.template.spec.volumes[4]', value: { name: 'mine', emptyDir: {} } }],
            },
          ],
          canary: { revision: '1-17', istioVersion: '1.17' },
        },
      },
      `istio.overlays[0].patches[0].path: 'path' changes volumes "istio-csr-dns-cert", by which istiod gets its certificate; remove it here, or write overlay: append (of the canary "1-17")`,
    ],
    [
      'a value of the canary is decided by the plan',
      helm({ canary: { ...canary, values: { global: { caAddress: 'x:1' } } } }),
      `istio.canary.values.global.caAddress: 'global.caAddress' is decided by the plan, as "cert-manager-istio-csr.cert-manager.svc:443"; remove it here`,
    ],
  ])('%s', (_, given, message) => {
    const found = problems(given);
    expect(found.map(line => line.slice(0, message.length))).toEqual([message]);
  });

  test('what both have from one place is wrong, once', () => {
    expect(problems(helm({ values: { global: { caAddress: 'x:1' } }, canary }))).toHaveLength(1);
  });
});
