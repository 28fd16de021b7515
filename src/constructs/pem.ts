import { X509Certificate } from 'node:crypto';
import { Check, hidden } from './check';

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[A-Za-z0-9+/=\s]*-----END \1-----/g;

/** PEM text; `certificatesOf` reads it. Nothing of it is shown: it may be a key. */
export const pem: Check = hidden('readFileSync("root.pem", "utf8")', 'PEM text', value => typeof value === 'string');

/**
 * Takes the certificates out of a PEM text, and leaves out what stands around them. Nothing of the text is repeated in an error: it may
 * be a key.
 *
 * @param property the property that the text was given as
 * @param pem the text
 * @returns the certificates in PEM
 * @throws Error where it holds anything but certificates, e.g. a private key
 */
export function certificatesOf(property: string, pem: string): X509Certificate[] {
  const blocks = [...pem.matchAll(BLOCK)];
  const fail = (got: string) =>
    new Error(`'${property}' must hold PEM blocks of type CERTIFICATE only, e.g. "-----BEGIN CERTIFICATE-----…", got ${got}`);
  if (/PRIVATE KEY/.test(pem)) throw fail('a private key');
  if (blocks.length === 0) throw fail('none');
  if (pem.split('-----BEGIN').length - 1 !== blocks.length) throw fail('a block without its end');
  return blocks.map(([block, type = ''], i) => {
    if (type !== 'CERTIFICATE') throw fail(`a block of type ${type}`);
    try {
      return new X509Certificate(block);
    } catch {
      throw fail(`one that cannot be read, block ${i + 1}`);
    }
  });
}
