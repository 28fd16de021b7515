import { RolePlan } from './role';
import { Settings } from './settings';
import { seconds } from './ttl';

/** The policy. */
export interface PolicyPlan {
  /** Name. */
  readonly name: string;

  /** Paths and what may be done there. */
  readonly rules: Readonly<Record<string, readonly string[]>>;
}

/** The AppRole. */
export interface AppRolePlan {
  /** Mount of the auth method. */
  readonly mount: string;

  /** Name. */
  readonly name: string;

  /** Role ID. */
  readonly roleId: string;

  /** Where Vault keeps it, e.g. `auth/approle/role/cert-manager`. */
  readonly path: string;

  /** Its fields, in Vault's words. */
  readonly fields: {
    readonly token_policies: readonly string[];
    readonly token_ttl: string;
    readonly token_max_ttl: string;
    readonly token_type: string;
    readonly token_no_default_policy: boolean;
    readonly token_explicit_max_ttl: string;
    readonly token_period: string;
    readonly token_num_uses: number;
    readonly token_bound_cidrs: readonly string[];
    readonly secret_id_ttl: string;
    readonly secret_id_num_uses: number;
    readonly secret_id_bound_cidrs: readonly string[];
    readonly bind_secret_id: boolean;
  };
}

/** The Secret with the secret ID. */
export interface SecretPlan {
  /** How it reaches the cluster. */
  readonly delivery: 'script' | 'manifest';

  /** Name. */
  readonly name: string;

  /** Namespace: the Issuer's. */
  readonly namespace: string;

  /** Key below which the secret ID stands. */
  readonly key: string;

  /** Environment variable that a synthesis takes the secret ID from, where a manifest delivers it. */
  readonly variable: string;
}

/** The policy lets its holder sign with the role, and nothing else. */
export function planPolicy({ name: cluster, policy = {}, refuse }: Settings, role: RolePlan): PolicyPlan {
  const name = policy.name ?? `cert-manager-${cluster}`;
  if (name === 'root' || name === 'default') {
    refuse(['policy', 'name'], `'name' must not be that of a policy of Vault's own, e.g. "cert-manager-${cluster}", got "${name}"`);
  }
  return { name, rules: { [role.signPath]: ['update'] } };
}

/** Decides the AppRole. */
export function planAppRole({ name: cluster, appRole = {}, refuse }: Settings, policy: PolicyPlan): AppRolePlan {
  const { mount = 'approle', tokenTtl = '1h', tokenMaxTtl = '4h', tokenType = 'batch', secretIdTtl = '8760h' } = appRole;
  const name = appRole.name ?? `cert-manager-${cluster}`;
  if (seconds(tokenTtl) > seconds(tokenMaxTtl)) {
    refuse(['appRole', 'tokenTtl'], `'tokenTtl' must be at most tokenMaxTtl, e.g. "${tokenMaxTtl}", got "${tokenTtl}"`);
  }
  return {
    mount,
    name,
    roleId: appRole.roleId ?? `${cluster}.${name}`,
    path: `auth/${mount}/role/${name}`,
    fields: {
      token_policies: [policy.name],
      token_ttl: tokenTtl,
      token_max_ttl: tokenMaxTtl,
      token_type: tokenType,
      // a batch token can be neither renewed nor revoked, so it needs nothing of Vault's default policy.
      token_no_default_policy: tokenType === 'batch',
      token_explicit_max_ttl: '0',
      token_period: '0',
      token_num_uses: 0,
      token_bound_cidrs: [],
      secret_id_ttl: secretIdTtl,
      // cert-manager logs in for each signature, so a count of uses would end the mesh at that count.
      secret_id_num_uses: 0,
      secret_id_bound_cidrs: [],
      bind_secret_id: true,
    },
  };
}

/** Decides the Secret. */
export function planSecret({ name: cluster, secret = {} }: Settings, namespace: string): SecretPlan {
  return {
    delivery: secret.delivery ?? 'script',
    name: secret.name ?? 'cert-manager-vault-approle',
    namespace,
    key: secret.key ?? 'secretId',
    variable: `MESH_CA_SECRET_ID_${cluster.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`,
  };
}
