import { ClusterConfig, MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { rootPem } from '../config/certificates';

const planned = (cluster: Partial<ClusterConfig>, config: Partial<MeshCaConfig> = {}) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    ...config,
    clusters: [{ name: 'cluster-1', ...cluster }],
  });
const plan = (...args: Parameters<typeof planned>) => planned(...args).clusters[0]!;

const names = (cluster: ReturnType<typeof plan>) => cluster.monitoring?.alerts.map(({ name }) => name);

describe('monitoring', () => {
  test('is not there unless it is asked for', () => {
    expect(plan({}).monitoring).toBeUndefined();
    expect(JSON.stringify(plan({}).istioCsr.values)).not.toContain('servicemonitor');
    expect(synthesize(planned({})).filter(({ path }) => path.includes('4-monitoring'))).toEqual([]);
  });

  test("has Prometheus scrape istio-csr by its chart's own values", () => {
    const { values } = plan({ monitoring: true, monitoringLabels: ['release=prometheus', 'example.com/a='] }).istioCsr;
    expect(values).toMatchObject({
      'app.metrics.service.enabled': true,
      'app.metrics.service.servicemonitor.enabled': true,
      'app.metrics.service.servicemonitor.labels': { release: 'prometheus', 'example.com/a': '' },
    });
  });

  test('each alert says what to do, by a file of ours and what stands in it', () => {
    const files = synthesize(planned({ monitoring: true, workloads: 100 }, { root: { certificate: rootPem } }));
    const readme = files.find(({ path }) => path === 'cluster-1/README.md')?.content ?? '';
    const { alerts = [] } = planned({ monitoring: true, workloads: 100 }, { root: { certificate: rootPem } }).clusters[0]!.monitoring ?? {};
    expect(alerts.length).toBeGreaterThan(12);
    for (const { name, runbook } of alerts) {
      const named = [...runbook.matchAll(/dist\/([\w./-]*\w)/g)].map(([, path]) => path);
      expect({ name, missing: named.filter(path => !files.some(file => file.path === path)) }).toEqual({ name, missing: [] });
      expect({ name, named: named.length > 0 }).toEqual({ name, named: true });
      const section = /README\.md, "([^"]*)"/.exec(runbook)?.[1];
      if (section !== undefined) expect(readme).toContain(`\n## ${section}\n`);
      const [, row] = /"When a step fails": ([^;]*)/.exec(runbook) ?? [];
      if (row !== undefined) expect(readme.replaceAll('`', '')).toContain(row);
    }
  });

  test("watches the root's end where its certificate is known, and says what no rule watches", () => {
    expect(names(plan({ monitoring: true }))).not.toContain('MeshCaRootEnds');
    expect(plan({ monitoring: true }).monitoring?.unwatched).toEqual([
      expect.stringContaining('the end of the root: its certificate is not in the config'),
      expect.stringContaining('the end of the intermediate CA cluster-1 Mesh Intermediate CA: 1825 days'),
    ]);
    const known = plan({ monitoring: true }, { root: { certificate: rootPem } });
    expect(names(known)).toContain('MeshCaRootEndsSoon');
    expect(known.monitoring?.unwatched).toHaveLength(1);
  });

  test('says of each policy CA how long it lives, since no rule watches it', () => {
    const below = { root: { source: 'generate' }, policyCas: [{ name: 'corp' }, { name: 'mesh', ttl: '52560h' }] } as const;
    const from =
      'counted from the run of setup.sh (dist/timeline.md has the days; root/setup.sh prints the end), and Vault has no metric of it';
    expect(plan({ monitoring: true }, below).monitoring?.unwatched.slice(1, 3)).toEqual([
      `the end of the policy CA corp Mesh Policy CA in pki-corp: 3041 days, ${from}`,
      `the end of the policy CA mesh Mesh Policy CA in pki-mesh: 2190 days, ${from}`,
    ]);
  });

  test("watches the intermediate's end where it is known, sooner where its life is short", () => {
    const ends = (intermediate: ClusterConfig['intermediate']) =>
      plan({ monitoring: true, intermediate })
        .monitoring?.alerts.filter(({ name }) => name.startsWith('MeshCaIntermediateEnds'))
        .map(({ expr }) => new Date(Number(/\d+$/.exec(expr)?.[0]) * 1000).toISOString());
    expect(ends({})).toEqual([]);
    expect(ends({ notAfter: '2031-11-25' })).toEqual(['2030-03-26T16:00:00.000Z', '2031-10-24T23:00:00.000Z']);
    expect(ends({ notAfter: '2027-02-25', ttl: '2160h' })).toEqual(['2027-01-26T00:00:00.000Z', '2027-02-02T12:00:00.000Z']);
    const unwatched = plan({ monitoring: true, intermediate: { notAfter: '2031-11-25' } }).monitoring?.unwatched;
    expect(unwatched).toEqual([expect.stringContaining('the end of the root')]);
  });

  test.each([
    ['2031-02-30', 'must be a day of the calendar, e.g. "2031-02-28", got "2031-02-30"'],
    ['25.11.2031', 'must be a day, as YEAR-MONTH-DAY, e.g. "2031-11-25", got "25.11.2031"'],
  ])('fails if the end is no day: %s', (notAfter, message) => {
    expect(() => plan({ intermediate: { notAfter } })).toThrow(message);
  });

  test('has no alert of the Issuer where cert-manager has no metric of it, and says so', () => {
    const old = plan({ monitoring: true, certManager: { version: 'v1.19.0' } });
    expect(names(old)).not.toContain('MeshCaIssuerNotReady');
    expect(JSON.stringify(old.monitoring?.alerts)).not.toContain('issuer_ready_status');
    expect(old.monitoring?.unwatched.at(-1)).toBe('the Issuer: cert-manager has a metric of it from v1.20.0 on');
    expect(names(plan({ monitoring: true, certManager: { version: 'v1.20.0' } }))).toContain('MeshCaIssuerNotReady');
  });

  test("looks for a ClusterIssuer's own metric", () => {
    const { alerts } = plan({ monitoring: true, certManager: { issuerKind: 'ClusterIssuer' } }).monitoring!;
    expect(alerts[0]?.expr).toBe('max(certmanager_clusterissuer_ready_status{condition="True",name="vault-issuer"}) == 0');
  });

  test('opens the metrics to Prometheus where NetworkPolicies close the rest', () => {
    const port = { app: { metrics: { port: 9999 } } };
    expect(plan({ networkPolicy: true }).network?.istioCsr.metricsPort).toBeUndefined();
    expect(plan({ networkPolicy: true, monitoring: true }).network?.istioCsr.metricsPort).toBe(9402);
    expect(plan({ networkPolicy: true, monitoring: true, istioCsr: { values: port } }).network?.istioCsr.metricsPort).toBe(9999);
    const policy = synthesize(planned({ networkPolicy: true, monitoring: true })).find(({ path }) =>
      path.endsWith('2-istio-csr/network-policy.yaml'),
    );
    expect(policy?.content).toContain('port: 9402');
    expect(policy?.content).not.toContain('breaks scraping');
  });

  test.each(['a b=c', 'a=b c', 'a/b/c=d', '=d', 'A_/b=d', 'a', 'a=b=c', ''])('fails if a label is none of Kubernetes: %j', label => {
    expect(() => plan({ monitoring: true, monitoringLabels: [label] })).toThrow(
      'must be a label of Kubernetes, KEY=VALUE, e.g. "release=kube-prometheus-stack"',
    );
  });

  test('fails if there are labels and nothing to label', () => {
    expect(() => plan({ monitoringLabels: ['a=b'] })).toThrow(
      "'monitoringLabels' label nothing without 'monitoring', write monitoring: true",
    );
  });
});
