import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { Checks, checkProps, exactlyOne, line, maybe, object, text, word } from './check';
import { name, namespace, namespaceOf } from './common-checks';
import { certificatesOf, pem } from './pem';
import { noteReason } from './reason';

/** Properties of `ExternalSecretId`. */
export interface ExternalSecretIdProps {
  /** Address of the Vault server as the cluster reaches it. */
  readonly server: string;

  /** How the External Secrets operator logs in to Vault: an auth method, its mount without `auth/`, and a role there. */
  readonly login: { readonly auth: 'kubernetes' | 'jwt'; readonly mount: string; readonly role: string };

  /** Service account whose token it logs in with, and the audience of that token. */
  readonly serviceAccount: { readonly name: string; readonly audience: string };

  /** Where the secret ID comes from: a place in a KV secrets engine of version 2, or the AppRole's own path, at which Vault makes one. */
  readonly source:
    | { readonly kv: { readonly mount: string; readonly path: string }; readonly generator?: never }
    | { readonly generator: { readonly path: string }; readonly kv?: never };

  /**
   * PEM text of the CA certificates that Vault's own certificate is checked with.
   *
   * @default - the CAs that the operator's image trusts
   */
  readonly caBundle?: string;

  /**
   * How often the operator reads it, or has another one made.
   *
   * @default "1h"
   */
  readonly refreshInterval?: string;

  /**
   * Name of the Secret, and of the objects that make it.
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

const CHECKS: Checks<ExternalSecretIdProps> = {
  server: text('url'),
  login: object<ExternalSecretIdProps['login']>({ auth: word('kubernetes', 'jwt'), mount: text('mount'), role: text('issuerRef') }),
  serviceAccount: object<ExternalSecretIdProps['serviceAccount']>({ name, audience: line('vault') }),
  source: exactlyOne(
    {
      kv: object<{ mount: string; path: string }>({ mount: text('mount'), path: text('vaultPath') }),
      generator: object<{ path: string }>({ path: text('vaultPath') }),
    },
    'source',
  ),
  caBundle: maybe(pem),
  refreshInterval: maybe(text('duration')),
  name: maybe(name),
  namespace: maybe(namespace),
  key: maybe(text('dataKey')),
};

/**
 * The Secret with the secret ID, made in the cluster by the External Secrets operator.
 *
 * @see https://external-secrets.io/latest/provider/hashicorp-vault/
 */
export class ExternalSecretId extends Construct {
  /** What the Issuer refers to. */
  public readonly secretRef: { readonly name: string; readonly key: string };

  constructor(scope: Construct, id: string, props: ExternalSecretIdProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { name = 'cert-manager-vault-approle', key = 'secretId', refreshInterval = '1h' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    const { source, serviceAccount } = props;

    const account = new Construct(this, 'ServiceAccount');
    new k8s.KubeServiceAccount(account, 'Resource', {
      metadata: { name: serviceAccount.name, namespace },
      automountServiceAccountToken: false,
    });
    noteReason(account, ['automountServiceAccountToken'], 'no pod runs as it: the operator asks for its tokens');

    const from = new Construct(this, source.kv ? 'SecretStore' : 'Generator');
    const provider = providerOf(props);
    new ApiObject(from, 'Resource', {
      ...(source.kv
        ? { apiVersion: 'external-secrets.io/v1', kind: 'SecretStore' }
        : { apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'VaultDynamicSecret' }),
      metadata: { name, namespace },
      spec: source.kv
        ? { provider: { vault: { ...provider, path: source.kv.mount, version: 'v2' } } }
        : { path: source.generator.path, method: 'POST', resultType: 'Data', provider },
    });
    if (source.generator) noteReason(from, ['spec', 'path'], 'each refresh makes a secret ID and destroys none: they end by themselves');

    const external = new Construct(this, 'ExternalSecret');
    new ApiObject(external, 'Resource', {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata: { name, namespace },
      spec: {
        refreshInterval,
        ...(source.kv ? { secretStoreRef: { name, kind: 'SecretStore' } } : {}),
        target: { name, ...(source.kv ? {} : { template: { type: 'Opaque', data: { [key]: '{{ .secret_id }}' } } }) },
        ...(source.kv
          ? { data: [{ secretKey: key, remoteRef: { key: source.kv.path, property: key } }] }
          : {
              dataFrom: [
                {
                  sourceRef: { generatorRef: { apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'VaultDynamicSecret', name } },
                },
              ],
            }),
      },
    });
    if (source.generator) noteReason(external, ['spec', 'target', 'template'], "the secret ID alone, without the rest of Vault's answer");
    this.secretRef = { name, key };
  }
}

function providerOf({ server, caBundle, login, serviceAccount }: ExternalSecretIdProps): Record<string, unknown> {
  const { auth, mount, role } = login;
  const serviceAccountRef = { name: serviceAccount.name };
  const audiences = [serviceAccount.audience];
  return {
    server,
    ...(caBundle === undefined ? {} : { caBundle: Buffer.from(certificatesOf('caBundle', caBundle).join('')).toString('base64') }),
    auth:
      auth === 'kubernetes'
        ? { kubernetes: { mountPath: mount, role, serviceAccountRef: { ...serviceAccountRef, audiences } } }
        : { jwt: { path: mount, role, kubernetesServiceAccountToken: { serviceAccountRef, audiences } } },
  };
}
