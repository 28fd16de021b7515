// The alerts, checked and tested by real promtool. The names of the metrics are looked up in the sources that the programs are built from; those of
// istio-csr, which is not built here, were read in its repository.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { PrometheusRuleProps } from '../../imports/monitoring.coreos.com';
import type { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { rootPem } from '../config/certificates';
import { buildPrograms, moduleFolder, prometheusOperatorCrds } from '../testbed/build';
import { applyCrds, ensureNamespace, ok, run, startKube, tempDir } from './harness';

jest.setTimeout(60_000);

/** Series by name and labels, with their values by the minute, as promtool writes them. */
type Series = Readonly<Record<string, string>>;

interface Case {
  readonly alert: string;
  readonly what: string;
  readonly series: Series;
  readonly at?: string;
  /** The date at which the minutes begin; none: 1970. */
  readonly start?: string;
}

const config: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  root: { certificate: rootPem },
  istioVersion: '1.22',
  // a restart of all takes ten minutes.
  workloads: 20_000,
  monitoring: true,
  intermediate: { notAfter: '2031-11-25' },
  clusters: [{ name: 'cluster-1' }],
};

const rulesFile = (changed: Partial<MeshCaConfig> = {}) => {
  const files = synthesize(planMeshCa({ ...config, ...changed }));
  return files.find(({ path }) => path === 'cluster-1/manifests/4-monitoring/rules.yaml')?.content ?? '';
};
const rulesOf = (changed: Partial<MeshCaConfig> = {}) => (parseAllDocuments(rulesFile(changed))[0]?.toJS() as PrometheusRuleProps).spec;

const [group] = rulesOf().groups;
const rules = group?.rules ?? [];

const ISSUER = 'certmanager_issuer_ready_status{name="vault-issuer",namespace="istio-system",condition="True"}';
const READY = 'certmanager_certificate_ready_status{name="istiod",namespace="istio-system",condition="True"}';
const END = 'certmanager_certificate_expiration_timestamp_seconds{name="istiod",namespace="istio-system"}';
const LOGIN = 'certmanager_controller_sync_error_count{controller="certificaterequests-issuer-vault"}';
const STARTED = 'cert_manager_istio_csr_grpc_server_started_total{grpc_method="CreateCertificate"}';
const SERVING = 'cert_manager_istio_csr_tls_provider_certificate_requests{success="1"}';
const NO_SERVING = 'cert_manager_istio_csr_tls_provider_certificate_requests{success="0"}';
const answered = (code: string, pod = 'a') =>
  `cert_manager_istio_csr_grpc_server_handled_total{grpc_method="CreateCertificate",grpc_code="${code}",pod="${pod}"}`;
const agent = (name: string) => `istio_agent_cert_expiry_seconds{resource_name="${name}",pod="a"}`;
/** As it comes from a monitor without honorLabels. */
const exported = (series: string) => series.replace('namespace=', 'namespace="cert-manager",exported_namespace=');

const fires: readonly Case[] = [
  { alert: 'MeshCaIssuerNotReady', what: 'not Ready', series: { [ISSUER]: '0x30' } },
  { alert: 'MeshCaIssuerNotReady', what: 'not Ready, by a monitor without honorLabels', series: { [exported(ISSUER)]: '0x30' } },
  { alert: 'MeshCaLoginErrors', what: 'an error now and then', series: { [LOGIN]: '0+1x30' } },
  { alert: 'MeshCaIstiodCertificateNotReady', what: 'not Ready', series: { [READY]: '0x30' } },
  { alert: 'MeshCaIstiodCertificateEnds', what: 'less than a quarter of an hour is left', series: { [END]: '2000x30' } },
  { alert: 'MeshCaIstiodCertificateEnds', what: 'it is over, by a monitor without honorLabels', series: { [exported(END)]: '1000x30' } },
  {
    alert: 'MeshCaSignErrors',
    what: 'one pod of two fails',
    series: { [answered('Internal', 'b')]: '0+1x30', [answered('OK')]: '0+9x30' },
  },
  {
    alert: 'MeshCaRootMismatch',
    what: 'errors alone',
    series: { [answered('Internal')]: '0+1x30', [answered('OK')]: '7x30', [ISSUER]: '1x30' },
  },
  { alert: 'MeshCaRootMismatch', what: 'never one that was right', series: { [answered('Internal')]: '0+1x30', [ISSUER]: '1x30' } },
  { alert: 'MeshCaRequestsRefused', what: 'refused', series: { [answered('Unauthenticated')]: '0+1x30' } },
  { alert: 'MeshCaServingCertificateErrors', what: 'no certificate', series: { [NO_SERVING]: '0+1x30' } },
  { alert: 'MeshCaWorkloadCertificateEnds', what: 'one of two', series: { [agent('default')]: '800x30', [agent('other')]: '3000x30' } },
  { alert: 'MeshCaQueue', what: '400 wait, for longer than a restart takes', series: { [STARTED]: '1000x30', [answered('OK')]: '600x30' } },
  { alert: 'MeshCaOutgrown', what: '18 a second, for two hours', series: { [answered('OK')]: '0+1080x180' }, at: '2h30m' },
  { alert: 'MeshCaRootEnds', what: 'it ends before a new intermediate would', series: {}, at: '2h', start: '2031-12-01T00:00:00Z' },
  { alert: 'MeshCaRootEndsSoon', what: 'three weeks are left', series: {}, at: '2h', start: '2036-11-01T00:00:00Z' },
  { alert: 'MeshCaIntermediateEnds', what: 'a third of its life is left', series: {}, at: '2h', start: '2030-03-26T16:00:00Z' },
  { alert: 'MeshCaIntermediateEndsSoon', what: 'a month is left', series: {}, at: '2h', start: '2031-10-25T00:00:00Z' },
  { alert: 'MeshCaMetricsMissing', what: 'none of istio-csr', series: { [READY]: '1x30' } },
  { alert: 'MeshCaMetricsMissing', what: 'none of cert-manager', series: { [SERVING]: '1x30' } },
];

