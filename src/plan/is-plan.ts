import { what } from '../config/words';
import { isRecord } from './settings';

/** Whether a value is a plan of some clusters, as `planMeshCa` returns it. A config has no warnings. */
export const isPlan = (value: unknown): boolean =>
  isRecord(value) &&
  isRecord(value.root) &&
  isRecord(value.vault) &&
  Array.isArray(value.warnings) &&
  listOf(value.clusters).every(isClusterPlan);

/** Whether a value is the plan of a cluster. A cluster's config has no warnings. */
export const isClusterPlan = (value: unknown): boolean =>
  isRecord(value) && isRecord(value.role) && isRecord(value.intermediate) && Array.isArray(value.warnings);

/**
 * Throws where a function was given something else than a plan, e.g. a config.
 *
 * @param name the argument: `plan`, or `cluster` for the plan of a cluster
 * @param example a right call
 */
export function needPlan(name: 'plan' | 'cluster', value: unknown, example: string): void {
  const isRight = name === 'plan' ? isPlan(value) : isClusterPlan(value);
  if (!isRight) throw new Error(`'${name}' must be what planMeshCa returns, e.g. ${example}, got ${what(value)}`);
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [undefined]);
