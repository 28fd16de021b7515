// The setup scripts, killed with SIGKILL after each call of vault and of kubectl, and started again. Calls of other programs (jq, openssl)
// change nothing outside the script, so a stop between them is a stop between the two calls around them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { buildPrograms, type Kube, ok, type RunResult, startKube, startVaultDev, tempDir, type Vault } from './harness';
import { configs, dataOf, makeRoot, makeWorld, programsBefore, stateOf, type World } from './world';

let vault: Vault;
let kube: Kube;
let killers: string;
/** Of a cluster's script, which reads much: after each write, or after each call with MESH_CA_KILL=all. */
let clusterKillers: string;

/**
 * Programs that count the calls; after the one that is asked for they end the script, all its children, and themselves. With `writes` those
 * that only read are not counted: a stop after one of them leaves what a stop after the call before it leaves.
 */
export async function makeKillers(real: Vault, { writes = false } = {}): Promise<string> {
  const { kubectl } = await buildPrograms(['kubectl']);
  const reads = `case " $* " in
    *" sys/capabilities-self "* | *" can-i "* | *" create token "* | *" --dry-run=server "*) exec "$real" "$@" ;;
    *" write "* | *" patch "* | *" delete "* | *" enable "* | *" tune "* | *" apply "* | *" create "* | *" rollout restart "*) ;;
    *) exec "$real" "$@" ;;
  esac`;
  // two calls of one pipeline would count at once.
  const count = `n=$(flock "$COUNT.lock" sh -c 'n=$(($(cat "$COUNT") + 1)); echo "$n" >"$COUNT"; echo "$n"')`;
  const text = `${writes ? reads : ''}\n${count}\n"$real" "$@"; rc=$?; ((n != KILL_AFTER)) || kill -KILL 0; exit "$rc"`;
  return programsBefore({ vault: text, kubectl: text }, { vault: real.bin, kubectl });
}

/** Runs a script, with `killers` in its environment, until its call number `after`; 0: to its end. Gives the code and the count of calls. */
export async function stopAfter(
  killers: string,
  { env }: World,
  after: number,
  script: (env: Readonly<Record<string, string>>) => Promise<RunResult>,
): Promise<RunResult & { calls: number }> {
  const COUNT = join(tempDir('count'), 'count');
  writeFileSync(COUNT, '0');
  const result = await script({ COUNT, KILL_AFTER: String(after), PATH: `${killers}:${env.PATH ?? ''}` });
  return { ...result, calls: Number(readFileSync(COUNT, 'utf8')) };
}

/** Defines what starts and ends the programs of a file of such tests. */
export function startForKills(): void {
  jest.setTimeout(40 * 60_000);
  beforeAll(start, 45 * 60_000);
  afterAll(async () => {
    await kube.stop();
    await vault.stop();
  });
}

async function start(): Promise<void> {
  await buildPrograms();
  [vault, kube] = [await startVaultDev(), await startKube()];
  killers = await makeKillers(vault);
  clusterKillers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
}

const setUpTo = (world: World, script: string, args: readonly string[], after: number) =>
  stopAfter(script === 'root' ? killers : clusterKillers, world, after, env => world.script(script, args, env));

/** What is the same for every run, whatever its names: the fields, and how many issuers there are. */
export async function outcome(vault: Vault, world: World): Promise<unknown> {
  const { intermediate, root } = world.cluster;
  const state = await stateOf(vault, world.cluster);
  const issuers = async (mount: string) =>
    (dataOf((await vault.request('LIST', `${mount}/issuers`)).body).keys as string[] | undefined)?.length;
  const named = JSON.stringify({ ...state, issuer: undefined, root: undefined }).replaceAll(world.cluster.name, 'NAME');
  return { named: JSON.parse(named) as unknown, issuers: await issuers(intermediate.mount), roots: await issuers(root.mount ?? '') };
}

