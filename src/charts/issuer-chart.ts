import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { ApproleSecret } from '../constructs/approle-secret';
import { CertManagerNetworkPolicy } from '../constructs/cert-manager-network-policy';
import { ExternalSecretId } from '../constructs/external-secret-id';
import { IssuerAdmissionPolicies } from '../constructs/issuer-admission-policies';
import { RequestPolicy } from '../constructs/request-policy';
import { SealedSecretId } from '../constructs/sealed-secret-id';
import { VaultAuth, VaultIssuer } from '../constructs/vault-issuer';
import { AppRolePlan } from '../plan/app-role';
import { AuthPlan } from '../plan/auth';
import { ClusterPlan } from '../plan/plan';

/** First stage: cert-manager's way to Vault. */
export class IssuerChart extends Chart {
  /** The Secret, where it lies in the output. */
  public readonly secret?: ApproleSecret;

  /** What makes the Secret in the cluster, where something does. */
  public readonly carrier?: Construct;

  /** The Issuer. */
  public readonly issuer: VaultIssuer;

  /** What the Issuer may be asked for, where approver-policy decides. */
  public readonly requestPolicies?: Construct;

  /** Who can use the Issuer and its service account, where the API server decides that. They are applied before both. */
  public readonly admissionPolicies?: IssuerAdmissionPolicies;

  /** cert-manager's way to Vault through what a network closes. */
  public readonly networkPolicy?: CertManagerNetworkPolicy;

  constructor(scope: Construct, id: string, cluster: ClusterPlan, secretId?: string) {
    super(scope, id);

    const { auth, vault } = cluster;
    if (auth.method === 'appRole' && auth.secret.delivery === 'manifest') this.secret = secretOf(this, cluster.name, auth, secretId);
    if (auth.method === 'appRole') this.carrier = carrierOf(this, cluster, auth);
    this.issuer = new VaultIssuer(this, 'issuer', {
      server: vault.server,
      serverName: vault.serverName,
      vaultNamespace: vault.namespace,
      caBundle: vault.caBundle,
      caBundleSecretRef: vault.caBundleSecretRef,
      clientCertSecretRef: vault.client?.certSecretRef,
      clientKeySecretRef: vault.client?.keySecretRef,
      path: cluster.role.signPath,
      auth: issuerAuth(auth),
      kind: cluster.issuer.kind,
      name: cluster.issuer.name,
      namespace: cluster.istio.namespace,
    });
    if (cluster.admission) {
      this.admissionPolicies = new IssuerAdmissionPolicies(this, 'admission-policies', { ...cluster.admission, issuer: this.issuer });
    }
    if (cluster.requestPolicies.length > 0) this.requestPolicies = requestPoliciesOf(this, cluster);
    if (cluster.network) {
      const { namespace } = cluster.certManager;
      const { certManager, apiServer } = cluster.network;
      this.networkPolicy = new CertManagerNetworkPolicy(this, 'network-policy', { ...certManager, apiServer, namespace });
    }
  }
}

function requestPoliciesOf(scope: Construct, { requestPolicies, certificates, issuer, istio }: ClusterPlan): Construct {
  const all = new Construct(scope, 'request-policies');
  const { keyType, keyBits } = certificates;
  for (const { about: _about, ...policy } of requestPolicies) {
    new RequestPolicy(all, policy.name, {
      ...policy,
      privateKey: { algorithm: keyType === 'rsa' ? 'RSA' : 'ECDSA', minSize: keyBits },
      issuer: { name: issuer.name, kind: issuer.kind },
      namespace: istio.namespace,
    });
  }
  return all;
}

function secretOf(scope: Construct, cluster: string, { secret: { name, namespace, key } }: AppRolePlan, secretId?: string): ApproleSecret {
  if (secretId === undefined) {
    throw new Error(`'secretId' is missing: secret.delivery of "${cluster}" is "manifest", which needs it; write "script" to do without`);
  }
  return new ApproleSecret(scope, 'secret', { secretId, name, namespace, key });
}

function carrierOf(scope: Construct, { vault }: ClusterPlan, { path, secret }: AppRolePlan): Construct | undefined {
  if (secret.delivery === 'sealedSecret' && secret.ciphertext !== undefined) {
    const { ciphertext, name, namespace, key } = secret;
    return new SealedSecretId(scope, 'sealed-secret', { ciphertext, name, namespace, key });
  }
  if (!('store' in secret)) return undefined;
  const { name, namespace, key, store, refreshInterval } = secret;
  return new ExternalSecretId(scope, 'external-secret', {
    server: vault.server,
    caBundle: vault.caBundle,
    login: { auth: store.auth, mount: store.mount, role: store.role },
    serviceAccount: { name: store.serviceAccount.name, audience: store.audience },
    source: secret.delivery === 'externalSecret' ? { kv: secret.kv } : { generator: { path: `${path}/secret-id` } },
    refreshInterval,
    name,
    namespace,
    key,
  });
}

function issuerAuth(auth: AuthPlan): VaultAuth {
  if (auth.method === 'appRole') {
    const { mount, roleId, secret } = auth;
    return { appRole: { path: mount, roleId, secretRef: { name: secret.name, key: secret.key } } };
  }
  const [mountPath, role] = [`/v1/auth/${auth.mount}`, auth.role];
  if (auth.method === 'clientCertificate') return { clientCertificate: { mountPath, name: role, secretName: auth.secret.name } };
  const serviceAccountRef = { name: auth.serviceAccount.name };
  if (auth.method !== 'aws') return { kubernetes: { mountPath, role, serviceAccountRef } };
  const { region, iamRoleArn, vaultHeaderValue } = auth;
  // without /v1/: cert-manager 1.21 writes it twice (cert-manager/cert-manager#8352).
  return { aws: { mountPath: `auth/${auth.mount}`, role, region, iamRoleArn, vaultHeaderValue, serviceAccountRef } };
}
