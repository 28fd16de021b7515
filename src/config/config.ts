/**
 * The config: what a user writes, in `mesh-ca.yaml` or in TypeScript. These interfaces are the one place where its keys stand;
 * `mesh-ca.schema.json` is generated from them. A `@format` names an entry of `formats.ts`.
 */

import type { AppRoleConfig, AwsConfig, ClientCertificateConfig, JwtConfig, KubernetesConfig } from './auth';
import type { SubjectConfig, UrlsConfig } from './ca';
import type { CanaryConfig } from './canary';
import type { OverlayConfig } from './overlay';
import type { SecretConfig } from './secret';

export type * from './auth';
export type * from './ca';
export type * from './canary';
export type * from './overlay';
export type * from './secret';

/** Everything that one run of `mesh-ca synth` reads. What stands above `clusters` holds for each of them. */
export interface MeshCaConfig extends ClusterSettings {
  /**
   * Where an editor finds the schema of this file.
   *
   * @default - none
   */
  readonly $schema?: string;

  /** The Vault (or OpenBao) server. */
  readonly vault: VaultConfig;

  /**
   * The root CA that all clusters share.
   *
   * @default - imported from PEM files named when the script runs, into the mount `pki`
   */
  readonly root?: RootConfig;

  /**
   * CAs between the root and the clusters' intermediates, from the root downwards, each on a mount of its own. The last one signs the
   * intermediates.
   *
   * @default - none: the root signs the intermediates
   */
  readonly policyCas?: readonly PolicyCaConfig[];

  /**
   * The clusters. Each gets an intermediate CA, a PKI role, a policy and an AppRole of its own.
   *
   * @minItems 1
   */
  readonly clusters: readonly ClusterConfig[];
}

/** The Vault (or OpenBao) server. */
export interface VaultConfig {
  /**
   * Address as the clusters reach it, e.g. `https://vault.example.com:8200`. The scripts use it too, unless VAULT_ADDR is set.
   *
   * @format url
   */
  readonly server: string;

  /**
   * Namespace of Vault (Enterprise or HCP) or OpenBao that all of it lies in: mounts, policies, logins.
   *
   * @format vaultNamespace
   * @default - the root namespace
   */
  readonly namespace?: string;

  /**
   * Name that Vault's own server certificate must carry, where it is not the host of `server`. cert-manager v1.18.0 and later.
   *
   * @format host
   * @default - the host of `server`
   */
  readonly serverName?: string;

  /**
   * PEM file with the CA certificates that Vault's own server certificate is checked with; in TypeScript, the PEM text.
   *
   * @format pem
   * @default - the system's own CAs
   */
  readonly caBundle?: string;

  /**
   * Secret in each cluster that holds those CA certificates instead, e.g. one that trust-manager writes. It lies where the Issuer looks for
   * Secrets. The scripts do not read it: VAULT_CACERT names the file for them.
   *
   * @default - `caBundle`; its key is `ca.crt`
   */
  readonly caBundleSecretRef?: SecretKeyConfig;

  /**
   * Secret with the certificate that cert-manager shows to a listener of Vault's that asks for one. It lies where the Issuer looks for Secrets.
   * The scripts do not read it: VAULT_CLIENT_CERT and VAULT_CLIENT_KEY name the files for them. cert-manager v1.15.0 and later.
   *
   * @default - it shows none; its key is `tls.crt`
   */
  readonly clientCertSecretRef?: SecretKeyConfig;

  /**
   * Secret with the key of that certificate.
   *
   * @default - it shows none; its key is `tls.key`
   */
  readonly clientKeySecretRef?: SecretKeyConfig;
}

/** A value of a Secret. */
export interface SecretKeyConfig {
  /**
   * Name of the Secret.
   *
   * @format dnsName
   */
  readonly name: string;

  /**
   * Key below which the value stands.
   *
   * @format dataKey
   * @default - the usual one
   */
  readonly key?: string;
}

