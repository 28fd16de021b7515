import { X509Certificate } from 'node:crypto';

/**
 * Says why a CA certificate is too weak to trust: its key, its signature, or a key usage that does not let it sign certificates.
 *
 * @returns the reason, in words that follow the name of the certificate, e.g. "must have an RSA key of at least 2048 bits, got 1024 bits"; nothing where it is strong enough
 */
export function weaknessOf(certificate: X509Certificate): string | undefined {
  return weakKey(certificate) ?? weakSignature(certificate.raw) ?? missingUsage(certificate.raw);
}

/** The curves that Go and BoringSSL verify signatures on, in OpenSSL's words. */
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

function weakKey(certificate: X509Certificate): string | undefined {
  let key: X509Certificate['publicKey'];
  try {
    key = certificate.publicKey;
  } catch {
    return `must have an RSA key of at least 2048 bits or a key on P-256, P-384 or P-521, got a key that cannot be read`;
  }
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: { modulusLength = 0, namedCurve = 'an unnamed curve' } = {} } = key;
  if (type === 'ed25519') return undefined;
  if (type === 'rsa' || type === 'rsa-pss') {
    return modulusLength >= 2048 ? undefined : `must have an RSA key of at least 2048 bits, got ${modulusLength} bits`;
  }
  if (type === 'ec') {
    const curve = hasNamedCurve(certificate.raw) ? namedCurve : 'an unnamed curve';
    return CURVES.includes(curve) ? undefined : `must have a key on P-256, P-384 or P-521, got ${curve}`;
  }
  return `must have an RSA key of at least 2048 bits or a key on P-256, P-384 or P-521, got a key of type ${type}`;
}

/** Whether the curve of an EC key is given by its name. OpenSSL recognizes one that is spelled out, Go and BoringSSL do not. */
function hasNamedCurve(der: Buffer): boolean {
  const [tbs] = children(der, element(der, 0));
  // serial number, signature, issuer, validity, subject, key; an explicit version comes before.
  const fields = tbs === undefined ? [] : children(der, tbs).filter(({ tag }) => tag !== 0xa0);
  const [algorithm] = fields[5] === undefined ? [] : children(der, fields[5]);
  return algorithm !== undefined && children(der, algorithm)[1]?.tag === 0x06;
}

/** Object identifiers, as the hexadecimal digits of their DER content. */
const STRONG = [
  ...['2a864886f70d01010b', '2a864886f70d01010c', '2a864886f70d01010d'], // sha256, sha384, sha512 with RSA
  ...['2a8648ce3d040302', '2a8648ce3d040303', '2a8648ce3d040304'], // ECDSA with SHA-256, SHA-384, SHA-512
  '2b6570', // Ed25519
];
const PSS = '2a864886f70d01010a';
const STRONG_HASHES = ['608648016503040201', '608648016503040202', '608648016503040203'];
/** The weak ones that a certificate can really have; any other is named by its number. */
const WEAK: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'MD5',
  '2a864886f70d010105': 'SHA-1',
  '2a864886f70d01010e': 'SHA-224',
  '2a8648ce3d0401': 'SHA-1',
  '2a8648ce3d040301': 'SHA-224',
};

function weakSignature(der: Buffer): string | undefined {
  const [, algorithm] = children(der, element(der, 0));
  const [oid, parameters] = algorithm === undefined ? [] : children(der, algorithm);
  const id = oid === undefined ? '' : hex(der, oid);
  if (STRONG.includes(id)) return undefined;
  // RSASSA-PSS names its hash in its parameters, by default SHA-1; the mask generation that follows may use another one.
  if (id === PSS && parameters !== undefined) {
    const hash = children(der, parameters).find(({ tag }) => tag === 0xa0);
    const [name] = hash === undefined ? [] : children(der, element(der, hash.start));
    if (name !== undefined && STRONG_HASHES.includes(hex(der, name))) return undefined;
  }
  const what = id === PSS ? 'RSASSA-PSS with a weaker hash' : (WEAK[id] ?? 'another algorithm');
  return `must be signed with SHA-256, SHA-384 or SHA-512, got ${what}`;
}

const KEY_USAGE = '551d0f';
/** The bit keyCertSign, the sixth, in the first byte of the bit string. */
const KEY_CERT_SIGN = 0x04;

function missingUsage(der: Buffer): string | undefined {
  const [tbs] = children(der, element(der, 0));
  const wrapper = tbs === undefined ? undefined : children(der, tbs).find(({ tag }) => tag === 0xa3);
  if (wrapper === undefined) return undefined;
  const usage = children(der, element(der, wrapper.start)).find(extension => {
    const [oid] = children(der, extension);
    return oid !== undefined && hex(der, oid) === KEY_USAGE;
  });
  const value = usage === undefined ? undefined : children(der, usage).at(-1);
  if (value === undefined) return undefined;
  // an OCTET STRING with a BIT STRING, whose first byte says how many bits at its end are unused.
  const bits = element(der, value.start);
  return ((der[bits.start + 1] ?? 0) & KEY_CERT_SIGN) !== 0 && bits.end - bits.start > 1
    ? undefined
    : 'must be allowed to sign certificates (key usage keyCertSign), got a key usage without it';
}

/** One element of DER: its tag, and where its content begins and ends. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** Reads the element at a place. OpenSSL has parsed the certificate before, so lengths are right. */
function element(der: Buffer, at: number): Element {
  const [tag = 0, first = 0] = [der[at], der[at + 1]];
  const bytes = first < 0x80 ? 0 : first & 0x7f;
  const length = bytes === 0 ? first : der.readUIntBE(at + 2, bytes);
  const start = at + 2 + bytes;
  return { tag, start, end: start + length };
}

function children(der: Buffer, { start, end }: Element): Element[] {
  const found: Element[] = [];
  for (let at = start; at < end; at = found.at(-1)?.end ?? end) found.push(element(der, at));
  return found;
}

const hex = (der: Buffer, { start, end }: Element) => der.subarray(start, end).toString('hex');
