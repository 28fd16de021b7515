import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { formats, patternOf } from '../config/formats';
import { Checks, checkProps, hidden, maybe, text } from './check';
import { name, namespace, namespaceOf } from './common-checks';
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
   * @default - the Chart's, else "istio-system"
   */
  readonly namespace?: string;

  /**
   * Key below which the secret ID stands.
   *
   * @default "secretId"
   */
  readonly key?: string;
}

const CHECKS: Checks<SealedSecretIdProps> = {
  // what stands here by mistake may be the secret ID itself, so it is not shown.
  ciphertext: hidden('"AgBy3i4…"', formats.sealed?.says ?? '', value => typeof value === 'string' && patternOf('sealed').test(value)),
  name: maybe(name),
  namespace: maybe(namespace),
  key: maybe(text('dataKey')),
};

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

    checkProps(props, CHECKS);
    const { ciphertext, name = 'cert-manager-vault-approle', key = 'secretId' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
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
