import { SecretConfig } from '../config/config';
import { formats } from '../config/formats';
import { Settings } from './settings';
import { planStore, StorePlan } from './secret-store';
import { seconds } from './ttl';

/** How the secret ID reaches the cluster. */
export type SecretDelivery = NonNullable<SecretConfig['delivery']>;

/** The Secret with the secret ID. */
export type SecretPlan = SecretPlace & (PlainDelivery | WrappedDelivery | KvDelivery | GeneratorDelivery | SealedDelivery | SopsDelivery);

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

/** By the External Secrets operator, out of a KV secrets engine of version 2. */
interface KvDelivery {
  readonly delivery: 'externalSecret';

  /** Where it lies. */
  readonly kv: { readonly mount: string; readonly path: string };

  /** How often the operator reads it. */
  readonly refreshInterval: string;

  /** The operator's own login. */
  readonly store: StorePlan;
}

/** By the External Secrets operator, which has Vault make one at each refresh. */
interface GeneratorDelivery {
  readonly delivery: 'externalSecretGenerator';

  /** How often another one is made. */
  readonly refreshInterval: string;

  /** The operator's own login. */
  readonly store: StorePlan;
}

/** In Git, encrypted for the cluster's Sealed Secrets controller. */
interface SealedDelivery {
  readonly delivery: 'sealedSecret';

  /**
   * The encrypted secret ID.
   *
   * @default - none yet, so there is no manifest
   */
  readonly ciphertext?: string;
}

/** In Git, encrypted by sops for a key of age. */
interface SopsDelivery {
  readonly delivery: 'sops';

  /** The public key. */
  readonly ageRecipient: string;
}

/** The keys that only some deliveries read. */
const OWN_KEYS = {
  wrapTtl: ['wrapped'],
  kv: ['externalSecret'],
  refreshInterval: ['externalSecret', 'externalSecretGenerator'],
  store: ['externalSecret', 'externalSecretGenerator'],
  ciphertext: ['sealedSecret'],
  ageRecipient: ['sops'],
} as const satisfies Partial<Record<keyof SecretConfig, readonly SecretDelivery[]>>;

/** Decides how the secret ID reaches the cluster; a setting of another delivery would be read by nobody, so it is refused. */
export function planSecret(
  settings: Settings,
  namespace: string,
  { path, secretIdTtl }: { path: string; secretIdTtl: string },
): SecretPlan {
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
    case 'sealedSecret':
      return { ...place, delivery, ciphertext: secret.ciphertext };
    case 'sops':
      if (secret.ageRecipient === undefined) {
        refuse(
          ['secret', 'delivery'],
          `'delivery' "sops" needs the public key to encrypt for, secret.ageRecipient, e.g. "${formats.ageRecipient?.example}"`,
        );
      }
      return { ...place, delivery, ageRecipient: secret.ageRecipient ?? '' };
    case 'externalSecret': {
      const { mount = 'secret', path: below = `mesh-ca/${cluster}/secret-id` } = secret.kv ?? {};
      const store = planStore(settings, namespace, { [`${mount}/data/${below}`]: { capabilities: ['read'] } });
      return { ...place, delivery, kv: { mount, path: below }, refreshInterval: refreshOf(settings, secretIdTtl), store };
    }
    case 'externalSecretGenerator': {
      const store = planStore(settings, namespace, { [`${path}/secret-id`]: { capabilities: ['update'] } });
      return { ...place, delivery, refreshInterval: refreshOf(settings, secretIdTtl), store };
    }
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

/** How often the External Secrets operator acts, where nothing is said. */
export const REFRESH_INTERVAL = '1h';

/** Lifetime of a secret ID, where nothing is said: of those that the operator has made, each refresh leaves one behind until it ends. */
export function defaultSecretIdTtl({ secret: { delivery, refreshInterval = REFRESH_INTERVAL } = {} }: Settings): string {
  return delivery === 'externalSecretGenerator' ? `${24 * seconds(refreshInterval)}s` : '8760h';
}

function refreshOf({ secret = {}, refuse }: Settings, secretIdTtl: string): string {
  const { delivery, refreshInterval = REFRESH_INTERVAL } = secret;
  const key = ['appRole', 'secretIdTtl'];
  const right = `${3 * seconds(refreshInterval)}s`;
  if (secretIdTtl === '0') {
    if (delivery === 'externalSecretGenerator') {
      refuse(key, `'secretIdTtl' must have an end, since each refresh leaves a secret ID behind, e.g. "${right}", got "0"`);
    }
  } else if (seconds(secretIdTtl) <= 2 * seconds(refreshInterval)) {
    // one refresh may fail, and the secret ID before it must still serve then.
    refuse(
      key,
      `'secretIdTtl' must be longer than two of secret.refreshInterval, which is "${refreshInterval}", e.g. "${right}", got "${secretIdTtl}"`,
    );
  }
  return refreshInterval;
}
