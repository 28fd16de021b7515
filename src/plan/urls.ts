import { UrlsConfig } from '../config/config';

/** What a mount writes into the certificates that it signs, in Vault's words. */
export interface UrlsFields {
  readonly issuing_certificates: readonly string[];
  readonly crl_distribution_points: readonly string[];
  readonly ocsp_servers: readonly string[];
  readonly enable_templating: boolean;
}

/** The template of Vault that stands for the CA that signs. */
export const ISSUER_ID = '{{issuer_id}}';

/**
 * Decides the URLs. None, unless they are written: who checks revocation by them, and does not reach them, refuses a good certificate, and
 * only the reader of the config knows who reaches what.
 */
export function planUrls({ issuingCertificates = [], crlDistributionPoints = [], ocspServers = [] }: UrlsConfig = {}): UrlsFields {
  return {
    issuing_certificates: issuingCertificates,
    crl_distribution_points: crlDistributionPoints,
    ocsp_servers: ocspServers,
    // without a template Vault checks the URLs when they are written.
    enable_templating: [...issuingCertificates, ...crlDistributionPoints, ...ocspServers].some(url => url.includes(ISSUER_ID)),
  };
}

/** Whether there is any. */
export const hasUrls = ({ issuing_certificates, crl_distribution_points, ocsp_servers }: UrlsFields) =>
  issuing_certificates.length + crl_distribution_points.length + ocsp_servers.length > 0;
