import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { IstioCsrNetworkPolicy } from '../constructs/istio-csr-network-policy';
import { IstioCsrValues } from '../constructs/istio-csr-values';
import { IstioRootCa } from '../constructs/istio-root-ca';
import { ClusterPlan } from '../plan/plan';

/** Second stage: the agent that signs the workloads' requests. */
export class IstioCsrChart extends Chart {
  /** The root certificate, where it is known; else the setup script delivers what the Secret holds. */
  public readonly rootCa?: IstioRootCa;

  /** The Helm values. */
  public readonly values: IstioCsrValues;

  /** The workloads' way to it through what a network closes. */
  public readonly networkPolicy?: IstioCsrNetworkPolicy;

  constructor(scope: Construct, id: string, cluster: ClusterPlan, header: readonly string[]) {
    super(scope, id);

    const { namespace, rootSecret, rootFile, values, extraValues, chartVersion } = cluster.istioCsr;
    const { certificate } = cluster.root;
    if (certificate !== undefined && rootFile === 'root') {
      this.rootCa = new IstioRootCa(this, 'root-ca', { certificate, namespace, ...rootSecret });
    }
    this.values = new IstioCsrValues(this, 'values', {
      clusterId: cluster.clusterId,
      issuer: cluster.issuer.name,
      rootSecret,
      chartVersion,
      values,
      extraValues,
      header,
    });
    if (cluster.network) this.networkPolicy = new IstioCsrNetworkPolicy(this, 'network-policy', { ...cluster.network.istioCsr, namespace });
  }
}
