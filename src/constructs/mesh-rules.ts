import { Construct } from 'constructs';
import { PrometheusRule } from '../../imports/monitoring.coreos.com';
import { Checks, checkProps, list, matching, maybe, object, record, text, word } from './check';
import { name, namespace, namespaceOf } from './common-checks';

/** An alert of `MeshRules`. */
export interface MeshAlert {
  /** Name. */
  readonly name: string;

  /** What is asked, in PromQL. */
  readonly expr: string;

  /** How long it must hold, e.g. `5m`. */
  readonly for: string;

  /** How bad it is. */
  readonly severity: 'critical' | 'warning';

  /** What is wrong. */
  readonly summary: string;

  /** What to do. */
  readonly runbook: string;
}

/** Properties of `MeshRules`. */
export interface MeshRulesProps {
  /** Name of the cluster; each alert carries it as the label `cluster`. */
  readonly cluster: string;

  /** The alerts. */
  readonly alerts: readonly MeshAlert[];

  /**
   * Labels of the object, by which a Prometheus chooses it.
   *
   * @default - none
   */
  readonly labels?: Readonly<Record<string, string>>;

  /**
   * Name.
   *
   * @default - `mesh-ca-CLUSTER`
   */
  readonly name?: string;

  /**
   * Namespace.
   *
   * @default - the Chart's, else "cert-manager"
   */
  readonly namespace?: string;
}

/** Text of one or more lines that is not blank. */
const TEXT = /^(?=[^]*\S)[^\0-\x08\x0b\x0c\x0e-\x1f\x7f]+$/;

const CHECKS: Checks<MeshRulesProps> = {
  cluster: text('clusterId'),
  alerts: list(
    object<MeshAlert>({
      name: matching(/^[A-Za-z_:][A-Za-z0-9_:]*$/, 'the name of an alert', 'MeshRootExpiring'),
      expr: matching(TEXT, 'an expression of PromQL', 'up == 0'),
      for: matching(/^([0-9]+(ms|[smhdwy]))+$/, "a duration in Prometheus' words", '5m'),
      severity: word('critical', 'warning'),
      summary: matching(TEXT, 'text', 'the root expires soon'),
      runbook: matching(TEXT, 'text', 'rotate the root'),
    }),
    1,
  ),
  labels: maybe(
    record(
      matching(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, 'the value of a label', 'kube-prometheus-stack'),
      "{ release: 'kube-prometheus-stack' }",
      matching(
        /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
        'an object whose keys are names of labels',
        'release',
      ),
    ),
  ),
  name: maybe(name),
  namespace: maybe(namespace),
};

/** A PrometheusRule of the Prometheus operator that watches a mesh's CA. */
export class MeshRules extends Construct {
  constructor(scope: Construct, id: string, props: MeshRulesProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { cluster, alerts, labels, name = `mesh-ca-${cluster}` } = props;
    const namespace = namespaceOf(this, props.namespace, 'cert-manager');
    const rules = alerts.map(({ name: alert, expr, for: time, severity, summary, runbook }) => ({
      alert,
      expr,
      for: time,
      labels: { severity, cluster },
      annotations: { summary, runbook },
    }));
    new PrometheusRule(this, 'Resource', { metadata: { name, namespace, labels }, spec: { groups: [{ name, rules }] } });
  }
}
