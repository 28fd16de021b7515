// Writes src/script/runtime/*.sh into src/script/runtime.json, since what renders may not read the disk. --check: only compares.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const folder = 'src/script/runtime';
const target = 'src/script/runtime.json';
const texts = Object.fromEntries(
  readdirSync(folder)
    .filter(name => name.endsWith('.sh'))
    .sort()
    .map(name => [name, readFileSync(`${folder}/${name}`, 'utf8')]),
);
const json = `${JSON.stringify(texts, null, 2)}\n`;

if (!process.argv.includes('--check')) writeFileSync(target, json);
else if (readFileSync(target, 'utf8') !== json) {
  console.error(`${target} is not what ${folder} gives: run npm run generate`);
  process.exit(1);
}