/** The root CA. */
export interface RootConfig {
  /**
   * Mount of the PKI secrets engine that holds it.
   *
   * @format mount
   * @default "pki"
   */
  readonly mount?: string;

  /**
   * Where it comes from: `import` takes the PEM files named when the script runs, `generate` lets Vault make a key that never leaves it.
   * `existing`: Vault has it already; it is read, never written. `offline`: it is not in Vault at all, and signs what the scripts ask for by hand.
   *
   * @default "import"
   */
  readonly source?: 'import' | 'generate' | 'existing' | 'offline';

  /**
   * Which issuer of the mount it is, by name or ID, where Vault has it already.
   *
   * @format issuerRef
   * @default - the mount's default issuer
   */
  readonly issuer?: string;

  /**
   * PEM file with the root certificate; in TypeScript, the PEM text. With it the root lies in dist/ and can be reviewed; without it the script
   * delivers it into the cluster. An offline root needs it.
   *
   * @format pem
   * @default - the script delivers it, and writes it to root.pem
   */
  readonly certificate?: string;

  /**
   * PEM files with further roots that the workloads trust, beside the one that signs: the next root before it signs, the last one until
   * nothing that it signed is left, that of a mesh which is taken over. In TypeScript, the PEM texts.
   *
   * @format pem
   * @default - none
   */
  readonly alsoTrust?: readonly string[];

  /**
   * The longest lifetime that the mount issues for (`max_lease_ttl`).
   *
   * @format duration
   * @default "87600h"
   */
  readonly maxLeaseTtl?: string;

  /**
   * Common name, where Vault generates it.
   *
   * @format commonName
   * @default "Mesh Root CA"
   */
  readonly commonName?: string;

  /**
   * More fields of its name, where Vault generates it.
   *
   * @default - none: the common name alone
   */
  readonly subject?: SubjectConfig;

  /**
   * Lifetime, where Vault generates it.
   *
   * @format duration
   * @default - maxLeaseTtl
   */
  readonly ttl?: string;

  /**
   * Key type, where Vault generates it.
   *
   * @default "rsa"
   */
  readonly keyType?: 'rsa' | 'ec';

  /**
   * Bits of the key, where Vault generates it: 2048, 3072 or 4096 for RSA, 256 or 384 for EC.
   *
   * @default - 4096 for RSA, 384 for EC
   */
  readonly keyBits?: 256 | 384 | 2048 | 3072 | 4096;

  /**
   * DNS domains that it and what is below it may sign, where Vault generates it; each holds what is below it. SPIFFE IDs and IP addresses pass all the same: Vault can
   * say nothing of those.
   *
   * @format dnsDomain
   * @default - none: any
   */
  readonly permittedDnsDomains?: readonly string[];

  /**
   * URLs that it writes into the CAs below it, where we make its mount.
   *
   * @default - none
   */
  readonly urls?: UrlsConfig;
}

/** A CA between the root and the clusters' intermediates. */
export interface PolicyCaConfig {
  /**
   * Name. Its mount and its steps are named after it unless set.
   *
   * @format dnsLabel
   */
  readonly name: string;

  /**
   * Mount of the PKI secrets engine that holds it.
   *
   * @format mount
   * @default - `pki-NAME`
   */
  readonly mount?: string;

  /**
   * Common name.
   *
   * @format commonName
   * @default - `NAME Mesh Policy CA`
   */
  readonly commonName?: string;

  /**
   * More fields of its name.
   *
   * @default - none: the common name alone
   */
  readonly subject?: SubjectConfig;

  /**
   * Lifetime, and the mount's `max_lease_ttl`.
   *
   * @format duration
   * @default - between that of its issuer and that of the CAs below it
   */
  readonly ttl?: string;

  /**
   * Key type.
   *
   * @default "rsa"
   */
  readonly keyType?: 'rsa' | 'ec';

  /**
   * Bits of the key: 2048, 3072 or 4096 for RSA, 256 or 384 for EC.
   *
   * @default - 4096 for RSA, 384 for EC
   */
  readonly keyBits?: 256 | 384 | 2048 | 3072 | 4096;

