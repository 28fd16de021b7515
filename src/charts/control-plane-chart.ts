import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { ControlPlane } from '../constructs/control-plane';
import { ControlPlanePatch } from '../constructs/control-plane-patch';
import { ClusterPlan } from '../plan/plan';

/** Third and last stage: istiod and the workloads turn to istio-csr. */
export class ControlPlaneChart extends Chart {
  /** The whole ControlPlane, or a patch of the one that exists. */
  public readonly controlPlane: ControlPlane | ControlPlanePatch;

  /**
   * @param header lines at the top of a patch
   */
  constructor(scope: Construct, id: string, cluster: ClusterPlan, header: readonly string[]) {
    super(scope, id);

    const { controlPlane: name, namespace, overlay, trustDomainAliases, ambient } = cluster.istio;
    const { tsb, clusterId } = cluster;
    const [inUse, canary] = cluster.istiods.map(({ istio, values, overlays }) => {
      return { deployment: istio.deployment, istioOperator: istio.istioOperator, overlay: istio.overlay, values, overlays };
    });
    const settings = {
      caAddress: cluster.istioCsr.caAddress,
      name,
      namespace,
      overlay,
      ...inUse,
      canary,
      proxyMetadata: cluster.certificates.proxyMetadata,
      trustDomainAliases,
      ztunnelClusterId: ambient ? clusterId : undefined,
      // the guide leaves it to TSB.
      trustDomain: overlay === 'guide' ? undefined : cluster.trustDomain,
    };
    this.controlPlane = tsb
      ? new ControlPlane(this, 'control-plane', {
          ...settings,
          hub: tsb.hub,
          managementPlane: { ...tsb.managementPlane, clusterName: clusterId },
          telemetryStore: tsb.telemetryStore,
          isolationBoundaries: tsb.isolationBoundaries,
        })
      : new ControlPlanePatch(this, 'control-plane', { ...settings, clusterId, header });
  }
}
