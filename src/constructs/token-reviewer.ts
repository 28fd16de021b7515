import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
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
   * @default "istio-system"
   */
  readonly namespace?: string;
}

/** The service account whose token a Vault outside the cluster asks the API server with, whether a login's token is right. */
export class TokenReviewer extends Construct {
  constructor(scope: Construct, id: string, props: TokenReviewerProps = {}) {
    super(scope, id);

    const { name = 'vault-issuer-reviewer', namespace = 'istio-system' } = props;
    const account = new Construct(this, 'ServiceAccount');
    new k8s.KubeServiceAccount(account, 'Resource', { metadata: { name, namespace }, automountServiceAccountToken: false });
    noteReason(account, ['automountServiceAccountToken'], 'no pod runs as it');

    const binding = new Construct(this, 'ClusterRoleBinding');
    new k8s.KubeClusterRoleBinding(binding, 'Resource', {
      metadata: { name: `${namespace}-${name}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
    noteReason(binding, ['roleRef'], 'it may ask who a token is of, and what he may do');
  }
}
