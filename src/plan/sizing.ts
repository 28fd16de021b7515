import { LoadPlan, MeshLoad } from './load';

/** Flags of cert-manager's controller. */
export interface CertManagerSize {
  /** `--concurrent-workers`. */
  readonly workers: number;

  /** `--kube-api-qps`. */
  readonly qps: number;

  /** `--kube-api-burst`. */
  readonly burst: number;
}

/** What cert-manager 1.21 has by itself. */
const OWN: CertManagerSize = { workers: 5, qps: 20, burst: 50 };

/** Calls to the API server that cert-manager makes for a signature. */
const CALLS = 5;

/** Seconds that a worker is busy with a signature, at the most. */
const BUSY = 0.3;

/**
 * Sizes cert-manager for a rate of signatures. Its own limit of 20 calls a second comes to some four signatures, however fast Vault is.
 *
 * @returns nothing where the load is not known, or its own flags do
 */
export function sizeCertManager({ signRate, mesh }: LoadPlan): CertManagerSize | undefined {
  if (mesh === undefined) return undefined;
  const qps = Math.max(OWN.qps, Math.ceil(signRate * CALLS * 2));
  const size = { workers: Math.max(OWN.workers, Math.ceil(signRate * BUSY)), qps, burst: Math.max(OWN.burst, 2 * qps) };
  return size.workers === OWN.workers && size.qps === OWN.qps ? undefined : size;
}

/** KiB of a workload's connection to istio-csr: gRPC's buffers for reading and writing, 32 each, and a TLS session. */
const CONNECTION = 100;

/** KiB of a namespace: its ConfigMap with the root, as it is kept in memory, and its events. */
const NAMESPACE = 16;

/** MiB of istio-csr with nothing to do. */
const IDLE = 64;

/** Sizes istio-csr, by its chart's own keys; what the user has written wins. */
export function sizeIstioCsr({ signRate, mesh }: LoadPlan, extra: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (mesh === undefined) return {};
  const pods = { matchLabels: { app: 'cert-manager-istio-csr' } };
  const spread = (topologyKey: string) => ({ maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: pods });
  const sized: Record<string, unknown> = {
    replicaCount: 2,
    topologySpreadConstraints: [spread('topology.kubernetes.io/zone'), spread('kubernetes.io/hostname')],
    'podDisruptionBudget.enabled': true,
    'podDisruptionBudget.maxUnavailable': 1,
    resources: resources(signRate, mesh),
  };
  return Object.fromEntries(Object.entries(sized).filter(([key]) => !Object.hasOwn(extra, key.split('.')[0] ?? key)));
}

function resources(signRate: number, { workloads, namespaces }: MeshLoad) {
  const memory = Math.ceil(IDLE + (workloads * CONNECTION + namespaces * NAMESPACE) / 1024);
  // a handshake with RSA 2048 and the check of a chain: some 3 ms for each signature.
  return { requests: { cpu: `${100 + Math.ceil(signRate * 3)}m`, memory: `${memory}Mi` }, limits: { memory: `${2 * memory}Mi` } };
}
