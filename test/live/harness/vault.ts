import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { buildPrograms } from '../../testbed/build';
import { makeCa, makeServerCertificate } from './certificates';
import { type Answer, send } from './http';
import { freePort, lastLines, messageOf, ok, run, type RunOptions, type RunResult, type Running, start, tempDir, until } from './process';

/** A running Vault. */
export interface Vault {
  /** `http(s)://127.0.0.1:PORT`. */
  readonly addr: string;
  /** The root token. */
  readonly token: string;
  /** Path of the `vault` program. */
  readonly bin: string;
  /**
   * For `run`: VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT of this server and no other VAULT_*, `vault` in the PATH, and a HOME without a
   * token file.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The raw audit log: one JSON object a line. There only with `audit: true`. */
  readonly auditFile: string;
  /** The server's log. */
  readonly log: () => string;
  /** The CLI, logged in with the root token. */
  vault(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The HTTP API, with the root token unless another is given. `path` is e.g. `sys/health`. */
  request(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  stop(): Promise<void>;
}

/** A running Vault that keeps what it stores, with TLS by a private CA. */
export interface VaultServer extends Vault {
  readonly caPem: string;
  readonly caFile: string;
  readonly unsealKeys: readonly string[];
  /** A second listener of the same certificate, where `clientCaFile` was given: it takes those only who show one of that CA. */
  readonly clientAddr: string;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Ends the server and starts it again at the same address; `unseal: false` leaves it sealed, as a restart does. */
  restart(options?: { readonly unseal?: boolean }): Promise<void>;
}

export interface VaultOptions {
  /**
   * Writes each request and answer, with its secrets in clear, to `auditFile`.
   *
   * @default false
   */
  readonly audit?: boolean;
  /**
   * Added to the server's environment, e.g. a time zone.
   *
   * @default - none
   */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts Vault in dev mode: in memory, plain HTTP, unsealed. */
export async function startVaultDev(options: VaultOptions = {}): Promise<Vault> {
  const { vault: bin } = await buildPrograms(['vault']);
  const folder = tempDir('vault');
  const port = await freePort();
  const token = 'root';
  // It would write the token to ~/.vault-token, the developer's own.
  const flags = ['-dev', '-dev-no-store-token', `-dev-root-token-id=${token}`, `-dev-listen-address=127.0.0.1:${port}`];
  const server = start('vault', bin, ['server', ...flags], { folder, env: { ...noVaultVariables(), ...options.env } });
  const client = clientOf(bin, folder, `http://127.0.0.1:${port}`, token);
  await ready(server, client, [200]);
  if (options.audit) await audit(client);
  return { ...client, log: server.log, stop: () => server.stop() };
}

/** Starts Vault with file storage and TLS, initialises and unseals it. */
export async function startVaultServer(
  options: VaultOptions & {
    /** @default 1 */
    readonly keyShares?: number;
    /** @default 1 */
    readonly keyThreshold?: number;
    /** @default - no second listener */
    readonly clientCaFile?: string;
  } = {},
): Promise<VaultServer> {
  const { keyShares = 1, keyThreshold = 1, clientCaFile } = options;
  const { vault: bin } = await buildPrograms(['vault']);
  const folder = tempDir('vault');
  const port = await freePort();
  const addr = `https://127.0.0.1:${port}`;
  const ca = await makeCa(folder, 'private CA of a Vault');
  const { certFile, keyFile } = await makeServerCertificate(ca, folder, 'vault', ['IP:127.0.0.1', 'DNS:localhost']);
  const config = join(folder, 'vault.hcl');
  const clientPort = await freePort();
  const listener = (at: number, more: string) =>
    `listener "tcp" {\n  address = "127.0.0.1:${at}"\n  tls_cert_file = "${certFile}"\n  tls_key_file = "${keyFile}"\n${more}}\n`;
  const asksClient = `  tls_require_and_verify_client_cert = true\n  tls_client_ca_file = "${clientCaFile ?? ''}"\n`;
  const listeners = [listener(port, ''), ...(clientCaFile === undefined ? [] : [listener(clientPort, asksClient)])].join('');
  writeFileSync(
    config,
    `disable_mlock = true\napi_addr = "${addr}"\nstorage "file" {\n  path = "${join(folder, 'data')}"\n}\n${listeners}`,
  );
  const launch = () => start('vault', bin, ['server', `-config=${config}`], { folder, env: noVaultVariables() });
  let server = launch();
  const anonymous = clientOf(bin, folder, addr, '', ca);
  await ready(server, anonymous, [501]);
  const shares = { secret_shares: keyShares, secret_threshold: keyThreshold };
  const { keys_base64: unsealKeys, root_token: token } = succeeded(await anonymous.request('PUT', 'sys/init', shares)) as {
    keys_base64: string[];
    root_token: string;
  };
  const client = clientOf(bin, folder, addr, token, ca);
  const unseal = async () => {
    for (const key of unsealKeys.slice(0, keyThreshold)) succeeded(await client.request('PUT', 'sys/unseal', { key }));
    await ready(server, client, [200]);
  };
  await unseal();
  if (options.audit) await audit(client);
  return {
    ...client,
    caPem: ca.caPem,
    caFile: ca.caFile,
    unsealKeys,
    clientAddr: `https://127.0.0.1:${clientPort}`,
    log: () => server.log(),
    seal: async () => {
      succeeded(await client.request('PUT', 'sys/seal'));
      await ready(server, client, [503]);
    },
    unseal,
    restart: async (how = {}) => {
      await server.stop();
      server = launch();
      await ready(server, client, [503]);
      if (how.unseal !== false) await unseal();
    },
    stop: () => server.stop(),
  };
}

type Client = Omit<Vault, 'log' | 'stop'>;

function clientOf(
  bin: string,
  folder: string,
  addr: string,
  token: string,
  ca?: { readonly caFile: string; readonly caPem: string },
): Client {
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const env = {
    ...noVaultVariables(),
    PATH: `${dirname(bin)}${delimiter}${process.env.PATH ?? ''}`,
    HOME: home,
    VAULT_ADDR: addr,
    VAULT_TOKEN: token,
    VAULT_CACERT: ca?.caFile,
  };
  return {
    addr,
    token,
    bin,
    env,
    auditFile: join(folder, 'audit.log'),
    vault: (args, options = {}) => run(bin, args, { ...options, env: { ...env, ...options.env } }),
    request: (method, path, body, other = token) => send(`${addr}/v1/${path}`, method, body, { 'X-Vault-Token': other }, ca?.caPem),
  };
}

/** Removes what the developer's shell may hold. */
function noVaultVariables(): Record<string, undefined> {
  return Object.fromEntries(Object.keys(process.env).flatMap(x => (x.startsWith('VAULT_') ? [[x, undefined]] : [])));
}

/** Waits until Vault says of itself what one of the codes means: 200 active, 501 not initialised, 503 sealed. */
async function ready(server: Running, client: Client, codes: readonly number[]): Promise<void> {
  try {
    await until(`Vault at ${client.addr} to answer ${codes.join(' or ')}`, async () => {
      server.check();
      const { status } = await client.request('GET', 'sys/health');
      if (!codes.includes(status)) throw new Error(`status ${status}`);
      return true;
    });
  } catch (error) {
    await server.stop('SIGKILL');
    throw new Error(`${messageOf(error)}\n${lastLines(server.log())}`);
  }
}

async function audit(client: Client): Promise<void> {
  // The CLI, not the API: this is also the proof that the environment works.
  ok(await client.vault(['audit', 'enable', 'file', `file_path=${client.auditFile}`, 'log_raw=true']));
}

function succeeded({ status, body }: Answer): unknown {
  if (status >= 300) throw new Error(`Vault answered ${status}: ${JSON.stringify(body)}`);
  return body;
}