  /**
   * How many CAs may stand below it, one below the other; -1 any number. Unsafe where it is more than there are.
   *
   * @minimum -1
   * @maximum 100
   * @asType integer
   * @default - as many as there are
   */
  readonly maxPathLength?: number;

  /**
   * DNS domains that it and what is below it may sign; each holds what is below it. SPIFFE IDs and IP addresses pass all the same: Vault can
   * say nothing of those.
   *
   * @format dnsDomain
   * @default - none: any
   */
  readonly permittedDnsDomains?: readonly string[];

  /**
   * Trust domains whose SPIFFE IDs it and what is below it may sign, where an offline root signs it: Vault writes no name constraints for URIs.
   * `cluster.local` is that domain alone for OpenSSL and Envoy, and also what is below it for Go; `.example.com` is what is below it.
   *
   * @format uriDomain
   * @default - none: any
   */
  readonly permittedUriDomains?: readonly string[];

  /**
   * URLs that it writes into the CAs below it.
   *
   * @default - none
   */
  readonly urls?: UrlsConfig;
}

/** What can be said for all clusters at once, or for one. A cluster's own value wins, key by key. */
export interface ClusterSettings {
  /**
   * Trust domain of the mesh: `spiffe://TRUST-DOMAIN/ns/…`.
   *
   * @format trustDomain
   * @default "cluster.local"
   */
  readonly trustDomain?: string;

  /**
   * Istio's version, e.g. "1.22". One of `istioVersion` and `tsbVersion` is required: the overlay depends on it.
   *
   * @format istioVersion
   * @default - the one that tsbVersion ships
   */
  readonly istioVersion?: string;

  /**
   * Tetrate Service Bridge's version, as a shorthand for the Istio version that it ships, e.g. "1.12.0".
   *
   * @format tsbVersion
   * @default - none
   */
  readonly tsbVersion?: string;

  /**
   * What configures istiod. `tsb`: Tetrate Service Bridge's ControlPlane. `istioOperator`: an IstioOperator, for istioctl or the operator in the
   * cluster. `helm`: values of the istiod chart. `sail`: the Istio object of the Sail operator.
   *
   * @default "tsb"
   */
  readonly target?: 'tsb' | 'istioOperator' | 'helm' | 'sail';

  /**
   * Further trust domains whose workloads are taken for those of this mesh, while a mesh moves from one to the other. Nothing is signed for them.
   *
   * @format trustDomainAlias
   * @default - none
   */
  readonly trustDomainAliases?: readonly string[];

  /**
   * Whether the mesh has ztunnels, which ask for their workloads' certificates. Istio 1.24 and later, istio-csr v0.12.0 and later.
   *
   * @default false
   */
  readonly ambient?: boolean;

  /**
   * Where the ztunnels run, and as whom: istio-csr lets them ask for their workloads' certificates. Only with `ambient`.
   *
   * @default - as the target has them
   */
  readonly ztunnel?: ZtunnelConfig;

  /**
   * The certificates that the mesh asks for.
   *
   * @default - RSA 2048, one hour
   */
  readonly certificates?: CertificatesConfig;

  /**
   * The cluster's intermediate CA: the one that signs.
   *
   * @default - RSA 3072, five years, its key never leaves Vault
   */
  readonly intermediate?: IntermediateConfig;

  /**
   * The PKI role that cert-manager signs with.
   *
   * @default - named after the cluster; signs istiod's and istio-csr's names and the workloads', nothing else
   */
  readonly role?: RoleConfig;

  /**
   * The Vault policy that lets cert-manager use the sign path, and nothing else.
   *
   * @default - named `cert-manager-CLUSTER`
   */
  readonly policy?: PolicyConfig;

  /**
   * What cert-manager logs in to Vault with. `jwt`: a token of a service account, checked with the cluster's public keys; no secret anywhere.
   * `kubernetes`: the same token, checked by the cluster's API server. `appRole`: a secret ID, which has to be carried and renewed.
   * `clientCertificate`: a certificate of another CA. `aws`: an IAM role that the service account takes.
   *
   * @default "jwt"
   */
  readonly auth?: 'jwt' | 'kubernetes' | 'appRole' | 'clientCertificate' | 'aws';

