import { RolePlan } from './role';
import { Settings } from './settings';

/** The policy. */
export interface PolicyPlan {
  /** Name. */
  readonly name: string;

  /** What is allowed, by path. */
  readonly rules: Rules;
}

/** What a policy allows, by path. */
export type Rules = Readonly<Record<string, Rule>>;

/** What a policy allows at a path. */
export interface Rule {
  /** Vault's capabilities, e.g. `update`. */
  readonly capabilities: readonly string[];

  /**
   * Names of the parameters that a request can have, with any value.
   *
   * @default - all of them
   */
  readonly parameters?: readonly string[];
}

/**
 * The parameters that cert-manager sends with a CSR, in each version from 1.8 to 1.21. Without this list, `not_after` in the request would
 * override the role's max_ttl (hashicorp/vault#29928).
 */
export const SIGN_PARAMETERS = ['csr', 'common_name', 'alt_names', 'ip_sans', 'uri_sans', 'ttl', 'exclude_cn_from_sans'] as const;

/** The policy lets its holder sign with the role, by the parameters that cert-manager sends, and nothing else. */
export function planPolicy({ name: cluster, policy = {}, refuse }: Settings, role: RolePlan): PolicyPlan {
  const name = policy.name ?? `cert-manager-${cluster}`;
  if (name === 'root' || name === 'default') {
    refuse(['policy', 'name'], `'name' must not be that of a policy of Vault's own, e.g. "cert-manager-${cluster}", got "${name}"`);
  }
  return { name, rules: { [role.signPath]: { capabilities: ['update'], parameters: SIGN_PARAMETERS } } };
}
