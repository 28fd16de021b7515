import { AppRolePlan } from '../plan/app-role';
import { AuthPlan } from '../plan/auth';
import { AwsPlan } from '../plan/aws';
import { ClientCertificatePlan } from '../plan/client-certificate';
import { ClusterPlan } from '../plan/plan';
import { JwtPlan, KubernetesPlan } from '../plan/service-account';
import { seconds } from '../plan/ttl';
import { policyPath } from './policy-text';
import { Capabilities, fieldsAt, markOf, request, Step } from './step';
import { disablesAuth, forgets, removes } from './undo';

/** What a mount of a cluster's own is marked as. */
export const loginsOf = (cluster: string) => `logins of cert-manager in ${cluster}`;

/** What sees which roles let somebody log in: those of a mount of the cluster's own; of one that clusters share, what each of them gives. */
export function seesLogins({ method, path }: AuthPlan): Capabilities {
  const roles = path.slice(0, path.lastIndexOf('/'));
  return { [roles]: ['list'], ...(method === 'appRole' ? { [`${roles}/+`]: ['read'] } : {}) };
}

/** What the runtime has to know in order to see them. */
export const loginConstants = ({ auth, policy }: Pick<ClusterPlan, 'auth' | 'policy'>) => ({
  login_path: auth.path,
  login_shared: String(auth.method === 'appRole'),
  policy_path: policyPath(policy),
});

/** Steps that make cert-manager's way in. */
export function authSteps({ name, auth }: Pick<ClusterPlan, 'name' | 'auth'>): Step[] {
  const logins = loginsOf(name);
  switch (auth.method) {
    case 'jwt':
      // the role first: in a mount that was there before, it shows the next run that what a stopped one has left is ours.
      return [mountStep(auth, 'jwt', logins), jwtRoleStep(auth), jwtConfigStep(auth)];
    case 'kubernetes':
      // the role first: the reviewer's token is tried by a login.
      return [mountStep(auth, 'kubernetes', logins), serviceAccountRoleStep(auth), kubernetesConfigStep(auth)];
    case 'appRole':
      return appRoleSteps(auth);
    case 'clientCertificate':
      return [mountStep(auth, 'cert', logins), clientCertificateStep(auth)];
    case 'aws':
      return [mountStep(auth, 'aws', logins), awsConfigStep(auth), awsRoleStep(auth)];
  }
}

/** A path of this cluster's own in the auth method, and the key that names it: what is there before the CA is, is of another maker. */
export function ownAuth(auth: AuthPlan): string {
  switch (auth.method) {
    case 'jwt':
      return `auth/${auth.mount}/config jwt.mount`;
    case 'kubernetes':
      return `auth/${auth.mount}/config kubernetes.mount`;
    case 'appRole':
      return `${auth.path} appRole.name`;
    case 'clientCertificate':
      return `${auth.path} clientCertificate.mount`;
    case 'aws':
      return `${auth.path} aws.mount`;
  }
}

function mountStep(auth: AuthPlan, type: string, what: string): Step {
  const { mount, path } = auth;
  // in a mount that is there already, nothing is changed: it is never marked.
  const fields = { type, description: markOf(what) };
  return {
    id: `${type}/mount`,
    title: `Enable the ${type} auth method at ${mount}`,
    fields,
    unless: ['auth_is', mount, type],
    run: [['write_fields', `sys/auth/${mount}`]],
    needs: {
      look: { 'sys/auth': ['read'], ...seesLogins(auth) },
      act: { [`sys/auth/${mount}`]: ['create', 'update', 'sudo'] },
      sends: { [`sys/auth/${mount}`]: [request(fields)] },
    },
    undo: disablesAuth(mount, type, path),
  };
}

