// The test command: checks that need Node alone, then the live part on the real programs. Its last line counts all of it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const count = { passed: 0, failed: 0, skipped: 0 };
const ci = process.env.CI === 'true';
const only = process.argv[2]; // unit | live; none: both

/** A program of a development dependency; npx would read its options as its own. */
const bin = name => join('node_modules', '.bin', name);

/** Runs a program to its end; gives its exit code, none where it did not start, and what it said. */
function run(command, args, stdio = 'pipe') {
  return new Promise(resolve => {
    const child = spawn(command, args, { stdio: ['ignore', ...[stdio].flat()] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', text => (said += text));
    child.on('error', error => resolve({ said: String(error) }));
    child.on('close', status => resolve({ status, said }));
  });
}

/** Runs a check; it passes where the program succeeds. Its output is shown where it does not. */
async function check(name, command, ...args) {
  const started = Date.now();
  const { status, said } = await run(command, args);
  const ok = status === 0;
  count[ok ? 'passed' : 'failed']++;
  // in one piece, since others run beside it.
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)${ok ? '' : `\n${said}`}`);
  return ok;
}

/** Runs jest projects and adds their count. */
async function jest(projects, ...args) {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-jest-'));
  const file = join(folder, 'result.json');
  // the JSON goes to the file; jest's own report goes to standard error.
  const { status } = await run(
    bin('jest'),
    ['--selectProjects', ...projects, '--json', '--outputFile', file, ...args],
    ['ignore', 'inherit'],
  );
  if (existsSync(file)) {
    const result = JSON.parse(readFileSync(file, 'utf8'));
    count.passed += result.numPassedTests;
    count.failed += result.numFailedTests;
    count.skipped += result.numPendingTests + result.numTodoTests;
    // a file that does not even load has no test that could fail.
    count.failed += result.testResults.filter(one => one.status === 'failed' && one.assertionResults.length === 0).length;
  }
  if (!existsSync(file) || (status !== 0 && count.failed === 0)) count.failed++;
  rmSync(folder, { recursive: true });
}

/** Programs that the live part needs beside what it builds itself. */
function missingPrograms() {
  return ['go', 'bash', 'dash', 'openssl', 'jq', 'shellcheck'].filter(
    program => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
}

if (only !== 'live') {
  const ofLib = async () => {
    const built = await check('types, lint and build', process.execPath, 'scripts/check-types.mjs');
    await check('package', bin('publint'), '--strict');
    if (built) await check('generated: dist', process.execPath, 'scripts/check-dist.mjs');
  };
  const ofTexts = async () => {
    await check('generated: runtime', process.execPath, 'scripts/generate-runtime.mjs', '--check');
    await check('format', bin('prettier'), '--check', '.');
    await jest(['unit'], '--maxWorkers', '2');
  };
  // each of them uses one core most of the time, and by itself jest leaves one idle.
  await Promise.all([ofLib(), ofTexts()]);
}
if (only !== 'unit') {
  const missing = missingPrograms();
  if (missing.length === 0) {
    await check('generated: imports', process.execPath, 'scripts/import-crds.mjs', '--check');
    await jest(['verify', 'live'], '--maxWorkers', '2');
  } else {
    const files = ['test/verify', 'test/live']
      .flatMap(folder => readdirSync(folder).map(name => join(folder, name)))
      .filter(file => file.endsWith('.test.ts'));
    for (const file of files) console.log(`${ci ? 'FAIL' : 'skip'} ${file}: not here: ${missing.join(', ')}`);
    count[ci ? 'failed' : 'skipped'] += files.length;
  }
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed === 0 ? 0 : 1;
