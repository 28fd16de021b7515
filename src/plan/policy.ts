import { RolePlan } from './role';
import { Settings } from './settings';

/** The policy. */
export interface PolicyPlan {
  /** Name. */
  readonly name: string;

  /** Paths and what may be done there. */
  readonly rules: Readonly<Record<string, readonly string[]>>;
}

/** The policy lets its holder sign with the role, and nothing else. */
export function planPolicy({ name: cluster, policy = {}, refuse }: Settings, role: RolePlan): PolicyPlan {
  const name = policy.name ?? `cert-manager-${cluster}`;
  if (name === 'root' || name === 'default') {
    refuse(['policy', 'name'], `'name' must not be that of a policy of Vault's own, e.g. "cert-manager-${cluster}", got "${name}"`);
  }
  return { name, rules: { [role.signPath]: ['update'] } };
}
