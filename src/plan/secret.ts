import { SecretConfig } from '../config/config';
import { Settings } from './settings';
import { seconds } from './ttl';

/** How the secret ID reaches the cluster. */
export type SecretDelivery = NonNullable<SecretConfig['delivery']>;

/** The Secret with the secret ID. */
export type SecretPlan = SecretPlace & (PlainDelivery | WrappedDelivery);

/** Where it lies. */
interface SecretPlace {
  /** Name. */
  readonly name: string;

  /** Namespace: the Issuer's. */
  readonly namespace: string;

  /** Key below which the secret ID stands. */
  readonly key: string;

  /** Environment variable that a synthesis takes the secret ID from, where a manifest delivers it. */
  readonly variable: string;
}

/** By the setup script, or in a manifest. */
interface PlainDelivery {
  readonly delivery: 'script' | 'manifest';
}

/** In a wrapping token, which is handed over. */
interface WrappedDelivery {
  readonly delivery: 'wrapped';

  /** How long the token serves. */
  readonly wrapTtl: string;
}

/** The keys that only some deliveries read. */
const OWN_KEYS = { wrapTtl: ['wrapped'] } as const satisfies Partial<Record<keyof SecretConfig, readonly SecretDelivery[]>>;

/** Decides how the secret ID reaches the cluster; a setting of another delivery would be read by nobody, so it is refused. */
export function planSecret(settings: Settings, namespace: string, secretIdTtl: string): SecretPlan {
  const { name: cluster, secret = {}, refuse } = settings;
  const { delivery = 'script' } = secret;
  for (const [key, deliveries] of Object.entries(OWN_KEYS) as [keyof typeof OWN_KEYS, readonly SecretDelivery[]][]) {
    if (secret[key] === undefined || deliveries.includes(delivery)) continue;
    const others = deliveries.join(' or ');
    refuse(
      ['secret', key],
      `'${key}' is of secret.delivery: ${others}, and it is "${delivery}"; remove it, or write delivery: ${deliveries[0]}`,
    );
  }
  const place: SecretPlace = {
    name: secret.name ?? 'cert-manager-vault-approle',
    namespace,
    key: secret.key ?? 'secretId',
    variable: `MESH_CA_SECRET_ID_${cluster.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`,
  };
  switch (delivery) {
    case 'script':
    case 'manifest':
      return { ...place, delivery };
    case 'wrapped':
      return { ...place, delivery, wrapTtl: wrapTtlOf(settings, secretIdTtl) };
  }
}

function wrapTtlOf({ secret: { wrapTtl = '1h' } = {}, refuse }: Settings, secretIdTtl: string): string {
  if (secretIdTtl !== '0' && seconds(wrapTtl) >= seconds(secretIdTtl)) {
    refuse(
      ['secret', 'wrapTtl'],
      `'wrapTtl' must be shorter than appRole.secretIdTtl, which is "${secretIdTtl}", e.g. "10m", got "${wrapTtl}"`,
    );
  }
  return wrapTtl;
}
