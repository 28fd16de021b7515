import type { DefinedError } from 'ajv';
import { formats } from './formats';
import { Problem } from './problem';
import { example, resolve, Schema, schema } from './schema';
import { show } from './show';
import { validateConfig } from './validator.generated';
import { named, near, oneOf, what } from './words';

type Path = readonly (string | number)[];
type Source = (path: Path) => string | undefined;

/** A place in the config: what stands there, and what the schema says of it. */
interface Place {
  readonly path: Path;
  readonly value: unknown;
  readonly rule: Schema;
}

/** Text that no pattern bounds must at least survive being written: no control characters but tab and line breaks, no halves of a pair. */
const UNWRITABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\p{Cs}\ufeff\ufffe\uffff]/u;

/**
 * Checks a value against mesh-ca.schema.json.
 *
 * @param value what the file holds
 * @param source gives a scalar as it was typed
 */
export function validate(value: unknown, source: Source): Problem[] {
  const root: Place = { path: [], value, rule: schema };
  const errors = validateConfig(value) ? [] : ((validateConfig.errors ?? []) as readonly DefinedError[]);
  // the path is a JSON pointer; no key of ours holds what it would escape.
  const placeOf = ({ instancePath }: DefinedError) => instancePath.split('/').slice(1).reduce(below, root);
  const problems = errors.flatMap(error => problemsOf(error, placeOf(error), source));
  const isRefused = (path: Path) => problems.some(problem => problem.path.every((key, i) => key === path[i]));
  return [...problems, ...unwritable(root).filter(({ path }) => !isRefused(path))];
}

/** What stands under a key or an index; the schema has nothing to say of what it leaves open. */
function below({ path, value, rule }: Place, key: string): Place {
  if (Array.isArray(value)) {
    const i = Number(key);
    return { path: [...path, i], value: (value as unknown[])[i], rule: resolve(rule.items ?? {}) };
  }
  return { path: [...path, key], value: (value as Record<string, unknown>)[key], rule: resolve(rule.properties?.[key] ?? {}) };
}

/** Says in our words what ajv found. */
function problemsOf(error: DefinedError, { path, value, rule }: Place, source: Source): Problem[] {
  const here = named(path);
  switch (error.keyword) {
    case 'required': {
      const key = error.params.missingProperty;
      const line = `${key}: ${example(rule.properties?.[key] ?? {})}`;
      return [{ path: [...path, key], message: `'${key}' is missing in ${here}, add e.g. ${line}` }];
    }
    case 'additionalProperties': {
      const key = error.params.additionalProperty;
      const known = Object.keys(rule.properties ?? {});
      const hint = near(key, known) || `, known are ${known.join(', ')}`;
      return [{ path: [...path, key], of: 'key', message: `unknown key ${show(key)} in ${here}${hint}` }];
    }
    case 'enum': {
      const words = rule.enum ?? [];
      return [{ path, message: `${here} must be ${oneOf(words)}, got ${what(value)}${near(value, words)}` }];
    }
    case 'minItems':
      return [{ path, message: `${here} must have at least ${error.params.limit}, e.g. ${example(rule)}` }];
    case 'type':
      // the list of words says more.
      if (rule.enum) return [];
      if (rule.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) {
        return [{ path, message: `${here} must be ${unquoted(rule, value, source(path))}` }];
      }
      return [{ path, message: `${here} must be ${right(rule)}, got ${what(value)}` }];
    case 'minimum':
    case 'maximum':
      // a fraction is refused by its type.
      if (!Number.isInteger(value)) return [];
      return [{ path, message: `${here} must be ${right(rule)}, got ${what(value)}` }];
    case 'pattern':
      return [{ path, message: `${here} must be ${right(rule)}, got ${what(value)}` }];
    default:
      throw new Error(`src/config/validate.ts has no message for the schema's "${error.keyword}"`);
  }
}

/** What a rule asks for, in words that follow "must be". */
function right(rule: Schema): string {
  switch (rule.type) {
    case 'object':
      return `an object, e.g. ${example(rule)}`;
    case 'array':
      return `a list, e.g. ${example(rule)}`;
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number from ${rule.minimum ?? -Infinity} to ${rule.maximum ?? Infinity}, e.g. ${example(rule)}`;
    default:
      return `${formats[rule['x-format'] ?? '']?.says ?? 'text'}, e.g. ${example(rule)}`;
  }
}

/** Text without quotes that YAML takes for another thing: it reads 1.20 as 1.2, and what was typed is what was meant. */
function unquoted(rule: Schema, value: number | boolean, typed = String(value)): string {
  const fits = rule.pattern === undefined || new RegExp(rule.pattern, 'u').test(typed);
  return fits ? `text, write it in quotes: ${show(typed)}` : `${right(rule)}, in quotes, got ${show(value)}`;
}

/** What no schema says: where it leaves text open, as in Helm values, that can still be written and read back. */
function unwritable(place: Place): Problem[] {
  const { path, value, rule } = place;
  if (typeof value === 'string') {
    const isOpen = rule.pattern === undefined && UNWRITABLE.test(value);
    return isOpen ? [{ path, message: `${named(path)} must have no control characters, got ${show(value)}` }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap(key => {
    const child = below(place, key);
    const problems = unwritable(child);
    if (UNWRITABLE.test(key))
      problems.unshift({ path: child.path, of: 'key', message: `a key must have no control characters, got ${show(key)}` });
    return problems;
  });
}
