import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { buildPrograms } from '../../testbed/build';
import { makeCa, makeServerCertificate, type PrivateCa } from './certificates';
import { type Answer, send } from './http';
import { keptProgram } from './kept';
import { freePort, lastLines, messageOf, ok, run, type RunOptions, type RunResult, type Running, start, tempDir, until } from './process';

/** A running Vault. */
export interface Vault {
  /** `http(s)://127.0.0.1:PORT`. */
  readonly addr: string;
  /** The root token. */
  readonly token: string;
  /** Path of the `vault` CLI: see `keptProgram`. */
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
export interface VaultServer extends Vault, PrivateCa {
  readonly unsealKeys: readonly string[];
  /** A second listener of the same certificate, where `clientCaFile` was given: it takes those only who show one of that CA. */
  readonly clientAddr: string;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Ends the server and starts it again at the same address; `unseal: false` leaves it sealed, as a restart does. */
  restart(options?: { readonly unseal?: boolean }): Promise<void>;
  /** Keeps what is stored by now; gives what puts it back, as often as it is called. Each of them starts the server anew. */
  keep(): Promise<() => Promise<void>>;
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
  const client = clientOf(await keptProgram('vault'), folder, `http://127.0.0.1:${port}`, token);
  await ready(server, client, [200]);
  if (options.audit) await audit(client);
  return { ...client, log: server.log, stop: () => server.stop() };
}

/** Starts Vault with TLS and storage on disk, initialises and unseals it. */
export async function startVaultServer(
  options: VaultOptions & {
    /** @default 1 */
    readonly keyShares?: number;
    /** @default 1 */
    readonly keyThreshold?: number;
    /** @default - no second listener */
    readonly clientCaFile?: string;
    /**
     * Raft, so that another one can stand by for it.
     *
     * @default "file"
     */
    readonly storage?: 'file' | 'raft';
    /**
     * It joins this one, on raft too, with the same CA, keys and token, and stands by for it.
     *
     * @default - it is alone
     */
    readonly standbyOf?: VaultServer;
  } = {},
): Promise<VaultServer> {
  const { keyShares = 1, keyThreshold = 1, clientCaFile, standbyOf } = options;
  const raft = options.storage === 'raft' || standbyOf !== undefined;
  const { vault: bin } = await buildPrograms(['vault']);
  const folder = tempDir('vault');
  const port = await freePort();
  const addr = `https://127.0.0.1:${port}`;
  const ca = standbyOf ?? (await makeCa(folder, 'private CA of a Vault'));
  const { certFile, keyFile } = await makeServerCertificate(ca, folder, 'vault', ['IP:127.0.0.1', 'DNS:localhost']);
  const config = join(folder, 'vault.hcl');
  const clientPort = await freePort();
  const listener = (at: number, more: string) =>
    `listener "tcp" {\n  address = "127.0.0.1:${at}"\n  tls_cert_file = "${certFile}"\n  tls_key_file = "${keyFile}"\n${more}}\n`;
  const asksClient = `  tls_require_and_verify_client_cert = true\n  tls_client_ca_file = "${clientCaFile ?? ''}"\n`;
  const [clusterPort, data] = [await freePort(), join(folder, 'data')];
  mkdirSync(data);
  const storage = raft
    ? `cluster_addr = "https://127.0.0.1:${clusterPort}"\nstorage "raft" {\n  path = "${data}"\n  node_id = "${port}"\n}\n`
    : `storage "file" {\n  path = "${data}"\n}\n`;
  const listeners = [
    listener(port, `  cluster_address = "127.0.0.1:${clusterPort}"\n`),
    ...(clientCaFile === undefined ? [] : [listener(clientPort, asksClient)]),
  ].join('');
  writeFileSync(config, `disable_mlock = true\napi_addr = "${addr}"\n${storage}${listeners}`);
  const launch = () => start('vault', bin, ['server', `-config=${config}`], { folder, env: noVaultVariables() });
  let server = launch();
  const program = await keptProgram('vault');
  const anonymous = clientOf(program, folder, addr, '', ca);
  await ready(server, anonymous, [501]);
  const { unsealKeys, token } = standbyOf
    ? await joined(anonymous, standbyOf)
    : await initialised(anonymous, { secret_shares: keyShares, secret_threshold: keyThreshold });
  const client = clientOf(program, folder, addr, token, ca);
  const unseal = async () => {
    for (const key of unsealKeys.slice(0, keyThreshold)) succeeded(await client.request('PUT', 'sys/unseal', { key }));
    // which of two is the active one, they decide.
    await ready(server, client, raft ? [200, 429] : [200]);
  };
  const again = async (unsealed = true, meanwhile?: () => void) => {
    await server.stop();
    meanwhile?.();
    server = launch();
    await ready(server, client, [503]);
    if (unsealed) await unseal();
  };
  await unseal();
  if (options.audit) await audit(client);
  return {
    ...client,
    caPem: ca.caPem,
    caFile: ca.caFile,
    caKeyFile: ca.caKeyFile,
    unsealKeys,
    clientAddr: `https://127.0.0.1:${clientPort}`,
    log: () => server.log(),
    seal: async () => {
      succeeded(await client.request('PUT', 'sys/seal'));
      await ready(server, client, [503]);
    },
    unseal,
    restart: how => again(how?.unseal),
    keep: async () => {
      const kept = join(tempDir('kept'), 'data');
      await again(true, () => cpSync(data, kept, { recursive: true }));
      return () =>
        again(true, () => {
          rmSync(data, { recursive: true });
          cpSync(kept, data, { recursive: true });
        });
    },
    stop: () => server.stop(),
  };
}

type Client = Omit<Vault, 'log' | 'stop'>;
type Keys = Pick<VaultServer, 'unsealKeys' | 'token'>;

async function initialised(client: Client, shares: object): Promise<Keys> {
  const answer = succeeded(await client.request('PUT', 'sys/init', shares)) as { keys_base64: string[]; root_token: string };
  return { unsealKeys: answer.keys_base64, token: answer.root_token };
}

async function joined(client: Client, { addr, caPem, unsealKeys, token }: VaultServer): Promise<Keys> {
  succeeded(await client.request('POST', 'sys/storage/raft/join', { leader_api_addr: addr, leader_ca_cert: caPem }));
  return { unsealKeys, token };
}

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

/** Waits until Vault says of itself what one of the codes means: 200 active, 429 standby, 501 not initialised, 503 sealed. */
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
