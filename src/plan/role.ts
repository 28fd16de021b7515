import { CertificatesPlan } from './certificates';
import { IntermediatePlan } from './pki';
import { Settings } from './settings';
import { longest, seconds } from './ttl';

/** The PKI role. */
export interface RolePlan {
  /** Name. */
  readonly name: string;

  /** Where Vault keeps it, e.g. `istioca/roles/cluster-local`. */
  readonly path: string;

  /** Where cert-manager signs, e.g. `istioca/sign/cluster-local`. */
  readonly signPath: string;

  /** Its fields, in Vault's words. */
  readonly fields: RoleFields;

  /** Namespaces whose workloads it signs for, istiod's first; none: any. */
  readonly namespaces: readonly string[];

  /** Whether it signs the mesh's own names only; else the trial reports what it wrongly signs, and goes on. */
  readonly exact: boolean;
}

/** Fields of a PKI role. Every field that widens what is signed is written out, so that an edit by hand is seen. */
export interface RoleFields {
  readonly issuer_ref: string;
  readonly allowed_domains: readonly string[];
  readonly allowed_domains_template: boolean;
  readonly allow_any_name: boolean;
  readonly allow_bare_domains: boolean;
  readonly allow_subdomains: boolean;
  readonly allow_glob_domains: boolean;
  readonly allow_wildcard_certificates: boolean;
  readonly allow_localhost: boolean;
  readonly allow_ip_sans: boolean;
  readonly allowed_uri_sans: readonly string[];
  readonly allowed_uri_sans_template: boolean;
  readonly allowed_other_sans: readonly string[];
  readonly allowed_serial_numbers: readonly string[];
  readonly cn_validations: readonly string[];
  readonly enforce_hostnames: boolean;
  readonly require_cn: boolean;
  readonly use_csr_common_name: boolean;
  readonly use_csr_sans: boolean;
  readonly server_flag: boolean;
  readonly client_flag: boolean;
  readonly code_signing_flag: boolean;
  readonly email_protection_flag: boolean;
  readonly basic_constraints_valid_for_non_ca: boolean;
  readonly key_usage: readonly string[];
  readonly ext_key_usage: readonly string[];
  readonly ext_key_usage_oids: readonly string[];
  readonly policy_identifiers: readonly string[];
  readonly key_type: string;
  readonly key_bits: number;

  /** Hash of the signature: 256, SHA-256, below an RSA key; an EC key's own follows from its curve: 0. */
  readonly signature_bits: number;

  /** RSA-PSS, which not every client of a mesh verifies. */
  readonly use_pss: boolean;

  /** What the role would write into each certificate's name. */
  readonly organization: readonly string[];
  readonly ou: readonly string[];
  readonly country: readonly string[];
  readonly locality: readonly string[];
  readonly province: readonly string[];
  readonly street_address: readonly string[];
  readonly postal_code: readonly string[];

  /** User IDs that a request may name. */
  readonly allowed_user_ids: readonly string[];
  readonly ttl: string;
  readonly max_ttl: string;
  readonly not_before_duration: string;
  readonly not_after: string;
  readonly not_after_bound: string;
  readonly no_store: boolean;
  readonly generate_lease: boolean;
}

