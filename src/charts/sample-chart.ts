import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { SampleWorkload } from '../constructs/sample-workload';
import { ClusterPlan } from '../plan/plan';

/** After the stages: a workload to try them with. */
export class SampleChart extends Chart {
  /** The workload. */
  public readonly workload: SampleWorkload;

  constructor(scope: Construct, id: string, cluster: ClusterPlan) {
    super(scope, id);
    this.workload = new SampleWorkload(this, 'workload', { revision: cluster.istio.revision });
  }
}
