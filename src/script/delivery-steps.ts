import { AppRolePlan } from '../plan/app-role';
import { ClusterPlan } from '../plan/plan';
import { StorePlan } from '../plan/secret-store';
import { fieldsAt, Sends, Step } from './step';
import { deletes, removes } from './undo';
import { policyPath, policyText } from './policy-text';

/** Steps that bring a secret of the way in into the cluster. */
export function deliverySteps({ auth }: Pick<ClusterPlan, 'auth'>): Step[] {
  if (auth.method !== 'appRole') return [];
  switch (auth.secret.delivery) {
    case 'script':
      return [scriptStep(auth)];
    case 'wrapped':
      return [wrapStep(auth, auth.secret.wrapTtl)];
    case 'externalSecret':
      return [...storeSteps(auth.secret.store), kvStep(auth, auth.secret.kv)];
    case 'externalSecretGenerator':
      return storeSteps(auth.secret.store);
    case 'manifest':
    case 'sealedSecret':
    case 'sops':
      // the runbook has the commands, since what they make is committed.
      return [];
  }
}

function scriptStep({ path, secret }: AppRolePlan): Step {
  return {
    id: 'cluster/secret-id',
    grantsIdentity: true,
    title: `Make a secret ID and deliver it to Secret ${secret.namespace}/${secret.name}`,
    why: ["Through pipes only. It is done where the cluster's secret ID is known to Vault and has a third of its time left."],
    unless: ['secret_id_works'],
    run: [['deliver_secret_id'], ['report_other_secret_ids']],
    needs: {
      look: { [`${path}/secret-id`]: ['list'], [`${path}/secret-id/lookup`]: ['update'] },
      act: { [`${path}/secret-id`]: ['update'], [`${path}/secret-id-accessor/destroy`]: ['update'] },
      sends: sendsOf(path),
    },
    undo: deletes({ kind: 'Secret', ...secret }),
  };
}

function wrapStep({ path, secret }: AppRolePlan, wrapTtl: string): Step {
  return {
    id: 'cluster/secret-id',
    grantsIdentity: true,
    title: `Make a secret ID for Secret ${secret.namespace}/${secret.name}, wrapped in a token that serves once, for ${wrapTtl}`,
    why: ["The secret ID never comes here. It is done where the cluster's secret ID is known to Vault and has a third of its time left."],
    unless: ['secret_id_works'],
    run: [['wrap_secret_id'], ['report_other_secret_ids']],
    needs: {
      look: { [`${path}/secret-id`]: ['list'], [`${path}/secret-id/lookup`]: ['update'] },
      act: { [`${path}/secret-id`]: ['update'], [`${path}/secret-id-accessor/lookup`]: ['update'] },
      sends: { ...sendsOf(path), [`${path}/secret-id`]: [{ metadata: [] }] },
    },
    undo: deletes({ kind: 'Secret', ...secret }),
  };
}

/** What is sent to the paths of an AppRole's secret IDs: to make one takes no parameter. */
export const sendsOf = (path: string): Sends => ({
  [`${path}/secret-id`]: [{}],
  [`${path}/secret-id/lookup`]: [{ secret_id: [] }],
  [`${path}/secret-id-accessor/lookup`]: [{ secret_id_accessor: [] }],
  [`${path}/secret-id-accessor/destroy`]: [{ secret_id_accessor: [] }],
});

/** What the External Secrets operator may do; its auth method is there already. */
function storeSteps({ mount, path, role, policy, fields, serviceAccount }: StorePlan): Step[] {
  const { needs, ...write } = fieldsAt(path, { ...fields });
  return [
    {
      id: 'store/policy',
      title: `Write the policy ${policy.name}, for the External Secrets operator`,
      why: [
        `It may ${Object.values(policy.rules)
          .flatMap(({ capabilities }) => capabilities)
          .join(' and ')} what it carries, and nothing else.`,
      ],
      ...fieldsAt(policyPath(policy), { policy: policyText(policy.rules) }),
      undo: removes(policyPath(policy), `the policy ${policy.name}`),
    },
    {
      id: 'store/role',
      grantsIdentity: true,
      title: `Write the role ${role} at ${mount}: service account ${serviceAccount.namespace}/${serviceAccount.name}`,
      ...write,
      needs: { ...needs, look: { ...needs.look, 'sys/auth': ['read'] } },
      undo: removes(path, `the role ${role} at ${mount}`),
    },
  ];
}

function kvStep({ path, secret }: AppRolePlan, kv: { readonly mount: string; readonly path: string }): Step {
  const place = `${kv.mount}/data/${kv.path}`;
  return {
    id: 'cluster/secret-id',
    grantsIdentity: true,
    title: `Make a secret ID and put it at ${kv.mount}/${kv.path}, for Secret ${secret.namespace}/${secret.name}`,
    why: [
      'Through pipes only. It is done where the one that lies there is known to Vault and has a third of its time left.',
      'The one before is left until its end: the External Secrets operator reads in its own time.',
    ],
    unless: ['secret_id_works'],
    run: [['deliver_secret_id'], ['report_other_secret_ids']],
    needs: {
      look: { 'sys/mounts': ['read'], [place]: ['read'], [`${path}/secret-id`]: ['list'], [`${path}/secret-id/lookup`]: ['update'] },
      act: { [place]: ['create', 'update'], [`${path}/secret-id`]: ['update'], [`${path}/secret-id-accessor/destroy`]: ['update'] },
      sends: { ...sendsOf(path), [place]: [{ data: [] }] },
    },
    undo: {
      title: `Remove ${kv.mount}/${kv.path}, in all its versions`,
      unless: ['kv_gone', kv.mount, kv.path, secret.key],
      run: [['remove', `${kv.mount}/metadata/${kv.path}`]],
      needs: { look: { [place]: ['read'] }, act: { [`${kv.mount}/metadata/${kv.path}`]: ['delete'] } },
    },
  };
}
