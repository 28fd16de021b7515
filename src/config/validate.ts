import { formats } from './formats';
import { Problem } from './problem';
import { example, resolve, schema, Schema } from './schema';
import { show } from './show';
import { named, near, oneOf, what } from './words';

type Path = readonly (string | number)[];

/** Text that no format bounds must at least survive being written: no control characters but tab and line breaks, no halves of a pair. */
const UNWRITABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\p{Cs}\ufeff\ufffe\uffff]/u;

/**
 * Checks a value against mesh-ca.schema.json.
 *
 * @param value what the file holds
 * @param source gives a scalar as it was typed
 */
export function validate(value: unknown, source: (path: Path) => string | undefined): Problem[] {
  const problems: Problem[] = [];
  check(schema, value, [], { problems, source });
  return problems;
}

interface Context {
  readonly problems: Problem[];
  readonly source: (path: Path) => string | undefined;
}

function check(given: Schema, value: unknown, path: Path, context: Context): void {
  const rule = resolve(given);
  const refuse = (message: string) => context.problems.push({ path, message });
  if (rule.enum) {
    if (!rule.enum.some(allowed => allowed === value))
      refuse(`${named(path)} must be ${oneOf(rule.enum)}, got ${show(value)}${near(value, rule.enum)}`);
    return;
  }
  switch (rule.type) {
    case 'object':
      checkObject(rule, value, path, context);
      return;
    case 'array':
      if (!Array.isArray(value)) refuse(`${named(path)} must be a list, e.g. ${example(rule)}, got ${what(value)}`);
      else if (value.length < (rule.minItems ?? 0))
        refuse(`${named(path)} must have at least ${rule.minItems ?? 0}, e.g. ${example(rule)}`);
      else value.forEach((item, i) => check(rule.items ?? {}, item, [...path, i], context));
      return;
    case 'string':
      checkString(rule, value, path, context);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') refuse(`${named(path)} must be true or false, got ${show(value)}`);
      return;
    case 'integer': {
      const { minimum = -Infinity, maximum = Infinity } = rule;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum) {
        refuse(`${named(path)} must be a whole number from ${minimum} to ${maximum}, e.g. ${example(rule)}, got ${show(value)}`);
      }
      return;
    }
    default:
      checkFree(value, path, context);
  }
}

function checkObject(rule: Schema, value: unknown, path: Path, context: Context): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    context.problems.push({ path, message: `${named(path)} must be an object, e.g. ${example(rule)}, got ${what(value)}` });
    return;
  }
  const { properties = {}, required = [], additionalProperties } = rule;
  const known = Object.keys(properties);
  for (const key of required.filter(name => !Object.hasOwn(value, name))) {
    const right = `${key}: ${example(properties[key] ?? {})}`;
    context.problems.push({
      path: [...path, key],
      message: `'${key}' is missing in ${path.length === 0 ? 'the config' : named(path)}, add e.g. ${right}`,
    });
  }
  for (const [key, child] of Object.entries(value)) {
    const at = [...path, key];
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property) check(property, child, at, context);
    else if (additionalProperties !== false) {
      if (UNWRITABLE.test(key))
        context.problems.push({ path: at, of: 'key', message: `a key must have no control characters, got ${show(key)}` });
      check(typeof additionalProperties === 'object' ? additionalProperties : {}, child, at, context);
    } else context.problems.push({ path: at, of: 'key', message: unknownKey(key, path, known) });
  }
}

function unknownKey(key: string, path: Path, known: readonly string[]): string {
  const suggestion = near(key, known);
  return `unknown key ${show(key)} in ${path.length === 0 ? 'the config' : named(path)}${suggestion || `, known are ${known.join(', ')}`}`;
}

function checkString(rule: Schema, value: unknown, path: Path, { problems, source }: Context): void {
  const format = rule['x-format'] === undefined ? undefined : formats[rule['x-format']];
  const right = JSON.stringify(format?.example ?? 'text');
  const must = `${named(path)} must be ${format?.says ?? 'text'}, e.g. ${right}`;
  const typed = source(path);
  if (typeof value === 'number' || typeof value === 'boolean') {
    // YAML reads 1.20 as 1.2: what was typed is what was meant.
    const meant = typed ?? String(value);
    const fits = rule.pattern === undefined || new RegExp(rule.pattern, 'u').test(meant);
    problems.push({
      path,
      message: fits ? `${named(path)} must be text, write it in quotes: ${show(meant)}` : `${must}, in quotes, got ${show(value)}`,
    });
  } else if (typeof value !== 'string') {
    problems.push({ path, message: `${must}, got ${what(value)}` });
  } else if (rule.pattern !== undefined ? !new RegExp(rule.pattern, 'u').test(value) : UNWRITABLE.test(value)) {
    problems.push({ path, message: `${must}, got ${show(value)}` });
  }
}

/** What the schema leaves open, i.e. Helm values: anything that can be written and read back. */
function checkFree(value: unknown, path: Path, context: Context): void {
  if (typeof value === 'string' && UNWRITABLE.test(value)) {
    context.problems.push({ path, message: `${named(path)} must have no control characters, got ${show(value)}` });
  } else if (Array.isArray(value)) value.forEach((item, i) => checkFree(item, [...path, i], context));
  else if (typeof value === 'object' && value !== null) checkObject({ type: 'object' }, value, path, context);
}
