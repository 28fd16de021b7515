import { PolicyPlan, Rules } from './policy';
import { jwtBounds, kubernetesBounds } from './service-account';
import { Settings } from './settings';

/** How the External Secrets operator logs in to Vault, and what it may do there. */
export interface StorePlan {
  /** Auth method. */
  readonly auth: 'kubernetes' | 'jwt';

  /** Its mount. */
  readonly mount: string;

  /** Role there. */
  readonly role: string;

  /** Where Vault keeps the role. */
  readonly path: string;

  /** Service account, beside the Issuer. */
  readonly serviceAccount: { readonly name: string; readonly namespace: string };

  /** Audience of its tokens. */
  readonly audience: string;

  /** The policy of its login. */
  readonly policy: PolicyPlan;

  /** The role's fields, in Vault's words. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Decides the operator's login: it may do what the rules say, and nothing else. */
export function planStore({ name: cluster, secret: { store = {} } = {} }: Settings, namespace: string, rules: Rules): StorePlan {
  const { auth = 'kubernetes', serviceAccount = 'external-secrets-vault' } = store;
  const { mount = auth, role = `external-secrets-${cluster}` } = store;
  // since Vault 1.21 a role must name one.
  const bounds = { serviceAccount: { name: serviceAccount, namespace }, audience: 'vault' };
  const token = { token_policies: [role], token_ttl: '10m', token_max_ttl: '10m', token_no_default_policy: true };
  return {
    auth,
    mount,
    role,
    path: `auth/${mount}/role/${role}`,
    ...bounds,
    policy: { name: role, rules },
    fields: { ...token, ...(auth === 'kubernetes' ? kubernetesBounds(bounds) : jwtBounds(bounds)) },
  };
}
