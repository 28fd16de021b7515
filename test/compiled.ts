import * as fs from 'node:fs';
import * as path from 'node:path';
import { transformFileSync } from '@swc/core';

const root = path.join(__dirname, '..');

/** Compiles src/ as it stands, beside node_modules so that packages are found, and returns the command's file. */
export function compileCommand(): { cli: string; remove: () => void } {
  const cache = path.join(root, 'node_modules/.cache');
  fs.mkdirSync(cache, { recursive: true });
  const folder = fs.mkdtempSync(path.join(cache, 'mesh-ca-'));
  for (const room of ['src', 'imports']) {
    for (const name of fs.readdirSync(path.join(root, room), { recursive: true, encoding: 'utf8' })) {
      const source = path.join(root, room, name);
      const target = path.join(folder, 'lib', room, name.replace(/\.ts$/, '.js'));
      if (!/\.(ts|json)$/.test(name)) continue;
      fs.mkdirSync(path.dirname(target), { recursive: true });
      if (name.endsWith('.json')) fs.copyFileSync(source, target);
      else fs.writeFileSync(target, compile(source));
    }
  }
  fs.copyFileSync(path.join(root, 'mesh-ca.schema.json'), path.join(folder, 'lib/mesh-ca.schema.json'));
  fs.copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  return { cli: path.join(folder, 'lib/src/cli.js'), remove: () => fs.rmSync(folder, { recursive: true }) };
}

const compile = (file: string) =>
  transformFileSync(file, { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' }, swcrc: false }).code;
