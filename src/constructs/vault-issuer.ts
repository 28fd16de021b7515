import { Construct } from 'constructs';
import { Issuer } from '../../imports/cert-manager.io';
import { formats } from '../config/formats';
import { certificatesOf } from './pem';
import { noteReason } from './reason';

/** Properties of `VaultIssuer`. */
export interface VaultIssuerProps {
  /** Address of the Vault server as the cluster reaches it, e.g. `https://vault.example.com:8200`. */
  readonly server: string;

  /** `sign` endpoint of the PKI role, e.g. `istioca/sign/cluster-local`. */
  readonly path: string;

  /** Role ID of the AppRole that cert-manager logs in with. */
  readonly roleId: string;

  /** Secret that holds the AppRole's secret ID, and the key it is under. */
  readonly secretRef: { readonly name: string; readonly key: string };

  /**
   * Mount of the AppRole auth method, without `auth/`.
   *
   * @default "approle"
   */
  readonly appRolePath?: string;

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
    const { server, path, roleId, secretRef, appRolePath = 'approle', name = 'vault-issuer', namespace = 'istio-system' } = props;
    if (/^\/|^(v1\/)?auth\/|\/$/.test(appRolePath)) {
      throw new Error(`'appRolePath' must be the mount alone, without "auth/", e.g. "approle", got "${appRolePath}"`);
    }
    const bundle = props.caBundle === undefined ? undefined : certificatesOf('caBundle', props.caBundle).join('');

    const issuer = new Issuer(this, 'Resource', {
      metadata: { name, namespace },
      spec: {
        vault: {
          server,
          path,
          caBundle: bundle === undefined ? undefined : Buffer.from(bundle).toString('base64'),
          auth: { appRole: { path: appRolePath, roleId, secretRef } },
        },
      },
    });
    this.name = issuer.name;

    noteReason(this, ['metadata', 'namespace'], "istiod's: istio-csr asks for every certificate there");
    noteReason(this, ['spec', 'vault', 'auth', 'appRole', 'path'], 'the mount of the AppRole auth method, without auth/');
    noteReason(
      this,
      ['spec', 'vault', 'auth', 'appRole', 'roleId'],
      'a name, not a secret: decided at synth, and given to the AppRole by the setup script',
    );
    noteReason(this, ['spec', 'vault', 'path'], 'sign, not issue: a key never leaves the workload that made it');
    if (bundle !== undefined) noteReason(this, ['spec', 'vault', 'caBundle'], "what Vault's own certificate is checked with");
  }
}
