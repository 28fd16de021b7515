// What logs in with `auth: clientCertificate`: a certificate of a CA that is not the mesh's, in the Secret where cert-manager looks for it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kube, ok, type PrivateCa, run, tempDir } from '../harness';
import { base64 } from './istio-csr';

/** PEM texts. */
interface Client {
  readonly cert: string;
  readonly key: string;
}

/** A client's certificate of a CA. */
export async function clientOf(ca: PrivateCa, name: string): Promise<Client> {
  const folder = tempDir('client');
  const [key, csr, cert] = ['key', 'csr', 'crt'].map(end => join(folder, `client.${end}`)) as [string, string, string];
  writeFileSync(join(folder, 'ext'), `extendedKeyUsage=clientAuth\nsubjectAltName=DNS:${name}\n`);
  ok(await run('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', csr, '-subj', `/CN=${name}`]));
  const by = ['-CA', ca.caFile, '-CAkey', ca.caKeyFile, '-CAcreateserial', '-days', '1', '-extfile', join(folder, 'ext')];
  ok(await run('openssl', ['x509', '-req', '-in', csr, '-out', cert, ...by]));
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** Lays it into the cluster. */
export const showClient = (kube: Kube, { cert, key }: Client) =>
  kube.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'cert-manager-vault-client', namespace: 'istio-system' },
      data: { 'tls.crt': base64(cert), 'tls.key': base64(key) },
    }),
  );
