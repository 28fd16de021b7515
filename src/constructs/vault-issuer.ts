import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { Issuer, IssuerSpec, IssuerSpecVaultAuth } from '../../imports/cert-manager.io';
import { checkProps } from './check';
import { namespaceOf, withoutNamespace } from './common-checks';
import { certificatesOf } from './pem';
import { noteReason } from './reason';
import { VAULT_ISSUER_CHECKS } from './vault-issuer-checks';

/** A way to log in to Vault; exactly one. */
export type VaultAuth =
  | One<'kubernetes', VaultServiceAccountAuth>
  | One<'appRole', VaultAppRoleAuth>
  | One<'clientCertificate', VaultClientCertificateAuth>
  | One<'aws', VaultAwsAuth>;

/** One of the ways, and none of the others. */
type One<Key extends string, Auth> = { readonly [key in Key]: Auth } & {
  readonly [key in Exclude<'kubernetes' | 'appRole' | 'clientCertificate' | 'aws', Key>]?: never;
};

/** A token of a service account, for a JWT or a Kubernetes auth method of Vault. */
export interface VaultServiceAccountAuth {
  /** Mount of the auth method, with `/v1/auth/`, e.g. `/v1/auth/jwt-cluster-1`. */
  readonly mountPath: string;

  /** Role of the auth method. */
  readonly role: string;

  /**
   * Service account in the Issuer's namespace; a ClusterIssuer's, in cert-manager's own. cert-manager asks for a token of it with the audience
   * `vault://NAMESPACE/ISSUER`, or `vault://CLUSTER-ISSUER`.
   */
  readonly serviceAccountRef: { readonly name: string };
}

/** A secret ID of an AppRole. */
export interface VaultAppRoleAuth {
  /** Role ID of the AppRole. */
  readonly roleId: string;

  /** Secret that holds the secret ID, and the key it is under. */
  readonly secretRef: { readonly name: string; readonly key: string };

  /**
   * Mount of the AppRole auth method, without `auth/`.
   *
   * @default "approle"
   */
  readonly path?: string;
}

/** A certificate, for a TLS certificates auth method of Vault. cert-manager v1.16.0 and later. */
export interface VaultClientCertificateAuth {
  /** Mount of the auth method, with `/v1/auth/`, e.g. `/v1/auth/cert-cluster-1`. */
  readonly mountPath: string;

  /** Certificate role of the auth method. */
  readonly name: string;

  /** Secret of type kubernetes.io/tls with the certificate and its key. */
  readonly secretName: string;
}

/** An IAM role that a service account takes, for an AWS auth method of Vault. cert-manager v1.21.0 and later. */
export interface VaultAwsAuth {
  /** Mount of the auth method, with `auth/` and, other than its siblings, without `/v1/`: cert-manager 1.21 adds that itself, e.g. `auth/aws-cluster-1`. */
  readonly mountPath: string;

  /** Role of the auth method. */
  readonly role: string;

  /** Region whose STS is asked. */
  readonly region: string;

  /** ARN of the IAM role. */
  readonly iamRoleArn: string;

  /** What the login is signed for: Vault's `iam_server_id_header_value`. */
  readonly vaultHeaderValue: string;

  /** Service account in the Issuer's namespace. Without one cert-manager would lend each Issuer its own AWS identity. */
  readonly serviceAccountRef: { readonly name: string };
}

/** A value of a Secret where the Issuer looks for Secrets. */
export interface VaultSecretKey {
  /** Name of the Secret. */
  readonly name: string;

  /** Key below which the value stands. */
  readonly key: string;
}

/** Properties of `VaultIssuer`. */
export interface VaultIssuerProps {
  /** Address of the Vault server as the cluster reaches it, e.g. `https://vault.example.com:8200`. */
  readonly server: string;

  /** `sign` endpoint of the PKI role, e.g. `istioca/sign/cluster-local`. */
  readonly path: string;

  /** What cert-manager logs in with: one way, in cert-manager's own words. */
  readonly auth: VaultAuth;

  /**
   * PEM text of the CA certificates that Vault's own certificate is checked with.
   *
   * @default - those of `caBundleSecretRef`, else the CAs that cert-manager's image trusts
   */
  readonly caBundle?: string;

  /**
   * Secret that holds them instead.
   *
   * @default - none
   */
  readonly caBundleSecretRef?: VaultSecretKey;

  /**
   * Secret with the certificate that cert-manager shows to Vault's listener; it needs `clientKeySecretRef` beside it.
   *
   * @default - it shows none
   */
  readonly clientCertSecretRef?: VaultSecretKey;

  /**
   * Secret with the key of that certificate.
   *
   * @default - it shows none
   */
  readonly clientKeySecretRef?: VaultSecretKey;

  /**
   * Name that Vault's own certificate must carry.
   *
   * @default - the host of `server`
   */
  readonly serverName?: string;

  /**
   * Namespace of Vault (Enterprise, or OpenBao).
   *
   * @default - none
   */
  readonly vaultNamespace?: string;

  /**
   * Name.
   *
   * @default "vault-issuer"
   */
  readonly name?: string;

