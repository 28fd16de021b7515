import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { Checks, checkProps, hidden, maybe, text } from './check';
import { name, namespace, namespaceOf } from './common-checks';
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

const CHECKS: Checks<ApproleSecretProps> = {
  // the value itself must never stand in an error.
  secretId: hidden(
    '"…"',
    'a secret ID as Vault prints it, without spaces or line breaks, e.g. a UUID',
    value => typeof value === 'string' && /^[!-~]{1,512}$/.test(value),
  ),
  name: maybe(name),
  namespace: maybe(namespace),
  key: maybe(text('dataKey')),
};

/** The Secret with the secret ID that cert-manager logs in to Vault with. It holds the secret in plain text. */
export class ApproleSecret extends Construct {
  /** What the Issuer refers to. */
  public readonly secretRef: { readonly name: string; readonly key: string };

  constructor(scope: Construct, id: string, props: ApproleSecretProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { name = 'cert-manager-vault-approle', key = 'secretId' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    new k8s.KubeSecret(this, 'Resource', {
      metadata: { name, namespace },
      type: 'Opaque',
      data: { [key]: Buffer.from(props.secretId).toString('base64') },
    });
    noteReason(this, ['data', key], 'base64 protects nothing: whoever reads this file can log in to Vault as cert-manager');
    this.secretRef = { name, key };
  }
}
