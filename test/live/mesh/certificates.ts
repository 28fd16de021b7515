import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, run, type RunResult, tempDir } from '../harness';

/** A key and a request for a certificate, PEM. */
export interface Csr {
  readonly key: string;
  readonly csr: string;
}

/** Makes a key and a request with the names in OpenSSL's words, e.g. `DNS:a.b.svc`. As in istio-csr, the subject is empty where there is no common name. */
export async function makeCsr(names: readonly string[], commonName?: string, keyType: 'rsa' | 'ec' = 'rsa'): Promise<Csr> {
  const folder = tempDir('csr');
  const [key, csr] = [join(folder, 'key.pem'), join(folder, 'csr.pem')];
  const subject = ['-subj', commonName === undefined ? '/' : `/CN=${commonName}`, '-addext', `subjectAltName=${names.join(',')}`];
  const algorithm = keyType === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  ok(await run('openssl', ['req', '-new', '-newkey', ...algorithm, '-nodes', '-keyout', key, '-out', csr, ...subject]));
  const read = async (file: string) => ok(await run('cat', [file]));
  return { key: await read(key), csr: await read(csr) };
}

/** The certificates of a PEM text, one by one. */
export function certificates(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)?.map(block => `${block}\n`) ?? [];
}

/** SHA-256 fingerprints of the certificates of a PEM text. */
export const fingerprints = (pem: string) => certificates(pem).map(block => new X509Certificate(block).fingerprint256);

/** Has OpenSSL verify a chain, leaf first, to what is trusted, and to nothing else that the machine may trust. */
export function verifyChain(chain: string, trusted: string, flags: readonly string[] = []): Promise<RunResult> {
  const folder = tempDir('verify');
  const [leaf = '', ...rest] = certificates(chain);
  const at = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const untrusted = rest.length === 0 ? [] : ['-untrusted', at('rest.pem', rest.join(''))];
  return run('openssl', ['verify', '-no-CApath', ...flags, '-CAfile', at('trusted.pem', trusted), ...untrusted, at('leaf.pem', leaf)]);
}
