// What the tests of the scripts that carry a secret ID share: a world with these scripts in it, and what Vault and the cluster hold.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig, type SecretConfig } from '../../src/config/config';
import { type AppRolePlan } from '../../src/plan/app-role';
import { carryScripts } from '../../src/script/carry';
import { type Kube, ok, run, type RunOptions, type RunResult, type Vault } from './harness';
import { configs, dataOf, makeRoot, makeWorld, rootFiles, type World } from './world';

/** A world whose root is in Vault, with the scripts beside setup.sh. */
export interface CarryWorld extends World {
  readonly appRole: AppRolePlan;
  /** Runs one of the scripts of the first cluster. */
  carry(file: string, args?: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The secret ID that the cluster holds. */
  held(): Promise<string | undefined>;
  /** The annotations of the Secret. */
  annotations(): Promise<Readonly<Record<string, string>>>;
  /** Accessors of the AppRole's secret IDs. */
  accessors(): Promise<readonly string[]>;
  /** The accessor of a secret ID, where Vault knows it. */
  accessorOf(secretId: string): Promise<string | undefined>;
  /** The status of a login with a secret ID: 200 where it works. */
  login(secretId: string): Promise<number>;
}

export const carryConfig = (secret: SecretConfig, more: Partial<MeshCaConfig> = {}): MeshCaConfig => ({
  ...configs.appRole,
  ...more,
  secret,
});

export async function makeCarryWorld(config: MeshCaConfig, vault: Vault, kube: Kube): Promise<CarryWorld> {
  const world = await makeWorld(config, vault, [kube]);
  const { cluster, folder } = world;
  const { auth } = cluster;
  if (auth.method !== 'appRole') throw new Error('no AppRole');
  for (const { file, content } of carryScripts(cluster)) {
    writeFileSync(join(folder, 'dist', cluster.name, file), content, { mode: 0o755 });
  }
  // the API itself, since some ask for it all the time.
  const secret = async () => {
    const { status, body } = await kube.request('GET', `/api/v1/namespaces/${auth.secret.namespace}/secrets/${auth.secret.name}`);
    return status === 200 ? (body as { data?: Record<string, string>; metadata: { annotations?: Record<string, string> } }) : undefined;
  };
  return {
    ...world,
    appRole: auth,
    carry: (file, args = [], { env, ...options } = {}) =>
      run('bash', [`dist/${cluster.name}/${file}`, ...args], { cwd: folder, timeout: 120_000, ...options, env: { ...world.env, ...env } }),
    held: async () => {
      const data = (await secret())?.data?.[auth.secret.key];
      return data === undefined ? undefined : Buffer.from(data, 'base64').toString();
    },
    annotations: async () => (await secret())?.metadata.annotations ?? {},
    accessors: async () => (dataOf((await vault.request('LIST', `${auth.path}/secret-id`)).body).keys as string[] | undefined) ?? [],
    accessorOf: async secret_id =>
      dataOf((await vault.request('POST', `${auth.path}/secret-id/lookup`, { secret_id })).body).secret_id_accessor as string | undefined,
    login: async secret_id => (await vault.request('POST', `auth/${auth.mount}/login`, { role_id: auth.roleId, secret_id })).status,
  };
}

/** The same, the root imported and the cluster's script run. */
export async function makeReadyWorld(config: MeshCaConfig, vault: Vault, kube: Kube): Promise<CarryWorld & { readonly first: string }> {
  const world = await makeCarryWorld(config, vault, kube);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  // what setup.sh said.
  return { ...world, first: ok(await world.script(world.cluster.name)) };
}
