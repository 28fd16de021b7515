import { AppRolePlan } from '../plan/app-role';
import { ClusterPlan } from '../plan/plan';
import { Step } from './step';

/** Steps that bring a secret of the way in into the cluster. */
export function deliverySteps({ auth }: Pick<ClusterPlan, 'auth'>): Step[] {
  if (auth.method !== 'appRole') return [];
  switch (auth.secret.delivery) {
    case 'script':
      return [scriptStep(auth)];
    case 'wrapped':
      return [wrapStep(auth, auth.secret.wrapTtl)];
    case 'manifest':
      return [];
  }
}

function scriptStep({ path, secret }: AppRolePlan): Step {
  return {
    id: 'cluster/secret-id',
    title: `Make a secret ID and deliver it to Secret ${secret.namespace}/${secret.name}`,
    why: ["Through pipes only. It is done where the cluster's secret ID is known to Vault and has a third of its time left."],
    unless: ['secret_id_works'],
    run: [['deliver_secret_id'], ['report_other_secret_ids']],
    needs: {
      look: { [`${path}/secret-id`]: ['list'], [`${path}/secret-id/lookup`]: ['update'] },
      act: { [`${path}/secret-id`]: ['update'], [`${path}/secret-id-accessor/destroy`]: ['update'] },
    },
  };
}

function wrapStep({ path, secret }: AppRolePlan, wrapTtl: string): Step {
  return {
    id: 'cluster/secret-id',
    title: `Make a secret ID for Secret ${secret.namespace}/${secret.name}, wrapped in a token that serves once, for ${wrapTtl}`,
    why: ["The secret ID never comes here. It is done where the cluster's secret ID is known to Vault and has a third of its time left."],
    unless: ['secret_id_works'],
    run: [['wrap_secret_id'], ['report_other_secret_ids']],
    needs: {
      look: { [`${path}/secret-id`]: ['list'], [`${path}/secret-id/lookup`]: ['update'] },
      act: { [`${path}/secret-id`]: ['update'], [`${path}/secret-id-accessor/lookup`]: ['update'] },
    },
  };
}
