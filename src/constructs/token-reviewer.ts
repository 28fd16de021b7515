import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { Checks, checkProps, maybe } from './check';
import { name, namespace, namespaceOf, withoutNamespace } from './common-checks';
import { noteReason } from './reason';

/** Properties of `TokenReviewer`. */
export interface TokenReviewerProps {
  /**
   * Name.
   *
   * @default "vault-issuer-reviewer"
   */
  readonly name?: string;

  /**
   * Namespace.
   *
   * @default - the Chart's, else "istio-system"
   */
  readonly namespace?: string;
}

const CHECKS: Checks<TokenReviewerProps> = { name: maybe(name), namespace: maybe(namespace) };

/** The service account whose token a Vault outside the cluster asks the API server with, whether a login's token is right. */
export class TokenReviewer extends Construct {
  constructor(scope: Construct, id: string, props: TokenReviewerProps = {}) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { name = 'vault-issuer-reviewer' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    const account = new Construct(this, 'ServiceAccount');
    new k8s.KubeServiceAccount(account, 'Resource', { metadata: { name, namespace }, automountServiceAccountToken: false });
    noteReason(account, ['automountServiceAccountToken'], 'no pod runs as it');

    const binding = new Construct(this, 'ClusterRoleBinding');
    withoutNamespace(
      new k8s.KubeClusterRoleBinding(binding, 'Resource', {
        metadata: { name: `${namespace}-${name}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      }),
    );
    noteReason(binding, ['roleRef'], 'it may ask who a token is of, and what he may do');
  }
}
