import { ClusterConfig, MeshCaConfig } from '../config/config';
import { Problem } from '../config/problem';

/** A cluster's settings with the shared ones below them, and what is wrong with them. */
export interface Settings extends ClusterConfig {
  /** Index in `clusters`. */
  readonly index: number;

  /** Notes a problem at the place where the value was written: the cluster's own, else the shared one. */
  readonly refuse: (keys: readonly (string | number)[], message: string) => void;

  /** The place where a value was written; where it was not, the cluster's. */
  readonly locate: (keys: readonly (string | number)[]) => readonly (string | number)[];
}

/** Lays each cluster's settings over the shared ones, key by key; lists are taken whole. */
export function settingsOf(config: MeshCaConfig, problems: Problem[]): Settings[] {
  const { clusters, vault: _vault, root: _root, policyCas: _policyCas, $schema: _schema, ...shared } = config;
  return clusters.map((cluster, index) => {
    const locate = (keys: readonly (string | number)[]) =>
      has(cluster, keys) ? ['clusters', index, ...keys] : has(shared, keys) ? keys : ['clusters', index, ...keys];
    const refuse = (keys: readonly (string | number)[], message: string) => {
      problems.push({ path: locate(keys), message });
    };
    return { ...(merge(shared, cluster) as ClusterConfig), index, refuse, locate };
  });
}

function merge(below: unknown, above: unknown): unknown {
  if (!isRecord(below) || !isRecord(above)) return above === undefined ? below : above;
  const keys = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries([...keys].map(key => [key, merge(below[key], above[key])]));
}

function has(value: unknown, keys: readonly (string | number)[]): boolean {
  const [key, ...rest] = keys;
  if (key === undefined) return value !== undefined;
  if (Array.isArray(value)) return has((value as unknown[])[Number(key)], rest);
  return isRecord(value) && Object.hasOwn(value, key) && has(value[key], rest);
}

/** Whether a value is an object with keys, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value that the keys lead to; nothing where one of them is not there. */
export const valueAt = (value: unknown, keys: readonly string[]): unknown =>
  keys.reduce((at, key) => (isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined), value);
