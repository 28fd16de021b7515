import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { longest, seconds } from '../plan/ttl';
import { askAnew } from './cluster-mesh';
import { anchor, code, shell } from './markdown';

/** What the sections are written from. */
export interface EmergencyContext {
  /** The plan of the cluster. */
  readonly cluster: ClusterPlan;

  /** Where the root CA is, and how it was made. */
  readonly root: MeshCaPlan['root'];

  /** Path of a file of this cluster as the reader types it. */
  readonly at: (file: string) => string;

  /** A kubectl call in this cluster. */
  readonly kube: (...argv: readonly string[]) => string;

  /** A call of the Vault CLI, in the plan's namespace of Vault. */
  readonly vault: (...argv: readonly string[]) => string;
}

/** The longest that a certificate can be valid which an attacker had signed before the closing. */
export const longestLeaf = ({ certificates: { workloadTtl, istiodTtl, servingTtl }, role }: ClusterPlan) =>
  longest([workloadTtl, istiodTtl, servingTtl, role.fields.max_ttl]);

/** A duration as hours, for the table. */
export function inHours(ttl: string): string {
  const hours = seconds(ttl) / 3600;
  const text = Number.isInteger(hours) ? String(hours) : hours.toFixed(1);
  return `${text} hour${hours === 1 ? '' : 's'}`;
}

/** How long a change of the root takes: each of its three parts waits until every workload has another certificate. */
export function untrusted(cluster: ClusterPlan): string {
  const leaf = longestLeaf(cluster);
  return `after three rounds of restarts, or without restarts after ${inHours(`${3 * seconds(leaf)}s`)}`;
}

/** The headings of the compromises. */
export const SECTIONS = {
  workload: "A workload's key",
  istioCsr: 'istio-csr',
  certManager: 'The node of cert-manager',
  ztunnel: 'A node of ztunnel',
  login: "cert-manager's login",
  setup: 'The setup token',
  intermediate: 'The key of the intermediate CA',
  root: 'The key of the root CA',
} as const;

/** A link to a section of emergency.md. */
export const link = (title: string) => `[${title}](emergency.md${anchor(title)})`;

/** istiod's certificate may expire in the hour for which cert-manager waits after a failure. */
export function failedMeanwhile(context: Pick<EmergencyContext, 'cluster' | 'kube'>): string[] {
  const { istio } = context.cluster;
  return [
    "cert-manager waits an hour after a failed request, and longer after each further one. istiod's certificate can expire before that, and the Certificate stays `Ready` until it does. The first command prints a time if a request has failed; the second makes cert-manager retry at once:",
    '',
    ...shell(
      context.kube('get', 'certificate', 'istiod', '-n', istio.namespace, '-o', 'jsonpath={.status.lastFailureTime}'),
      askAnew(context),
    ),
    `Expected output: nothing, or a time and ${code('certificate.cert-manager.io/istiod patched')}.`,
    '',
  ];
}
