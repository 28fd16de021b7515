import { Construct } from 'constructs';
import { PrometheusRule } from '../../imports/monitoring.coreos.com';

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
   * @default "cert-manager"
   */
  readonly namespace?: string;
}

/** A PrometheusRule of the Prometheus operator that watches a mesh's CA. */
export class MeshRules extends Construct {
  constructor(scope: Construct, id: string, props: MeshRulesProps) {
    super(scope, id);

    const { cluster, alerts, labels, name = `mesh-ca-${cluster}`, namespace = 'cert-manager' } = props;
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
