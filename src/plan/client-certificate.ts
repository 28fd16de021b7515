import { AuthMount, TokenFields, tokenFields } from './login';
import { IssuerPlan } from './issuer';
import { PolicyPlan } from './policy';
import { Settings } from './settings';

/** Vault checks a certificate that cert-manager shows. */
export interface ClientCertificatePlan extends AuthMount {
  /** Name of the way in. */
  readonly method: 'clientCertificate';

  /** The Secret with the certificate and its key; it is not made here. */
  readonly secret: { readonly name: string; readonly namespace: string };

  /** The fields that Vault keeps beside the CA, in its words; each stands here, so that an edit by hand is seen. */
  readonly fields: TokenFields & {
    readonly certificate: string;
    readonly allowed_names: readonly string[];
    readonly allowed_common_names: readonly string[];
    readonly allowed_dns_sans: readonly string[];
    readonly allowed_email_sans: readonly string[];
    readonly allowed_uri_sans: readonly string[];
    readonly allowed_organizational_units: readonly string[];
    readonly required_extensions: readonly string[];
    readonly allowed_metadata_extensions: readonly string[];
  };
}

/** Decides the TLS certificates auth method. */
export function planClientCertificate(
  settings: Settings,
  policy: PolicyPlan,
  { issuer, server }: { readonly issuer: IssuerPlan; readonly server: string },
): ClientCertificatePlan {
  const { name: cluster, clientCertificate = {}, refuse } = settings;
  const { certificate = '', allowedNames = [], mount, secretName, tokenTtl = '10m' } = clientCertificate;
  if (certificate === '') {
    refuse(
      ['clientCertificate', 'certificate'],
      `'certificate' is missing in 'clientCertificate', auth is "clientCertificate", add e.g. certificate: clients-ca.pem`,
    );
  }
  if (allowedNames.length === 0) {
    refuse(
      ['clientCertificate', 'allowedNames'],
      `'allowedNames' is missing in 'clientCertificate', every certificate of the CA would log in, add e.g. allowedNames: [cert-manager.${cluster}.example.com]`,
    );
  }
  if (server.startsWith('http:')) {
    refuse(
      ['auth'],
      `'auth' must not be "clientCertificate" without TLS, write vault.server with https://, e.g. "https://vault.example.com:8200", got "${server}"`,
    );
  }
  const [at, role] = [mount ?? `cert-${cluster}`, 'cert-manager'];
  return {
    method: 'clientCertificate',
    mount: at,
    role,
    path: `auth/${at}/certs/${role}`,
    secret: { name: secretName ?? 'cert-manager-vault-client', namespace: issuer.namespace },
    fields: {
      ...tokenFields(policy, { ttl: tokenTtl, maxTtl: tokenTtl, type: 'batch' }),
      certificate,
      allowed_names: allowedNames,
      allowed_common_names: [],
      allowed_dns_sans: [],
      allowed_email_sans: [],
      allowed_uri_sans: [],
      allowed_organizational_units: [],
      required_extensions: [],
      allowed_metadata_extensions: [],
    },
  };
}