function jwtConfigStep({ mount, issuer, discoveryUrl }: JwtPlan): Step {
  const path = `auth/${mount}/config`;
  if (discoveryUrl !== undefined) {
    return {
      id: 'jwt/config',
      grantsIdentity: true,
      title: `Let Vault fetch the cluster's public keys at ${discoveryUrl}`,
      ...fieldsAt(path, { oidc_discovery_url: discoveryUrl, bound_issuer: issuer ?? discoveryUrl, jwt_validation_pubkeys: [] }),
    };
  }
  return {
    id: 'jwt/config',
    grantsIdentity: true,
    title: "Give Vault the cluster's public keys",
    why: [
      'As the API server publishes them at /openid/v1/jwks: it publishes a new key before it signs with it, so run this again then.',
      'They are public. A token of another cluster is signed with another key.',
    ],
    unless: ['trusts_cluster'],
    run: [['trust_cluster']],
    needs: {
      look: { [path]: ['read'] },
      act: { [path]: ['create', 'update'] },
      sends: { [path]: [{ bound_issuer: issuer === undefined ? [] : [issuer], jwt_validation_pubkeys: [] }] },
    },
  };
}

function kubernetesConfigStep({ mount, host, reviewer }: KubernetesPlan): Step {
  const path = `auth/${mount}/config`;
  if (host === undefined) {
    return {
      id: 'kubernetes/config',
      grantsIdentity: true,
      title: "Let Vault ask the API server of the cluster that it runs in, with its own service account's token",
      why: ["Vault's service account needs the ClusterRole system:auth-delegator; its Helm chart binds it (server.authDelegator)."],
      ...fieldsAt(path, { kubernetes_host: 'https://kubernetes.default.svc', kubernetes_ca_cert: '', disable_local_ca_jwt: false }),
    };
  }
  return {
    id: 'kubernetes/config',
    grantsIdentity: true,
    title: `Let Vault ask the API server at ${host}, with a token of service account ${reviewer.namespace}/${reviewer.name}`,
    why: [
      'Without it the token of the login would be the bearer, and one with an audience of its own is answered 401.',
      'It goes to Vault through a pipe. It is done where the token has a third of its time left and a login works.',
    ],
    unless: ['reviews_tokens'],
    run: [['review_tokens']],
    needs: {
      look: { [path]: ['read'] },
      act: { [path]: ['create', 'update'] },
      sends: { [path]: [{ kubernetes_host: [host], kubernetes_ca_cert: [], disable_local_ca_jwt: [true], token_reviewer_jwt: [] }] },
    },
    undo: forgets('serviceaccount', reviewer, 'cdk8s-mesh-ca/token-ends'),
  };
}

function serviceAccountRoleStep({ method, role, path, fields, serviceAccount, audience }: JwtPlan | KubernetesPlan): Step {
  return {
    id: `${method}/role`,
    grantsIdentity: true,
    title: `Write the role ${role}: service account ${serviceAccount.namespace}/${serviceAccount.name}, audience ${audience}`,
    why: [BATCH],
    ...fieldsAt(path, { ...fields }),
    undo: removes(path, `the role ${role} of cert-manager's login`),
  };
}

/** Vault takes any expiry of a token and asks nobody whether its account still exists: the UID in the role is what an old token fails at. */
function jwtRoleStep(auth: JwtPlan): Step {
  const { why = [], ...step } = serviceAccountRoleStep(auth);
  return {
    ...step,
    why: [
      ...why,
      'Beside these fields it binds the UID that the service account has in the cluster now (bound_claims): an account that is deleted and',
      'made again has another one, so no token of the old account logs in, however long it is valid.',
    ],
    unless: ['bound_to_account', auth.path],
    run: [['bind_to_account', auth.path]],
    // the UID is known only at run time.
    needs: { ...step.needs, sends: { [auth.path]: [{ ...request({ ...auth.fields }), bound_claims: [] }] } },
  };
}

const BATCH = 'Batch tokens, since cert-manager logs in anew for each signature: they leave nothing in Vault.';

function clientCertificateStep({ role, path, fields }: ClientCertificatePlan): Step {
  return {
    id: 'cert/role',
    grantsIdentity: true,
    title: `Trust the CA that cert-manager's certificate is from, for the name ${fields.allowed_names.join(' or ')}, as ${role}`,
    why: [BATCH, 'Without a name, every certificate of that CA would log in.'],
    ...fieldsAt(path, { ...fields }),
    undo: removes(path, `the role ${role} of cert-manager's login`),
  };
}

