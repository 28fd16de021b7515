import { AppRolePlan, planAppRole } from './app-role';
import { AwsPlan, planAws } from './aws';
import { ClientCertificatePlan, planClientCertificate } from './client-certificate';
import { IssuerPlan } from './issuer';
import { PolicyPlan } from './policy';
import { KubernetesPlan, JwtPlan, planJwt, planKubernetes } from './service-account';
import { Settings } from './settings';
import { VaultPlan } from './vault';
import { compareVersions } from './version';

/** cert-manager's way in. */
export type AuthPlan = JwtPlan | KubernetesPlan | AppRolePlan | ClientCertificatePlan | AwsPlan;

/** The keys that only one way in reads. */
const KEYS = {
  jwt: ['jwt'],
  kubernetes: ['kubernetes'],
  appRole: ['appRole', 'secret'],
  clientCertificate: ['clientCertificate'],
  aws: ['aws'],
} as const;

/** The versions of cert-manager that first know a way in, by what they call it. */
const SINCE = {
  jwt: ['1.12.0', 'serviceAccountRef'],
  kubernetes: ['1.12.0', 'serviceAccountRef'],
  clientCertificate: ['1.16.0', 'clientCertificate'],
  aws: ['1.21.0', 'aws'],
} as const;

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

/** Refuses a cert-manager that cannot do it. */
function refuseOldCertManager({ auth = 'jwt', certManager = {}, refuse }: Settings): void {
  const { version } = certManager;
  if (auth === 'appRole' || version === undefined) return;
  const [first, field] = SINCE[auth];
  if (compareVersions(version, first) >= 0) return;
  refuse(
    ['certManager', 'version'],
    `'version' must be at least "v${first}" for auth: ${auth} (${field}), e.g. "v1.21.2", got "${version}"; or write auth: appRole`,
  );
}

/** Decides the way in. */
export function planAuth(settings: Settings, policy: PolicyPlan, issuer: IssuerPlan, { server }: VaultPlan): AuthPlan {
  refuseOldCertManager(settings);
  switch (settings.auth ?? 'jwt') {
    case 'jwt':
      return planJwt(settings, policy, issuer);
    case 'kubernetes':
      return planKubernetes(settings, policy, issuer);
    case 'appRole':
      return planAppRole(settings, policy, issuer.namespace);
    case 'clientCertificate':
      return planClientCertificate(settings, policy, { issuer, server });
    case 'aws':
      return planAws(settings, policy, { issuer, server });
  }
}
