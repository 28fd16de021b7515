import { AuthMount, TokenFields, tokenFields } from './login';
import { PolicyPlan } from './policy';
import { defaultSecretIdTtl, planSecret, SecretPlan } from './secret';
import { Settings } from './settings';
import { seconds } from './ttl';

/** Login with a secret ID. */
export interface AppRolePlan extends AuthMount {
  /** Name of the way in. */
  readonly method: 'appRole';

  /** Role ID: a name, not a secret. */
  readonly roleId: string;

  /** The AppRole's fields, in Vault's words. */
  readonly fields: TokenFields & {
    readonly secret_id_ttl: string;
    readonly secret_id_num_uses: number;
    readonly secret_id_bound_cidrs: readonly string[];
    readonly bind_secret_id: boolean;
  };

  /** The Secret with the secret ID. */
  readonly secret: SecretPlan;
}

/** Decides the AppRole. */
export function planAppRole(settings: Settings, policy: PolicyPlan, namespace: string): AppRolePlan {
  const { name: cluster, appRole = {}, refuse } = settings;
  const { mount = 'approle', tokenTtl = '1h', tokenMaxTtl = '4h', tokenType = 'batch' } = appRole;
  const secretIdTtl = appRole.secretIdTtl ?? defaultSecretIdTtl(settings);
  const role = appRole.name ?? `cert-manager-${cluster}`;
  if (seconds(tokenTtl) > seconds(tokenMaxTtl)) {
    if (appRole.tokenTtl === undefined) {
      refuse(['appRole', 'tokenMaxTtl'], `'tokenMaxTtl' must be at least tokenTtl, e.g. "${tokenTtl}", got "${tokenMaxTtl}"`);
    } else {
      refuse(['appRole', 'tokenTtl'], `'tokenTtl' must be at most tokenMaxTtl, e.g. "${tokenMaxTtl}", got "${tokenTtl}"`);
    }
  }
  const path = `auth/${mount}/role/${role}`;
  return {
    method: 'appRole',
    mount,
    role,
    roleId: appRole.roleId ?? `${cluster}.${role}`,
    path,
    fields: {
      ...tokenFields(policy, { ttl: tokenTtl, maxTtl: tokenMaxTtl, type: tokenType, boundCidrs: appRole.tokenBoundCidrs }),
      secret_id_ttl: secretIdTtl,
      // cert-manager logs in for each signature, so a count of uses would end the mesh at that count.
      secret_id_num_uses: 0,
      secret_id_bound_cidrs: appRole.secretIdBoundCidrs ?? [],
      bind_secret_id: true,
    },
    secret: planSecret(settings, namespace, { path, secretIdTtl }),
  };
}
