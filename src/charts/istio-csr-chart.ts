import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { IstioCsrNetworkPolicy } from '../constructs/istio-csr-network-policy';
import { IstioCsrValues } from '../constructs/istio-csr-values';
import { IstioRootCa } from '../constructs/istio-root-ca';
import { ClusterPlan } from '../plan/plan';

/** Second stage: the agent that signs the workloads' requests. */
export class IstioCsrChart extends Chart {
  /** The root certificate, where it is known, or the Bundle that brings it; else the setup script delivers it. */
  public readonly rootCa?: IstioRootCa;

  /** The Helm values. */
  public readonly values: IstioCsrValues;

  /** The workloads' way to it through what a network closes. */
  public readonly networkPolicy?: IstioCsrNetworkPolicy;

  constructor(scope: Construct, id: string, cluster: ClusterPlan, header: readonly string[]) {
    super(scope, id);

    const { rootCa, values, extraValues, chartVersion } = cluster.istioCsr;
    this.rootCa = rootCaOf(this, cluster);
    this.values = new IstioCsrValues(this, 'values', {
      clusterId: cluster.clusterId,
      issuer: cluster.issuer.name,
      rootCa,
      chartVersion,
      values,
      extraValues,
      header,
    });
    if (cluster.network)
      this.networkPolicy = new IstioCsrNetworkPolicy(this, 'network-policy', {
        ...cluster.network.istioCsr,
        apiServer: cluster.network.apiServer,
        namespace: cluster.istioCsr.namespace,
        istioCsr: cluster.istioCsr.name,
      });
  }
}

function rootCaOf(scope: Construct, { root: { certificate, alsoTrust }, istioCsr: { rootCa } }: ClusterPlan): IstioRootCa | undefined {
  const { carrier, name, namespace, key, delivered } = rootCa;
  if (delivered === undefined && certificate !== undefined) {
    return new IstioRootCa(scope, 'root-ca', { certificate: [certificate, ...alsoTrust].join(''), carrier, name, namespace, key });
  }
  if (delivered === undefined || carrier !== 'bundle') return undefined;
  return new IstioRootCa(scope, 'root-ca', { carrier, source: { name: delivered.name, key }, name, namespace, key });
}
