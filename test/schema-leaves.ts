import { Schema, example, resolve, schema } from '../src/config/schema';

/** Keys and indices that lead to a value. */
export type Path = readonly (string | number)[];

/** A place of the config that takes text. */
export interface Leaf {
  /** Where it is; lists are entered at their first item. */
  readonly path: Path;

  /** A value that is right there. */
  readonly right: unknown;

  /** The rule; none: the schema leaves the value open. */
  readonly rule?: Schema;
}

/** Every leaf of the schema that takes text, so that a new key is tested without being named. */
export function textLeaves(given: Schema = schema, path: Path = []): Leaf[] {
  const rule = resolve(given);
  if (rule.type === 'object') {
    const open = rule.additionalProperties === false ? [] : [{ path: [...path, 'nodeSelector', 'key'], right: 'text' }];
    return [...Object.entries(rule.properties ?? {}).flatMap(([key, child]) => textLeaves(child, [...path, key])), ...open];
  }
  if (rule.type === 'array') return textLeaves(rule.items, [...path, 0]);
  if (rule.type !== 'string') return [];
  return [{ path, rule, right: JSON.parse(example(rule)) as unknown }];
}

/** A copy of a value with one place of it set. */
export function withValue(value: unknown, [key, ...rest]: Path, leaf: unknown): unknown {
  if (key === undefined) return leaf;
  if (typeof key === 'number') {
    const list: unknown[] = Array.isArray(value) ? [...(value as unknown[])] : [];
    list[key] = withValue(list[key], rest, leaf);
    return list;
  }
  const record = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  return { ...record, [key]: withValue(record[key], rest, leaf) };
}
