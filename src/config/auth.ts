/**
 * The keys of the ways in: what cert-manager logs in to Vault with, and how a secret ID is carried. They belong to `config.ts`.
 */

/** The JWT auth method: Vault checks the service account's token with the cluster's public keys. */
export interface JwtConfig extends ServiceAccountConfig {
  /**
   * Mount of the JWT auth method. Each cluster needs its own: the keys are the cluster's.
   *
   * @format mount
   * @default - `jwt-CLUSTER`
   */
  readonly mount?: string;

  /**
   * Issuer of the cluster's tokens (`iss`).
   *
   * @format issuerUrl
   * @default - as the API server says, when the script runs
   */
  readonly issuer?: string;

  /**
   * Address where Vault itself fetches the keys by OIDC discovery, and so learns of new ones. It must be one that Vault reaches without a login,
   * with a certificate of a public CA.
   *
   * @format issuerUrl
   * @default - the setup script hands the keys over
   */
  readonly discoveryUrl?: string;
}

/** The Kubernetes auth method: Vault asks the cluster's API server about the service account's token. */
export interface KubernetesConfig extends ServiceAccountConfig {
  /**
   * Mount of the Kubernetes auth method. Each cluster needs its own.
   *
   * @format mount
   * @default - `kubernetes-CLUSTER`
   */
  readonly mount?: string;

  /**
   * Address of the API server as Vault reaches it, for a Vault outside the cluster. The setup script then makes a reviewer's token for it.
   *
   * @format url
   * @default - Vault runs in this cluster, and asks with its own service account
   */
  readonly host?: string;

  /**
   * Lifetime of the reviewer's token. The setup script, run again, replaces one that has less than a third left. The API server may cut it.
   *
   * @format duration
   * @default "8760h"
   */
  readonly reviewerTtl?: string;
}

/** The service account that cert-manager logs in as. */
export interface ServiceAccountConfig {
  /**
   * Name of the service account. It lies beside the Issuer; a ClusterIssuer's, in cert-manager's own namespace.
   *
   * @format dnsName
   * @default "vault-issuer"
   */
  readonly serviceAccount?: string;

  /**
   * Lifetime of the token that a login gives; cert-manager logs in anew for each signature.
   *
   * @format duration
   * @default "10m"
   */
  readonly tokenTtl?: string;
}

/** The AppRole. */
export interface AppRoleConfig {
  /**
   * Mount of the AppRole auth method.
   *
   * @format mount
   * @default "approle"
   */
  readonly mount?: string;

  /**
   * Name.
   *
   * @format vaultName
   * @default - `cert-manager-CLUSTER`
   */
  readonly name?: string;

  /**
   * Role ID: a name, not a secret. Decided here, so that the Issuer is complete before the script has run.
   *
   * @format roleId
   * @default - `CLUSTER.APPROLE`
   */
  readonly roleId?: string;

  /**
   * Lifetime of the token that a login gives.
   *
   * @format duration
   * @default "1h"
   */
  readonly tokenTtl?: string;

  /**
   * The longest lifetime of such a token with renewals.
   *
   * @format duration
   * @default "4h"
   */
  readonly tokenMaxTtl?: string;

  /**
   * `batch` leaves nothing in Vault. `default` and `service` leave a lease for each signature, since cert-manager logs in anew for each. Unsafe.
   *
   * @default "batch"
   */
  readonly tokenType?: 'batch' | 'service' | 'default';

  /**
   * Lifetime of the secret ID. The setup script, run again, replaces one that has less than a third left. "0" never ends. Unsafe.
   *
   * @format durationOrZero
   * @default - 8760h; 24 refreshes with `secret.delivery: externalSecretGenerator`
   */
  readonly secretIdTtl?: string;

  /**
   * Addresses that may log in with the secret ID, e.g. those that the cluster's nodes show to Vault.
   *
   * @format cidr
   * @default - any
   */
  readonly secretIdBoundCidrs?: readonly string[];

