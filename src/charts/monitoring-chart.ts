import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { MeshRules } from '../constructs/mesh-rules';
import { ClusterPlan } from '../plan/plan';

/** What watches it all. */
export class MonitoringChart extends Chart {
  /** The alerts, where they are asked for. */
  public readonly rules?: MeshRules;

  constructor(scope: Construct, id: string, { name: cluster, monitoring }: ClusterPlan) {
    super(scope, id);

    if (monitoring) {
      const { name, namespace, labels, alerts } = monitoring;
      this.rules = new MeshRules(this, 'rules', { cluster, alerts, labels, name, namespace });
    }
  }
}
