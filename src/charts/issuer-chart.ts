import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { ApproleSecret } from '../constructs/approle-secret';
import { VaultIssuer } from '../constructs/vault-issuer';
import { ClusterPlan } from '../plan/plan';

/** First stage: cert-manager's way to Vault. */
export class IssuerChart extends Chart {
  /** The Secret, where it lies in the output. */
  public readonly secret?: ApproleSecret;

  /** The Issuer. */
  public readonly issuer: VaultIssuer;

  constructor(scope: Construct, id: string, cluster: ClusterPlan, secretId?: string) {
    super(scope, id);

    const { name, namespace, key, delivery } = cluster.secret;
    if (delivery === 'manifest') {
      if (secretId === undefined) {
        throw new Error(
          `'secretId' is missing: secret.delivery of "${cluster.name}" is "manifest", which needs it; write "script" to do without`,
        );
      }
      this.secret = new ApproleSecret(this, 'secret', { secretId, name, namespace, key });
    }
    this.issuer = new VaultIssuer(this, 'issuer', {
      server: cluster.vault.server,
      caBundle: cluster.vault.caBundle,
      path: cluster.role.signPath,
      appRolePath: cluster.appRole.mount,
      roleId: cluster.appRole.roleId,
      secretRef: { name, key },
      ...cluster.issuer,
    });
  }
}
