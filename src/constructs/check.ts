import { formats, patternOf } from '../config/formats';
import { show } from '../config/show';
import { near, oneOf, what } from '../config/words';

/** What a property must be. Types check that in TypeScript; this checks it in JavaScript too, and what no type can say. */
export interface Check {
  /** A right value, as one writes it. */
  readonly example: string;

  /**
   * Whether the property can be left out.
   *
   * @default false
   */
  readonly isOptional?: boolean;

  /** What is wrong with a value that is there, a line each; each line names the property. */
  readonly problems: (value: unknown, name: string) => readonly string[];
}

/** A check for every property of an interface: where one is missing, this does not compile. */
export type Checks<Props> = { readonly [Key in AllKeys<Props>]-?: Check };

/** Keys of every member of a union. */
type AllKeys<Props> = Props extends unknown ? keyof Props : never;

/**
 * Throws an error with a line for everything that is wrong with some properties.
 *
 * @param props the properties, as a construct or a function was given them
 */
export function checkProps<Props>(props: Props, checks: Checks<Props>): void {
  const problems = isPlainObject(props) ? problemsInside(props, checks, '') : [`the properties must be an object, got ${what(props)}`];
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** Text that has a format of the config, e.g. `dnsLabel`. */
export function text(format: string): Check {
  const { says = 'text', example = '' } = formats[format] ?? {};
  return matching(patternOf(format), says, example);
}

/** Text that a pattern matches. */
export function matching(pattern: RegExp, says: string, example: string): Check {
  return rule(`"${example}"`, says, value => typeof value === 'string' && pattern.test(value));
}

/** One line of any text. */
export const line = (example: string) => matching(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,1000}$/u, 'one line of text', example);

/** One of some words. */
export function word(...words: readonly string[]): Check {
  return {
    example: JSON.stringify(words[0]),
    problems: (value, name) =>
      typeof value === 'string' && words.includes(value)
        ? []
        : [`'${name}' must be ${words.length === 1 ? '' : 'one of '}${oneOf(words)}, got ${what(value)}${near(value, words)}`],
  };
}

/** True or false. */
export const flag: Check = rule('true', 'true or false', value => typeof value === 'boolean');

/** A whole number. */
export const whole = (least: number, most: number, example: number): Check =>
  rule(
    String(example),
    `a whole number from ${least} to ${most}`,
    value => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  );

/** A port. */
export const port = (example: number) => whole(1, 65535, example);

/** A function. */
export const callable = (example: string) => rule(example, 'a function', value => typeof value === 'function');

/** Anything. */
export const anything: Check = { example: '"text"', problems: () => [] };

/** A list, each item of which is checked. */
export function list(item: Check, least = 0): Check {
  const example = `[${item.example}]`;
  return {
    example,
    problems: (value, name) => {
      if (!Array.isArray(value)) return [`'${name}' must be a list, e.g. ${example}, got ${what(value)}`];
      if (value.length < least) return [`'${name}' must have at least ${least}, e.g. ${example}, got ${value.length}`];
      return Array.from(value as unknown[]).flatMap((one, i) => problemsOf(item, one, `${name}[${i}]`));
    },
  };
}

/** An object with keys of the caller's choice, e.g. labels. */
export function record(value: Check, example: string, key?: Check): Check {
  return {
    example,
    problems: (given, name) => {
      if (!isPlainObject(given)) return [`'${name}' must be an object, e.g. ${example}, got ${what(given)}`];
      return Object.entries(given).flatMap(([own, one]) => [
        ...(key?.problems(own, name) ?? []),
        ...problemsOf(value, one, `${name}.${show(own).slice(1, -1)}`),
      ]);
    },
  };
}

/** Helm values, nested or not. */
export const values = record(anything, '{ replicaCount: 2 }');

/** An object with these properties. */
export function object<Props>(checks: Checks<Props>, { open = false } = {}): Check {
  const required = Object.entries<Check>(checks).filter(([, { isOptional }]) => isOptional !== true);
  const example = `{ ${required.map(([key, check]) => `${key}: ${check.example}`).join(', ')} }`;
  return {
    example,
    problems: (value, name) =>
      isPlainObject(value) || (open && typeof value === 'object' && value !== null)
        ? problemsInside(value, checks, name, open)
        : [`'${name}' must be an object, e.g. ${example}, got ${what(value)}`],
  };
}

/** An object with exactly one of these properties. */
export function exactlyOne(checks: Readonly<Record<string, Check>>, says: string): Check {
  const [[first, { example: firstExample }] = ['', anything]] = Object.entries(checks);
  const example = `{ ${first}: ${firstExample} }`;
  return {
    example,
    problems: (value, name) => {
      if (!isPlainObject(value)) return [`'${name}' must be an object, e.g. ${example}, got ${what(value)}`];
      const optional = Object.fromEntries(Object.entries(checks).map(([key, check]) => [key, maybe(check)]));
      const there = Object.keys(checks).filter(key => value[key] !== undefined);
      const wrong = problemsInside(value, optional, name);
      if (there.length === 1 || wrong.length > 0) return wrong;
      const got = there.length === 0 ? 'none' : there.map(key => JSON.stringify(key)).join(' and ');
      return [`'${name}' must have exactly one ${says}, ${oneOf(Object.keys(checks))}, e.g. ${example}, got ${got}`];
    },
  };
}

/** Lets a property be left out. */
export const maybe = (check: Check): Check => ({ ...check, isOptional: true });

/** A check that a condition is enough for. */
export function rule(example: string, says: string, isRight: (value: unknown) => boolean): Check {
  return {
    example,
    problems: (value, name) => (isRight(value) ? [] : [`'${name}' must be ${says}, e.g. ${example}, got ${what(value)}`]),
  };
}

/** A check that shows nothing of the value, which might be a secret. */
export function hidden(example: string, says: string, isRight: (value: unknown) => boolean): Check {
  return {
    example,
    problems: (value, name) => {
      const got = typeof value === 'string' ? `${value.length} characters that are not` : `a value of type ${typeof value}`;
      return isRight(value) ? [] : [`'${name}' must be ${says}, got ${got}`];
    },
  };
}

function problemsInside(props: object, checks: Readonly<Record<string, Check>>, above: string, open = false): string[] {
  const path = (key: string) => (above === '' ? key : `${above}.${key}`);
  const given = props as Readonly<Record<string, unknown>>;
  const known = Object.keys(checks);
  const unknown = open ? [] : Object.keys(given).filter(key => given[key] !== undefined && !Object.hasOwn(checks, key));
  return [
    ...unknown.map(key => `unknown property '${path(show(key).slice(1, -1))}'${near(key, known) || `, known are ${known.join(', ')}`}`),
    ...Object.entries(checks).flatMap(([key, check]) => problemsOf(check, given[key], path(key))),
  ];
}

function problemsOf(check: Check, value: unknown, name: string): readonly string[] {
  if (value !== undefined) return check.problems(value, name);
  return check.isOptional ? [] : [`'${name}' is missing, add e.g. ${name.split('.').at(-1)}: ${check.example}`];
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]' && !('node' in value);
}
