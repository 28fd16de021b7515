// The Prometheus operator's PrometheusRule: these types are ours, after its documentation, and hold what this package writes.
import { ApiObject, ApiObjectMetadata, GroupVersionKind } from 'cdk8s';
import { Construct } from 'constructs';

/** Rules that a Prometheus of the operator loads. */
export class PrometheusRule extends ApiObject {
  /** apiVersion and kind. */
  public static readonly GVK: GroupVersionKind = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' };

  constructor(scope: Construct, id: string, props: PrometheusRuleProps) {
    super(scope, id, { ...PrometheusRule.GVK, ...props });
  }
}

/** Properties of `PrometheusRule`. */
export interface PrometheusRuleProps {
  /**
   * Metadata.
   *
   * @default - a generated name
   */
  readonly metadata?: ApiObjectMetadata;

  /** The rules. */
  readonly spec: PrometheusRuleSpec;
}

/** Rules, in groups. */
export interface PrometheusRuleSpec {
  /** The groups. */
  readonly groups: readonly PrometheusRuleGroup[];
}

/** Rules that are evaluated together. */
export interface PrometheusRuleGroup {
  /** Name. */
  readonly name: string;

  /** The rules. */
  readonly rules: readonly PrometheusAlert[];
}

/** A rule that alerts. */
export interface PrometheusAlert {
  /** Name. */
  readonly alert: string;

  /** What is asked, in PromQL. */
  readonly expr: string;

  /**
   * How long it must hold.
   *
   * @default - once is enough
   */
  readonly for?: string;

  /**
   * Labels of the alert.
   *
   * @default - those of what `expr` finds
   */
  readonly labels?: Readonly<Record<string, string>>;

  /**
   * What is written beside it.
   *
   * @default - nothing
   */
  readonly annotations?: Readonly<Record<string, string>>;
}
