/** What Vault removes by itself from a mount (`config/auto-tidy`), in its words. */
export type TidyFields = Readonly<Record<string, string | boolean>>;

/**
 * Decides it for a mount that signs for a mesh. What has ended is of no use there: who was given what, the audit log knows. A root and the
 * policy CAs sign a few certificates in many years, and Vault's record of those stays.
 */
export function planTidy(tidy = true): TidyFields {
  if (!tidy) return { enabled: false };
  return {
    enabled: true,
    // both are Vault's own.
    interval_duration: '12h',
    safety_buffer: '72h',
    pause_duration: '0s',
    tidy_cert_store: true,
    tidy_revoked_certs: true,
    tidy_revoked_cert_issuer_associations: false,
    // our scripts retire one, with its key.
    tidy_expired_issuers: false,
    tidy_move_legacy_ca_bundle: false,
  };
}
