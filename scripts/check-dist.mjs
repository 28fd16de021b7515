// Fails where a committed dist/ is not what its config gives now, or a second run gives other bytes. --write: writes them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const worlds = { 'mesh-ca.yaml': 'dist', 'examples/guide/mesh-ca.yaml': 'examples/guide/dist' };
const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-dist-'));

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  console.error(`${[command, ...args].join(' ')} failed; if the change is meant: npm run golden, and commit it\n${stdout}${stderr}`);
  process.exitCode = 1;
}
const synth = (config, out) => run(process.execPath, 'lib/src/cli.js', 'synth', '--config', config, '--out', out);

for (const [config, dist] of Object.entries(worlds)) {
  if (process.argv.includes('--write')) {
    synth(config, dist);
    continue;
  }
  const [once, twice] = [join(folder, 'once'), join(folder, 'twice')];
  for (const out of [once, twice]) synth(config, out);
  run('diff', '-r', once, twice);
  run('diff', '-r', dist, once);
}
rmSync(folder, { recursive: true });
