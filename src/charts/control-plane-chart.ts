import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { ControlPlane } from '../constructs/control-plane';
import { ClusterPlan } from '../plan/plan';

/** Third and last stage: istiod and the workloads turn to istio-csr. */
export class ControlPlaneChart extends Chart {
  /** The ControlPlane. */
  public readonly controlPlane: ControlPlane;

  constructor(scope: Construct, id: string, cluster: ClusterPlan) {
    super(scope, id);

    const { controlPlane: name, namespace, deployment, istioOperator, overlay, trustDomainAliases, ambient } = cluster.istio;
    const { tsb } = cluster;
    this.controlPlane = new ControlPlane(this, 'control-plane', {
      caAddress: cluster.istioCsr.caAddress,
      name,
      namespace,
      deployment,
      istioOperator,
      overlay,
      proxyMetadata: cluster.certificates.proxyMetadata,
      trustDomainAliases,
      ztunnelClusterId: ambient ? cluster.clusterId : undefined,
      ...cluster.istiod,
      // the guide leaves it to TSB.
      trustDomain: overlay === 'guide' ? undefined : cluster.trustDomain,
      ...(tsb && {
        hub: tsb.hub,
        managementPlane: { ...tsb.managementPlane, clusterName: cluster.clusterId },
        telemetryStore: tsb.telemetryStore,
      }),
    });
  }
}
