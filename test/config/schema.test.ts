import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import Ajv from 'ajv';
import * as fc from 'fast-check';
import { formats } from '../../src/config/formats';
import { resolve, Schema, schema } from '../../src/config/schema';
import { validate } from '../../src/config/validate';
import { textLeaves, withLeaf } from '../schema-leaves';

const ajv = new Ajv({ allErrors: true, strict: false });
const asEditorsDo = ajv.compile(schema);

const sound = { vault: { server: 'https://vault.example.com:8200' }, clusters: [{ name: 'cluster-1' }] };

const accepts = (value: unknown) => validate(value, () => undefined).length === 0;

test('the schema is what the interfaces and the formats give', () => {
  const script = path.join(__dirname, '../../scripts/generate.mjs');
  execFileSync('node', [script, '--check'], { cwd: path.join(__dirname, '../..'), stdio: 'pipe' });
});

test.each(Object.entries(formats))('the example of %s fits its own pattern', (_name, { pattern, example }) => {
  expect(example).toMatch(new RegExp(pattern, 'u'));
});

test('every object of the schema is closed, but the Helm values', () => {
  const open = Object.entries({ ...schema.definitions, MeshCaConfig: schema }).flatMap(([name, definition]) => openIn(definition, name));
  expect(open).toStrictEqual(['IstioCsrConfig.values']);
});

function openIn(rule: Schema, name: string): string[] {
  const below = Object.entries(rule.properties ?? {}).flatMap(([key, child]) => openIn(child, `${name}.${key}`));
  return rule.type === 'object' && rule.additionalProperties !== false ? [name, ...below] : below;
}

test('every text of the schema has a format or a list of words, but the place of the schema itself', () => {
  const free = textLeaves().filter(({ rule }) => rule && !rule.enum && rule['x-format'] === undefined);
  expect(free.map(leaf => leaf.path.join('.'))).toStrictEqual(['$schema']);
});

describe('our check says what ajv says', () => {
  const values = fc.oneof(
    fc.constantFrom(null, true, 0, 1, -1, 1.5, 256, 65535, 65536, '', 'x', '1h', '0', 'rsa', 'internal', [], {}, [{}]),
    fc.jsonValue(),
  );

  test('of whatever stands at a place of the schema', () => {
    const places = allPlaces();
    expect(places.length).toBeGreaterThan(100);
    fc.assert(
      fc.property(fc.constantFrom(...places), values, (place, value) => {
        const config = withLeaf(sound, place, value);
        expect([place, value, accepts(config)]).toStrictEqual([place, value, asEditorsDo(config)]);
      }),
      { numRuns: 2000 },
    );
  });

  test('of a missing key', () => {
    expect(accepts({ clusters: sound.clusters })).toBe(asEditorsDo({ clusters: sound.clusters }));
    expect(accepts({})).toBe(false);
  });
});

/** Every place of the schema, leaves and objects. */
function allPlaces(given: Schema = schema, at: (string | number)[] = []): (string | number)[][] {
  const rule = resolve(given);
  const below = Object.entries(rule.properties ?? {}).flatMap(([key, child]) => allPlaces(child, [...at, key]));
  return [at, [...at, 'unknown'], ...below, ...(rule.type === 'array' ? allPlaces(rule.items, [...at, 0]) : [])].filter(
    place => place.length > 0 && !(rule.type !== 'object' && place.at(-1) === 'unknown'),
  );
}
