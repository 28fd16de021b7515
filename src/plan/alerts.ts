import { X509Certificate } from 'node:crypto';
import { CertificatesPlan } from './certificates';
import { IssuerPlan } from './issuer';
import { IstioPlan } from './istio';
import { IstioCsrPlan } from './istio-csr';
import { LoadPlan } from './load';
import { PolicyCaPlan } from './policy-cas';
import { intermediateDue, IntermediatePlan, RootPlan } from './pki';
import { seconds } from './ttl';

/** An alert. */
export interface AlertPlan {
  /** Name. */
  readonly name: string;

  /** What is asked, in PromQL. */
  readonly expr: string;

  /** How long it must hold. */
  readonly for: string;

  /** `critical`: the mesh loses certificates, or will. `warning`: somebody should look. */
  readonly severity: 'critical' | 'warning';

  /** What is wrong. */
  readonly summary: string;

  /** What to do: our files, and where in them. */
  readonly runbook: string;
}

/** What alerts are made of. */
export interface AlertFacts {
  /** The cluster. */
  readonly name: string;

  /** Context of the kubeconfig. */
  readonly context: string;

  /** The root CA. */
  readonly root: RootPlan;

  /** The policy CAs, from the root downwards. */
  readonly policyCas: readonly PolicyCaPlan[];

  /** The intermediate CA. */
  readonly intermediate: IntermediatePlan;

  /** The certificates that the mesh asks for. */
  readonly certificates: CertificatesPlan;

  /** istiod. */
  readonly istio: IstioPlan;

  /** istio-csr. */
  readonly istioCsr: IstioCsrPlan;

  /** The Issuer. */
  readonly issuer: IssuerPlan;

  /** What the mesh asks of its CA. */
  readonly load: LoadPlan;

  /** Whether cert-manager has a metric of its Issuers. */
  readonly hasIssuerMetric: boolean;
}

const GRPC = 'cert_manager_istio_csr_grpc_server';
const SERVING = 'cert_manager_istio_csr_tls_provider_certificate_requests';
const LOOK = '"When a step fails"';

/** The alerts of a cluster. Their metrics are read in the sources of cert-manager 1.21, istio-csr 0.5 to 0.17 and Istio's agent. */
export function alertsOf(facts: AlertFacts): AlertPlan[] {
  const { name } = facts;
  const readme = `dist/${name}/README.md`;
  const verify = `bash dist/${name}/verify.sh`;
  return [
    ...issuerAlerts(facts, { readme, verify }),
    ...istiodAlerts(facts, { readme, verify }),
    ...signAlerts(facts, { readme, verify }),
    ...loadAlerts(facts, { readme }),
    ...rootAlerts(facts),
    ...intermediateAlerts(facts),
    {
      name: 'MeshCaMetricsMissing',
      expr: `absent(${SERVING}) or absent(max(${istiodMetric(facts, 'certmanager_certificate_ready_status', 'condition="True"')}))`,
      for: '15m',
      severity: 'warning',
      summary: 'Prometheus sees no metrics of istio-csr or of cert-manager, so the other alerts are silent',
      runbook: `${readme}, "Metrics and alerts"`,
    },
  ];
}

interface Files {
  readonly readme: string;
  readonly verify: string;
}

function issuerAlerts(facts: AlertFacts, { readme, verify }: Files): AlertPlan[] {
  const { issuer } = facts;
  const ready: AlertPlan = {
    name: 'MeshCaIssuerNotReady',
    expr: `max(${issuerMetric(facts)}) == 0`,
    for: '5m',
    severity: 'critical',
    summary: `cert-manager cannot log in to Vault with ${issuer.kind} ${issuer.name}: nothing is signed`,
    runbook: `${readme}, ${LOOK}: Issuer not Ready; ${verify}`,
  };
  return [
    ...(facts.hasIssuerMetric ? [ready] : []),
    {
      name: 'MeshCaLoginErrors',
      // a failed login is tried again, so it is an error of the controller and not of a request.
      expr: 'sum(increase(certmanager_controller_sync_error_count{controller="certificaterequests-issuer-vault"}[10m])) > 0',
      for: '10m',
      severity: 'warning',
      summary: 'cert-manager fails at its requests to Vault and tries them again',
      runbook: `${readme}, ${LOOK}: Issuer not Ready; bash dist/${facts.name}/setup.sh --check`,
    },
  ];
}

