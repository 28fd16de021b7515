import { Construct } from 'constructs';
import { Issuer, IssuerSpecVaultAuth } from '../../imports/cert-manager.io';
import { formats } from '../config/formats';
import { certificatesOf } from './pem';
import { noteReason } from './reason';

/** A way to log in to Vault; exactly one. */
export type VaultAuth =
  | { readonly kubernetes: VaultServiceAccountAuth; readonly appRole?: never }
  | { readonly appRole: VaultAppRoleAuth; readonly kubernetes?: never };

/** A token of a service account, for a JWT or a Kubernetes auth method of Vault. */
export interface VaultServiceAccountAuth {
  /** Mount of the auth method, with `/v1/auth/`, e.g. `/v1/auth/jwt-cluster-1`. */
  readonly mountPath: string;

  /** Role of the auth method. */
  readonly role: string;

  /** Service account in the Issuer's namespace. cert-manager asks for a token of it with the audience `vault://NAMESPACE/ISSUER`. */
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
   * @default - the CAs that cert-manager's image trusts
   */
  readonly caBundle?: string;

  /**
   * Name.
   *
   * @default "vault-issuer"
   */
  readonly name?: string;

  /**
   * Namespace of the issuer. It must be istiod's, since istio-csr requests certificates there.
   *
   * @default "istio-system"
   */
  readonly namespace?: string;
}

/**
 * A cert-manager `Issuer` backed by a Vault PKI role.
 *
 * @see https://cert-manager.io/docs/configuration/vault/
 */
export class VaultIssuer extends Construct {
  /** Name that istio-csr's Helm values refer to. */
  public readonly name: string;

  constructor(scope: Construct, id: string, props: VaultIssuerProps) {
    super(scope, id);

    if (!/^[^/].*\/sign\/[^/]+$/.test(props.path)) {
      throw new Error(`'path' must be the sign endpoint of a PKI role, e.g. "istioca/sign/cluster-local", got "${props.path}"`);
    }
    if (!new RegExp(formats.url?.pattern ?? '').test(props.server)) {
      throw new Error(`'server' must be ${formats.url?.says}, e.g. "${formats.url?.example}", got "${props.server}"`);
    }
    const { server, path, name = 'vault-issuer', namespace = 'istio-system' } = props;
    const auth = checkedAuth(props.auth);
    const bundle = props.caBundle === undefined ? undefined : certificatesOf('caBundle', props.caBundle).join('');

    const issuer = new Issuer(this, 'Resource', {
      metadata: { name, namespace },
      spec: {
        vault: {
          server,
          path,
          caBundle: bundle === undefined ? undefined : Buffer.from(bundle).toString('base64'),
          auth,
        },
      },
    });
    this.name = issuer.name;

    noteReason(this, ['metadata', 'namespace'], "istiod's: istio-csr asks for every certificate there");
    for (const [path, text] of reasonsFor(auth, { name, namespace })) noteReason(this, ['spec', 'vault', 'auth', ...path], text);
    noteReason(this, ['spec', 'vault', 'path'], 'sign, not issue: a key never leaves the workload that made it');
    if (bundle !== undefined) noteReason(this, ['spec', 'vault', 'caBundle'], "what Vault's own certificate is checked with");
  }
}

function checkedAuth(auth: VaultAuth): IssuerSpecVaultAuth {
  if (auth.kubernetes) {
    const { mountPath } = auth.kubernetes;
    if (!/^\/v1\/auth\/.*[^/]$/.test(mountPath)) {
      throw new Error(`'mountPath' must begin with "/v1/auth/", e.g. "/v1/auth/jwt-cluster-1", got "${mountPath}"`);
    }
    return { kubernetes: auth.kubernetes };
  }
  const { path = 'approle', roleId, secretRef } = auth.appRole;
  if (/^\/|^(v1\/)?auth\/|\/$/.test(path)) {
    throw new Error(`'path' must be the mount of the AppRole alone, without "auth/", e.g. "approle", got "${path}"`);
  }
  return { appRole: { path, roleId, secretRef } };
}

function reasonsFor(auth: IssuerSpecVaultAuth, { name, namespace }: { name: string; namespace: string }): [string[], string][] {
  if (auth.kubernetes) {
    return [
      [['kubernetes'], 'the block for any login with a token of a service account, whichever auth method checks it'],
      [['kubernetes', 'serviceAccountRef'], `no secret: cert-manager asks for a token with the audience vault://${namespace}/${name}`],
    ];
  }
  return [
    [['appRole', 'path'], 'the mount of the AppRole auth method, without auth/'],
    [['appRole', 'roleId'], 'a name, not a secret: decided at synth, and given to the AppRole by the setup script'],
  ];
}
