/**
 * The keys of the secret ID of `auth: appRole`: how it is carried into the cluster. They belong to `config.ts`.
 */

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
