// The test command: checks that need Node alone, then the live part on the real programs. Its last line counts all of it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const count = { passed: 0, failed: 0, skipped: 0 };
const ci = process.env.CI === 'true';
const only = process.argv[2]; // unit | live; none: both

/** A program of a development dependency; npx would read its options as its own. */
const bin = name => join('node_modules', '.bin', name);

/** Runs a check; it passes where the program succeeds. Its output is shown where it does not. */
function check(name, command, ...args) {
  const started = Date.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const ok = status === 0;
  count[ok ? 'passed' : 'failed']++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(stdout, stderr, error ?? '');
  return ok;
}

/** Runs a jest project and adds its count. */
function jest(project, ...args) {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-jest-'));
  const file = join(folder, 'result.json');
  const { status } = spawnSync(bin('jest'), ['--selectProjects', project, '--json', '--outputFile', file, ...args], {
    // the JSON goes to the file; jest's own report goes to standard error.
    stdio: ['ignore', 'ignore', 'inherit'],
  });
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
  const built = check('build', bin('tsc'), '-p', 'tsconfig.build.json');
  check('types', bin('tsc'), '--noEmit', '-p', 'tsconfig.json');
  check('lint', bin('eslint'), '.');
  check('format', bin('prettier'), '--check', '.');
  check('generated: schema', process.execPath, 'scripts/generate.mjs', '--check');
  check('generated: runtime', process.execPath, 'scripts/generate-runtime.mjs', '--check');
  check('package', bin('publint'), '--strict');
  if (built) check('generated: dist', process.execPath, 'scripts/check-dist.mjs');
  // by itself jest leaves one core idle.
  jest('unit', '--maxWorkers', '2');
}
if (only !== 'unit') {
  const missing = missingPrograms();
  if (missing.length === 0) {
    check('generated: imports', process.execPath, 'scripts/import-crds.mjs', '--check');
    jest('verify');
    jest('live', '--maxWorkers', '2');
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
