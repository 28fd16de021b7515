// What the files of attacks share.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kube, ok, run, type Vault } from '../harness';
import { type World } from '../world';

/** A request to Vault: a method, a path, and a body. */
export type Attempt = readonly [method: string, path: string, body?: unknown];

/** Makes requests with an attacker's token; gives the status of each, and of a signature what is signed for how many hours. */
export const attacker = (vault: Vault, token: string) => ({
  /** The status. */
  status: async (...[method, path, body]: Attempt) => (await vault.request(method, path, body, token)).status,
  /** Whether Vault forbids to patch something: by the CLI, which says that its body is a patch. */
  isPatchForbidden: async (path: string, word: string) =>
    (await vault.vault(['patch', path, word], { env: { VAULT_TOKEN: token } })).stderr.includes('Code: 403'),
  /** The answer. */
  ask: (...[method, path, body]: Attempt) => vault.request(method, path, body, token),
});

/** Makes a key, and a request for a certificate with this subject and extension; gives the request. */
export async function csrOf(folder: string, name: string, subject: string, extension: string): Promise<string> {
  const [key, csr] = [join(folder, `${name}.key`), join(folder, `${name}.csr`)];
  const words = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', csr, '-subj', subject, '-addext', extension];
  ok(await run('openssl', words));
  return readFileSync(csr, 'utf8');
}

/** Logs in as cert-manager does, with a token of its service account; gives Vault's token. */
export async function certManagerToken(vault: Vault, kube: Kube, { cluster: { auth } }: World): Promise<string> {
  if (auth.method !== 'jwt') throw new Error('jwt alone');
  const { name, namespace } = auth.serviceAccount;
  const jwt = ok(await kube.kubectl(['create', 'token', name, '-n', namespace, `--audience=${auth.audience}`])).trim();
  const { body } = await vault.request('POST', `auth/${auth.mount}/login`, { role: auth.role, jwt }, '');
  return (body as { auth: { client_token: string } }).auth.client_token;
}

/** What no token of a script for one purpose can do: become cert-manager, sign, make a CA, or widen itself. */
export function forbidden({ cluster: { intermediate, role, policy, auth } }: World, csr: string) {
  const { mount } = intermediate;
  return {
    'sign a workload': ['POST', role.signPath, { csr, ttl: '1h' }],
    'sign a CA': ['POST', 'pki/root/sign-intermediate', { csr, common_name: 'x' }],
    'sign anything': ['POST', `${mount}/sign-verbatim`, { csr }],
    'write the PKI role': ['POST', role.path, { ...role.fields, allow_any_name: true }],
    'write the policy': ['POST', `sys/policies/acl/${policy.name}`, { policy: 'path "*" { capabilities = ["sudo"] }' }],
    'write its own policy': ['POST', 'sys/policies/acl/printed', { policy: 'path "*" { capabilities = ["sudo"] }' }],
    'write the login': ['POST', auth.path, auth.fields],
    'make a token': ['POST', 'auth/token/create', { policies: ['default'] }],
    'renew itself': ['POST', 'auth/token/renew-self', { increment: '24h' }],
    'delete the mount': ['DELETE', `sys/mounts/${mount}`],
    'delete a key': ['DELETE', `${mount}/key/mesh-ca`],
    'import a CA': ['POST', `${mount}/config/ca`, { pem_bundle: 'x' }],
  } as const;
}
