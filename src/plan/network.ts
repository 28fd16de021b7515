import { Settings, valueAt } from './settings';
import { addressOf, VaultPlan } from './vault';

/** What NetworkPolicies are made of. */
export interface NetworkPlan {
  /** That of cert-manager: its name, and where Vault is. */
  readonly certManager: { readonly name: string; readonly vault: VaultPeer };

  /** That of istio-csr: its name, the port that the pods listen at (their Service has another), and that of its metrics where they are scraped. */
  readonly istioCsr: { readonly name: string; readonly port: number; readonly metricsPort?: number };
}

/** Where Vault is, as far as its address says it to a NetworkPolicy, which knows no host names. */
export interface VaultPeer {
  /**
   * Its IP address, as a range of one.
   *
   * @default - its address is a name
   */
  readonly cidr?: string;

  /**
   * Its namespace, where it is a Service of the cluster.
   *
   * @default - it is none, or its address does not say so
   */
  readonly namespace?: string;

  /**
   * Its port. A Service's port is not its pods', so there is none for a Service.
   *
   * @default - any
   */
  readonly port?: number;
}

/** The chart's own `app.server.serving.port`, in every version. */
const SERVING_PORT = 6443;

/** The chart's own `app.metrics.port`, in every version. */
const METRICS_PORT = 9402;

/** Decides what NetworkPolicies are made of, where they are asked for. */
export function planNetwork(settings: Settings, vault: VaultPlan): NetworkPlan | undefined {
  if (settings.networkPolicy !== true) return undefined;
  const port = portOf(settings, ['app', 'server', 'serving', 'port'], SERVING_PORT);
  const metricsPort = settings.monitoring === true ? portOf(settings, ['app', 'metrics', 'port'], METRICS_PORT) : undefined;
  return {
    certManager: { name: 'cert-manager-to-vault', vault: vaultPeer(vault.server) },
    istioCsr: { name: 'workloads-to-istio-csr', port, metricsPort },
  };
}

/** A port of istio-csr's pods, as the user's values or the chart has it. */
function portOf({ istioCsr = {}, refuse }: Settings, path: readonly string[], own: number): number {
  const port = valueAt(istioCsr.values, path) ?? own;
  if (typeof port !== 'number') {
    refuse(['istioCsr', 'values', ...path], `'port' must be a number for networkPolicy, e.g. ${own}, got ${JSON.stringify(port)}`);
  }
  return Number(port);
}

function vaultPeer(server: string): VaultPeer {
  const { host, port } = addressOf(server);
  if (host.startsWith('[')) return { cidr: `${host.slice(1, -1)}/128`, port };
  if (/^\d+(\.\d+){3}$/.test(host)) return { cidr: `${host}/32`, port };
  const [, namespace] = /^[^.]+\.([^.]+)\.svc(\.cluster\.local)?$/.exec(host) ?? [];
  return namespace === undefined ? { port } : { namespace };
}
