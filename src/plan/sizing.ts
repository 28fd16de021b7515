import { LoadPlan, MeshLoad } from './load';
import { compareVersions } from './version';

/** Flags of cert-manager's controller. */
export interface CertManagerSize {
  /** `--concurrent-workers`. */
  readonly workers: number;

  /**
   * `--kube-api-qps` and `--kube-api-burst`.
   *
   * @default - its own; it does not keep to them where the API server has API Priority and Fairness
   */
  readonly calls?: { readonly qps: number; readonly burst: number };
}

/** What cert-manager has by itself. */
const OWN = { workers: 5, qps: 20, burst: 50 };

/**
 * The version from which cert-manager leaves it to the API server how often it is called, where that has API Priority and Fairness
 * (cert-manager#8757). From Kubernetes 1.20 on it has, unless it is turned off.
 */
const FAIRNESS_SINCE = '1.21';

/** Calls to the API server for a signature. Measured: 200 requests took 38 s at 20 calls a second and a burst of 50. */
const CALLS = 4;

/**
 * Seconds that a worker is busy with a signature: the calls above, a login and a signature in a Vault that is 100 ms away. An assumption; with
 * all on one machine five workers signed 47 a second, so it was a tenth of a second.
 */
const BUSY = 0.3;

/**
 * Sizes cert-manager for a rate of signatures. Before 1.21 its own limit of 20 calls a second comes to five signatures, however fast Vault is.
 *
 * @returns nothing where the load is not known, or its own flags do
 */
export function sizeCertManager({ signRate, mesh }: LoadPlan, version: string): CertManagerSize | undefined {
  if (mesh === undefined) return undefined;
  const workers = Math.max(OWN.workers, Math.ceil(signRate * BUSY));
  const limited = compareVersions(version, FAIRNESS_SINCE) < 0;
  const qps = Math.max(OWN.qps, Math.ceil(signRate * CALLS * 2));
  if (limited && qps > OWN.qps) return { workers, calls: { qps, burst: Math.max(OWN.burst, 2 * qps) } };
  return workers > OWN.workers ? { workers } : undefined;
}

/** KiB of a workload's connection to istio-csr: gRPC's buffers for reading and writing, 32 each, and a TLS session. */
const CONNECTION = 100;

/** KiB of a namespace: its ConfigMap with the root, as it is kept in memory, and its events. */
const NAMESPACE = 16;

/** MiB of istio-csr with nothing to do. */
const IDLE = 64;

/** Sizes istio-csr, whose pods are labelled by its name, by its chart's own keys; what the user has written wins. */
export function sizeIstioCsr(
  { signRate, mesh }: LoadPlan,
  name: string,
  extra: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  if (mesh === undefined) return {};
  const pods = { matchLabels: { app: name } };
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
