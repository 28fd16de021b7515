import { Checks, exactlyOne, matching, maybe, object, text, word } from './check';
import { keyRef, name, nameRef, namespace } from './common-checks';
import { pem } from './pem';
import type { VaultAppRoleAuth, VaultAwsAuth, VaultClientCertificateAuth, VaultIssuerProps, VaultServiceAccountAuth } from './vault-issuer';

const roleName = matching(/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?$/, 'the name of a role', 'cert-manager');
const loginMount = matching(
  /^\/v1\/auth\/[^/\s\p{C}][^\s\p{C}]*[^/\s\p{C}]$|^\/v1\/auth\/[^/\s\p{C}]$/u,
  'the mount of an auth method with "/v1/auth/"',
  '/v1/auth/jwt-cluster-1',
);

/** Checks of `VaultIssuerProps`. */
export const VAULT_ISSUER_CHECKS: Checks<VaultIssuerProps> = {
  server: text('url'),
  path: matching(/^[^/\s\p{C}][^\s\p{C}]*\/sign\/[^/\s\p{C}]+$/u, 'the sign endpoint of a PKI role', 'istioca/sign/cluster-local'),
  auth: exactlyOne(
    {
      kubernetes: object<VaultServiceAccountAuth>({ mountPath: loginMount, role: roleName, serviceAccountRef: nameRef }),
      appRole: object<VaultAppRoleAuth>({
        roleId: text('roleId'),
        secretRef: keyRef,
        path: maybe(
          matching(
            /^(?!(v1\/)?auth\/)[^/\s\p{C}]([^\s\p{C}]*[^/\s\p{C}])?$/u,
            'the mount of the AppRole alone, without "auth/"',
            'approle',
          ),
        ),
      }),
      clientCertificate: object<VaultClientCertificateAuth>({ mountPath: loginMount, name: roleName, secretName: name }),
      aws: object<VaultAwsAuth>({
        mountPath: matching(
          /^auth\/[^/\s\p{C}]([^\s\p{C}]*[^/\s\p{C}])?$/u,
          'the mount of an auth method with "auth/" and without "/v1/", which cert-manager adds',
          'auth/aws-cluster-1',
        ),
        role: roleName,
        region: text('awsRegion'),
        iamRoleArn: text('iamRoleArn'),
        vaultHeaderValue: text('host'),
        serviceAccountRef: nameRef,
      }),
    },
    'auth method',
  ),
  caBundle: maybe(pem),
  caBundleSecretRef: maybe(keyRef),
  clientCertSecretRef: maybe(keyRef),
  clientKeySecretRef: maybe(keyRef),
  serverName: maybe(text('host')),
  vaultNamespace: maybe(text('vaultNamespace')),
  name: maybe(name),
  kind: maybe(word('Issuer', 'ClusterIssuer')),
  namespace: maybe(namespace),
};
