import { AppRolePlan } from '../plan/app-role';
import { AuthPlan } from '../plan/auth';
import { AwsPlan } from '../plan/aws';
import { ClientCertificatePlan } from '../plan/client-certificate';
import { code, shell } from './markdown';
import { ClusterContext, dataAt } from './parts';

/** What cert-manager logs in with, and how it comes to be there; a secret ID is made by setup.sh. */
export function wayIn(context: ClusterContext): string[] {
  const { auth } = context.cluster;
  switch (auth.method) {
    case 'appRole':
      return [];
    case 'clientCertificate':
      return clientCertificate(context, auth);
    case 'aws':
      return [...serviceAccount(context, auth.serviceAccount, 'AWS gives it the IAM role, so'), ...iamRole(context, auth)];
    default:
      return serviceAccount(context, auth.serviceAccount, 'so');
  }
}

function serviceAccount({ at, kube }: ClusterContext, { namespace, name }: { namespace: string; name: string }, so: string): string[] {
  return [
    `cert-manager logs in with a token of service account ${code(`${namespace}/${name}`)}, ${so} there is no secret to carry. The account, and cert-manager's right to ask for its tokens:`,
    '',
    ...shell(kube('apply', '-f', at('manifests/0-access'))),
  ];
}

function iamRole({ kube }: ClusterContext, { iamRoleArn, serviceAccount: { namespace, name }, mount, fields }: AwsPlan): string[] {
  return [
    `IAM role ${code(iamRoleArn)} is not made here. Its trust policy must let ${code('sts:AssumeRoleWithWebIdentity')} for the OIDC provider of this cluster, with subject ${code(`system:serviceaccount:${namespace}:${name}`)} and audience ${code('sts.amazonaws.com')}; it needs no right beyond. The cluster's issuer, which that provider must be of:`,
    '',
    ...shell(`${kube('get', '--raw', '/.well-known/openid-configuration')} | jq -r .issuer`),
    ...(fields.resolve_aws_unique_ids
      ? [
          `Vault looks up the role's unique ID once: it needs AWS credentials that may do ${code('iam:GetRole')}, from its own instance or at ${code(`auth/${mount}/config/client`)}.`,
          '',
        ]
      : []),
  ];
}

function clientCertificate({ kube }: ClusterContext, { secret: { namespace, name }, fields }: ClientCertificatePlan): string[] {
  return [
    `cert-manager logs in with the certificate in Secret ${code(`${namespace}/${name}`)} (${code('tls.crt')}, ${code('tls.key')}). It is not made here: a cert-manager Certificate of that other CA keeps it there and renews it (name ${code(fields.allowed_names[0] ?? '')}, usage ${code('client auth')}). It must be there:`,
    '',
    ...shell(
      `${kube('get', 'secret', name, '-n', namespace, ...dataAt('tls.crt'))} | base64 -d | openssl x509 -noout -subject -ext subjectAltName,extendedKeyUsage -enddate`,
    ),
    `See: one of the names ${fields.allowed_names.map(code).join(', ')}, ${code('TLS Web Client Authentication')}, and an end that is not near. Nothing between cert-manager and Vault may end TLS.`,
    '',
  ];
}

/** What has to be renewed, and the step of setup.sh that does it; none where nothing is to be run. */
export function renewalOf(auth: Exclude<AuthPlan, AppRolePlan>): [text: string, step?: string] {
  switch (auth.method) {
    case 'jwt':
      return auth.discoveryUrl === undefined
        ? [
            "There is no secret that expires. The login is bound to the UID of the service account: after the account was deleted and applied again, by a GitOps tool for example, cert-manager cannot log in until the step `jwt/role` has run again (`setup.sh --repair jwt/role`). When the cluster's key for tokens of service accounts is to change, have the API server publish the new key first (a second `--service-account-key-file`), run setup.sh, which gives Vault both, and only then let it sign with the new one; `verify.sh --vault` says whether Vault has the keys that the cluster has. The step `jwt/config` alone does it:",
            'jwt/config',
          ]
        : [
            "There is no secret that expires, and Vault fetches the cluster's keys by itself. The login is bound to the UID of the service account: after the account was deleted and applied again, by a GitOps tool for example, cert-manager cannot log in until the step `jwt/role` has run again:",
            'jwt/role',
          ];
    case 'kubernetes':
      return auth.host === undefined
        ? ['There is no secret that ends: Vault asks the API server with its own service account.']
        : [
            `The reviewer's token ends at most ${auth.reviewerTtl} after it was made, and with it every renewal in the mesh; its end is an annotation of service account ${code(`${auth.reviewer.namespace}/${auth.reviewer.name}`)}. setup.sh replaces one that has less than a third left: run that step on a schedule, e.g. monthly:`,
            'kubernetes/config',
          ];
    case 'clientCertificate':
      return [
        `The certificate in Secret ${code(`${auth.secret.namespace}/${auth.secret.name}`)} ends, and with it every renewal in the mesh: whatever made it must renew it; cert-manager takes the new one at its next login. Before its CA changes, write both CAs into the file of ${code('clientCertificate.certificate')}, synthesize, and run setup.sh for the step that writes them:`,
        'cert/role',
      ];
    case 'aws':
      return [
        `There is no secret that ends in the cluster. Where IAM role ${code(auth.iamRoleArn)} is made anew, Vault goes on refusing it until the role is written again: \`vault delete ${auth.path}\`, then setup.sh for that step:`,
        'aws/role',
      ];
  }
}
