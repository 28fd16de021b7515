import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { IssuerServiceAccount } from '../constructs/issuer-service-account';
import { TokenReviewer } from '../constructs/token-reviewer';
import { ClusterPlan } from '../plan/plan';

/** Before the stages: who cert-manager logs in to Vault as, where that is a service account. */
export class AccessChart extends Chart {
  /** The service account. */
  public readonly serviceAccount?: IssuerServiceAccount;

  /** Whose token Vault asks the API server with. */
  public readonly reviewer?: TokenReviewer;

  constructor(scope: Construct, id: string, { auth, certManager }: ClusterPlan) {
    super(scope, id);

    if (!('serviceAccount' in auth)) return;
    this.serviceAccount = new IssuerServiceAccount(this, 'service-account', {
      ...auth.serviceAccount,
      certManager: { name: certManager.serviceAccount, namespace: certManager.namespace },
    });
    if (auth.method === 'kubernetes' && auth.host !== undefined) this.reviewer = new TokenReviewer(this, 'reviewer', auth.reviewer);
  }
}