  /**
   * Addresses that may use the token of a login.
   *
   * @format cidr
   * @default - any
   */
  readonly tokenBoundCidrs?: readonly string[];
}

/** The Secret with the secret ID. It lies in istiod's namespace, beside the Issuer; a ClusterIssuer's, in cert-manager's own. */
export interface SecretConfig {
  /**
   * How it reaches the cluster. `script`: the setup script makes the secret ID and pipes it into the cluster. `wrapped`: it prints a wrapping
   * token, with which somebody else, who runs the cluster, fetches it once. `externalSecret`: the External Secrets operator reads it from a KV
   * secrets engine of Vault, where the setup script puts it. `externalSecretGenerator`: that operator has Vault make one at each refresh.
   * `sealedSecret`, `sops`: it lies in Git, encrypted by the commands of the runbook for the cluster's controller, or for an age key.
   * `manifest`: a Secret in dist/, in plain text; only with `--allow-plaintext-secret` and the secret ID in an environment variable. Unsafe.
   *
   * @default "script"
   */
  readonly delivery?: 'script' | 'wrapped' | 'externalSecret' | 'externalSecretGenerator' | 'sealedSecret' | 'sops' | 'manifest';

  /**
   * How long the wrapping token of `wrapped` serves.
   *
   * @format duration
   * @default "1h"
   */
  readonly wrapTtl?: string;

  /**
   * Where the secret ID of `externalSecret` lies in Vault.
   *
   * @default - `mesh-ca/CLUSTER/secret-id` in the mount `secret`
   */
  readonly kv?: SecretKvConfig;

  /**
   * How often the External Secrets operator reads it, or has another one made. `appRole.secretIdTtl` must be longer than two of these.
   *
   * @format duration
   * @default "1h"
   */
  readonly refreshInterval?: string;

  /**
   * How the External Secrets operator logs in to Vault.
   *
   * @default - at the Kubernetes auth method `kubernetes`, as service account `external-secrets-vault`
   */
  readonly store?: SecretStoreConfig;

  /**
   * The secret ID of `sealedSecret` as `kubeseal --raw` has encrypted it for this Secret's name and namespace.
   *
   * @format sealed
   * @default - none yet: there is no manifest, and the runbook has the command
   */
  readonly ciphertext?: string;

  /**
   * Public key of age that the secret ID of `sops` is encrypted for. Required there.
   *
   * @format ageRecipient
   * @default - none
   */
  readonly ageRecipient?: string;

  /**
   * Name.
   *
   * @format dnsName
   * @default "cert-manager-vault-approle"
   */
  readonly name?: string;

  /**
   * Key below which the secret ID stands.
   *
   * @format dataKey
   * @default "secretId"
   */
  readonly key?: string;
}

/** A place in a KV secrets engine of version 2. */
export interface SecretKvConfig {
  /**
   * Mount of the KV secrets engine. It must be there.
   *
   * @format mount
   * @default "secret"
   */
  readonly mount?: string;

  /**
   * Path below it, without `data/`.
   *
   * @format vaultPath
   * @default - `mesh-ca/CLUSTER/secret-id`
   */
  readonly path?: string;
}

/** The External Secrets operator's own login to Vault. */
export interface SecretStoreConfig {
  /**
   * Auth method that it logs in by, with a token of its service account.
   *
   * @default "kubernetes"
   */
  readonly auth?: 'kubernetes' | 'jwt';

  /**
   * Mount of that auth method. It must be there, and know this cluster.
   *
   * @format mount
   * @default - as `auth`
   */
  readonly mount?: string;

  /**
   * Role there; the setup script writes it.
   *
   * @format vaultName
   * @default - `external-secrets-CLUSTER`
   */
  readonly role?: string;

  /**
   * Service account in the Issuer's namespace, which the manifests make.
   *
   * @format dnsName
   * @default "external-secrets-vault"
   */
  readonly serviceAccount?: string;
}
