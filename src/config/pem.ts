import { X509Certificate } from 'node:crypto';
import { weaknessOf } from './weakness';

/** What a PEM text holds, or why it cannot be used. */
export interface PemResult {
  /** The certificates in PEM and nothing else, whatever stood around them. */
  readonly text: string;

  /** When the last of them ends. */
  readonly ends: Date;

  /** Why it cannot be used. */
  readonly problems: readonly string[];
}

/** What begins each block of a PEM text. */
export const BEGIN = '-----BEGIN ';
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----\s*([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

/** Whether a value of the config is PEM text itself, and no path. */
export const isPem = (value: string) => value.trimStart().startsWith(BEGIN);

/**
 * Checks that a PEM text holds CA certificates only, each in date and strong enough. Nothing of the text is repeated in a message: it may be a key.
 *
 * @param text the PEM text
 * @param options when it is, where dates are to be checked, and which certificates are wanted: any CAs, roots that the mesh trusts already
 *   (weak ones too, since a mesh must be able to leave them), or the one root that signs
 */
export function checkPem(text: string, { now, kind }: { readonly now?: Date; readonly kind: 'cas' | 'roots' | 'root' }): PemResult {
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0 || text.split(BEGIN).length - 1 !== blocks.length) {
    return {
      text: '',
      ends: new Date(0),
      problems: [`must hold PEM certificates, each from "-----BEGIN CERTIFICATE-----" to "-----END CERTIFICATE-----"`],
    };
  }
  const problems: string[] = [];
  const certificates = blocks.flatMap(([block, type], i) => {
    const which = blocks.length === 1 ? '' : `, PEM block ${i + 1}`;
    const certificate = type === 'CERTIFICATE' ? parse(block) : undefined;
    const wrong = certificate ? refuse(certificate, now, kind) : notCertificate(type ?? '');
    if (wrong !== undefined) problems.push(`${wrong}${which}`);
    return certificate ?? [];
  });
  if (kind === 'root' && certificates.length > 1) {
    problems.push(`must hold one root, the one that signs, got ${certificates.length}; write the others as root.alsoTrust`);
  }
  return {
    text: certificates.map(certificate => certificate.toString()).join(''),
    ends: new Date(Math.max(...certificates.map(certificate => Date.parse(certificate.validTo)))),
    problems,
  };
}

function notCertificate(type: string): string {
  if (type.endsWith('PRIVATE KEY')) return 'holds a private key, which must not be near a config; write certificates only';
  return type === 'CERTIFICATE'
    ? 'holds a certificate that cannot be read'
    : `must hold certificates only, got a block of ${type.toLowerCase()}`;
}

function parse(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

function refuse(certificate: X509Certificate, now: Date | undefined, kind: 'cas' | 'roots' | 'root'): string | undefined {
  const day = (date: string) => new Date(Date.parse(date)).toISOString().slice(0, 10);
  const weakness = weaknessOf(certificate);
  // OpenSSL calls a certificate no CA where its key usage lacks keyCertSign; the words for that come first.
  if (weakness !== undefined && (kind !== 'roots' || !certificate.ca)) return weakness;
  if (!certificate.ca) return 'must be a CA certificate (basic constraints CA:TRUE), got one that cannot sign';
  if (kind !== 'cas' && !(certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey))) {
    return 'must be a root certificate, i.e. self-signed, got an intermediate';
  }
  if (!now) return undefined;
  if (Date.parse(certificate.validTo) <= now.getTime()) return `has expired on ${day(certificate.validTo)}`;
  if (Date.parse(certificate.validFrom) > now.getTime()) return `is not valid before ${day(certificate.validFrom)}`;
  return undefined;
}

/** The common names of the certificates of a PEM text that are too weak, and why. */
export function weakCertificates(text: string): { readonly subject: string; readonly weakness: string }[] {
  return [...text.matchAll(BLOCK)].flatMap(([block]) => {
    const certificate = parse(block);
    const weakness = certificate === undefined ? undefined : weaknessOf(certificate);
    return certificate === undefined || weakness === undefined ? [] : [{ subject: certificate.subject, weakness }];
  });
}