  /**
   * Settings of `auth: jwt`.
   *
   * @default - mount `jwt-CLUSTER`, the keys as the API server publishes them
   */
  readonly jwt?: JwtConfig;

  /**
   * Settings of `auth: kubernetes`.
   *
   * @default - mount `kubernetes-CLUSTER`, Vault runs in the cluster
   */
  readonly kubernetes?: KubernetesConfig;

  /**
   * Settings of `auth: appRole`.
   *
   * @default - named `cert-manager-CLUSTER`
   */
  readonly appRole?: AppRoleConfig;

  /**
   * Settings of `auth: clientCertificate`. cert-manager v1.16.0 and later.
   *
   * @default - none
   */
  readonly clientCertificate?: ClientCertificateConfig;

  /**
   * Settings of `auth: aws`. cert-manager v1.21.0 and later.
   *
   * @default - none
   */
  readonly aws?: AwsConfig;

  /**
   * The Secret that holds the secret ID of `auth: appRole`.
   *
   * @default - the setup script delivers it
   */
  readonly secret?: SecretConfig;

  /**
   * cert-manager, and the Issuer.
   *
   * @default - Issuer `vault-issuer`
   */
  readonly certManager?: CertManagerConfig;

  /**
   * istio-csr, the agent that signs the workloads' requests through cert-manager.
   *
   * @default - the jetstack chart, in namespace cert-manager
   */
  readonly istioCsr?: IstioCsrConfig;

  /**
   * istiod, and the objects that configure it.
   *
   * @default - in namespace istio-system
   */
  readonly istio?: IstioConfig;

  /**
   * Pods with a sidecar when there are most. istio-csr's values and cert-manager's flags are sized for them, and a mesh that cannot be signed for
   * in time is refused.
   *
   * @minimum 1
   * @maximum 1000000
   * @asType integer
   * @default - not known: nothing is sized
   */
  readonly workloads?: number;

  /**
   * Namespaces of the cluster: istio-csr keeps the root certificate in a ConfigMap of each. Together with `workloads`.
   *
   * @minimum 1
   * @maximum 1000000
   * @asType integer
   * @default 100
   */
  readonly namespaces?: number;

  /**
   * Certificates that Vault, cert-manager and istio-csr together sign in a second; measure your own.
   *
   * @minimum 1
   * @maximum 100000
   * @asType integer
   * @default - 34, as measured on two cores; 1.7 with istio-csr's rate limiter
   */
  readonly signRate?: number;

  /**
   * Metrics and alerts: istio-csr's ServiceMonitor and a PrometheusRule. It needs the Prometheus operator.
   *
   * @default false
   */
  readonly monitoring?: boolean;

  /**
   * Labels of both, by which a Prometheus chooses them, e.g. `release=kube-prometheus-stack`.
   *
   * @format kubernetesLabel
   * @default - none
   */
  readonly monitoringLabels?: readonly string[];

  /**
   * NetworkPolicies: cert-manager may reach Vault, and every pod istio-csr. They close what else those pods do, as their headers say.
   *
   * @default false
   */
  readonly networkPolicy?: boolean;

  /**
   * Addresses of Vault for `networkPolicy`, in CIDR notation. A NetworkPolicy knows no host names, so without these it opens Vault's port to every
   * address, unless `vault.server` is an IP address or a Service of the cluster.
   *
   * @format cidr
   * @default - what `vault.server` says
   */
  readonly networkPolicyVault?: readonly string[];

  /**
   * Addresses of the API server for `networkPolicy`, in CIDR notation: its endpoints, and the cluster IP of the Service `kubernetes`.
   *
   * @format cidr
   * @default - every address, at ports 443 and 6443
   */
  readonly networkPolicyApiServer?: readonly string[];