/** A cluster of its own for each stop, so that one Vault and one API server serve them all. */
export function configOf(config: MeshCaConfig, name: string): MeshCaConfig {
  const [cluster] = config.clusters;
  return {
    ...config,
    clusters: [
      {
        ...cluster,
        name,
        context: 'cluster-1',
        intermediate: { ...cluster?.intermediate, mount: `istioca-${name}` },
        policy: { name: `cert-manager-${name}` },
        ...(cluster?.auth === 'appRole' && {
          appRole: { ...cluster.appRole, mount: `approle-${name}`, name: `cert-manager-${name}` },
          secret: { ...cluster.secret, name: `approle-${name}` },
        }),
        role: { ...cluster?.role, name },
        istioCsr: { ...cluster?.istioCsr, rootName: `root-${name}` },
      },
    ],
  };
}

/** The root script, stopped everywhere. */
export function testKilledRoot(): void {
  test('the root script ends the same, killed after each of its calls and run again', async () => {
    const { cert, key } = await makeRoot(tempDir('root'));
    const args = ['--root-cert', cert, '--root-key', key];
    const at = (n: string) => makeWorld({ ...configs.recommended, root: { mount: `pki-${n}` } }, vault, [kube]);
    const { calls } = await setUpTo(await at('whole'), 'root', args, 0);
    // each path is read once a run, so these are few.
    expect(calls).toBeGreaterThanOrEqual(10);
    for (let n = 1; n <= calls; n++) {
      const world = await at(String(n));
      expect([n, (await setUpTo(world, 'root', args, n)).code]).toEqual([n, 137]);
      const again = await world.script('root', args);
      expect([n, again.code, again.stderr]).toEqual([n, 0, '']);
      expect(dataOf((await vault.request('LIST', `pki-${n}/issuers`)).body).keys).toHaveLength(1);
      expect((await world.script('root', ['--plan'])).stdout).not.toContain('to do');
    }
    process.stderr.write(`root: killed at ${calls} of ${calls} boundaries\n`);
  });
}

/** A cluster's script, stopped everywhere. */
export function testKilledCluster(name: 'recommended' | 'guide'): void {
  test(`the ${name} cluster script ends the same, killed after each of its calls and run again`, async () => {
    const rootWorld = await makeWorld(configs.recommended, vault, [kube]);
    mkdirSync(join(rootWorld.folder, 'root'));
    const { cert, key } = await makeRoot(join(rootWorld.folder, 'root'), `Root of ${name}`);
    const root = { ...configs[name].root, mount: `pki-${name}` };
    const at = (n: string) => makeWorld({ ...configOf(configs[name], `${name}-${n}`), root }, vault, [kube]);
    ok(await (await at('root')).script('root', ['--root-cert', cert, '--root-key', key]));
    const keyFile = (n: string) => (name === 'guide' ? ['--exported-key', `key-${n}`] : []);

    const whole = await at('whole');
    const { calls, stdout } = await setUpTo(whole, `${name}-whole`, keyFile('whole'), 0);
    const trials = /\d+ trials passed/.exec(stdout)?.[0] ?? 'no trial';
    const expected = await outcome(vault, whole);
    expect(calls).toBeGreaterThan(10);
    let orphans = 0;
    for (let n = 1; n <= calls; n++) {
      const world = await at(String(n));
      expect([n, (await setUpTo(world, `${name}-${n}`, keyFile('1'), n)).code]).toEqual([n, 137]);
      const again = await world.script(`${name}-${n}`, keyFile('2'));
      expect([n, again.code, again.stderr]).toEqual([n, 0, '']);
      expect([n, again.stdout]).toEqual([n, expect.stringContaining(trials)]);
      expect([n, await outcome(vault, world)]).toEqual([n, expected]);
      // what the stopped run left is reported, not guessed at.
      const keys = dataOf((await vault.request('LIST', `istioca-${name}-${n}/keys`)).body).keys as string[];
      if (keys.length > 1) {
        orphans++;
        expect(again.stdout).toMatch(/key \S+ has no certificate, a stopped run left it/);
      }
      const accessors = dataOf((await vault.request('LIST', `${world.cluster.auth.path}/secret-id`)).body).keys as string[] | undefined;
      if (accessors && accessors.length > 1) expect(again.stdout).toContain('secret IDs of the AppRole besides the delivered one');
    }
    // a key that stays in Vault has a name, by which the next run finds it; one that is handed out is handed out once.
    expect(orphans > 0).toBe(name === 'guide');
    process.stderr.write(`${name} cluster: killed at ${calls} of ${calls} boundaries\n`);
  });
}
