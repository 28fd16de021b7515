import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, run } from './process';

/** A private CA on disk. */
export interface PrivateCa {
  readonly caFile: string;
  readonly caPem: string;
  readonly caKeyFile: string;
}

/** A server's certificate and key on disk. */
export interface ServerCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

const newEcKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes a self-signed CA, valid for a day: `ca.crt` and `ca.key` in the folder. */
export async function makeCa(folder: string, commonName: string): Promise<PrivateCa> {
  const caFile = join(folder, 'ca.crt');
  const caKeyFile = join(folder, 'ca.key');
  // A configuration of its own, so that the machine's openssl.cnf adds nothing.
  const config = join(folder, 'openssl.cnf');
  writeFileSync(config, '[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n');
  const subject = ['-subj', `/CN=${commonName}`];
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-addext', 'subjectKeyIdentifier=hash'];
  ok(
    await run('openssl', [
      'req',
      '-x509',
      '-config',
      config,
      ...newEcKey,
      '-keyout',
      caKeyFile,
      '-out',
      caFile,
      '-days',
      '1',
      ...subject,
      ...usage,
    ]),
  );
  return { caFile, caPem: readFileSync(caFile, 'utf8'), caKeyFile };
}

/** Makes a server certificate for the names, e.g. `DNS:localhost`, `IP:127.0.0.1`: `NAME.crt` and `NAME.key` in the folder. */
export async function makeServerCertificate(
  ca: PrivateCa,
  folder: string,
  name: string,
  names: readonly string[],
): Promise<ServerCertificate> {
  const certFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const csr = join(folder, `${name}.csr`);
  const config = join(folder, `${name}.cnf`);
  writeFileSync(
    config,
    `[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nCN=${name}\n[server]\nextendedKeyUsage=serverAuth\nsubjectAltName=${names.join(',')}\n`,
  );
  ok(await run('openssl', ['req', '-new', '-config', config, ...newEcKey, '-keyout', keyFile, '-out', csr]));
  const signed = ['-CA', ca.caFile, '-CAkey', ca.caKeyFile, '-CAcreateserial', '-days', '1'];
  ok(await run('openssl', ['x509', '-req', '-in', csr, '-out', certFile, ...signed, '-extfile', config, '-extensions', 'server']));
  return { certFile, keyFile };
}
