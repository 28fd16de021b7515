/**
 * The keys that the CAs of all levels share: what stands in their names, and what they write into the certificates below them. They belong
 * to `config.ts`.
 */

/** URLs that a mount writes into each certificate it signs, in Vault's words. */
export interface UrlsConfig {
  /**
   * Where the certificate of the CA that signs lies, e.g. `http://vault.example.com:8200/v1/pki/issuer/{{issuer_id}}/der`. Vault puts the ID
   * of that CA in for `{{issuer_id}}`.
   *
   * @format pkiUrl
   * @default - none
   */
  readonly issuingCertificates?: readonly string[];

  /**
   * Where its list of revoked certificates lies, e.g. `http://vault.example.com:8200/v1/pki/issuer/{{issuer_id}}/crl/der`.
   *
   * @format pkiUrl
   * @default - none
   */
  readonly crlDistributionPoints?: readonly string[];

  /**
   * Who answers whether a certificate is revoked, e.g. `http://vault.example.com:8200/v1/pki/ocsp`.
   *
   * @format pkiUrl
   * @default - none
   */
  readonly ocspServers?: readonly string[];
}

/** Fields of a CA's name beside the common name, in Vault's words. A CA that is there keeps its name. */
export interface SubjectConfig {
  /**
   * Organization (O).
   *
   * @format subjectField
   * @default - none
   */
  readonly organization?: string;

  /**
   * Organizational unit (OU).
   *
   * @format subjectField
   * @default - none
   */
  readonly ou?: string;

  /**
   * Country (C), by its two letters.
   *
   * @format country
   * @default - none
   */
  readonly country?: string;

  /**
   * Locality (L), e.g. a city.
   *
   * @format subjectField
   * @default - none
   */
  readonly locality?: string;

  /**
   * State or province (ST).
   *
   * @format subjectField
   * @default - none
   */
  readonly province?: string;
}
