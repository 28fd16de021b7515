import { AlertPlan, alertsOf, AlertFacts } from './alerts';
import { Settings } from './settings';
import { days, seconds } from './ttl';

/** Metrics and alerts. */
export interface MonitoringPlan {
  /** Name of the PrometheusRule, and of its one group. */
  readonly name: string;

  /** Its namespace: istio-csr's, where the ServiceMonitor is. */
  readonly namespace: string;

  /** Labels of both. */
  readonly labels: Readonly<Record<string, string>>;

  /** The alerts. */
  readonly alerts: readonly AlertPlan[];

  /** What no rule watches, and why. */
  readonly unwatched: readonly string[];
}

/** The cert-manager from which on there is a metric of an Issuer. */
export const ISSUER_METRIC = 'v1.20.0';

/** The Helm values that have Prometheus scrape istio-csr. */
export function monitoringValues({ monitoring = false, monitoringLabels }: Settings): Record<string, unknown> {
  if (!monitoring) return {};
  const monitor = 'app.metrics.service.servicemonitor';
  const labels = monitoringLabels === undefined ? {} : { [`${monitor}.labels`]: labelsOf(monitoringLabels) };
  return { 'app.metrics.service.enabled': true, [`${monitor}.enabled`]: true, ...labels };
}

/** Decides the alerts, where they are asked for. */
export function planMonitoring(settings: Settings, facts: AlertFacts): MonitoringPlan | undefined {
  const { monitoring = false, monitoringLabels, refuse } = settings;
  if (monitoringLabels !== undefined && !monitoring) {
    refuse(['monitoringLabels'], "'monitoringLabels' label nothing without 'monitoring', write monitoring: true");
  }
  if (!monitoring) return undefined;
  return {
    name: `mesh-ca-${facts.name}`,
    namespace: facts.istioCsr.namespace,
    labels: labelsOf(monitoringLabels),
    alerts: alertsOf(facts),
    unwatched: unwatched(facts),
  };
}

/** Labels by their keys; of two with one key the last. */
const labelsOf = (labels: readonly string[] = []) =>
  Object.fromEntries(labels.map(label => [label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)]));

/** A plan has no clock: of what Vault will make, and has no metric of, no end is known. */
function unwatched({ name, root, policyCas, intermediate, hasIssuerMetric }: AlertFacts): string[] {
  const from = (of: string) =>
    `counted from the run of setup.sh (dist/timeline.md has the days; ${of}/setup.sh prints the end), and Vault has no metric of it`;
  return [
    ...(root.certificate === undefined
      ? ['the end of the root: its certificate is not in the config (root.certificate), and Vault has no metric of it']
      : []),
    ...policyCas.map(
      ({ commonName, mount, ttl }) => `the end of the policy CA ${commonName} in ${mount}: ${days(seconds(ttl))}, ${from('root')}`,
    ),
    ...(intermediate.end === undefined
      ? [
          `the end of the intermediate CA ${intermediate.commonName}: ${days(seconds(intermediate.ttl))}, ${from(name)}; write the day as intermediate.notAfter`,
        ]
      : []),
    ...(hasIssuerMetric ? [] : [`the Issuer: cert-manager has a metric of it from ${ISSUER_METRIC} on`]),
  ];
}
