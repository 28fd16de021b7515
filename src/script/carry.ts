import { AppRolePlan } from '../plan/app-role';
import { ClusterPlan } from '../plan/plan';
import { sendsOf } from './delivery-steps';
import { authConstants, reaches, rootPlace, script } from './setup';
import { policyPath, tokenPolicy } from './policy-text';
import { Step } from './step';
import { readsRoot } from './ca-steps';
import { seconds } from '../plan/ttl';
import { loginTrialCommands } from './trial';

/** A script that carries a secret ID and changes nothing else: its file, its text, and what it is. */
export interface CarryScript {
  /** Name of the file, beside setup.sh. */
  readonly file: string;

  /** The text. */
  readonly content: string;

  /** What it is, in one line. */
  readonly about: string;
}

/** The scripts that a cluster's delivery has beside setup.sh. */
export function carryScripts(cluster: ClusterPlan): CarryScript[] {
  const { auth } = cluster;
  if (auth.method !== 'appRole') return [];
  switch (auth.secret.delivery) {
    case 'script':
      return [
        { file: 'rotate-secret-id.sh', content: rotateScript(cluster, auth), about: 'replaces the secret ID, and destroys the one before' },
      ];
    case 'wrapped':
      return [
        {
          file: 'unwrap-secret-id.sh',
          content: unwrapScript(cluster, auth),
          about: 'brings the secret ID of a wrapping token into the cluster',
        },
      ];
    default:
      return [];
  }
}

/** Steps that bring the secret ID of a wrapping token into the cluster. They take no login to Vault. */
export function unwrapSteps(cluster: ClusterPlan, { path, secret }: AppRolePlan): Step[] {
  return [
    {
      id: 'unwrap/check',
      title: `Check that the wrapping token of standard input was made at ${path}/secret-id`,
      why: ['Else it was swapped on its way. Looking does not use it up.'],
      unless: ['unwrapped_here'],
      run: [['check_wrapping_token']],
      needs: {},
    },
    {
      id: 'unwrap/deliver',
      title: `Unwrap it into Secret ${secret.namespace}/${secret.name}`,
      why: [
        'Through pipes only. It is done where the Secret says that it came in this token: a run that was stopped after that can be run again.',
      ],
      unless: ['unwrapped_here'],
      run: [['unwrap_secret_id']],
      needs: {},
    },
    {
      id: 'trial',
      title: `Try it as cert-manager will: log in, sign at ${cluster.role.signPath}`,
      run: loginTrialCommands(cluster),
      needs: {},
    },
  ];
}

/** Steps that replace the secret ID by a new one; each run makes one. */
export function rotationSteps(cluster: ClusterPlan, { path, secret }: AppRolePlan): Step[] {
  const place = `${secret.namespace}/${secret.name}`;
  const looks = { [`${path}/secret-id`]: ['list'], [`${path}/secret-id/lookup`]: ['update'] } as const;
  const destroys = { [`${path}/secret-id-accessor/destroy`]: ['update'] } as const;
  return [
    {
      id: 'rotate/finish',
      title: 'Destroy the secret ID that a stopped run has replaced and left',
      why: [`The annotation cdk8s-mesh-ca/previous-accessor of Secret ${place} names it.`],
      unless: ['nothing_left'],
      run: [['destroy_previous']],
      needs: { look: looks, act: destroys, sends: sendsOf(path) },
    },
    {
      id: 'rotate/deliver',
      title: `Make a new secret ID and deliver it to Secret ${place}`,
      why: ['Through pipes only. The one before is alive until the new one is proved: a login works at every moment.'],
      unless: ['rotated'],
      run: [['deliver_secret_id']],
      needs: { look: looks, act: { [`${path}/secret-id`]: ['update'], ...destroys }, sends: sendsOf(path) },
    },
    {
      id: 'trial',
      title: `Try it as cert-manager will: log in, sign at ${cluster.role.signPath}`,
      run: loginTrialCommands(cluster),
      needs: { look: readsRoot(cluster.root) },
    },
    {
      id: 'rotate/destroy',
      title: 'Destroy the secret ID before it, by its accessor',
      why: ['Never the one that the cluster holds: it is looked up once more.'],
      // told apart from "nothing to destroy" by the step that has just made another one.
      unless: ['rotated'],
      run: [['destroy_previous'], ['report_other_secret_ids']],
      needs: { look: looks, act: destroys, sends: sendsOf(path) },
    },
  ];
}

function rotateScript(cluster: ClusterPlan, auth: AppRolePlan): string {
  const about = `Replaces the secret ID of cluster ${cluster.name} by a new one, and then destroys the one before.`;
  const texts = ['carry.sh', 'rotate.sh', 'kube.sh', 'app-role.sh', 'secret-in-cluster.sh', 'trial.sh'] as const;
  return script(about, [], rotationSteps(cluster, auth), texts, {
    ...carryConstants(cluster, auth),
    token_policy: tokenPolicy('rotate', cluster.name),
  });
}

function unwrapScript(cluster: ClusterPlan, auth: AppRolePlan): string {
  const about = `Brings the secret ID of a wrapping token, read from standard input, into cluster ${cluster.name}. It takes no login to Vault.`;
  const texts = ['carry.sh', 'unwrap.sh', 'kube.sh', 'app-role.sh', 'secret-in-cluster.sh', 'trial.sh'] as const;
  return script(about, [], unwrapSteps(cluster, auth), texts, carryConstants(cluster, auth));
}

function carryConstants(
  { name, context, vault, root, role, policy, certificates }: ClusterPlan,
  auth: AppRolePlan,
): Record<string, string> {
  return {
    cluster: name,
    context,
    ...reaches(vault),
    ...rootPlace(root),
    sign_path: role.signPath,
    role_is_exact: String(role.exact),
    policy_path: policyPath(policy),
    token_type: auth.fields.token_type,
    ...authConstants(auth),
    key_type: certificates.keyType,
    key_bits: String(certificates.keyBits),
    trial_ttl: certificates.workloadTtl,
    leaf_seconds: String(seconds(role.fields.max_ttl)),
  };
}
