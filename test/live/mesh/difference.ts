import { parse } from 'yaml';
import type { Rendered } from './tetrate';

/** One difference: `Kind/name path`, what was there, what is there now. */
export type Difference = readonly [at: string, before: unknown, after: unknown];

/** What differs between two renderings, value by value. Entries of lists are compared by their names, where they have some. */
export function differences(before: Rendered, after: Rendered): Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .flatMap(key => compare(key, opened(before.get(key)), opened(after.get(key))));
}

function compare(at: string, before: unknown, after: unknown): Difference[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) return [[at, before, after]];
  const [a, b] = [keyed(before), keyed(after)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap(key => compare(`${at} ${key}`, a[key], b[key]));
}

/** A list of things with names as an object by name; of variables with the same name the last counts, as in Kubernetes. */
function keyed(value: object): Record<string, unknown> {
  if (!Array.isArray(value)) return value as Record<string, unknown>;
  const entries: unknown[] = value;
  return Object.fromEntries(entries.map((entry, i) => [isObject(entry) && 'name' in entry ? String(entry.name) : String(i), entry]));
}

/** YAML and JSON texts in ConfigMaps are compared by what they say. */
function opened(value: unknown): unknown {
  if (!isObject(value) || !('kind' in value) || value.kind !== 'ConfigMap' || !('data' in value)) return value;
  const data = value.data as Record<string, string>;
  return {
    ...value,
    data: Object.fromEntries(
      Object.entries(data).map(([key, text]) => [
        key,
        ['values', 'mesh', 'merged-values', 'original-values'].includes(key) ? (parse(text) as unknown) : text,
      ]),
    ),
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
