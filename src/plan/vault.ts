import { SecretKeyConfig, VaultConfig } from '../config/config';
import { Problem } from '../config/problem';
import { Settings } from './settings';
import { compareVersions } from './version';

/** The Vault server. */
export interface VaultPlan {
  /** Address as the clusters reach it. */
  readonly server: string;

  /**
   * Namespace of Vault (Enterprise, or OpenBao) that everything lies in.
   *
   * @default - none: the root namespace
   */
  readonly namespace?: string;

  /**
   * Name that its certificate must carry.
   *
   * @default - the host of `server`
   */
  readonly serverName?: string;

  /**
   * PEM text of the CA certificates that its certificate is checked with.
   *
   * @default - those of `caBundleSecretRef`, else the system's
   */
  readonly caBundle?: string;

  /**
   * Secret with those certificates, beside the Issuer's other Secrets.
   *
   * @default - none
   */
  readonly caBundleSecretRef?: SecretKey;

  /**
   * Secrets with the certificate that cert-manager shows to Vault's listener, and with its key.
   *
   * @default - it shows none
   */
  readonly client?: { readonly certSecretRef: SecretKey; readonly keySecretRef: SecretKey };
}

/** A value of a Secret. */
export interface SecretKey {
  /** Name of the Secret. */
  readonly name: string;

  /** Key below which the value stands. */
  readonly key: string;
}

/** Decides how Vault is reached. */
export function planVault(vault: VaultConfig, problems: Problem[]): VaultPlan {
  const { server, namespace, serverName, caBundle, caBundleSecretRef, clientCertSecretRef, clientKeySecretRef } = vault;
  const refuse = (key: keyof VaultConfig, message: string) => problems.push({ path: ['vault', key], message });
  if (caBundle !== undefined && caBundleSecretRef !== undefined) {
    refuse('caBundleSecretRef', `'caBundleSecretRef' and caBundle exclude each other; remove one of them, got both`);
  }
  const pair = { clientCertSecretRef, clientKeySecretRef };
  for (const [key, other] of [
    ['clientCertSecretRef', 'clientKeySecretRef'],
    ['clientKeySecretRef', 'clientCertSecretRef'],
  ] as const) {
    if (pair[key] === undefined || pair[other] !== undefined) continue;
    refuse(key, `'${key}' needs ${other} beside it, e.g. { name: ${pair[key].name} }, got none`);
  }
  return {
    server,
    namespace,
    serverName,
    caBundle,
    caBundleSecretRef: caBundleSecretRef && secretKey(caBundleSecretRef, 'ca.crt'),
    client:
      clientCertSecretRef && clientKeySecretRef
        ? { certSecretRef: secretKey(clientCertSecretRef, 'tls.crt'), keySecretRef: secretKey(clientKeySecretRef, 'tls.key') }
        : undefined,
  };
}

const secretKey = ({ name, key }: SecretKeyConfig, usual: string): SecretKey => ({ name, key: key ?? usual });

/** The versions of cert-manager that first know a key of `vault`. */
const since = {
  caBundleSecretRef: '1.10.0',
  clientCertSecretRef: '1.15.0',
  serverName: '1.18.0',
} as const;

/** Refuses a cert-manager that does not know what `vault` says: its API server would drop it, or refuse the Issuer. */
export function refuseOldIssuer({ certManager = {}, refuse }: Settings, vault: VaultConfig): void {
  const { version } = certManager;
  if (version === undefined) return;
  for (const [key, first] of Object.entries(since)) {
    if (vault[key as keyof typeof since] === undefined || compareVersions(version, first) >= 0) continue;
    refuse(
      ['certManager', 'version'],
      `'version' must be at least "v${first}" for vault.${key}, e.g. "v1.21.2", got "${version}"; or remove vault.${key}`,
    );
  }
}

/** What Vault's address is made of; an IPv6 address keeps its brackets. */
export function addressOf(server: string): { readonly host: string; readonly port: number } {
  const [, scheme, host = '', written] = /^(https?):\/\/(\[.*\]|[^:]*)(?::(\d+))?$/.exec(server) ?? [];
  return { host, port: Number(written ?? (scheme === 'http' ? 80 : 443)) };
}
