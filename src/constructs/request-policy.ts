import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { noteReason } from './reason';

/** Properties of `RequestPolicy`. */
export interface RequestPolicyProps {
  /** Name. Policies have no namespace, so it must be the only one of its name in the cluster. */
  readonly name: string;

  /** Service account that asks; no other can use the policy, but a cluster's administrator. */
  readonly requester: { readonly name: string; readonly namespace: string };

  /** The longest lifetime that may be asked for, e.g. `1h`. */
  readonly maxDuration: string;

  /** Type of the key, in cert-manager's words, and its least bits. */
  readonly privateKey: { readonly algorithm: 'RSA' | 'ECDSA'; readonly minSize: number };

  /**
   * Common name, which must be there.
   *
   * @default - there must be none
   */
  readonly commonName?: string;

  /**
   * DNS names, at least one of which must be there.
   *
   * @default - there must be none
   */
  readonly dnsNames?: readonly string[];

  /**
   * URIs, at least one of which must be there; `*` stands for anything, as in Vault's `allowed_uri_sans`. Where each ends in `/ns/*\/sa/*` or
   * `/ns/NAMESPACE/sa/*`, no `*` may hold a slash.
   *
   * @default - there must be none
   */
  readonly uris?: readonly string[];

  /**
   * Usages that may be asked for.
   *
   * @default - there must be none
   */
  readonly usages?: readonly string[];

  /**
   * Name and kind of the Issuer.
   *
   * @default - Issuer "vault-issuer"
   */
  readonly issuer?: { readonly name: string; readonly kind: 'Issuer' | 'ClusterIssuer' };

  /**
   * Namespace of the requests: istiod's.
   *
   * @default "istio-system"
   */
  readonly namespace?: string;
}

/**
 * A kind of CertificateRequest that approver-policy approves, and the right of one service account to it.
 *
 * @see https://cert-manager.io/docs/policy/approval/approver-policy/
 */
export class RequestPolicy extends Construct {
  /** Name. */
  public readonly name: string;

  constructor(scope: Construct, id: string, props: RequestPolicyProps) {
    super(scope, id);

    const { name, requester, commonName, dnsNames, uris, usages, maxDuration, privateKey, namespace = 'istio-system' } = props;
    const issuer = props.issuer ?? { name: 'vault-issuer', kind: 'Issuer' };
    if (commonName === undefined && dnsNames === undefined && uris === undefined) {
      throw new Error(
        `'uris' must be there where there is neither commonName nor dnsNames, e.g. ["spiffe://cluster.local/ns/*/sa/*"], got none`,
      );
    }
    const isOfWorkloads = uris?.every(uri => /[/]ns[/][^/]+[/]sa[/][*]$/.test(uri)) ?? false;

    const policy = new Construct(this, 'CertificateRequestPolicy');
    new ApiObject(policy, 'Resource', {
      apiVersion: 'policy.cert-manager.io/v1alpha1',
      kind: 'CertificateRequestPolicy',
      metadata: { name },
      spec: {
        allowed: {
          ...(commonName === undefined ? {} : { commonName: { required: true, value: commonName } }),
          ...(dnsNames === undefined ? {} : { dnsNames: { required: true, values: dnsNames } }),
          ...(uris === undefined
            ? {}
            : { uris: { required: true, values: uris, ...(isOfWorkloads ? { validations: [NO_MORE_PARTS] } : {}) } }),
          subject: { organizations: { values: [''] } },
          ...(usages === undefined ? {} : { usages }),
        },
        constraints: { maxDuration, privateKey },
        selector: { issuerRef: { name: issuer.name, kind: issuer.kind, group: 'cert-manager.io' }, namespace: { matchNames: [namespace] } },
      },
    });
    noteReason(policy, ['spec', 'allowed'], 'what stands here may be asked for, and nothing else: no CA, no other name, no IP address');
    noteReason(policy, ['spec', 'allowed', 'subject'], "Istio's own requests come with an organization that is empty");
    if (isOfWorkloads) noteReason(policy, ['spec', 'allowed', 'uris', 'validations'], '* above takes slashes too');
    noteReason(policy, ['spec', 'constraints', 'maxDuration'], 'a request that says no lifetime is not approved');

    const role = new Construct(this, 'Role');
    new k8s.KubeRole(role, 'Resource', {
      metadata: { name, namespace },
      rules: [{ apiGroups: ['policy.cert-manager.io'], resources: ['certificaterequestpolicies'], resourceNames: [name], verbs: ['use'] }],
    });
    noteReason(role, ['rules'], 'a policy is of whom may use it; who may use none has his requests neither approved nor denied');
    new k8s.KubeRoleBinding(new Construct(this, 'RoleBinding'), 'Resource', {
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: requester.name, namespace: requester.namespace }],
    });
    this.name = name;
  }
}

/** `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT` has seven parts. */
const NO_MORE_PARTS = { rule: "size(self.split('/')) == 7", message: 'must be of one namespace and one service account' };
