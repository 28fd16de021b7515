// Fails where a committed dist/ is not what its config gives now, or a second run or cdk8s-cli gives other bytes. --write: writes them.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const worlds = { 'mesh-ca.yaml': 'dist', 'examples/guide/mesh-ca.yaml': 'examples/guide/dist' };
const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-dist-'));

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false' },
  });
  if (status === 0) return;
  console.error(`${[command, ...args].join(' ')} failed; if the change is meant: npm run golden, and commit it\n${stdout}${stderr}`);
  process.exitCode = 1;
}
const synth = (config, out) => run(process.execPath, ['lib/src/cli.js', 'synth', '--config', config, '--out', out]);

for (const [config, dist] of Object.entries(worlds)) {
  if (process.argv.includes('--write')) {
    synth(config, dist);
    continue;
  }
  const [once, twice] = [join(folder, 'once'), join(folder, 'twice')];
  for (const out of [once, twice]) synth(config, out);
  run('diff', ['-r', once, twice]);
  run('diff', ['-r', dist, once]);
}
if (!process.argv.includes('--write')) {
  // in a folder of its own, since cdk8s-cli wipes dist/.
  const app = join(folder, 'app');
  mkdirSync(app);
  for (const file of ['cdk8s.yaml', 'mesh-ca.yaml']) cpSync(file, join(app, file));
  for (const name of ['lib', 'node_modules']) symlinkSync(resolve(name), join(app, name));
  run(resolve('node_modules/.bin/cdk8s'), ['synth'], app);
  run('diff', ['-r', 'dist', join(app, 'dist')]);
}
rmSync(folder, { recursive: true });
