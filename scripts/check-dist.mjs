// Fails where the committed dist/ is not what the default mesh-ca.yaml gives now, or a second run gives other bytes.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-dist-'));
const run = (command, ...args) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  console.error(`${[command, ...args].join(' ')} failed; if the change is meant: npm run synth, and commit dist/\n${stdout}${stderr}`);
  process.exitCode = 1;
};
for (const out of ['once', 'twice']) run(process.execPath, 'lib/src/cli.js', 'synth', '--out', join(folder, out));
run('diff', '-r', join(folder, 'once'), join(folder, 'twice'));
run('diff', '-r', 'dist', join(folder, 'once'));
rmSync(folder, { recursive: true });
