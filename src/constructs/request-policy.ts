import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { Checks, checkProps, line, list, matching, maybe, object, text, whole, word } from './check';
import { accountRef, name, namespace, namespaceOf, withoutNamespace } from './common-checks';
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
   * URIs, at least one of which must be there; `*` stands for anything, as in Vault's `allowed_uri_sans`. Where each is `…/ns/NAMESPACE/sa/*`, `*`
   * matches only names that Kubernetes allows: no slash, no `..`, no `%`.
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
   * @default - the Chart's, else "istio-system"
   */
  readonly namespace?: string;
}

/** cert-manager's words for the usages of a key. */
const USAGES = [
  'server auth',
  'client auth',
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
] as const;

const CHECKS: Checks<RequestPolicyProps> = {
  name,
  requester: accountRef,
  maxDuration: text('duration'),
  privateKey: object<RequestPolicyProps['privateKey']>({ algorithm: word('RSA', 'ECDSA'), minSize: whole(224, 16384, 2048) }),
  commonName: maybe(line('istiod.istio-system.svc')),
  dnsNames: maybe(list(matching(/^[A-Za-z0-9*_]([-A-Za-z0-9._*]{0,251}[A-Za-z0-9*])?$/, 'a DNS name', 'istiod.istio-system.svc'), 1)),
  uris: maybe(list(matching(/^[a-z][a-z0-9+.-]*:[^\s\p{Cc}]{1,2000}$/u, 'a URI', 'spiffe://cluster.local/ns/*/sa/*'), 1)),
  usages: maybe(list(word(...USAGES))),
  issuer: maybe(object<NonNullable<RequestPolicyProps['issuer']>>({ name, kind: word('Issuer', 'ClusterIssuer') })),
  namespace: maybe(namespace),
};

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

    checkProps(props, CHECKS);
    const { name, requester, commonName, dnsNames, uris, usages, maxDuration, privateKey } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    const issuer = props.issuer ?? { name: 'vault-issuer', kind: 'Issuer' };
    if (commonName === undefined && dnsNames === undefined && uris === undefined) {
      throw new Error(
        `'uris' must be there where there is neither commonName nor dnsNames, e.g. ["spiffe://cluster.local/ns/*/sa/*"], got none`,
      );
    }
    const isOfWorkloads = uris?.every(uri => /[/]ns[/][^/]+[/]sa[/][*]$/.test(uri)) ?? false;

    const policy = new Construct(this, 'CertificateRequestPolicy');
    const resource = new ApiObject(policy, 'Resource', {
      apiVersion: 'policy.cert-manager.io/v1alpha1',
      kind: 'CertificateRequestPolicy',
      metadata: { name },
      spec: {
        allowed: {
          ...(commonName === undefined ? {} : { commonName: { required: true, value: commonName } }),
          ...(dnsNames === undefined ? {} : { dnsNames: { required: true, values: dnsNames } }),
          ...(uris === undefined
            ? {}
            : { uris: { required: true, values: uris, ...(isOfWorkloads ? { validations: [KUBERNETES_NAMES] } : {}) } }),
          subject: { organizations: { values: [''] } },
          ...(usages === undefined ? {} : { usages }),
        },
        constraints: { maxDuration, privateKey },
        selector: { issuerRef: { name: issuer.name, kind: issuer.kind, group: 'cert-manager.io' }, namespace: { matchNames: [namespace] } },
      },
    });
    withoutNamespace(resource);
    noteReason(policy, ['spec', 'allowed'], 'what stands here may be asked for, and nothing else: no CA, no other name, no IP address');
    noteReason(policy, ['spec', 'allowed', 'subject'], "Istio's own requests come with an organization that is empty");
    if (isOfWorkloads) noteReason(policy, ['spec', 'allowed', 'uris', 'validations'], '* above matches slashes, dots and escapes too');
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

/** The names that Kubernetes allows, so that no `..`, no empty part, no `%2f` and no `?` stands in a SPIFFE ID. */
const KUBERNETES_NAMES = {
  rule: "self.matches('^spiffe://[^/]+/ns/[a-z0-9]([-a-z0-9]*[a-z0-9])?/sa/[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
  message: 'must be of one namespace and one service account',
};
