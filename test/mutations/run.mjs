// Breaks the code, one line at a time, in a copy of the project, and shows that the right test turns red.
// npm run mutate            all of them
// npm run mutate -- WORD    those whose name holds the word
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mutations } from './mutations.mjs';

const word = process.argv[2] ?? '';
const copy = mkdtempSync(join(tmpdir(), 'mesh-ca-mutations-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter(existsSync);
for (const file of files) {
  mkdirSync(join(copy, dirname(file)), { recursive: true });
  cpSync(file, join(copy, file));
}
symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));
if (existsSync('lib')) cpSync('lib', join(copy, 'lib'), { recursive: true });

let survived = 0;
const chosen = mutations.filter(({ name }) => name.includes(word));
for (const { name, file, from, to, test, project = 'unit', red } of chosen) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  const started = Date.now();
  let verdict;
  if (text.split(from).length !== 2) verdict = `STALE: ${file} holds the line ${text.split(from).length - 1} times`;
  else {
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    if (file.startsWith('src/script/runtime/')) execFileSync(process.execPath, ['scripts/generate-runtime.mjs'], { cwd: copy });
    verdict = judge(project, test, red);
    writeFileSync(path, text);
    if (file.startsWith('src/script/runtime/')) execFileSync(process.execPath, ['scripts/generate-runtime.mjs'], { cwd: copy });
  }
  if (!verdict.startsWith('red: ')) survived++;
  console.log(`${name}: ${verdict} (${((Date.now() - started) / 1000).toFixed(0)} s)`);
}
console.log(`${chosen.length - survived} of ${chosen.length} mutations turned the right test red`);
process.exitCode = survived === 0 && chosen.length > 0 ? 0 : 1;

/** Runs the test file in the copy; it has to fail, and by the test that is named. */
function judge(project, test, red) {
  const result = join(copy, 'result.json');
  rmSync(result, { force: true });
  const args = ['--selectProjects', project, '--runInBand', '--json', '--outputFile', result, '-t', red, test];
  spawnSync(join(process.cwd(), 'node_modules/.bin/jest'), args, { cwd: copy, stdio: 'ignore' });
  if (!existsSync(result)) return 'NO RESULT: jest did not run';
  const tests = JSON.parse(readFileSync(result, 'utf8')).testResults.flatMap(one => one.assertionResults);
  const failed = tests.filter(one => one.status === 'failed');
  if (failed.length > 0) return `red: ${failed[0].fullName}`;
  return tests.some(one => one.status === 'passed') ? 'SURVIVED: the test stays green' : 'NO TEST: none has that name';
}
