import { Settings, valueAt } from './settings';
import { addressOf, VaultPlan } from './vault';

/** What NetworkPolicies are made of. */
export interface NetworkPlan {
  /** That of cert-manager: its name, and where Vault is. */
  readonly certManager: { readonly name: string; readonly vault: VaultPeer };

  /** That of istio-csr: its name, the port that the pods listen at (their Service has another), and that of its metrics where they are scraped. */
  readonly istioCsr: { readonly name: string; readonly port: number; readonly metricsPort?: number };

  /**
   * Addresses of the API server, in CIDR notation.
   *
   * @default - any
   */
  readonly apiServer?: readonly string[];
}

/** Where Vault is, as far as its address says it to a NetworkPolicy, which knows no host names. */
export interface VaultPeer {
  /**
   * Its addresses, in CIDR notation.
   *
   * @default - the config names none, and the address of Vault is a name
   */
  readonly cidrs?: readonly string[];

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
  const { networkPolicy = false, networkPolicyVault, networkPolicyApiServer, refuse } = settings;
  for (const [key, value] of Object.entries({ networkPolicyVault, networkPolicyApiServer })) {
    if (value === undefined) continue;
    if (!networkPolicy) refuse([key], `'${key}' needs 'networkPolicy', write networkPolicy: true`);
    // a NetworkPolicy without addresses is open to all of them.
    if (value.length === 0) refuse([key], `'${key}' must name at least one range of addresses, e.g. "10.0.0.0/24", got none`);
  }
  if (!networkPolicy) return undefined;
  const port = portOf(settings, ['app', 'server', 'serving', 'port'], SERVING_PORT);
  const metricsPort = settings.monitoring === true ? portOf(settings, ['app', 'metrics', 'port'], METRICS_PORT) : undefined;
  return {
    certManager: { name: 'cert-manager-to-vault', vault: vaultPeer(vault.server, networkPolicyVault) },
    istioCsr: { name: 'workloads-to-istio-csr', port, metricsPort },
    apiServer: networkPolicyApiServer,
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

function vaultPeer(server: string, cidrs: readonly string[] | undefined): VaultPeer {
  const { host, port } = addressOf(server);
  if (cidrs !== undefined) return { cidrs, port };
  if (host.startsWith('[')) return { cidrs: [`${host.slice(1, -1)}/128`], port };
  if (/^\d+(\.\d+){3}$/.test(host)) return { cidrs: [`${host}/32`], port };
  const [, namespace] = /^[^.]+\.([^.]+)\.svc(\.cluster\.local)?$/.exec(host) ?? [];
  return namespace === undefined ? { port } : { namespace };
}