const quiet: readonly Case[] = [
  { alert: 'MeshCaIssuerNotReady', what: 'Ready', series: { [ISSUER]: '1x30' } },
  { alert: 'MeshCaIssuerNotReady', what: 'another one is not Ready', series: { [ISSUER.replace('vault-issuer', 'other')]: '0x30' } },
  { alert: 'MeshCaIssuerNotReady', what: 'of that name, in another namespace', series: { [ISSUER.replace('istio-system', 'x')]: '0x30' } },
  { alert: 'MeshCaLoginErrors', what: 'errors of long ago', series: { [LOGIN]: '5x30' } },
  { alert: 'MeshCaLoginErrors', what: "another issuer's", series: { [LOGIN.replace('vault', 'acme')]: '0+1x30' } },
  { alert: 'MeshCaIstiodCertificateNotReady', what: 'Ready', series: { [READY]: '1x30' } },
  { alert: 'MeshCaIstiodCertificateEnds', what: 'half of an hour is left', series: { [END]: '3600x30' } },
  { alert: 'MeshCaIstiodCertificateEnds', what: 'there is none yet', series: { [END]: '0x30' } },
  { alert: 'MeshCaSignErrors', what: 'all is signed', series: { [answered('Internal')]: '3x30', [answered('OK')]: '0+9x30' } },
  {
    alert: 'MeshCaRootMismatch',
    what: 'some are signed',
    series: { [answered('Internal')]: '0+1x30', [answered('OK')]: '0+1x30', [ISSUER]: '1x30' },
  },
  { alert: 'MeshCaRootMismatch', what: 'it is the login that fails', series: { [answered('Internal')]: '0+1x30', [ISSUER]: '0x30' } },
  { alert: 'MeshCaRequestsRefused', what: 'all are known', series: { [answered('Unauthenticated')]: '0x30', [answered('OK')]: '0+9x30' } },
  { alert: 'MeshCaServingCertificateErrors', what: 'an error of long ago', series: { [NO_SERVING]: '1x30', [SERVING]: '0+1x30' } },
  { alert: 'MeshCaWorkloadCertificateEnds', what: 'half of an hour is left', series: { [agent('default')]: '1800x30' } },
  {
    alert: 'MeshCaWorkloadCertificateEnds',
    what: "the root's, which is no certificate of a workload",
    series: { [agent('ROOTCA')]: '9x30' },
  },
  {
    alert: 'MeshCaQueue',
    what: '300 wait',
    series: { [STARTED]: '1000x30', [answered('OK')]: '600x30', [answered('Internal')]: '100x30' },
  },
  { alert: 'MeshCaQueue', what: 'a restart of all', series: { [STARTED]: '1000x30', [answered('OK')]: '600x30' }, at: '9m' },
  { alert: 'MeshCaOutgrown', what: '16 a second', series: { [answered('OK')]: '0+960x180' }, at: '2h30m' },
  { alert: 'MeshCaRootEnds', what: 'more than five years are left', series: {}, at: '2h', start: '2031-11-01T00:00:00Z' },
  { alert: 'MeshCaRootEndsSoon', what: 'seven weeks are left', series: {}, at: '2h', start: '2036-10-01T00:00:00Z' },
  { alert: 'MeshCaIntermediateEnds', what: 'more than a third is left', series: {}, at: '2h', start: '2030-03-26T13:00:00Z' },
  { alert: 'MeshCaIntermediateEndsSoon', what: 'more than a month is left', series: {}, at: '2h', start: '2031-10-24T20:00:00Z' },
  { alert: 'MeshCaMetricsMissing', what: 'both are there', series: { [exported(READY)]: '0x30', [SERVING]: '1x30' } },
];

