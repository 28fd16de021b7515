// Scripts that are killed with SIGKILL after each call of vault and of kubectl that writes (after each call, with MESH_CA_KILL=all), and
// started again. Calls of other programs (jq, openssl) change nothing outside the script, so a stop between them is a stop between the two
// calls around them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { buildPrograms, keptProgram, type Kube, ok, type RunResult, startKube, startVaultDev, tempDir, type Vault } from './harness';
import { configs, dataOf, makeRoot, makeWorld, programsBefore, stateOf, type World } from './world';

let vault: Vault;
let kube: Kube;
/** After each write, or after each call with MESH_CA_KILL=all. */
let killers: string;

/**
 * Programs that count the calls; after the one that is asked for they end the script, all its children, and themselves. With `writes` those
 * that only read are not counted: a stop after one of them leaves what a stop after the call before it leaves.
 */
export async function makeKillers(real: Vault, { writes = false } = {}): Promise<string> {
  const kubectl = await keptProgram('kubectl');
  const reads = `case " $* " in
    *" sys/capabilities-self "* | *" can-i "* | *" create token "* | *" --dry-run=server "*) exec "$real" "$@" ;;
    *" write "* | *" patch "* | *" delete "* | *" enable "* | *" tune "* | *" apply "* | *" create "* | *" rollout restart "*) ;;
    *" disable "* | *" annotate "*) ;;
    *) exec "$real" "$@" ;;
  esac`;
  const text = `${writes ? reads : ''}
  case " $* " in
    *" - "* | *"=- "* | *"/dev/stdin "*) input=$COUNT.$$; cat >"$input" ;;
    *) input= ;;
  esac
  # two calls of one pipeline would count at once.
  exec 8>"$COUNT.lock"; flock 8
  n=$(($(<"$COUNT") + 1)); echo "$n" >"$COUNT"
  call=$({ echo "$0" "$@"; cat \${input:+"$input"} </dev/null; } | tr '\\n' ' ' | sed -E "$SAME")
  echo "$call" >>"$COUNT.calls"
  # made again by a later run it is the same one; two of a run may be alike but for the ID that they name.
  this="$call#$(grep -cxF -e "$call" "$COUNT.calls")"
  call=$(sed -E '${ID}' <<<"$call")
  deadly=false
  if [[ $KILL_AFTER != next ]]; then
    echo "$call" >>"$COUNT.boundaries"
    ((n != KILL_AFTER)) || deadly=true
  elif ! grep -qxF -e "$this" "$BOUNDARIES.met" && line=$(grep -nxF -m 1 -e "$call" "$BOUNDARIES"); then
    sed -i "\${line%%:*}d" "$BOUNDARIES"
    echo "$this" >>"$BOUNDARIES.met"
    deadly=true
  fi
  exec 8>&-
  if [[ -n $input ]]; then "$real" "$@" <"$input"; else "$real" "$@"; fi; rc=$?
  [[ $deadly == false ]] || kill -KILL 0
  exit "$rc"`;
  return programsBefore({ vault: text, kubectl: text }, { vault: real.bin, kubectl });
}

// what is another one each time in the same call of two runs, or of two worlds: sed's words.
const SAME = [
  's/-(whole|killed)\\b/-WORLD/g',
  's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g',
  // the name of a new key, where a stopped run has taken the planned one.
  's/"(mesh-ca(-[0-9]+)?)-[0-9a-f]{8}"/"\\1"/g',
  's/-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----/PEM/g',
  // a token of a service account, and what a Secret holds.
  's/eyJ[A-Za-z0-9_.-]+/TOKEN/g',
  's#[A-Za-z0-9+/]{44,}=*#BASE64#g',
  's#[^ =@]*/tmp[.][A-Za-z0-9]+/#WORK/#g',
].join(';');
const ID = 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g';

/**
 * Runs a script, with `killers` in its environment, until its call number `after`; 0: to its end; a file of boundaries: until the first of
 * them that it reaches, which is taken out of it. Gives the code, the count of calls, and what was called.
 */
export async function stopAfter(
  killers: string,
  { env }: Pick<World, 'env'>,
  after: number | string,
  script: (env: Readonly<Record<string, string>>) => Promise<RunResult>,
  alike = '',
): Promise<RunResult & { calls: number; boundaries: string }> {
  const COUNT = join(tempDir('count'), 'count');
  writeFileSync(COUNT, '0');
  for (const name of ['calls', 'boundaries']) writeFileSync(`${COUNT}.${name}`, '');
  const [KILL_AFTER, BOUNDARIES] = typeof after === 'string' ? ['next', after] : [String(after), ''];
  const same = [SAME, alike].join(';');
  const result = await script({ COUNT, KILL_AFTER, BOUNDARIES, SAME: same, PATH: `${killers}:${env.PATH ?? ''}` });
  return { ...result, calls: Number(readFileSync(COUNT, 'utf8')), boundaries: readFileSync(`${COUNT}.boundaries`, 'utf8') };
}

/** A script that is killed everywhere. */
export interface Killable<W> {
  /** What the message calls it. */
  readonly what: string;
  readonly killers: string;
  /** Fewer calls, and the test would stop at none. */
  readonly least: number;
  /**
   * sed's words for what is another one in this world than in the one before.
   *
   * @default - nothing but times, IDs and what is random
   */
  readonly alike?: string;
  /** Gives a world from the beginning: one of that name, or the only one, put back. */
  begin(name: string): Promise<W>;
  /** Runs it; `attempt` counts the runs in this world. */
  script(world: W, env: Readonly<Record<string, string>>, attempt: number): Promise<RunResult>;
  /** Looks at the world after a kill. */
  stopped?(world: W, when: string): Promise<void>;
  /** Checks a run that went to its end, and gives all that must be the same as after one that nobody killed. */
  ended(world: W, result: RunResult, name: string): Promise<unknown>;
}

