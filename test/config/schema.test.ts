import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { formats } from '../../src/config/formats';
import { Schema, schema } from '../../src/config/schema';
import { textLeaves } from '../schema-leaves';

test('the schema is what the interfaces and the formats give, and the validator what the schema gives', () => {
  const script = path.join(__dirname, '../../scripts/generate.mjs');
  execFileSync('node', [script, '--check'], { cwd: path.join(__dirname, '../..'), stdio: 'pipe' });
});

test.each(Object.entries(formats))('the example of %s fits its own pattern', (_name, { pattern, example }) => {
  expect(example).toMatch(new RegExp(pattern, 'u'));
});

test('every object of the schema is closed, but the Helm values', () => {
  const open = Object.entries({ ...schema.definitions, MeshCaConfig: schema }).flatMap(([name, definition]) => openIn(definition, name));
  expect(open.sort()).toStrictEqual(['CanaryConfig.values', 'IstioConfig.values', 'IstioCsrConfig.values']);
});

function openIn(rule: Schema, name: string): string[] {
  const below = Object.entries(rule.properties ?? {}).flatMap(([key, child]) => openIn(child, `${name}.${key}`));
  return rule.type === 'object' && rule.additionalProperties !== false ? [name, ...below] : below;
}

test('every text of the schema has a format or a list of words, but the place of the schema itself', () => {
  const free = textLeaves().filter(({ rule }) => rule && !rule.enum && rule['x-format'] === undefined);
  expect(free.map(leaf => leaf.path.join('.'))).toStrictEqual(['$schema']);
});