/** A test of promtool's. */
const promtoolTest = ({ series, start, alert, at = '30m' }: Case, expected: readonly unknown[]) => ({
  interval: '1m',
  ...(start && { start_timestamp: start }),
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: expected }],
});

async function promtool(words: readonly string[], files: Readonly<Record<string, unknown>>) {
  const { promtool: program } = await buildPrograms(['promtool']);
  const folder = tempDir('promtool');
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
  return run(program, words, { cwd: folder });
}

beforeAll(() => buildPrograms(['promtool']), 20 * 60_000);

test.each([
  ['as they are', {}],
  ['of a ClusterIssuer', { certManager: { issuerKind: 'ClusterIssuer' } }],
  ['of an old cert-manager, and an unknown root', { root: {}, certManager: { version: 'v1.19.0' } }],
] as const)('promtool takes the rules, %s', async (_what, changed) => {
  const spec = rulesOf(changed);
  const { stdout, code } = await promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'], { 'rules.yaml': spec });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`SUCCESS: ${spec.groups[0]?.rules.length} rules found`) as string,
  });
});

test('an API server takes the rules, each field of them', async () => {
  const kube = await startKube();
  try {
    await applyCrds(kube, join(await prometheusOperatorCrds(), 'monitoring.coreos.com_prometheusrules.yaml'));
    await ensureNamespace(kube, 'cert-manager');
    const text = rulesFile();
    await kube.apply(text);
    await expect(kube.apply(text.replace('for:', 'forr:'))).rejects.toThrow('unknown field "spec.groups[0].rules[0].forr"');
    const { spec } = (await kube.get(['prometheusrule', 'mesh-ca-cluster-1', '-n', 'cert-manager'])) as {
      spec: PrometheusRuleProps['spec'];
    };
    expect(spec).toEqual(rulesOf());
  } finally {
    await kube.stop();
  }
});

test('each alert has a series in which it fires, and one in which it does not', () => {
  const names = rules.map(({ alert }) => alert).sort();
  expect([...new Set(fires.map(({ alert }) => alert))].sort()).toEqual(names);
  expect([...new Set(quiet.map(({ alert }) => alert))].sort()).toEqual(names);
});

test.each(fires)('$alert fires: $what', async one => {
  const { labels: exp_labels, annotations: exp_annotations } = rules.find(({ alert }) => alert === one.alert) ?? {};
  const tests = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [promtoolTest(one, [{ exp_labels, exp_annotations }])] };
  ok(await promtool(['test', 'rules', 'tests.yaml'], { 'rules.yaml': rulesOf(), 'tests.yaml': tests }));
});

test.each(quiet)('$alert is quiet: $what', async one => {
  const tests = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [promtoolTest(one, [])] };
  ok(await promtool(['test', 'rules', 'tests.yaml'], { 'rules.yaml': rulesOf(), 'tests.yaml': tests }));
});

test("the metrics of cert-manager and of Istio's agent are those of their sources", async () => {
  const sources = async (path: string, folders: readonly string[]) => {
    const module = await moduleFolder('kube', path);
    const files = folders.flatMap(folder => readdirSync(join(module, folder)).map(name => join(module, folder, name)));
    return files
      .filter(name => name.endsWith('.go') && !name.endsWith('_test.go'))
      .map(name => readFileSync(name, 'utf8'))
      .join('\n');
  };
  const certManager = await sources('github.com/cert-manager/cert-manager', [
    'internal/collectors',
    'pkg/metrics',
    'pkg/controller/certificaterequests/vault',
  ]);
  const istio = await sources('istio.io/istio', ['security/pkg/nodeagent/cache', 'pilot/cmd/pilot-agent/status']);
  const used = [...new Set(rules.flatMap(({ expr }) => expr.match(/\b(certmanager|istio_agent)_\w+/g) ?? []))].sort();
  expect(used).toHaveLength(5);
  for (const name of used) {
    const [, prefix = '', rest = ''] = /^(certmanager|istio_agent)_(\w+)$/.exec(name) ?? [];
    const source = prefix === 'certmanager' ? certManager : istio;
    expect({ name, known: source.includes(`"${name}"`) || source.includes(`"${rest}"`) }).toEqual({ name, known: true });
  }
  expect(certManager).toContain('"certificaterequests-issuer-vault"');
  expect(istio).toContain('"istio_agent_"');
});
