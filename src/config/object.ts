import { Problem } from './problem';
import { show } from './show';
import { named } from './words';
import { isExact } from './yaml';

type Path = readonly (string | number)[];

/** Reads a config that stands in TypeScript: a copy in JSON's types, as a file gives it. A key without a value is as good as absent. */
export function readObject(config: unknown): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { value: copy(config, [], [], problems), problems };
}

function copy(value: unknown, path: Path, above: readonly unknown[], problems: Problem[]): unknown {
  const wrong = above.includes(value) ? 'one that holds itself' : unlikeJson(value);
  if (wrong !== undefined) {
    problems.push({ path, message: `${named(path)} must be plain data, e.g. "text", 1, true, [] or {}, got ${wrong}` });
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return value;
  const inside = [...above, value];
  // as in JSON, a list has no gaps.
  if (Array.isArray(value)) return Array.from(value, (item: unknown, i) => copy(item, [...path, i], inside, problems) ?? null);
  const pairs = Object.entries(value).filter(([key, item]) => {
    if (key === '__proto__') problems.push({ path, message: 'a key cannot be "__proto__"' });
    return key !== '__proto__' && item !== undefined;
  });
  return Object.fromEntries(pairs.map(([key, item]) => [key, copy(item, [...path, key], inside, problems)]));
}

/** What a value is that JSON does not have; nothing: it has. */
function unlikeJson(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return isExact(value) ? undefined : show(value);
    case 'object': {
      const kind = Object.prototype.toString.call(value).slice(8, -1);
      return ['Object', 'Array', 'Null'].includes(kind) ? undefined : `a ${kind}`;
    }
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    default:
      return `a ${typeof value}`;
  }
}