  /**
   * The fields that a ControlPlane requires. Without them the output is a partial to merge into the ControlPlane that is there.
   *
   * @default - a partial ControlPlane
   */
  readonly tsb?: TsbConfig;
}

/** One cluster. */
export interface ClusterConfig extends ClusterSettings {
  /**
   * Name of the cluster. Its mount, PKI role, policy, AppRole and kube context are named after it unless set.
   *
   * @format dnsLabel
   */
  readonly name: string;

  /**
   * Context in the kubeconfig. Every kubectl, helm and istioctl call names it.
   *
   * @format context
   * @default - the cluster's name
   */
  readonly context?: string;

  /**
   * The mesh's ID of the cluster; for TSB, the cluster's name there. istio-csr refuses every workload whose ID differs.
   *
   * @format clusterId
   * @default - the cluster's name
   */
  readonly clusterId?: string;
}

/** The ztunnels of an ambient mesh. */
export interface ZtunnelConfig {
  /**
   * Namespace that they run in, e.g. "kube-system" on OpenShift.
   *
   * @format dnsLabel
   * @default - "ztunnel" for target "sail", as the Sail operator's own; else istiod's namespace
   */
  readonly namespace?: string;

  /**
   * Their service account.
   *
   * @format dnsLabel
   * @default "ztunnel"
   */
  readonly serviceAccount?: string;
}

/** The certificates that the mesh asks for. The PKI role, istio-csr and istiod follow from it. */
export interface CertificatesConfig {
  /**
   * The longest lifetime of a workload's certificate, and what istio-csr grants. At least 10m.
   *
   * @format duration
   * @default "1h"
   */
  readonly workloadTtl?: string;

  /**
   * Lifetime of istiod's certificate. At least 1h, as cert-manager wants of a Certificate.
   *
   * @format duration
   * @default "1h"
   */
  readonly istiodTtl?: string;

  /**
   * Lifetime of istio-csr's serving certificate. At least 10m.
   *
   * @format duration
   * @default "1h"
   */
  readonly servingTtl?: string;

  /**
   * Key type of every certificate in the mesh. Envoy's own default is RSA; ztunnels make EC keys alone.
   *
   * @default - "rsa"; "ec" where ambient is set
   */
  readonly keyType?: 'rsa' | 'ec';

  /**
   * Bits of the key: 2048, 3072 or 4096 for RSA, 256 or 384 for EC.
   *
   * @default - 2048 for RSA, 256 for EC
   */
  readonly keyBits?: 256 | 384 | 2048 | 3072 | 4096;
}

/** The intermediate CA. */
export interface IntermediateConfig {
  /**
   * Mount of the PKI secrets engine that holds it.
   *
   * @format mount
   * @default - `istioca-CLUSTER`
   */
  readonly mount?: string;

  /**
   * Common name; from the second generation on followed by its number, e.g. ` G2`.
   *
   * @format commonName
   * @default - `CLUSTER Mesh Intermediate CA`
   */
  readonly commonName?: string;

  /**
   * More fields of its name.
   *
   * @default - none: the common name alone
   */
  readonly subject?: SubjectConfig;

  /**
   * Lifetime, and the mount's `max_lease_ttl`.
   *
   * @format duration
   * @default "43800h"
   */
  readonly ttl?: string;

  /**
   * `internal`: the key never leaves Vault. `exported`: Vault hands the key out once, and the script writes it to a file. Unsafe.
   *
   * @default "internal"
   */
  readonly key?: 'internal' | 'exported';

  /**
   * Key type.
   *
   * @default "rsa"
   */
  readonly keyType?: 'rsa' | 'ec';

  /**
   * Bits of the key: 2048, 3072 or 4096 for RSA, 256 or 384 for EC.
   *
   * @default - 3072 for RSA, 256 for EC
   */
  readonly keyBits?: 256 | 384 | 2048 | 3072 | 4096;

  /**
   * How many CAs may stand below it: 0 none, -1 any number. Unsafe where it is not 0: a certificate that it signs could sign others.
   *
   * @default 0
   */
  readonly maxPathLength?: 0 | 1 | -1;

