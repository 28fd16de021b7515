import { Checks, text } from './check';
import { caAddress } from './common-checks';
import { ReasonedValue } from './reasoned-value';

/** What ztunnels are told. */
export interface ZtunnelSettingsProps {
  /** Address that they send their requests to: istio-csr's, e.g. `cert-manager-istio-csr.cert-manager.svc:443`. */
  readonly caAddress: string;

  /** The mesh's ID of the cluster, as istio-csr has it. */
  readonly clusterId: string;
}

/** Checks of `ZtunnelSettingsProps`. */
export const ZTUNNEL_CHECKS: Checks<ZtunnelSettingsProps> = { caAddress, clusterId: text('clusterId') };

/** What a ztunnel needs, by its chart's keys. */
export function ztunnelValues({ caAddress, clusterId }: ZtunnelSettingsProps): ReasonedValue[] {
  return [
    { key: 'caAddress', value: caAddress, reason: 'it asks istio-csr for the certificates of the workloads on its node' },
    { key: 'multiCluster.clusterName', value: clusterId, reason: 'istio-csr refuses it with another ID' },
  ];
}
