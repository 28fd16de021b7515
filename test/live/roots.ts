// What the tests of the kinds of roots share: configs of their own on one Vault, and the hand that signs for an offline root.
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshCaConfig } from '../../src/config/config';
import { ok, run, tempDir, type Vault } from './harness';
import { dataOf, type World } from './world';

/** A config whose names are all after its one cluster. */
export const configOf = (name: string, more: Partial<MeshCaConfig> = {}): MeshCaConfig => ({
  vault: { server: 'http://127.0.0.1:8200' },
  istioVersion: '1.22',
  intermediate: { keyType: 'ec' },
  clusters: [{ name, context: 'cluster-1', istioCsr: { rootName: `root-${name}` } }],
  ...more,
});

/** What makes a key, by type and bits, in OpenSSL's words. */
export const newKey = (keyType: string, keyBits: number) =>
  keyType === 'rsa' ? ['-newkey', `rsa:${keyBits}`] : ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:P-${keyBits}`];

/** Makes a root in a folder of its own; gives its files and its text. */
export async function offlineRoot({
  commonName = 'Offline Root',
  key = newKey('ec', 256),
  days = 3650,
  constraints = 'critical,CA:TRUE',
} = {}): Promise<{
  cert: string;
  key: string;
  pem: string;
}> {
  const folder = tempDir('offline');
  const [cert, file] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  const config = join(folder, 'openssl.cnf');
  writeFileSync(config, `[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=${constraints}\n`);
  const how = ['-config', config, ...key, '-nodes', '-subj', `/CN=${commonName}`, '-days', String(days)];
  ok(await run('openssl', ['req', '-x509', ...how, '-addext', 'subjectKeyIdentifier=hash', '-keyout', file, '-out', cert]));
  return { cert, key: file, pem: ok(await run('cat', [cert])) };
}

/** Signs as the script says: the command that it printed, in the folder of the config, beside the root's files. Gives the signed file. */
export async function signAsTold(
  { folder }: World,
  stdout: string,
  root: { readonly cert: string; readonly key: string },
  change: (command: string) => string = command => command,
): Promise<string> {
  const told = stdout.split('\n').find(line => line.includes('openssl x509 -req'));
  if (told === undefined) throw new Error(`no command in: ${stdout}`);
  copyFileSync(root.cert, join(folder, 'ca.crt'));
  copyFileSync(root.key, join(folder, 'ca.key'));
  const command = change(told.trim());
  ok(await run('bash', ['-c', command], { cwd: folder }));
  return / -out (\S+)/.exec(command)?.[1] ?? '';
}

/** The keys of a list of Vault; none where there is none. */
export const listed = async (vault: Vault, path: string) =>
  (dataOf((await vault.request('LIST', path)).body).keys as string[] | undefined) ?? [];
