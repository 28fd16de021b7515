import { AppRolePlan, planAppRole } from './app-role';
import { IssuerPlan } from './issuer';
import { PolicyPlan } from './policy';
import { KubernetesPlan, JwtPlan, planJwt, planKubernetes } from './service-account';
import { Settings } from './settings';

/** cert-manager's way in. */
export type AuthPlan = JwtPlan | KubernetesPlan | AppRolePlan;

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