function istiodAlerts(facts: AlertFacts, { readme, verify }: Files): AlertPlan[] {
  const ready = istiodMetric(facts, 'certmanager_certificate_ready_status', 'condition="True"');
  const end = istiodMetric(facts, 'certmanager_certificate_expiration_timestamp_seconds');
  const quarter = seconds(facts.certificates.istiodTtl) / 4;
  return [
    {
      name: 'MeshCaIstiodCertificateNotReady',
      expr: `max(${ready}) == 0`,
      for: '10m',
      severity: 'warning',
      summary: "istiod's certificate is not Ready",
      runbook: `${readme}, ${LOOK}: a Certificate stays False; ${verify}`,
    },
    {
      name: 'MeshCaIstiodCertificateEnds',
      // it is renewed at half of its life, so at a quarter that has failed for another one. Without a certificate the metric is 0.
      expr: `min((${end}) > 0) - time() < ${quarter}`,
      for: '1m',
      severity: 'critical',
      summary: "istiod's certificate ends and is not renewed: with it every connection to istiod ends",
      runbook: `${readme}, ${LOOK}: a Certificate stays False; ${verify}`,
    },
  ];
}

/** What istio-csr and the workloads say. */
function signAlerts(facts: AlertFacts, { readme, verify }: Files): AlertPlan[] {
  const ready = facts.hasIssuerMetric ? ` and max(${issuerMetric(facts)}) == 1` : '';
  const life = Math.min(seconds(facts.certificates.workloadTtl), 86_400);
  return [
    {
      name: 'MeshCaSignErrors',
      expr: `sum(increase(${answers('Internal')}[10m])) > 0`,
      for: '5m',
      severity: 'warning',
      summary: 'istio-csr answers workloads with errors instead of certificates',
      runbook: `kubectl --context ${facts.context} get certificaterequests -n ${facts.istio.namespace}; ${readme}, ${LOOK}: a Certificate stays False`,
    },
    {
      name: 'MeshCaRootMismatch',
      // no metric says so: istio-csr checks what is signed against its root file, and answers Internal where that fails, each time.
      expr: `sum(increase(${answers('Internal')}[10m])) > 0 unless sum(increase(${answers('OK')}[10m])) > 0${ready}`,
      for: '5m',
      severity: 'critical',
      summary:
        "istio-csr hands out no certificate at all although the Issuer is Ready: as when its root file is not the root of Vault's CA",
      runbook: `${verify}: root, istio-csr root file; ${readme}, "4. istio-csr"`,
    },
    {
      name: 'MeshCaRequestsRefused',
      expr: `sum(increase(${answers('Unauthenticated')}[10m])) > 0`,
      for: '10m',
      severity: 'warning',
      summary: 'istio-csr refuses workloads: their token, their cluster ID or the name in their request is not right',
      runbook: `${readme}, ${LOOK}: clusterID refused`,
    },
    {
      name: 'MeshCaServingCertificateErrors',
      expr: `sum(increase(${SERVING}{success="0"}[15m])) > 0`,
      for: '5m',
      severity: 'critical',
      summary: 'istio-csr gets no certificate for its own server: when that ends no workload can ask',
      runbook: `${readme}, ${LOOK}: istio-csr restarts; ${verify}`,
    },
    {
      name: 'MeshCaWorkloadCertificateEnds',
      // a sidecar's own figure, where Prometheus scrapes the sidecars. It renews at half, so at a quarter that has failed for another one.
      expr: `min(istio_agent_cert_expiry_seconds{resource_name="default"}) < ${life / 4}`,
      for: '2m',
      severity: 'critical',
      summary: "a workload's certificate ends and is not renewed",
      runbook: `${readme}, "6. Does it hold?": ${verify} --workload NAMESPACE/POD`,
    },
  ];
}

