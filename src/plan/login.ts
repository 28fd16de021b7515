import { PolicyPlan } from './policy';

/** What every way in has. */
export interface AuthMount {
  /** Mount of the auth method, without `auth/`. */
  readonly mount: string;

  /** Name of the role that cert-manager logs in with. */
  readonly role: string;

  /** Where Vault keeps the role, e.g. `auth/approle/role/cert-manager`. */
  readonly path: string;
}

/** Fields of the token that a login gives, in Vault's words; each stands here, so that an edit by hand is seen. */
export interface TokenFields {
  readonly token_policies: readonly string[];
  readonly token_ttl: string;
  readonly token_max_ttl: string;
  readonly token_type: string;
  readonly token_no_default_policy: boolean;
  readonly token_explicit_max_ttl: string;
  readonly token_period: string;
  readonly token_num_uses: number;
  readonly token_bound_cidrs: readonly string[];
}

/** Decides the fields of a login's token. */
export function tokenFields(
  policy: PolicyPlan,
  { ttl, maxTtl, type, boundCidrs = [] }: { ttl: string; maxTtl: string; type: string; boundCidrs?: readonly string[] },
): TokenFields {
  return {
    token_policies: [policy.name],
    token_ttl: ttl,
    token_max_ttl: maxTtl,
    token_type: type,
    // a batch token can be neither renewed nor revoked, so it needs nothing of Vault's default policy.
    token_no_default_policy: type === 'batch',
    token_explicit_max_ttl: '0',
    token_period: '0',
    token_num_uses: 0,
    token_bound_cidrs: boundCidrs,
  };
}
