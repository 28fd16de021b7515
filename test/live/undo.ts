// What the tests of emergency.sh and of teardown.sh share.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { emergencyScript } from '../../src/script/emergency';
import { rootTeardownScript, teardownScript } from '../../src/script/teardown';
import { type Kube, run, type RunOptions, type RunResult, type Vault } from './harness';
import { makeWorld, type World } from './world';

/** A world with the scripts that take back. */
export interface UndoWorld extends World {
  /** Runs one of a cluster's scripts. */
  undo(file: string, args?: readonly string[], options?: RunOptions): Promise<RunResult>;
}

export async function makeUndoWorld(config: MeshCaConfig, vault: Vault, kubes: readonly Kube[]): Promise<UndoWorld> {
  const world = await makeWorld(config, vault, kubes);
  const write = (file: string, text: string) => writeFileSync(join(world.folder, 'dist', file), text, { mode: 0o755 });
  write('root/teardown.sh', rootTeardownScript(world.plan));
  for (const cluster of world.plan.clusters) {
    write(`${cluster.name}/emergency.sh`, emergencyScript(cluster));
    write(`${cluster.name}/teardown.sh`, teardownScript(cluster));
  }
  return {
    ...world,
    undo: (file, args = [], { env, ...options } = {}) =>
      run('bash', [`dist/${file}`, ...args], { cwd: world.folder, timeout: 120_000, ...options, env: { ...world.env, ...env } }),
  };
}
