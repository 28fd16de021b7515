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

    const { controlPlane: name, namespace, overlay, trustDomainAliases, ambient } = cluster.istio;
    const { tsb } = cluster;
    const [inUse, canary] = cluster.istiods.map(({ istio, values, overlays }) => {
      return { deployment: istio.deployment, istioOperator: istio.istioOperator, overlay: istio.overlay, values, overlays };
    });
    this.controlPlane = new ControlPlane(this, 'control-plane', {
      caAddress: cluster.istioCsr.caAddress,
      name,
      namespace,
      overlay,
      ...inUse,
      canary,
      proxyMetadata: cluster.certificates.proxyMetadata,
      trustDomainAliases,
      ztunnelClusterId: ambient ? cluster.clusterId : undefined,
      // the guide leaves it to TSB.
      trustDomain: overlay === 'guide' ? undefined : cluster.trustDomain,
      ...(tsb && {
        hub: tsb.hub,
        managementPlane: { ...tsb.managementPlane, clusterName: cluster.clusterId },
        telemetryStore: tsb.telemetryStore,
        isolationBoundaries: tsb.isolationBoundaries,
      }),
    });
  }
}
