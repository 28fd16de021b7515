import { ClusterPlan } from '../plan/plan';
import { policyPath } from './policy-text';
import { clusterSteps } from './steps';
import { Step } from './step';
import { undoSteps } from './undo';

/** What emergency.sh takes away and setup.sh makes again: the commands, each with the steps of setup.sh that it takes back. */
export function closings(cluster: ClusterPlan): Record<'block-login' | 'block-role', Step[]> {
  const undo = undoSteps(clusterSteps(cluster));
  const at = (path: string) => undo.filter(({ unless: [word, found] = [] }) => word === 'gone' && found === path);
  return {
    'block-login': [...at(cluster.auth.path), ...at(policyPath(cluster.policy))],
    'block-role': at(cluster.role.path),
  };
}

/** For the runtime: a line a command, with the names of its steps. */
export const closingLines = (steps: Readonly<Record<string, readonly Step[]>>) =>
  Object.entries(steps)
    .map(([name, ids]) => `${name}: ${ids.map(({ id }) => id).join(' ')}`)
    .join('\n');
