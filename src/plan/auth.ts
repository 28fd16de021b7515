import { AppRolePlan, planAppRole } from './app-role';
import { IssuerPlan } from './issuer';
import { PolicyPlan } from './policy';
import { KubernetesPlan, JwtPlan, planJwt, planKubernetes } from './service-account';
import { Settings } from './settings';

/** cert-manager's way in. */
export type AuthPlan = JwtPlan | KubernetesPlan | AppRolePlan;

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

/** The keys that only one way in reads. */
const KEYS = { jwt: ['jwt'], kubernetes: ['kubernetes'], appRole: ['appRole', 'secret'] } as const;

/** Refuses settings of a way in that nobody has; what is written above the clusters is for those that have it. */
export function refuseUnusedAuth(settings: readonly Settings[]): void {
  for (const [method, keys] of Object.entries(KEYS)) {
    const isUsed = settings.some(({ auth = 'jwt' }) => auth === method);
    for (const { auth = 'jwt', refuse, locate, ...own } of settings) {
      for (const key of keys) {
        const isShared = locate([key])[0] !== 'clusters';
        if (method === auth || own[key] === undefined || (isShared && isUsed)) continue;
        refuse([key], `'${key}' is of auth: ${method}, and auth is "${auth}"; remove it, or write auth: ${method}`);
      }
    }
  }
}

/** Decides the way in. */
export function planAuth(settings: Settings, policy: PolicyPlan, issuer: IssuerPlan): AuthPlan {
  switch (settings.auth ?? 'jwt') {
    case 'jwt':
      return planJwt(settings, policy, issuer);
    case 'kubernetes':
      return planKubernetes(settings, policy, issuer);
    case 'appRole':
      return planAppRole(settings, policy, issuer.namespace);
  }
}
