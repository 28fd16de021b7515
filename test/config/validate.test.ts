import type { DefinedError } from 'ajv';
import { resolve, Schema, schema } from '../../src/config/schema';
import { validate } from '../../src/config/validate';
import { validateConfig } from '../../src/config/validator.generated';
import { Path, withLeaf } from '../schema-leaves';

const sound = { vault: { server: 'https://vault.example.com:8200' }, clusters: [{ name: 'cluster-1' }] };

const problemsOf = (value: unknown) => validate(value, () => undefined);

/** What ajv finds, without our words. */
function errorsOf(value: unknown): readonly DefinedError[] {
  validateConfig(value);
  return (validateConfig.errors ?? []) as readonly DefinedError[];
}

/** Every place of the schema, objects and lists too. */
function placesOf(given: Schema = schema, at: Path = []): Path[] {
  const rule = resolve(given);
  const below = Object.entries(rule.properties ?? {}).flatMap(([key, child]) => placesOf(child, [...at, key]));
  return [at, ...below, ...(rule.items ? placesOf(rule.items, [...at, 0]) : [])];
}

/** The words of JSON Schema that a value can break: all but those that explain, and those that only lead on to a rule. */
function keywordsOf(given: Schema): string[] {
  const rest = /^(\$schema|\$ref|title|description|default|examples|x-format|definitions|properties|items)$/;
  const own = Object.keys(given).filter(key => !rest.test(key));
  const children = [
    ...Object.values(given.definitions ?? {}),
    ...Object.values(given.properties ?? {}),
    ...(given.items ? [given.items] : []),
  ];
  return [...own, ...children.flatMap(keywordsOf)];
}

const places = placesOf();

/** Between them they break every rule of the schema; the second test says so. */
const wrong = [null, true, 0, 1.5, 65536, '', 'x y', [], {}, { unknown: 1 }];

const cases = places.flatMap(place => wrong.map(value => ({ place, value, config: withLeaf(sound, place, value) })));

test('whatever stands at a place of the schema is refused where ajv refuses it, once, and at that place', () => {
  expect(places.length).toBeGreaterThan(100);
  for (const { place, value, config } of cases) {
    const refused = errorsOf(config).length > 0;
    const paths = problemsOf(config).map(({ path }) => path);
    // what an object lacks or should not hold is below the place.
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const at = isObject
      ? [...new Set(paths.map(path => JSON.stringify(path.slice(0, place.length))))].map(text => JSON.parse(text) as Path)
      : paths;
    expect([place, value, at]).toStrictEqual([place, value, refused ? [place] : []]);
  }
});

test('every rule that the schema has can be broken, and has a message of ours', () => {
  const raised = new Set(cases.flatMap(({ config }) => errorsOf(config).map(error => error.keyword)));
  expect([...raised].sort()).toStrictEqual([...new Set(keywordsOf(schema))].sort());

  // a rule without one throws; a rule with half of one shows what it lacks.
  const messages = cases.flatMap(({ config }) => problemsOf(config).map(({ message }) => message));
  expect(messages.filter(message => /undefined|NaN|Infinity|\[object|must NOT/.test(message))).toStrictEqual([]);
  expect(
    messages.filter(message => !/^('[$\w]+'|item 1|the config) (must be|must have|is missing in) |^unknown key "/.test(message)),
  ).toStrictEqual([]);
});

describe('what no schema says: text that is free must survive being written', () => {
  const values = (free: unknown) => ({ ...sound, istioCsr: { values: free } });

  test('it may hold what can be written', () => {
    expect(problemsOf(values({ 'a/b ~1': ['tab\t, line\n, 🙂', 1, null, true, { constructor: '' }] }))).toStrictEqual([]);
  });

  test('fails if a value or a key holds a control character, or half of a pair', () => {
    expect(problemsOf(values({ a: ['\x1b[31m', { b: '\ud800' }], 'c\0': { 'd\u0085': 'e\ufeff' } }))).toStrictEqual([
      { path: ['istioCsr', 'values', 'a', 0], message: 'item 1 must have no control characters, got "\\u001b[31m"' },
      { path: ['istioCsr', 'values', 'a', 1, 'b'], message: `'b' must have no control characters, got "\\ud800"` },
      { path: ['istioCsr', 'values', 'c\0'], of: 'key', message: 'a key must have no control characters, got "c\\u0000"' },
      { path: ['istioCsr', 'values', 'c\0', 'd\u0085'], of: 'key', message: 'a key must have no control characters, got "d\\u{85}"' },
      { path: ['istioCsr', 'values', 'c\0', 'd\u0085'], message: `'d\\u{85}' must have no control characters, got "e\\u{feff}"` },
    ]);
  });

  test('what is refused already is refused once', () => {
    expect(problemsOf({ ...sound, 'x\0': ['\0'], trustDomain: '\0' }).map(({ path, of }) => [path, of])).toStrictEqual([
      [['x\0'], 'key'],
      [['trustDomain'], undefined],
    ]);
  });

  test('a pattern alone decides where there is one: PEM text may begin with a byte order mark', () => {
    expect(problemsOf({ ...sound, root: { certificate: '\ufeffroot.pem' } })).toStrictEqual([]);
  });
});
