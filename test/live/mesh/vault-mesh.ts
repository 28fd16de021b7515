import { delimiter, dirname } from 'node:path';
import type { MeshCaConfig } from '../../../src/config/config';
import { buildPrograms, type Kube, ok, run, type RunResult, until, type Vault } from '../harness';
import { makeRoot, makeWorld, type World } from '../world';
import { makeCsr, verifyChain } from './certificates';
import { type Dist, writeDist } from './dist';
import { askCertManager, helmValues } from './istio-csr';

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
  return ready(kube, what, 'True', /^/);
}

/** Waits until an object of cert-manager is not Ready for a reason, and gives its message. */
export function trouble(kube: Kube, what: readonly string[], says: RegExp): Promise<string> {
  return ready(kube, what, 'False', says);
}

function ready(kube: Kube, what: readonly string[], status: 'True' | 'False', says: RegExp): Promise<string> {
  return until(`${what.join(' ')} to have Ready=${status}`, async () => {
    const object = (await kube.get(what)) as { status?: { conditions?: { type: string; status: string; message: string }[] } } | undefined;
    const condition = object?.status?.conditions?.find(({ type }) => type === 'Ready');
    if (condition?.status !== status || !says.test(condition.message)) throw new Error(JSON.stringify(object?.status ?? 'no status'));
    return condition.message;
  });
}

/** Has a workload's certificate signed through the Issuer, and verifies it to the root. */
export async function signs(kube: Kube, mesh: VaultMesh): Promise<void> {
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const { reason, message, certificate } = await askCertManager(kube, helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml')), csr);
  expect({ reason, message }).toMatchObject({ reason: 'Issued' });
  ok(await verifyChain(certificate, mesh.root));
}