/**
 * Runs a script to its end in one world. In another one it is killed at the first of its calls, run again and killed at the next one that it
 * was not killed at before, and so on, until a run gets through: each call of the first run is a boundary once, and each run goes on from what
 * a killed one left. A call that leaves nothing (a signature of the trial, a key that is handed out) is made again by the runs after it, and
 * they are killed later on. With MESH_CA_KILL=all each boundary has a world of its own, and the run after the kill goes to its end.
 */
export async function killedEverywhere<W extends Pick<World, 'env'>>(one: Killable<W>): Promise<{ count: number; left: unknown }> {
  const { what, killers } = one;
  const first = await one.begin('whole');
  const whole = await stopAfter(killers, first, 0, env => one.script(first, env, 1), one.alike);
  const left = await one.ended(first, whole, 'whole');
  expect([what, whole.calls]).toEqual([what, expect.any(Number)]);
  expect(whole.calls).toBeGreaterThanOrEqual(one.least);
  let count = 0;
  if (process.env.MESH_CA_KILL === 'all') {
    while (count < whole.calls) {
      const name = String(++count);
      const world = await one.begin(name);
      const killed = await stopAfter(killers, world, count, env => one.script(world, env, 1));
      expect([what, count, killed.code, killed.stderr]).toEqual([what, count, 137, killed.stderr]);
      await one.stopped?.(world, name);
      expect([what, count, await one.ended(world, await one.script(world, {}, 2), name)]).toEqual([what, count, left]);
    }
  } else {
    const boundaries = join(tempDir('boundaries'), 'boundaries');
    writeFileSync(boundaries, whole.boundaries);
    writeFileSync(`${boundaries}.met`, '');
    const world = await one.begin('killed');
    for (;;) {
      const run = await stopAfter(killers, world, boundaries, env => one.script(world, env, count + 1), one.alike);
      if (run.code !== 137) {
        // which ones no run has reached.
        expect([what, run.stderr, readFileSync(boundaries, 'utf8')]).toEqual([what, run.stderr, '']);
        expect([what, await one.ended(world, run, 'killed')]).toEqual([what, left]);
        break;
      }
      count++;
      await one.stopped?.(world, String(count));
    }
  }
  expect([what, count]).toEqual([what, whole.calls]);
  process.stderr.write(`${what}: killed at ${count} of ${whole.calls} boundaries\n`);
  return { count, left };
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
  killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
}

/** What is the same for every run, whatever its names: the fields, and how many issuers there are. */
export async function outcome(vault: Vault, world: World): Promise<object> {
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
export async function killRoot(): Promise<void> {
  const { cert, key } = await makeRoot(tempDir('root'));
  const args = ['--root-cert', cert, '--root-key', key];
  await killedEverywhere({
    what: 'root',
    killers,
    least: 3,
    begin: name => makeWorld({ ...configs.recommended, root: { mount: `pki-${name}` } }, vault, [kube]),
    script: (world, env) => world.script('root', args, env),
    ended: async (world, { code, stderr }, name) => {
      expect([name, code, stderr]).toEqual([name, 0, '']);
      expect(dataOf((await vault.request('LIST', `pki-${name}/issuers`)).body).keys).toHaveLength(1);
      expect((await world.script('root', ['--plan'])).stdout).not.toContain('to do');
      return undefined;
    },
  });
}

/** A cluster's script, stopped everywhere. */
export async function killCluster(name: 'recommended' | 'guide'): Promise<void> {
  const rootWorld = await makeWorld(configs.recommended, vault, [kube]);
  mkdirSync(join(rootWorld.folder, 'root'));
  const { cert, key } = await makeRoot(join(rootWorld.folder, 'root'), `Root of ${name}`);
  const root = { ...configs[name].root, mount: `pki-${name}` };
  const pem = readFileSync(cert, 'utf8');
  const at = async (n: string) => {
    const world = await makeWorld({ ...configOf(configs[name], `${name}-${n}`), root }, vault, [kube]);
    // as root/setup.sh has written it.
    if (n !== 'root') writeFileSync(join(world.folder, 'root.pem'), pem);
    return world;
  };
  ok(await (await at('root')).script('root', ['--root-cert', cert, '--root-key', key]));
  const keysOf = async (n: string) => dataOf((await vault.request('LIST', `istioca-${name}-${n}/keys`)).body).keys as string[];

  let orphans = 0;
  await killedEverywhere({
    what: `${name} cluster`,
    killers,
    least: 10,
    begin: at,
    // a key is handed out once, to a file that is not there yet.
    script: (world, env, attempt) => world.script(world.cluster.name, name === 'guide' ? ['--exported-key', `key-${attempt}`] : [], env),
    ended: async (world, { code, stdout, stderr }, n) => {
      expect([n, code, stderr]).toEqual([n, 0, '']);
      // what a stopped run left is reported, not guessed at.
      const keys = await keysOf(n);
      if (keys.length > 1) {
        orphans++;
        expect(stdout).toMatch(/key \S+ has no certificate, a stopped run left it/);
      }
      const accessors = dataOf((await vault.request('LIST', `${world.cluster.auth.path}/secret-id`)).body).keys as string[] | undefined;
      if (accessors && accessors.length > 1) expect(stdout).toContain('secret IDs of the AppRole besides the delivered one');
      return { trials: /\d+ trials passed/.exec(stdout)?.[0] ?? 'no trial', ...(await outcome(vault, world)) };
    },
  });
  // nothing in Vault proves who made a key, so each run makes its own, and names what a stopped one has left.
  expect(orphans).toBeGreaterThan(0);
}
