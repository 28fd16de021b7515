import { ClusterPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, command, plain, shell, table } from './markdown';
import { ClusterContext } from './parts';

/** Metrics and alerts. */
export function monitoringSection({ cluster, at, kube }: ClusterContext): string[] {
  const { monitoring, certManager, istioCsr } = cluster;
  if (monitoring === undefined) return [];
  return [
    '## Metrics and alerts',
    '',
    "They need the Prometheus operator and cert-manager's metrics, both of step 1, and istio-csr's, which the values of step 4 turn on:",
    '',
    ...shell(
      kube('apply', '-f', at('manifests/4-monitoring')),
      kube('get', 'prometheusrules,servicemonitors', '-n', monitoring.namespace),
      kube('get', 'servicemonitors', '-n', certManager.namespace),
    ),
    `See: ${code(monitoring.name)} and ${code(istioCsr.name)}, then ${code('cert-manager')}. A Prometheus chooses them by labels, ${code('monitoringLabels')} in mesh-ca.yaml. ${code('MeshCaMetricsMissing')} after a quarter of an hour: it does not see the metrics of istio-csr, or those of cert-manager.`,
    '',
    ...table(
      ['alert', 'it means', 'what to do'],
      monitoring.alerts.map(({ name, summary, runbook }) => [code(name), plain(summary), plain(runbook)]),
    ),
    'No rule watches:',
    '',
    ...monitoring.unwatched.map(line => `- ${plain(line)}`),
    '',
  ];
}

/** Options of cert-manager's Helm release that follow from the load and the alerts. */
export function certManagerOptions({ certManager: { size }, monitoring }: ClusterPlan): string[][] {
  const calls = size?.calls && [`--kube-api-qps=${size.calls.qps}`, `--kube-api-burst=${size.calls.burst}`];
  const flags = size && [`--concurrent-workers=${size.workers}`, ...(calls ?? [])];
  return [
    ...(flags ? [['--set', `extraArgs={${flags.join(',')}}`]] : []),
    ...(monitoring ? [['--set', 'prometheus.servicemonitor.enabled=true']] : []),
    ...Object.entries(monitoring?.labels ?? {}).map(([key, value]) => [
      '--set-string',
      `prometheus.servicemonitor.labels.${key.replaceAll('.', '\\.')}=${value}`,
    ]),
  ];
}

/** What the options and the values that turn metrics on need, before helm is given the first of them. */
export function prometheusOperator({ monitoring }: ClusterPlan, kube: ClusterContext['kube']): string[] {
  if (monitoring === undefined) return [];
  const kinds = ['servicemonitors', 'prometheusrules'].map(kind => `${kind}.monitoring.coreos.com`);
  return [
    'Each chart below brings a ServiceMonitor for its metrics, which is of a kind of the Prometheus operator. So the operator, or at least its CRDs, must be there first; these two:',
    '',
    ...shell(kube('get', 'crds', ...kinds)),
  ];
}

/** What a cert-manager that is there already needs. */
export function certManagerThere(cluster: ClusterPlan): string[] {
  const { certManager, context, load } = cluster;
  const options = certManagerOptions(cluster);
  if (options.length === 0) return [];
  const limit = certManager.size?.calls
    ? 'calls the API server 20 times a second, which comes to five signatures, whatever Vault can do'
    : 'has five workers, each of which waits for Vault and the API server';
  const why = certManager.size
    ? ` By itself it ${limit}; this lets it sign ${load.signRate} a second. Its flags take the place of its other ${code('extraArgs')}: add those.`
    : '';
  return [
    `Only where cert-manager was there before: it needs the same options.${why} It keeps its version: write the one that the first line shows in the place of ${code('YOURS')}, and its release and namespace, where they are called otherwise:`,
    '',
    ...shell(
      words(['helm', '--kube-context', context, 'list', '--all-namespaces', '--filter', 'cert-manager']),
      command(
        ['helm', '--kube-context', context, 'upgrade', 'cert-manager', 'jetstack/cert-manager', '--namespace', certManager.namespace],
        ['--version', 'YOURS', '--reuse-values'],
        ...options,
        ['--wait', '--timeout', '5m'],
      ),
    ),
  ];
}
