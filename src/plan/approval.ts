import { IssuerPlan } from './issuer';
import { IstioPlan } from './istio';
import { IstioCsrPlan } from './istio-csr';
import { CertificatesPlan } from './certificates';
import { RolePlan } from './role';
import { Settings } from './settings';
import { compareVersions } from './version';

/** Chart version of approver-policy that the runbook installs. */
export const APPROVER_POLICY = 'v0.28.0';

/** What one kind of CertificateRequest may ask for; all that is listed must be there, and nothing else. */
export interface RequestPolicyPlan {
  /** Name. It has no namespace, so the Issuer's is in it. */
  readonly name: string;

  /** What it lets through. */
  readonly about: string;

  /** The service account that asks. */
  readonly requester: { readonly name: string; readonly namespace: string };

  /**
   * Common name.
   *
   * @default - there must be none
   */
  readonly commonName?: string;

  /**
   * DNS names.
   *
   * @default - there must be none
   */
  readonly dnsNames?: readonly string[];

  /**
   * URIs; `*` stands for anything.
   *
   * @default - there must be none
   */
  readonly uris?: readonly string[];

  /**
   * Usages.
   *
   * @default - there must be none
   */
  readonly usages?: readonly string[];

  /** The longest lifetime. */
  readonly maxDuration: string;
}

/** The version of cert-manager's chart that first has `disableAutoApproval`. */
const DISABLE_AUTO_APPROVAL_SINCE = '1.15.0';

/** The longest name of an object in Kubernetes. */
const NAME_LENGTH = 253;

/** Decides what approver-policy lets through: what istio-csr asks for itself and the workloads, and cert-manager for istiod. */
export function planRequestPolicies(
  { certManager: { approverPolicy = false, version } = {}, refuse }: Settings,
  decided: {
    readonly trustDomain: string;
    readonly certificates: CertificatesPlan;
    readonly role: RolePlan;
    readonly issuer: IssuerPlan;
    readonly istio: IstioPlan;
    readonly istioCsr: IstioCsrPlan;
    readonly certManager: { readonly namespace: string; readonly serviceAccount: string };
  },
): RequestPolicyPlan[] {
  if (!approverPolicy) return [];
  if (version !== undefined && compareVersions(version, DISABLE_AUTO_APPROVAL_SINCE) < 0) {
    refuse(
      ['certManager', 'version'],
      `'version' must be at least "v${DISABLE_AUTO_APPROVAL_SINCE}" for certManager.approverPolicy (disableAutoApproval), e.g. "v1.21.2", got "${version}"`,
    );
  }
  const { trustDomain, certificates, role, issuer, istio, istioCsr, certManager } = decided;
  const prefix = `${istio.namespace}-${issuer.name}`;
  const longest = NAME_LENGTH - `${istio.namespace}--workloads`.length;
  if (issuer.name.length > longest) {
    const message = `'issuer' must have at most ${longest} characters for certManager.approverPolicy, whose names begin with it, e.g. "vault-issuer", got ${issuer.name.length}`;
    refuse(['certManager', 'issuer'], message);
  }
  const byIstioCsr = { name: istioCsr.name, namespace: istioCsr.namespace };
  return [
    {
      name: `${prefix}-workloads`,
      about: 'the workloads: a SPIFFE ID alone',
      requester: byIstioCsr,
      uris: role.fields.allowed_uri_sans,
      usages: ['client auth', 'server auth'],
      maxDuration: certificates.workloadTtl,
    },
    {
      name: `${prefix}-serving`,
      about: "istio-csr's own server: its DNS name alone",
      requester: byIstioCsr,
      dnsNames: [istioCsr.dnsName],
      usages: ['server auth'],
      maxDuration: certificates.servingTtl,
    },
    {
      name: `${prefix}-istiod`,
      about: 'istiod, by a Certificate: so cert-manager is the one that asks',
      requester: { name: certManager.serviceAccount, namespace: certManager.namespace },
      ...istioCsr.istiodCertificate,
      uris: [`spiffe://${trustDomain}/ns/${istio.namespace}/sa/istiod-service-account`],
      maxDuration: certificates.istiodTtl,
    },
  ];
}