function awsConfigStep({ mount, region, vaultHeaderValue, client }: AwsPlan): Step {
  return {
    id: 'aws/config',
    grantsIdentity: true,
    title: `Let Vault ask the STS of ${region} about logins that are signed for ${vaultHeaderValue}`,
    why: [
      'cert-manager signs its request for the regional STS, so that is the one to ask.',
      'A request that was signed for another Vault is refused.',
    ],
    ...fieldsAt(`auth/${mount}/config/client`, { ...client }),
  };
}

function awsRoleStep({ role, path, iamRoleArn, fields }: AwsPlan): Step {
  return {
    id: 'aws/role',
    grantsIdentity: true,
    title: `Write the role ${role}: IAM role ${iamRoleArn}`,
    why: [
      BATCH,
      ...(fields.resolve_aws_unique_ids
        ? ["Vault looks up the IAM role's unique ID: it needs AWS credentials that may do iam:GetRole."]
        : []),
    ],
    ...fieldsAt(path, { ...fields }),
    undo: removes(path, `the role ${role} of cert-manager's login`),
  };
}

/** Vault's own bound of a lifetime where a mount sets none: 768 hours. */
const SERVER_MAX_TTL = 768 * 3600;

function appRoleSteps(auth: AppRolePlan): Step[] {
  const { mount, role, roleId, path, fields } = auth;
  const ttl = fields.secret_id_ttl;
  const tunePath = `sys/mounts/auth/${mount}/tune`;
  const tuneFields = { max_lease_ttl: ttl };
  const lockoutFields = { user_lockout_config: { lockout_disable: true } };
  const tune: Step = {
    id: 'approle/tune',
    title: `Let secret IDs of ${mount} live for ${ttl}`,
    why: ['Without it Vault cuts a secret ID to its default of 768 hours, without a word. A mount that allows more is left alone.'],
    fields: tuneFields,
    unless: ['auth_allows', mount, String(seconds(ttl))],
    run: [['write_fields', tunePath]],
    // the path that the CLI tunes an auth method by; that of sys/auth takes sudo.
    needs: { look: { 'sys/auth': ['read'] }, act: { [tunePath]: ['create', 'update'] }, sends: { [tunePath]: [request(tuneFields)] } },
  };
  const lockout: Step = {
    id: 'approle/lockout',
    title: `Have failed logins lock no AppRole of ${mount}`,
    why: [
      'After five, Vault would refuse a role ID for 15 minutes, and a role ID is no secret: whoever knows it could stop the mesh, and',
      "cert-manager's own attempts with a destroyed secret ID do. A secret ID is too long to be guessed. A mount that is not ours is left alone.",
    ],
    fields: lockoutFields,
    unless: ['never_locks', mount],
    run: [['write_fields', tunePath]],
    needs: { look: { 'sys/auth': ['read'] }, act: { [tunePath]: ['create', 'update'] }, sends: { [tunePath]: [request(lockoutFields)] } },
  };
  return [
    // the one mount that clusters may share.
    mountStep(auth, 'approle', 'logins of cert-manager'),
    ...(seconds(ttl) > SERVER_MAX_TTL ? [tune] : []),
    lockout,
    {
      id: 'approle/write',
      grantsIdentity: true,
      title: `Write the AppRole ${role}`,
      why: ['cert-manager logs in anew for each signature: a count of uses would end the mesh at that count.'],
      ...fieldsAt(path, { ...fields }),
      undo: removes(path, `the AppRole ${role}, and with it each of its secret IDs`),
    },
    {
      id: 'approle/role-id',
      title: `Give it the role ID ${roleId}`,
      why: ['A name, not a secret; decided in the plan, so that the Issuer is complete before this runs.'],
      ...fieldsAt(`${path}/role-id`, { role_id: roleId }),
    },
  ];
}
