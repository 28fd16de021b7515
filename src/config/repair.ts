import { Problem } from './problem';
import { example, resolve, Schema, schema } from './schema';
import { nearest } from './words';

type Path = readonly (string | number)[];

/** A place that is wrong, and what would be right there; `undefined`: nothing at all. */
interface Repair {
  readonly path: Path;
  readonly values: readonly unknown[];
}

/**
 * Puts right values where a config is wrong, in several ways, since nobody knows which are meant. What is true of every one of these
 * configs follows from what the user wrote and not from the values put in.
 */
export function repaired(config: unknown, problems: readonly Problem[]): unknown[] {
  const repairs = problems.flatMap(problem => repairsOf(config, problem));
  return variants(repairs.map(({ values }) => values)).map(values =>
    repairs.reduce((result, { path }, i) => put(result, path, values[i]), config),
  );
}

function repairsOf(config: unknown, { path, of }: Problem): Repair[] {
  if (of !== 'key') return [{ path, values: rightValues(path) }];
  // what it was meant for is not known either, unless it is there too.
  const parent = path.slice(0, -1);
  const meant = nearest(path.at(-1), Object.keys(ruleAt(parent).properties ?? {}));
  const isThere = meant === undefined || valueAt(config, [...parent, meant]) !== undefined;
  return [{ path, values: [undefined] }, ...(isThere ? [] : [{ path: [...parent, meant], values: rightValues([...parent, meant]) }])];
}

/** Lays lists of values side by side; a shorter one begins anew. */
function variants(lists: readonly (readonly unknown[])[]): unknown[][] {
  const length = Math.max(...lists.map(list => list.length), 1);
  return Array.from({ length }, (_, i) => lists.map(list => list[i % list.length]));
}

/** What would be right at a place. */
function rightValues(path: Path): unknown[] {
  const key = path.at(-1);
  const parent = ruleAt(path.slice(0, -1));
  const isRequired = typeof key !== 'string' || parent.required?.includes(key);
  return [...(isRequired ? [] : [undefined]), ...valuesOf(ruleAt(path))];
}

const ruleAt = (path: Path): Schema =>
  path.reduce((rule: Schema, key) => resolve((typeof key === 'number' ? rule.items : rule.properties?.[key]) ?? {}), schema);

/** Values that a rule allows: of a list of words each, else two or more that differ. */
function valuesOf(given: Schema): unknown[] {
  const rule = resolve(given);
  if (rule.enum) return [...rule.enum];
  switch (rule.type) {
    case 'object': {
      const keys = Object.keys(rule.properties ?? {});
      const optional = (key: string) => (rule.required?.includes(key) ? [] : [undefined]);
      const lists = keys.map(key => [...optional(key), ...valuesOf(rule.properties?.[key] ?? {})]);
      return variants(lists).map(values => Object.fromEntries(keys.map((key, i) => [key, values[i]])));
    }
    case 'array':
      return valuesOf(rule.items ?? {}).map(item => [item]);
    case 'boolean':
      return [true, false];
    case 'integer':
      return [rule.minimum, rule.maximum];
    case 'string': {
      const text = JSON.parse(example(rule)) as string;
      // another number, so that a duration and a version are others.
      return [text, text.replace(/\d|$/, '9$&')];
    }
    default:
      return [null];
  }
}

/** What stands at a place, where the way there can be gone. */
export const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce(
    (at: unknown, key) => (typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[key] : undefined),
    value,
  );

/** A copy with another value at a place; `undefined`: with nothing there. */
export function put(value: unknown, [key, ...rest]: Path, other: unknown): unknown {
  if (key === undefined) return other;
  if (Array.isArray(value)) return value.map((item: unknown, i) => (i === key ? put(item, rest, other) : item));
  const { [key]: before, ...others } = (typeof value === 'object' ? (value ?? {}) : {}) as Readonly<Record<string, unknown>>;
  const after = put(before, rest, other);
  return after === undefined ? others : { ...others, [key]: after };
}
