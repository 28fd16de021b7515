#!/usr/bin/env node
/**
 * Writes what is generated in this repository: `mesh-ca.schema.json` from the interfaces of src/config/config.ts and the patterns of
 * src/config/formats.ts, and src/script/runtime.json from the scripts beside it. With `--check` it writes nothing and fails on drift.
 */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { createGenerator } from 'ts-json-schema-generator';
import ts from 'typescript';

const root = new URL('..', import.meta.url);
const require = createRequire(import.meta.url);
const check = process.argv.includes('--check');

const formats = (() => {
  const source = fs.readFileSync(new URL('src/config/formats.ts', root), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const module = { exports: {} };
  new Function('module', 'exports', 'require', outputText)(module, module.exports, require);
  return module.exports.formats;
})();

/** A `format` of ours is no word of JSON Schema: an editor checks the pattern, our errors use the name. */
function withPattern({ format, ...schema }) {
  if (format === undefined) return schema;
  const found = formats[format];
  if (!found) throw new Error(`src/config/formats.ts has no format "${format}"`);
  return { ...schema, 'x-format': format, pattern: found.pattern, examples: [found.example] };
}

/** A `@default` in words ("- behaviour") is for the reader, not for the editor to fill in. */
function withDefault({ default: value, ...schema }) {
  if (value === undefined) return schema;
  if (typeof value !== 'string' || !value.startsWith('- ')) return { ...schema, default: value };
  return { ...schema, description: `${schema.description ?? ''}\nDefault: ${value.slice(2)}.`.trim() };
}

function walk(schema) {
  if (Array.isArray(schema)) return schema.map(walk);
  if (typeof schema !== 'object' || schema === null) return schema;
  const children = Object.fromEntries(
    Object.entries(schema).map(([key, child]) => [
      key,
      key === 'properties' || key === 'definitions'
        ? Object.fromEntries(Object.entries(child).map(([name, one]) => [name, walk(one)]))
        : walk(child),
    ]),
  );
  return withDefault(withPattern(children));
}

const generated = createGenerator({
  path: new URL('src/config/config.ts', root).pathname,
  tsconfig: new URL('tsconfig.json', root).pathname,
  type: 'MeshCaConfig',
  expose: 'export',
  jsDoc: 'extended',
  additionalProperties: false,
  sortProps: false,
  skipTypeCheck: true,
}).createSchema('MeshCaConfig');

const { definitions } = walk(generated);
const { MeshCaConfig, ...others } = definitions;
const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'mesh-ca.yaml: Vault as the certificate authority of an Istio or TSB mesh',
  ...MeshCaConfig,
  definitions: Object.fromEntries(Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))),
};

const file = new URL('mesh-ca.schema.json', root);
const text = `${JSON.stringify(schema, null, 2)}\n`;
if (!check) fs.writeFileSync(file, text);
else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) {
  console.error('mesh-ca.schema.json is not what src/config/ gives; run: npm run generate');
  process.exitCode = 1;
}

const runtime = new URL('generate-runtime.mjs', import.meta.url);
if (fs.existsSync(runtime)) await import(runtime);
