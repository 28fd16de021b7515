// setup.sh --print-policy: what it prints is enough for the script, and each line of it is needed. Real Vault, real API server.
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ok, run, tempDir, type Vault } from './harness';
import { printedPolicy, tokenWith } from './policies';
import { configs, dataOf, makeRoot, makeWorld, rootFiles, startServers, stateOf, type World } from './world';

const { kube, devVault } = startServers();

/** The paths of a first run: what it needs every day, and what makes the CA. */
async function policyOf(world: World, script: string): Promise<string[]> {
  return [...(await printedPolicy(world, script)), ...(await printedPolicy(world, script, ['--ca']))];
}

const pathOf = (rule: string) => rule.split('"')[1] ?? '';
const capabilitiesOf = (rule: string) => /capabilities = \[(.*?)\]/.exec(rule)?.[1]?.replaceAll('"', '').split(',') ?? [];

/**
 * Runs a script with each path of its policy taken away in turn, where nothing is done yet; gives the paths that it did not miss. Both policies
 * can have rules for a path, and a rule with `+` gives its capabilities to every path below.
 */
async function notMissed(world: World, vault: Vault, script: string, args: readonly string[]): Promise<string[]> {
  const rules = await policyOf(world, script);
  const unmissed: string[] = [];
  for (const path of new Set(rules.map(pathOf))) {
    const rest = rules.filter(rule => pathOf(rule) !== path);
    const globs = rest.filter(rule => pathOf(rule).endsWith('/+') && new RegExp(`^${pathOf(rule).replace('+', '[^/]+')}$`).test(path));
    const given = globs.flatMap(capabilitiesOf);
    const lost = rules.filter(rule => pathOf(rule) === path).flatMap(capabilitiesOf);
    const { code, stdout, stderr } = await world.script(script, args, await tokenWith(vault, rest));
    const named = stderr.match(/ {2}- the capability (.*) on (\S+) for the token/g) ?? [];
    const found = named.filter(one => one.includes(` on ${path} for`)).join();
    const all = lost.every(capability => given.includes(capability) || found.includes(capability));
    if (code !== 1 || stdout !== '' || !all || named.some(one => !one.includes(` on ${path} for`))) unmissed.push(path);
  }
  return unmissed;
}

const ways = [
  ['jwt', { ...configs.recommended, auth: 'jwt' }],
  ['kubernetes', configs.kubernetes],
  ['appRole', configs.appRole],
  ['appRole, and a root that Vault makes', { ...configs.appRole, root: { source: 'generate' } }],
] as const;

test.each(ways)('auth %s: a token with the printed policy and no more gets both scripts through, a second time too', async (_, config) => {
  const vault = await devVault();
  const world = await makeWorld(config, vault, [kube()]);
  const files = config.root?.source === 'generate' ? [] : rootFiles(await makeRoot(world.folder));
  const root = await tokenWith(vault, await policyOf(world, 'root'));
  ok(await world.script('root', files, root));
  ok(await world.script('root', [], root));
  const cluster = await tokenWith(vault, await policyOf(world, 'cluster-1'));
  expect(ok(await world.script('cluster-1', [], cluster))).toContain('cluster cluster-1 is ready in Vault: 11 trials passed');
  const state = await stateOf(vault, world.cluster);
  expect(ok(await world.script('cluster-1', ['--plan'], cluster))).not.toContain('to do');
  ok(await world.script('cluster-1', [], cluster));
  expect(await stateOf(vault, world.cluster)).toEqual(state);
});

// half a minute each; the lines of kubernetes are those of jwt by another name.
test.each([ways[0], ways[2]])(
  'auth %s: whichever path is taken away, the script names it, and changes nothing',
  async (_, config) => {
    const vault = await devVault();
    const world = await makeWorld(config, vault, [kube()]);
    const files = rootFiles(await makeRoot(world.folder));
    const before = dataOf((await vault.request('GET', 'sys/mounts')).body);
    expect(await notMissed(world, vault, 'root', files)).toEqual([]);
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).toEqual(before);
    ok(await world.script('root', files));
    const mounts = dataOf((await vault.request('GET', 'sys/mounts')).body);
    expect(await notMissed(world, vault, 'cluster-1', [])).toEqual([]);
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).toEqual(mounts);
  },
  400_000,
);

test('the rules are sorted, one for a path, and the help names the option', async () => {
  const world = await makeWorld(configs.recommended, await devVault(), [kube()]);
  for (const script of ['root', 'cluster-1']) {
    for (const options of [[], ['--ca'], ['--check']]) {
      const rules = await printedPolicy(world, script, options);
      expect(rules.map(pathOf)).toEqual([...new Set(rules.map(pathOf))].sort());
      expect(rules.join('\n')).not.toContain('capabilities-self');
    }
    expect((await world.script(script, ['--help'])).stdout).toContain('--print-policy ');
  }
});

test('fails if jq is not there, with its name and no half policy', async () => {
  const world = await makeWorld(configs.recommended, await devVault(), [kube()]);
  const bin = tempDir('bin');
  // what is said goes through tr.
  symlinkSync(ok(await run('which', ['tr'])).trim(), join(bin, 'tr'));
  const env = { ...world.env, PATH: bin };
  const result = await run('/bin/bash', ['dist/root/setup.sh', '--print-policy'], { cwd: world.folder, env });
  expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('the program jq') as string });
});
