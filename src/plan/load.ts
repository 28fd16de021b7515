import { CertificatesPlan } from './certificates';
import { AuthPlan } from './auth';
import { RolePlan } from './role';
import { Settings } from './settings';
import { seconds } from './ttl';

/** What the mesh asks of its CA, and what the CA can do. */
export interface LoadPlan {
  /** Certificates that are signed in a second. */
  readonly signRate: number;

  /** Whether that is our figure, and not the config's. */
  readonly measured: boolean;

  /**
   * What the workloads ask for.
   *
   * @default - their number is not known
   */
  readonly mesh?: MeshLoad;
}

/** What the workloads of a cluster ask for. */
export interface MeshLoad {
  /** Pods with a sidecar when there are most. */
  readonly workloads: number;

  /** Namespaces of the cluster. */
  readonly namespaces: number;

  /** Seconds after which a workload renews its certificate. */
  readonly renewalSeconds: number;

  /** Signatures a second while nothing happens. */
  readonly steadyRate: number;

  /** Seconds until all have a certificate that ask at once. */
  readonly restartSeconds: number;

  /** The most seconds that this may take. */
  readonly restartBound: number;

  /** Signatures a day while nothing happens. */
  readonly signaturesPerDay: number;

  /** Leases that a day leaves in Vault. */
  readonly leasesPerDay: number;

  /** Certificates that a day leaves in Vault. */
  readonly storedPerDay: number;
}

/**
 * Signatures a second, measured: real istio-csr 0.17, one replica, cert-manager 1.21, Vault 1.13 in dev mode, RSA 2048, all on two cores; 400
 * requests, 40 at a time. With istio-csr's rate limiter: 100 requests, 10 at a time.
 */
export const MEASURED = { free: 34, limited: 1.7 } as const;

/** Istio's agent renews at half of the lifetime: SECRET_GRACE_PERIOD_RATIO; give or take a hundredth, SECRET_GRACE_PERIOD_RATIO_JITTER. */
const RENEWAL = 0.5;

/**
 * Part of a lifetime in which a restart of all must be over. Half of the lifetime is left when a renewal begins, and workloads that started
 * together renew together: so one such wave can fail as a whole, and a second one still ends in time. It also says that the steady load is at
 * most half of what can be signed, as each workload signs twice in a lifetime.
 */
const RESTART = 0.25;

/** Estimates the load, and refuses a mesh that its CA cannot carry. */
export function planLoad(
  settings: Settings,
  { certificates, auth, role }: { readonly certificates: CertificatesPlan; readonly auth: AuthPlan; readonly role: RolePlan },
): LoadPlan {
  const { workloads, namespaces, istioCsr = {}, refuse } = settings;
  const limited = istioCsr.disableKubernetesClientRateLimiter === false;
  const signRate = settings.signRate ?? (limited ? MEASURED.limited : MEASURED.free);
  const own = { signRate, measured: settings.signRate === undefined };
  if (workloads === undefined) {
    if (namespaces !== undefined) refuse(['namespaces'], `'namespaces' sizes nothing without 'workloads', e.g. workloads: 1000`);
    return own;
  }
  const life = seconds(certificates.workloadTtl);
  const renewalSeconds = life * RENEWAL;
  const restartSeconds = workloads / signRate;
  const restartBound = life * RESTART;
  if (restartSeconds > restartBound) refuse(['workloads'], tooMany({ workloads, signRate, life, limited: limited && own.measured }));
  const signaturesPerDay = Math.round((workloads * 86_400) / renewalSeconds);
  const leaves = auth.method === 'appRole' && auth.fields.token_type !== 'batch';
  return {
    ...own,
    mesh: {
      workloads,
      namespaces: namespaces ?? 100,
      renewalSeconds,
      steadyRate: workloads / renewalSeconds,
      restartSeconds,
      restartBound,
      signaturesPerDay,
      leasesPerDay: leaves ? signaturesPerDay : 0,
      storedPerDay: !role.fields.no_store ? signaturesPerDay : 0,
    },
  };
}

function tooMany(mesh: {
  readonly workloads: number;
  readonly signRate: number;
  readonly life: number;
  readonly limited: boolean;
}): string {
  const { workloads, signRate, life, limited } = mesh;
  const steady = workloads / (life * RENEWAL);
  const hours = Math.ceil(workloads / signRate / RESTART / 3600);
  const ways = [
    ...(limited ? ['istioCsr.disableKubernetesClientRateLimiter: true'] : []),
    // longer ones are warned of.
    ...(hours <= 24 ? [`certificates.workloadTtl: "${hours}h"`] : []),
    `signRate: ${Math.ceil(workloads / (life * RESTART))} where you have measured that`,
    `workloads: ${Math.floor(signRate * life * RESTART)}`,
  ];
  return [
    `'workloads' must be so many that all can be signed for within ${Math.floor(life * RESTART)}s, a quarter of their certificates' life,`,
    `got ${workloads}: at ${signRate} signatures a second a restart of all takes ${Math.ceil(workloads / signRate)}s, and the steady load is`,
    `${round(steady)} a second; write ${ways.join(', or ')}`,
  ].join(' ');
}

/** A number to read: one digit behind the point where it is small. */
export const round = (value: number) => (value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