/** Derives the PKI role from the trust domain, the names and the lifetimes. */
export function planRole(
  { name: cluster, role = {}, refuse }: Settings,
  decided: {
    readonly trustDomain: string;
    readonly certificates: CertificatesPlan;
    readonly intermediate: IntermediatePlan;
    readonly dnsNames: readonly string[];
    readonly istioNamespace: string;
  },
): RolePlan {
  const { trustDomain, certificates, intermediate, dnsNames, istioNamespace } = decided;
  const namespaces = role.namespaces === undefined ? [] : [...new Set([istioNamespace, ...role.namespaces])];
  const name = role.name ?? cluster;
  const anyService = role.hosts === 'anyService';
  const maxTtl = role.maxTtl ?? certificates.maxTtl;

  const { workloadTtl, istiodTtl, servingTtl } = certificates;
  const asked = { workloadTtl, istiodTtl, servingTtl };
  const isTooLong = (ttl: string) => seconds(ttl) > seconds(intermediate.ttl);
  // istiod's certificate is not shorter than 1h, so below a shorter intermediate none is right.
  const isTooShort = isTooLong('1h');
  const right = longest(['1h', ...Object.values(asked).filter(ttl => isTooShort || !isTooLong(ttl))]);
  if (seconds(maxTtl) < seconds(right)) {
    refuse(['role', 'maxTtl'], `'maxTtl' must be at least the longest of certificates, e.g. "${right}", got "${maxTtl}"`);
  }
  if (isTooShort) {
    const message = `'ttl' must be at least that of the certificates below it, e.g. "${longest(['24h', right, maxTtl])}", got "${intermediate.ttl}"`;
    refuse(['intermediate', 'ttl'], message);
  } else {
    const refuseLong = (keys: readonly string[], ttl: string, instead: string) => {
      const message = `a certificate must end before its issuer, the intermediate, e.g. "${instead}", got "${ttl}" below an intermediate of "${intermediate.ttl}"`;
      if (isTooLong(ttl)) refuse(keys, message);
    };
    for (const [key, ttl] of Object.entries(asked)) refuseLong(['certificates', key], ttl, '1h');
    if (role.maxTtl !== undefined) refuseLong(['role', 'maxTtl'], role.maxTtl, right);
  }
  if (role.namespaces !== undefined && role.spiffeIds === 'anyPath') {
    refuse(
      ['role', 'namespaces'],
      `'namespaces' must not stand beside spiffeIds: anyPath, which signs for every namespace; remove one of them`,
    );
  }
  const ids = namespaces.length === 0 ? ['ns/*/sa/*'] : namespaces.map(namespace => `ns/${namespace}/sa/*`);
  return {
    name,
    namespaces,
    path: `${intermediate.mount}/roles/${name}`,
    signPath: `${intermediate.mount}/sign/${name}`,
    exact: !anyService && role.spiffeIds !== 'anyPath',
    fields: {
      issuer_ref: 'default',
      allowed_domains: anyService ? ['svc'] : dnsNames,
      allowed_domains_template: false,
      allow_any_name: false,
      allow_bare_domains: !anyService,
      allow_subdomains: anyService,
      allow_glob_domains: false,
      allow_wildcard_certificates: anyService,
      allow_localhost: anyService,
      allow_ip_sans: anyService,
      // "*" takes slashes too.
      allowed_uri_sans: (role.spiffeIds === 'anyPath' ? ['*'] : ids).map(id => `spiffe://${trustDomain}/${id}`),
      allowed_uri_sans_template: false,
      allowed_other_sans: [],
      allowed_serial_numbers: [],
      // "disabled" accepts any common name that is not also a SAN, and "email" accepts NAME@ each allowed domain.
      cn_validations: ['hostname'],
      enforce_hostnames: true,
      require_cn: false,
      use_csr_common_name: true,
      use_csr_sans: true,
      // istio-csr checks that its certificates serve for both ends.
      server_flag: true,
      client_flag: true,
      code_signing_flag: false,
      email_protection_flag: false,
      basic_constraints_valid_for_non_ca: false,
      // Vault's own adds KeyAgreement, which RSA cannot (RFC 3279), and KeyEncipherment, which EC must not have (RFC 8813).
      key_usage: certificates.keyType === 'rsa' ? ['DigitalSignature', 'KeyEncipherment'] : ['DigitalSignature'],
      ext_key_usage: [],
      ext_key_usage_oids: [],
      policy_identifiers: [],
      key_type: certificates.keyType,
      key_bits: certificates.keyBits,
      // Vault's own, per key type; it keeps 0 for EC alone.
      signature_bits: certificates.keyType === 'rsa' ? 256 : 0,
      use_pss: false,
      organization: [],
      ou: [],
      country: [],
      locality: [],
      province: [],
      street_address: [],
      postal_code: [],
      allowed_user_ids: [],
      // the guide sets no ttl of its own: a request without one then gets the mount's default.
      ttl: role.maxTtl === undefined ? maxTtl : '0',
      max_ttl: maxTtl,
      // for clocks that are behind Vault's; its own default.
      not_before_duration: '30s',
      // a fixed end would win over max_ttl.
      not_after: '',
      // nor may a request choose its own: a field of OpenBao (2.3). With Vault the policy of the login refuses it.
      not_after_bound: 'forbid',
      no_store: !(role.storeCertificates ?? false),
      generate_lease: false,
    },
  };
}