  /**
   * Kind. A ClusterIssuer has no namespace; its Secrets and its service account lie in cert-manager's own.
   *
   * @default "Issuer"
   */
  readonly kind?: 'Issuer' | 'ClusterIssuer';

  /**
   * Namespace of an Issuer. It must be istiod's, since istio-csr requests certificates there.
   *
   * @default - the Chart's, else "istio-system"; a ClusterIssuer has none
   */
  readonly namespace?: string;
}

/**
 * A cert-manager `Issuer`, or `ClusterIssuer`, backed by a Vault PKI role.
 *
 * @see https://cert-manager.io/docs/configuration/vault/
 */
export class VaultIssuer extends Construct {
  /** Name that istio-csr's Helm values refer to. */
  public readonly name: string;

  /** Kind. */
  public readonly kind: 'Issuer' | 'ClusterIssuer';

  /** Namespace; a ClusterIssuer has none. */
  public readonly namespace?: string;

  constructor(scope: Construct, id: string, props: VaultIssuerProps) {
    super(scope, id);

    checkProps(props, VAULT_ISSUER_CHECKS);
    const { server, serverName, vaultNamespace, path, kind = 'Issuer', name = 'vault-issuer' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    const { caBundleSecretRef, clientCertSecretRef, clientKeySecretRef } = props;
    if (props.caBundle !== undefined && caBundleSecretRef !== undefined) {
      throw new Error(`'caBundle' and 'caBundleSecretRef' exclude each other, remove one of them, e.g. caBundle, got both`);
    }
    if ((clientCertSecretRef === undefined) !== (clientKeySecretRef === undefined)) {
      throw new Error(`'clientCertSecretRef' and 'clientKeySecretRef' need each other, write both or none, got one`);
    }
    const auth = authOf(props.auth);
    const bundle = props.caBundle === undefined ? undefined : certificatesOf('caBundle', props.caBundle).join('');

    const spec: IssuerSpec = {
      vault: {
        server,
        serverName,
        namespace: vaultNamespace,
        path,
        caBundleSecretRef,
        clientCertSecretRef,
        clientKeySecretRef,
        caBundle: bundle === undefined ? undefined : Buffer.from(bundle).toString('base64'),
        auth,
      },
    };
    this.name = name;
    this.kind = kind;
    if (kind === 'Issuer') this.namespace = namespace;
    if (kind === 'Issuer') {
      new Issuer(this, 'Resource', { metadata: { name, namespace }, spec });
      noteReason(this, ['metadata', 'namespace'], "istiod's: istio-csr asks for every certificate there");
    } else {
      // the specs of both kinds are one; scripts/import-crds.mjs compares them.
      withoutNamespace(new ApiObject(this, 'Resource', { ...Issuer.GVK, kind, metadata: { name }, spec }));
      noteReason(this, ['kind'], "for every namespace; its Secrets and its service account lie in cert-manager's own");
    }

    const audience = kind === 'Issuer' ? `vault://${namespace}/${name}` : `vault://${name}`;
    for (const [path, text] of reasonsFor(auth, audience)) noteReason(this, ['spec', 'vault', 'auth', ...path], text);
    noteReason(this, ['spec', 'vault', 'path'], 'sign, not issue: a key never leaves the workload that made it');
    if (bundle !== undefined) noteReason(this, ['spec', 'vault', 'caBundle'], "what Vault's own certificate is checked with");
  }
}

function authOf({ kubernetes, appRole, clientCertificate, aws }: VaultAuth): IssuerSpecVaultAuth {
  if (appRole) {
    const { path = 'approle', roleId, secretRef } = appRole;
    return { appRole: { path, roleId, secretRef } };
  }
  if (aws) return { aws };
  return kubernetes ? { kubernetes } : { clientCertificate };
}

function reasonsFor({ appRole, kubernetes, clientCertificate }: IssuerSpecVaultAuth, audience: string): [string[], string][] {
  if (kubernetes) {
    return [
      [['kubernetes'], 'the block for any login with a token of a service account, whichever auth method checks it'],
      [['kubernetes', 'serviceAccountRef'], `no secret: cert-manager asks for a token with the audience ${audience}`],
    ];
  }
  if (appRole) {
    return [
      [['appRole', 'path'], 'the mount of the AppRole auth method, without auth/'],
      [['appRole', 'roleId'], 'a name, not a secret: decided at synth, and given to the AppRole by the setup script'],
    ];
  }
  if (clientCertificate) {
    return [[['clientCertificate', 'secretName'], 'of another CA than the mesh; whoever reads it logs in until the certificate ends']];
  }
  return [
    [['aws', 'mountPath'], 'without /v1/, which cert-manager 1.21 adds, whatever the description of the field says'],
    [['aws', 'region'], 'cert-manager signs for the STS of this region, and Vault asks that one'],
    [['aws', 'vaultHeaderValue'], 'a login that was signed for another Vault is refused'],
    [
      ['aws', 'serviceAccountRef'],
      "no secret: its token is changed for the IAM role's; without it cert-manager would lend its own identity",
    ],
  ];
}