/** Whether the CA keeps up. */
function loadAlerts({ load: { signRate, mesh } }: AlertFacts, { readme }: Pick<Files, 'readme'>): AlertPlan[] {
  const load = mesh === undefined ? 'mesh-ca.yaml, workloads and signRate' : `${readme}, "The load"`;
  const minutes = Math.max(5, Math.ceil((mesh?.restartSeconds ?? 0) / 60));
  const method = '{grpc_method="CreateCertificate"}';
  return [
    {
      name: 'MeshCaQueue',
      expr: `sum(${GRPC}_started_total${method}) - sum(${GRPC}_handled_total${method}) > ${Math.ceil(signRate * 10)}`,
      // a restart of all makes such a queue too, for no longer than that.
      for: `${minutes}m`,
      severity: 'warning',
      summary: 'more workloads wait for a certificate than are signed for in ten seconds, for longer than a restart of all takes',
      runbook: `${load}: signRate is not reached`,
    },
    {
      name: 'MeshCaOutgrown',
      expr: `sum(rate(${answers('OK')}[1h])) > ${signRate / 2}`,
      for: '1h',
      severity: 'warning',
      summary: 'the mesh asks for more than half of what can be signed: a restart of all takes too long',
      runbook: `${load}: a longer certificates.workloadTtl, or a higher signRate that you have measured`,
    },
  ];
}

/** The root in Vault has no metric: its end is compared with the clock, where the config has its certificate. */
function rootAlerts({ root, intermediate, certificates }: AlertFacts): AlertPlan[] {
  if (root.certificate === undefined) return [];
  const { validFrom, validTo } = new X509Certificate(root.certificate);
  const [from, end] = [Date.parse(validFrom) / 1000, Date.parse(validTo) / 1000];
  const last = Math.max(end - seconds(intermediate.ttl), from);
  const latest = end - 2 * seconds(certificates.maxTtl) - 86_400;
  const runbook = 'dist/README.md, section 6; dist/timeline.md';
  return [
    {
      name: 'MeshCaRootEnds',
      expr: `vector(time()) > ${last}`,
      for: '1h',
      severity: 'warning',
      summary: 'the root ends before a CA that is made below it now would: begin with the next root',
      runbook,
    },
    {
      name: 'MeshCaRootEndsSoon',
      expr: `vector(time()) > ${Math.max(latest - 30 * 86_400, from)}`,
      for: '1h',
      severity: 'critical',
      summary: 'the root ends within 31 days, and with it every connection of the mesh',
      runbook,
    },
  ];
}

/** Nor has the intermediate: its end is in the config, once it was made. */
function intermediateAlerts({ name, intermediate, certificates }: AlertFacts): AlertPlan[] {
  const { end, ttl } = intermediate;
  if (end === undefined) return [];
  const { well, latest } = intermediateDue(intermediate, certificates.maxTtl);
  // of a short life a month is too much.
  const soon = Math.min(latest + 30 * 86_400, Math.floor(seconds(ttl) / 4));
  const runbook = `dist/${name}/README.md, "The next intermediate"; dist/timeline.md`;
  return [
    {
      name: 'MeshCaIntermediateEnds',
      expr: `vector(time()) > ${end - well}`,
      for: '1h',
      severity: 'warning',
      summary: 'two thirds of the life of the intermediate CA are over: begin with the next generation',
      runbook,
    },
    {
      name: 'MeshCaIntermediateEndsSoon',
      expr: `vector(time()) > ${end - soon}`,
      for: '1h',
      severity: 'critical',
      summary: 'the intermediate CA ends soon, and with it every connection of the cluster',
      runbook,
    },
  ];
}

const answers = (code: string) => `${GRPC}_handled_total{grpc_method="CreateCertificate",grpc_code="${code}"}`;

/** A metric of cert-manager's with a namespace: Prometheus writes `exported_namespace` of it, unless the monitor has `honorLabels`. */
function metric(name: string, namespace: string, labels: string): string {
  return ['namespace', 'exported_namespace'].map(label => `${name}{${labels},${label}="${namespace}"}`).join(' or ');
}

function issuerMetric({ issuer: { kind, name, namespace } }: AlertFacts): string {
  const labels = `condition="True",name="${name}"`;
  return kind === 'Issuer'
    ? metric('certmanager_issuer_ready_status', namespace, labels)
    : `certmanager_clusterissuer_ready_status{${labels}}`;
}

/** Of istiod's Certificate, as istio-csr's chart names it. */
const istiodMetric = ({ istio }: AlertFacts, name: string, more = '') =>
  metric(name, istio.namespace, ['name="istiod"', more].filter(Boolean).join(','));
