/**
 * The keys of the ways in: what cert-manager logs in to Vault with. They belong to `config.ts`.
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

/** The TLS certificates auth method: Vault checks a certificate that cert-manager shows. Nothing between the two may end TLS. */
export interface ClientCertificateConfig {
  /**
   * Mount of the TLS certificates auth method. Each cluster needs its own.
   *
   * @format mount
   * @default - `cert-CLUSTER`
   */
  readonly mount?: string;

  /**
   * PEM file with the CA that cert-manager's certificate is from; in TypeScript, the PEM text. Not a CA of the mesh: a workload could log in.
   *
   * @format pem
   * @default - none; each cluster needs one, its own or a shared one
   */
  readonly certificate?: string;

  /**
   * Names of which the certificate must carry one, as its common name or as a DNS or e-mail name. A CA may give others to others.
   *
   * @format certificateName
   * @minItems 1
   * @default - none; each cluster needs its own
   */
  readonly allowedNames?: readonly string[];

  /**
   * Secret of type kubernetes.io/tls with the certificate and its key. It is not made here: a cert-manager Certificate of that other CA can
   * keep it, and renew it.
   *
   * @format dnsName
   * @default "cert-manager-vault-client"
   */
  readonly secretName?: string;

  /**
   * Lifetime of the token that a login gives; cert-manager logs in anew for each signature.
   *
   * @format duration
   * @default "10m"
   */
  readonly tokenTtl?: string;
}

/** The AWS auth method: the service account takes an IAM role, and Vault asks AWS who that is. */
export interface AwsConfig extends ServiceAccountConfig {
  /**
   * Mount of the AWS auth method. Each cluster needs its own.
   *
   * @format mount
   * @default - `aws-CLUSTER`
   */
  readonly mount?: string;

  /**
   * IAM role that the service account takes. Its trust policy names this cluster's OIDC provider and the service account.
   *
   * @format iamRoleArn
   * @default - none; each cluster needs one, its own or a shared one
   */
  readonly iamRoleArn?: string;

  /**
   * Region whose STS both cert-manager and Vault ask.
   *
   * @format awsRegion
   * @default - none; each cluster needs one, its own or a shared one
   */
  readonly region?: string;

  /**
   * What cert-manager signs into its request, and Vault demands (`iam_server_id_header_value`): a login for another Vault is refused.
   *
   * @format host
   * @default - the host of vault.server
   */
  readonly vaultHeaderValue?: string;

  /**
   * Whether Vault binds the role's unique ID, so that another role made anew under the same name is refused. Vault then needs AWS credentials
   * that may do iam:GetRole. Vault cannot take `true` back.
   *
   * @default true
   */
  readonly resolveAwsUniqueIds?: boolean;
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
