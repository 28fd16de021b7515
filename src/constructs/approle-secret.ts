import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { noteReason } from './reason';

/** Properties of `ApproleSecret`. */
export interface ApproleSecretProps {
  /**
   * Secret ID of the AppRole. DANGER: it lies in the manifest in plain text (base64 protects nothing), so whoever can read the output can
   * log in as cert-manager. Keep the output out of Git, or let the setup script deliver it.
   */
  readonly secretId: string;

  /**
   * Name.
   *
   * @default "cert-manager-vault-approle"
   */
  readonly name?: string;

  /**
   * Namespace: the Issuer's.
   *
   * @default "istio-system"
   */
  readonly namespace?: string;

  /**
   * Key below which the secret ID stands.
   *
   * @default "secretId"
   */
  readonly key?: string;
}

/** The Secret with the secret ID that cert-manager logs in to Vault with. It holds the secret in plain text. */
export class ApproleSecret extends Construct {
  /** What the Issuer refers to. */
  public readonly secretRef: { readonly name: string; readonly key: string };

  constructor(scope: Construct, id: string, props: ApproleSecretProps) {
    super(scope, id);

    // the value itself must never stand in an error.
    if (!/^[!-~]+$/.test(props.secretId)) {
      throw new Error(
        `'secretId' must be a secret ID as Vault prints it, without spaces or line breaks, e.g. a UUID, got ${props.secretId.length} characters that are none`,
      );
    }

    const { name = 'cert-manager-vault-approle', namespace = 'istio-system', key = 'secretId' } = props;
    new k8s.KubeSecret(this, 'Resource', {
      metadata: { name, namespace },
      type: 'Opaque',
      data: { [key]: Buffer.from(props.secretId).toString('base64') },
    });
    noteReason(this, ['data', key], 'base64 protects nothing: whoever reads this file can log in to Vault as cert-manager');
    this.secretRef = { name, key };
  }
}