  /**
   * Which CA of the mount signs. One more, and setup.sh makes a new one beside it and moves the default issuer there; one less, within the time
   * that the old one is kept, and it moves back.
   *
   * @minimum 1
   * @maximum 999
   * @asType integer
   * @default 1
   */
  readonly generation?: number;

  /**
   * Day on which the CA in Vault ends, as setup.sh says, in UTC: what the alerts of its end and the timeline count from. Each generation has its own.
   *
   * @format date
   * @default - not known: no alert of its end
   */
  readonly notAfter?: string;

  /**
   * Whether the next generation takes the key of the one before, so that only the certificate is new. For a key that may have leaked: false.
   *
   * @default false
   */
  readonly reuseKey?: boolean;

  /**
   * DNS domains that it and what is below it may sign; each holds what is below it. SPIFFE IDs and IP addresses pass all the same: Vault can
   * say nothing of those.
   *
   * @format dnsDomain
   * @default - none: any
   */
  readonly permittedDnsDomains?: readonly string[];

  /**
   * Trust domains whose SPIFFE IDs it and what is below it may sign, where an offline root signs it: Vault writes no name constraints for URIs.
   * `cluster.local` is that domain alone for OpenSSL and Envoy, and also what is below it for Go; `.example.com` is what is below it.
   *
   * @format uriDomain
   * @default - none: any
   */
  readonly permittedUriDomains?: readonly string[];

  /**
   * URLs that it writes into every certificate of the mesh. Nothing in Istio asks there, and each handshake carries them.
   *
   * @default - none
   */
  readonly urls?: UrlsConfig;

  /**
   * Whether Vault removes what it keeps of certificates, 72 hours after their end (`config/auto-tidy`).
   *
   * @default true
   */
  readonly tidy?: boolean;
}

/** The PKI role. Names and lifetimes follow from the trust domain, istiod, istio-csr and `certificates`; the keys here only widen them. */
export interface RoleConfig {
  /**
   * Name.
   *
   * @format vaultName
   * @default - the cluster's name
   */
  readonly name?: string;

  /**
   * Host names it signs. `exact`: istiod's and istio-csr's own. `anyService`: every `*.svc` name, localhost, IP addresses and wildcards. Unsafe.
   *
   * @default "exact"
   */
  readonly hosts?: 'exact' | 'anyService';

  /**
   * SPIFFE IDs it signs. `workloads`: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. `anyPath`: everything below the trust domain. Unsafe.
   *
   * @default "workloads"
   */
  readonly spiffeIds?: 'workloads' | 'anyPath';

  /**
   * Namespaces whose workloads' SPIFFE IDs it signs, beside istiod's own. A workload elsewhere, a gateway too, gets no certificate.
   *
   * @format dnsLabel
   * @default - every namespace
   */
  readonly namespaces?: readonly string[];

  /**
   * The longest lifetime it signs for. Unsafe where it is longer than what the mesh asks for.
   *
   * @format duration
   * @default - the longest of `certificates`
   */
  readonly maxTtl?: string;

  /**
   * Whether Vault keeps a copy of each certificate that it signs. Unsafe: the storage grows with every renewal of every workload.
   *
   * @default false
   */
  readonly storeCertificates?: boolean;
}

/** The Vault policy. */
export interface PolicyConfig {
  /**
   * Name. Vault writes policy names in lower case.
   *
   * @format vaultName
   * @default - `cert-manager-CLUSTER`
   */
  readonly name?: string;
}

/** cert-manager. */
export interface CertManagerConfig {
  /**
   * Name of the Issuer. It lies in istiod's namespace, since istio-csr asks there.
   *
   * @format dnsName
   * @default "vault-issuer"
   */
  readonly issuer?: string;

