import { parse } from 'yaml';
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
    const open = rule.additionalProperties === false ? [] : [{ path: [...path, 'podAnnotations', 'key'], right: 'text' }];
    return [...Object.entries(rule.properties ?? {}).flatMap(([key, child]) => textLeaves(child, [...path, key])), ...open];
  }
  if (rule.type === 'array') return textLeaves(rule.items, [...path, 0]);
  if (rule.type !== 'string') return [];
  return [{ path, rule, right: parse(example(rule)) as unknown }];
}

/** A copy of a config with one place of it set, and what the objects on the way there require. */
export function withLeaf(config: unknown, [key, ...rest]: Path, leaf: unknown, given: Schema = schema): unknown {
  if (key === undefined) return leaf;
  const rule = resolve(given);
  if (typeof key === 'number') {
    const list: unknown[] = Array.isArray(config) ? [...(config as unknown[])] : [];
    list[key] = withLeaf(list[key], rest, leaf, rule.items);
    return list;
  }
  const before =
    typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : (parse(example(rule)) as Record<string, unknown>);
  return { ...before, [key]: withLeaf(before[key], rest, leaf, rule.properties?.[key] ?? {}) };
}
