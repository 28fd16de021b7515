import { delimiter, dirname } from 'node:path';
import type { MeshCaConfig } from '../../../src/config/config';
import { buildPrograms, type Kube, ok, run, type RunResult, until, type Vault } from '../harness';
import { makeRoot, makeWorld, type World } from '../world';
import { type Dist, writeDist } from './dist';

/** A mesh's CA as the runbook brings it up: dist/ on disk, both scripts run, the root as it was given at the start. */
export interface VaultMesh {
  readonly world: World;
  readonly dist: Dist;
  /** PEM text of the root, made before anything else. */
  readonly root: string;
  /** Runs a program in the folder of mesh-ca.yaml, with kubectl and istioctl in the PATH. */
  run(program: string, args: readonly string[]): Promise<RunResult>;
}

/** Makes a root, writes dist/, and runs root/setup.sh and each cluster's setup.sh. */
export async function setUp(config: MeshCaConfig, vault: Vault, kubes: readonly Kube[], env: World['env'] = {}): Promise<VaultMesh> {
  const world = await makeWorld(config, vault, kubes);
  const dist = writeDist(world.folder, world.plan);
  const root = await makeRoot(world.folder);
  ok(await world.script('root', ['--root-cert', root.cert, '--root-key', root.key], env));
  for (const { name, intermediate } of world.plan.clusters) {
    ok(await world.script(name, intermediate.key === 'exported' ? ['--exported-key', `${name}.key`] : [], env));
  }
  const { istioctl } = await buildPrograms(['istioctl']);
  const path = [world.env.PATH, dirname(istioctl)].join(delimiter);
  return {
    world,
    dist,
    root: root.pem,
    run: (program, args) => run(program, args, { cwd: world.folder, env: { ...world.env, ...env, PATH: path } }),
  };
}

/** Waits until an object of cert-manager has the condition Ready, and gives its message. */
export function readiness(kube: Kube, what: readonly string[]): Promise<string> {
  return until(`${what.join(' ')} to be Ready`, async () => {
    const object = (await kube.get(what)) as { status?: { conditions?: { type: string; status: string; message: string }[] } } | undefined;
    const ready = object?.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True') throw new Error(JSON.stringify(object?.status ?? 'no status'));
    return ready.message;
  });
}