  /**
   * `Issuer`: only istiod's namespace can ask it. `ClusterIssuer`: every namespace can, so whoever may make CertificateRequests anywhere gets
   * any name of the mesh. Its Secrets and its service account lie in cert-manager's own namespace. Unsafe.
   *
   * @default "Issuer"
   */
  readonly issuerKind?: 'Issuer' | 'ClusterIssuer';

  /**
   * Whether approver-policy decides which requests go to Vault: CertificateRequestPolicies for workloads, istiod and istio-csr. cert-manager's own
   * approver has to be turned off for it, which leaves every other Issuer's requests waiting for policies of their own. cert-manager v1.15.0
   * and later.
   *
   * @default false
   */
  readonly approverPolicy?: boolean;

  /**
   * ValidatingAdmissionPolicies by which the API server refuses the mesh's CA to everybody but istio-csr and cert-manager: CertificateRequests,
   * Certificates and Issuers that use it, and tokens of its service account. Without them, write access to istiod's namespace is enough to get
   * certificates for any identity of the mesh. No other Issuer is affected. Needs Kubernetes 1.30 or later and a cluster administrator to apply
   * them, so they are off unless you ask for them.
   *
   * @default false
   */
  readonly admissionPolicy?: boolean;

  /**
   * cert-manager's own service account, which asks for the tokens of `auth: jwt` and `auth: kubernetes`.
   *
   * @format dnsName
   * @default "cert-manager"
   */
  readonly serviceAccount?: string;

  /**
   * Namespace of cert-manager; a ClusterIssuer's Secrets lie there too (`--cluster-resource-namespace`).
   *
   * @format dnsLabel
   * @default "cert-manager"
   */
  readonly namespace?: string;

  /**
   * Chart version that the runbook installs.
   *
   * @format certManagerVersion
   * @default "v1.21.2"
   */
  readonly version?: string;
}

/** istio-csr. */
export interface IstioCsrConfig {
  /**
   * Name of the Helm release.
   *
   * @format dnsLabel
   * @default "cert-manager-istio-csr"
   */
  readonly release?: string;

  /**
   * Namespace of the release; istio-csr's address follows from it.
   *
   * @format dnsLabel
   * @default "cert-manager"
   */
  readonly namespace?: string;

  /**
   * Chart version. The values are checked against what it knows.
   *
   * @format version
   * @default "v0.17.0"
   */
  readonly chartVersion?: string;

  /**
   * What brings the root certificate, which istio-csr hands to the workloads, to its pod. `secret`, `configMap`: an object of that kind.
   * `bundle`: trust-manager, which must run in the cluster, makes the ConfigMap of a Bundle.
   *
   * @default "secret"
   */
  readonly rootCarrier?: 'secret' | 'configMap' | 'bundle';

  /**
   * Name of that Secret or ConfigMap, or of the Bundle and its ConfigMap.
   *
   * @format dnsName
   * @default "istio-root-ca"
   */
  readonly rootName?: string;

  /**
   * Namespace where trust-manager looks for what a Bundle refers to (`app.trust.namespace` of its chart).
   *
   * @format dnsLabel
   * @default "cert-manager"
   */
  readonly trustNamespace?: string;

  /**
   * Which certificate it brings. `intermediate` makes istio-csr hand out a trust anchor that is not the root. Unsafe.
   *
   * @default "root"
   */
  readonly rootFile?: 'root' | 'intermediate';

  /**
   * Whether istio-csr may call the API server as often as it needs: 34 signatures a second instead of 1.7. Since chart v0.11.0.
   *
   * @default true
   */
  readonly disableKubernetesClientRateLimiter?: boolean;

  /**
   * More Helm values, e.g. `replicaCount`. What the plan decides cannot be set here.
   *
   * @default - none
   */
  readonly values?: Readonly<Record<string, unknown>>;
}

/** istiod, and the objects that configure it. */
export interface IstioConfig {
  /**
   * Namespace of istiod, the Issuer and the ControlPlane.
   *
   * @format dnsLabel
   * @default "istio-system"
   */
  readonly namespace?: string;

  /**
   * Revision of istiod, as in the Deployment's name `istiod-REVISION`.
   *
   * @format dnsLabel
   * @default "default"
   */
  readonly revision?: string;

