// Decides what the API server refuses to everybody who must not use the mesh's Issuer: ValidatingAdmissionPolicies, where the config asks for them.
import { AuthPlan } from './auth';
import { IssuerPlan } from './issuer';
import { IstioCsrPlan } from './istio-csr';
import { IstioPlan } from './istio';
import { Settings } from './settings';

/** The oldest version of Kubernetes that has ValidatingAdmissionPolicies in `admissionregistration.k8s.io/v1`. */
export const ADMISSION_POLICIES_SINCE = '1.30';

/** What the ValidatingAdmissionPolicies allow. */
export interface AdmissionPlan {
  /** The policies have no namespace, so their names begin with the Issuer's namespace and name, e.g. `istio-system-vault-issuer`. */
  readonly prefix: string;

  /** Names of the policies, which are those of their bindings too. */
  readonly names: readonly string[];

  /** User names of istio-csr and cert-manager, which create CertificateRequests for the Issuer. */
  readonly requesters: readonly string[];

  /** User name of cert-manager, which requests tokens of the Issuer's service account. */
  readonly tokenRequester: string;

  /**
   * The service account that cert-manager logs in to Vault as.
   *
   * @default - none: cert-manager logs in with a Secret
   */
  readonly serviceAccount?: { readonly name: string; readonly namespace: string };

  /** The only Certificate at the Issuer: istiod's. */
  readonly certificate: AdmittedCertificate;
}

/** The names that a Certificate may have. */
export interface AdmittedCertificate {
  /** Names of the Certificate object. */
  readonly names: readonly string[];

  /** Namespace of the Certificate object. */
  readonly namespace: string;

  /** Secret that the Certificate writes. */
  readonly secretName: string;

  /** Common name. */
  readonly commonName: string;

  /** DNS names. */
  readonly dnsNames: readonly string[];

  /** URIs. */
  readonly uris: readonly string[];
}

/** What each policy guards, and whether it is about the Issuer's service account. */
const GUARDED = [
  { suffix: 'requests', ofAccount: false },
  { suffix: 'signing-requests', ofAccount: false },
  { suffix: 'certificates', ofAccount: false },
  { suffix: 'issuers', ofAccount: false },
  { suffix: 'tokens', ofAccount: true },
  { suffix: 'pods', ofAccount: true },
  { suffix: 'token-secrets', ofAccount: true },
] as const;

/** The last part of a policy's name. */
export type GuardedBy = (typeof GUARDED)[number]['suffix'];

/** The longest name of an object in Kubernetes. */
const NAME_LENGTH = 253;

/** Names of the policies, in the order of the manifest. */
export const admissionPolicyNames = (prefix: string, hasAccount: boolean): string[] =>
  GUARDED.filter(({ ofAccount }) => hasAccount || !ofAccount).map(({ suffix }) => `${prefix}-${suffix}`);

/** Decides the ValidatingAdmissionPolicies; nothing where the config does not ask for them. */
export function planAdmission(
  settings: Settings,
  decided: {
    readonly trustDomain: string;
    readonly auth: AuthPlan;
    readonly issuer: IssuerPlan;
    readonly istio: IstioPlan;
    readonly istioCsr: IstioCsrPlan;
    readonly certManager: { readonly namespace: string; readonly serviceAccount: string };
  },
): AdmissionPlan | undefined {
  const { certManager: { admissionPolicy = false } = {}, refuse } = settings;
  if (!admissionPolicy) return undefined;
  const { trustDomain, auth, issuer, istio, istioCsr, certManager } = decided;
  const prefix = `${istio.namespace}-${issuer.name}`;
  const longest = NAME_LENGTH - `${istio.namespace}--signing-requests`.length;
  if (issuer.name.length > longest) {
    refuse(
      ['certManager', 'issuer'],
      `'issuer' must have at most ${longest} characters for certManager.admissionPolicy, whose names begin with it, e.g. "vault-issuer", got ${issuer.name.length}`,
    );
  }
  const serviceAccount = 'serviceAccount' in auth ? auth.serviceAccount : undefined;
  const tokenRequester = userName(certManager.namespace, certManager.serviceAccount);
  return {
    prefix,
    names: admissionPolicyNames(prefix, serviceAccount !== undefined),
    requesters: [userName(istioCsr.namespace, istioCsr.name), tokenRequester],
    tokenRequester,
    serviceAccount,
    certificate: {
      // the chart's, and the one that istio-csr makes itself where app.tls.istiodCertificateEnable is "dynamic".
      names: ['istiod', 'istiod-dynamic'],
      namespace: istio.namespace,
      secretName: 'istiod-tls',
      commonName: istioCsr.istiodCertificate.commonName,
      dnsNames: istioCsr.istiodCertificate.dnsNames,
      uris: [`spiffe://${trustDomain}/ns/${istio.namespace}/sa/istiod-service-account`],
    },
  };
}

/** A service account as the API server calls it. */
const userName = (namespace: string, name: string) => `system:serviceaccount:${namespace}:${name}`;
