import { ClusterConfig, MeshCaConfig } from '../config/config';
import { Problem } from '../config/problem';

/** A cluster's settings with the shared ones below them, and what is wrong with them. */
export interface Settings extends ClusterConfig {
  /** Index in `clusters`. */
  readonly index: number;

  /** Notes a problem at the place where the value was written: the cluster's own, else the shared one; and whose it is, where that is not plain. */
  readonly refuse: (keys: readonly (string | number)[], message: string, whose?: string) => void;

  /** The place where a value was written; where it was not, the cluster's. */
  readonly locate: (keys: readonly (string | number)[]) => readonly (string | number)[];
}

/** Lays each cluster's settings over the shared ones, key by key; lists are taken whole. */
export function settingsOf(config: MeshCaConfig, problems: Problem[]): Settings[] {
  const { clusters, vault: _vault, root: _root, policyCas: _policyCas, $schema: _schema, ...shared } = config;
  const noted = new Set<string>();
  return clusters.map((cluster, index) => {
    const locate = (keys: readonly (string | number)[]) =>
      has(cluster, keys) ? ['clusters', index, ...keys] : has(shared, keys) ? keys : ['clusters', index, ...keys];
    // once: what two clusters, or two istiods, inherit from one place is one problem.
    const refuse = (keys: readonly (string | number)[], message: string, whose = '') => {
      const path = locate(keys);
      const text = JSON.stringify([path, message]);
      if (noted.has(text)) return;
      noted.add(text);
      problems.push({ path, message: message + whose });
    };
    return { ...(merge(shared, cluster) as ClusterConfig), index, refuse, locate };
  });
}

/**
 * The settings as the canary has them: its own values over those of the istiod in use. A problem is noted where the value was written, its own
 * or the inherited one. Nothing where there is no canary.
 */
export function canaryOf(settings: Settings): Settings | undefined {
  const { canary, istioOperator: _ofTheOther, ...inUse } = settings.istio ?? {};
  if (canary === undefined) return undefined;
  const { istioVersion, tsbVersion, ...own } = canary;
  // a version of its own, in whichever words, is its only one.
  const version = istioVersion === undefined && tsbVersion === undefined ? {} : { istioVersion, tsbVersion };
  const place = (keys: readonly (string | number)[]): readonly (string | number)[] | undefined => {
    const inner = keys[0] === 'istio' ? keys.slice(1) : keys;
    const isOwn = keys[0] === 'istio' ? has(canary, inner) : Object.hasOwn(version, String(keys[0]));
    return isOwn ? ['istio', 'canary', ...inner] : undefined;
  };
  return {
    ...settings,
    ...version,
    istio: merge(inUse, own) as ClusterConfig['istio'],
    refuse: (keys, message) => {
      const own = place(keys);
      settings.refuse(own ?? keys, message, own ? '' : ` (of the canary "${canary.revision}")`);
    },
    locate: keys => settings.locate(place(keys) ?? keys),
  };
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
