/**
 * Issuers whose provider changes the keys of service account tokens by itself: EKS, GKE and AKS, by the form of their addresses. As globs, since
 * setup.sh matches what the API server says with them too.
 */
export const ROTATING_ISSUERS: readonly string[] = [
  'https://oidc.eks.*.amazonaws.com*',
  'https://oidc-eks.*.api.aws*',
  'https://container.googleapis.com/*',
  'https://*.oic.prod-aks.azure.com/*',
];

/** What happens then to keys that were copied to Vault. */
export const KEYS_ROTATE =
  'its provider changes the keys of service account tokens by itself, and Vault has a copy of those of today: from then on no login of cert-manager works';

const patterns = ROTATING_ISSUERS.map(glob => new RegExp(`^${glob.replace(/[.?+^$()|[\]{}\\/]/g, '\\$&').replaceAll('*', '.*')}$`));

/** Whether an issuer is one of them. */
export const rotatesKeys = (issuer: string): boolean => patterns.some(pattern => pattern.test(issuer));