  /**
   * Name of the ControlPlane.
   *
   * @format dnsName
   * @default "controlplane"
   */
  readonly controlPlane?: string;

  /**
   * Name of the IstioOperator that TSB makes and the overlay changes.
   *
   * @format dnsName
   * @default - `tsb-istiocontrolplane`; with a revision, as isolation boundaries have, `xcp-iop-REVISION`
   */
  readonly istioOperator?: string;

  /**
   * Name of the Sail operator's Istio object. With its update strategy RevisionBased the revision is this name and the version, e.g.
   * `default-v1-24-3`.
   *
   * @format dnsLabel
   * @default - the revision, as with the update strategy InPlace
   */
  readonly sailIstio?: string;

  /**
   * A second istiod beside this one, until all workloads have moved to it.
   *
   * @default - there is one istiod
   */
  readonly canary?: CanaryConfig;

  /**
   * How istiod is given its certificate. `wellKnown`: Istio 1.16 and later finds it by itself. `append`: flags and volumes at the end of the
   * lists. `guide`: the guide's ControlPlane to the letter, with indices that overwrite whatever stands there. Unsafe.
   *
   * @default - `wellKnown` from Istio 1.16, else `append`
   */
  readonly overlay?: 'append' | 'wellKnown' | 'guide';

  /**
   * More Helm values of istiod, as an IstioOperator's `values`, e.g. `global.logAsJson` and `pilot.extraContainerArgs`. What the plan decides
   * cannot be set here.
   *
   * @default - none
   */
  readonly values?: Readonly<Record<string, unknown>>;

  /**
   * More changes to what istiod's chart renders, as an IstioOperator's `k8s.overlays` of the component `pilot`. Ours come after them. What would
   * overwrite an argument or a volume of the chart's at this version, or one of ours, is refused.
   *
   * @default - none
   */
  readonly overlays?: readonly OverlayConfig[];
}

/** The fields that a ControlPlane requires. */
export interface TsbConfig {
  /**
   * Registry of TSB's images.
   *
   * @format imageHub
   */
  readonly hub: string;

  /** The management plane. Its clusterName is the cluster's `clusterId`. */
  readonly managementPlane: ManagementPlaneConfig;

  /** The telemetry store. */
  readonly telemetryStore: TelemetryStoreConfig;

  /**
   * Name of the isolation boundary of the istiods. It is written where there is a revision, and from TSB 1.12 on, with the revisions and their
   * tsbVersion. A cluster with more than one isolation boundary wants a partial ControlPlane, so without `tsb`.
   *
   * @format dnsLabel
   * @default "global"
   */
  readonly isolationBoundary?: string;
}

/** The management plane. */
export interface ManagementPlaneConfig {
  /**
   * Host name or IP address.
   *
   * @format host
   */
  readonly host: string;

  /**
   * Port.
   *
   * @minimum 1
   * @maximum 65535
   * @asType integer
   */
  readonly port: number;

  /**
   * Whether its certificate is self-signed.
   *
   * @default - TSB's own default
   */
  readonly selfSigned?: boolean;
}

/** The telemetry store. */
export interface TelemetryStoreConfig {
  /** Elasticsearch. */
  readonly elastic: ElasticConfig;
}

/** Elasticsearch. */
export interface ElasticConfig {
  /**
   * Host name or IP address.
   *
   * @format host
   */
  readonly host: string;

  /**
   * Port.
   *
   * @minimum 1
   * @maximum 65535
   * @asType integer
   */
  readonly port: number;

  /**
   * Protocol.
   *
   * @default - TSB's own default
   */
  readonly protocol?: 'http' | 'https';

  /**
   * Whether its certificate is self-signed.
   *
   * @default - TSB's own default
   */
  readonly selfSigned?: boolean;

  /**
   * Major version.
   *
   * @minimum 5
   * @maximum 9
   * @asType integer
   * @default - TSB's own default
   */
  readonly version?: number;
}
