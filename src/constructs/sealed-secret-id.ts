import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { formats } from '../config/formats';
import { noteReason } from './reason';

/** Properties of `SealedSecretId`. */
export interface SealedSecretIdProps {
  /** The secret ID as `kubeseal --raw --scope strict` has encrypted it for this name and this namespace. */
  readonly ciphertext: string;

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

/**
 * The Secret with the secret ID, encrypted; the cluster's Sealed Secrets controller decrypts it.
 *
 * @see https://github.com/bitnami-labs/sealed-secrets
 */
export class SealedSecretId extends Construct {
  /** What the Issuer refers to. */
  public readonly secretRef: { readonly name: string; readonly key: string };

  constructor(scope: Construct, id: string, props: SealedSecretIdProps) {
    super(scope, id);

    // what stands here by mistake may be the secret ID itself, so it is not shown.
    if (!new RegExp(formats.sealed?.pattern ?? '').test(props.ciphertext)) {
      throw new Error(`'ciphertext' must be ${formats.sealed?.says}, got ${props.ciphertext.length} characters that are not`);
    }
    const { ciphertext, name = 'cert-manager-vault-approle', namespace = 'istio-system', key = 'secretId' } = props;
    new ApiObject(this, 'Resource', {
      apiVersion: 'bitnami.com/v1alpha1',
      kind: 'SealedSecret',
      metadata: { name, namespace },
      spec: { encryptedData: { [key]: ciphertext }, template: { metadata: { name, namespace }, type: 'Opaque' } },
    });
    noteReason(this, ['spec', 'encryptedData'], 'encrypted for this name and this namespace: under another it cannot be read');
    this.secretRef = { name, key };
  }
}
