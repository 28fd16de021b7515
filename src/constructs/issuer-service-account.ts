import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { Checks, checkProps, maybe } from './check';
import { accountRef, name, namespace, namespaceOf } from './common-checks';
import { noteReason } from './reason';

/** Properties of `IssuerServiceAccount`. */
export interface IssuerServiceAccountProps {
  /**
   * Name.
   *
   * @default "vault-issuer"
   */
  readonly name?: string;

  /**
   * Namespace: the Issuer's; for a ClusterIssuer, cert-manager's own.
   *
   * @default - the Chart's, else "istio-system"
   */
  readonly namespace?: string;

  /**
   * cert-manager's own service account, which may ask for tokens of this one.
   *
   * @default - "cert-manager" in namespace "cert-manager"
   */
  readonly certManager?: { readonly name: string; readonly namespace: string };
}

const CHECKS: Checks<IssuerServiceAccountProps> = { name: maybe(name), namespace: maybe(namespace), certManager: maybe(accountRef) };

/**
 * The service account that cert-manager logs in to Vault as, and the right to ask for its tokens. It may do nothing in the cluster.
 *
 * @see https://cert-manager.io/docs/configuration/vault/#secretless-authentication-with-a-service-account
 */
export class IssuerServiceAccount extends Construct {
  /** What the Issuer refers to. */
  public readonly serviceAccountRef: { readonly name: string };

  constructor(scope: Construct, id: string, props: IssuerServiceAccountProps = {}) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { name = 'vault-issuer' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    const { certManager = { name: 'cert-manager', namespace: 'cert-manager' } } = props;
    const account = new Construct(this, 'ServiceAccount');
    new k8s.KubeServiceAccount(account, 'Resource', { metadata: { name, namespace }, automountServiceAccountToken: false });
    noteReason(account, ['automountServiceAccountToken'], 'no pod runs as it');

    const role = new Construct(this, 'Role');
    new k8s.KubeRole(role, 'Resource', {
      metadata: { name: `${name}-token`, namespace },
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: [name], verbs: ['create'] }],
    });
    noteReason(role, ['rules'], 'tokens of this one service account, and of no other');

    new k8s.KubeRoleBinding(new Construct(this, 'RoleBinding'), 'Resource', {
      metadata: { name: `${name}-token`, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `${name}-token` },
      subjects: [{ kind: 'ServiceAccount', name: certManager.name, namespace: certManager.namespace }],
    });
    this.serviceAccountRef = { name };
  }
}
