// What befalls a run: no Vault, a sealed one, one that is sealed or started anew in the middle, a token that ends, a full disk, another run
// beside it. Each ends in a message that says what to do, and in a state from which the next run makes what an undisturbed one does.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { buildPrograms, keptProgram, type Kube, ok, run, startKube, startVaultServer, tempDir, type VaultServer } from './harness';
import { failure, heldBefore } from './held';
import { configOf, outcome } from './killed';
import { caFiles, configs, dataOf, makeRoot, makeWorld, programsBefore, type World } from './world';

jest.setTimeout(300_000);
let vault: VaultServer;
let kube: Kube;
let rootFiles: string[];
let expected: unknown;

/** A cluster of its own for each test, of one root. */
const worldOf = (name: string, config: MeshCaConfig = configs.recommended) => makeWorld(configOf(config, name), vault, [kube]);

beforeAll(async () => {
  await buildPrograms();
  [vault, kube] = [await startVaultServer(), await startKube()];
  const { cert, key } = await makeRoot(tempDir('root'));
  rootFiles = ['--root-cert', cert, '--root-key', key];
  const world = await worldOf('whole');
  ok(await world.script('root', rootFiles));
  ok(await world.script('whole'));
  expected = await outcome(vault, world);
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

/** That the next run makes what an undisturbed one does, and finds nothing to do after that. */
async function goesOn(world: World, name: string): Promise<void> {
  ok(await world.script(name));
  expect(await outcome(vault, world)).toEqual(expected);
  expect((await world.script(name, ['--plan'])).stdout).not.toContain('to do');
}

test('fails if Vault cannot be reached: it says where it looked, and nothing was changed', async () => {
  const world = await worldOf('unreached');
  expect(await world.script('unreached', [], { VAULT_ADDR: 'https://127.0.0.1:1' })).toMatchObject(
    failure('this is missing, and nothing was changed:\n  - an answer from Vault at https://127.0.0.1:1: ', 'connection refused'),
  );
  await goesOn(world, 'unreached');
});

test('fails if Vault is sealed: it says so, and how to unseal it', async () => {
  const world = await worldOf('sealed');
  await vault.seal();
  const result = await world.script('sealed');
  await vault.unseal();
  expect(result).toMatchObject(failure(`  - an unsealed Vault at ${vault.addr}: it is sealed, run 'vault operator unseal'`));
  await goesOn(world, 'sealed');
});

test.each([
  ['write', 'intermediate/set-signed', 'Vault is sealed', 'step 5 (intermediate/issue) did not get through'],
  [
    'question',
    'roles/question',
    'cannot read istioca-question/roles/question: ',
    'Vault is sealed',
    'step 6 (role/write) could not be checked',
  ],
])('fails if Vault is sealed in the middle, before a %s', async (name, words, ...messages) => {
  const world = await worldOf(name);
  const result = await heldBefore(vault, words, world, name, () => vault.seal());
  await vault.unseal();
  expect(result).toMatchObject(failure(...messages));
  await goesOn(world, name);
});

test('a Vault that is started anew between two calls is no failure', async () => {
  const world = await worldOf('anew');
  ok(await heldBefore(vault, 'intermediate/set-signed', world, 'anew', () => vault.restart()));
  expect(await outcome(vault, world)).toEqual(expected);
});

test('fails if the token ends in the middle, wherever that is; the next run goes on from there', async () => {
  const world = await worldOf('fewuses');
  const ends: string[] = [];
  for (const num_uses of [3, 10, 14, 18]) {
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['root'], num_uses });
    const { client_token } = (body as { auth: { client_token: string } }).auth;
    const { code, stderr } = await world.script('fewuses', [], { VAULT_TOKEN: client_token });
    expect([num_uses, code, stderr]).toEqual([num_uses, 1, expect.stringContaining('permission denied')]);
    ends.push(
      /step \d+ \(\S+\) (did not get through|could not be checked)|cannot read \S+: .*the token may have ended/.exec(stderr)?.[0] ?? stderr,
    );
  }
  // at different places, each of which says where.
  expect(new Set(ends).size).toBeGreaterThan(2);
  expect(ends.filter(end => !/^(step|cannot read)/.test(end))).toEqual([]);
  await goesOn(world, 'fewuses');
});

describe('a full disk', () => {
  test('fails if root.pem cannot be written: nothing half-written stays beside the config', async () => {
    const world = await makeWorld(configs.recommended, vault, [kube]);
    const disk = tempDir('full');
    // a disk that is full, and afterwards is not.
    const script = `bash ${world.folder}/dist/root/setup.sh ${rootFiles.join(' ')}`;
    const full = await onDisk(world, disk, '4k', `cd "$1" && head -c 4096 /dev/zero >other && ${script}`);
    expect(full).toMatchObject(failure('cannot write root.pem in ', 'No space left on device'));
    expect(full.stdout.trimEnd().split('\n').at(-1)).toBe('other');
    ok(await world.script('root', rootFiles));
    expect(readdirSync(world.folder).sort()).toEqual(['dist', ...caFiles(world.folder), 'root.pem'].sort());
  });

  /** Runs a script where a folder is a disk of so many bytes, which nobody else sees. */
  const onDisk = (world: World, folder: string, size: string, script: string, env: Readonly<Record<string, string>> = {}) =>
    run(
      'unshare',
      [
        '--map-root-user',
        '--mount',
        'bash',
        '-c',
        `mount -t tmpfs -o size=${size} tmpfs "$1" && ${script}; rc=$?; ls -A "$1"; exit $rc`,
        '-',
        folder,
      ],
      { cwd: world.folder, env: { ...world.env, ...env }, timeout: 120_000 },
    );

  test.each(['64k', '4k'])('fails if there is no room to work in (%s): before anything is changed', async size => {
    const name = `room-${size}`;
    const world = await worldOf(name);
    const TMPDIR = tempDir('small');
    const before = (await vault.request('GET', 'sys/mounts')).body;
    const result = await onDisk(world, TMPDIR, size, `bash dist/${name}/setup.sh`, { TMPDIR });
    // and nothing is left on it.
    expect(result).toMatchObject({ ...failure(`there is no room below ${TMPDIR} to work in, and nothing was changed`), stdout: '' });
    expect(dataOf((await vault.request('GET', 'sys/mounts')).body)).toEqual(dataOf(before));
    await goesOn(world, name);
  });

  test('fails if the exported key cannot be written: the file is gone, and the next run writes it', async () => {
    const world = await worldOf('exported', {
      ...configs.recommended,
      clusters: [{ name: 'cluster-1', intermediate: { key: 'exported' } }],
    });
    const keys = join(world.folder, 'keys');
    mkdirSync(keys);
    // one page, which is taken already.
    const script = `head -c 4096 /dev/zero >keys/taken; bash dist/exported/setup.sh --exported-key keys/ca.key`;
    const result = await onDisk(world, keys, '4k', script);
    expect(result).toMatchObject({ ...failure('cannot write keys/ca.key: the key that it was for is not used'), code: 1 });
    expect(result.stdout).toMatch(/\ntaken\n$/);
    const again = ok(await world.script('exported', ['--exported-key', 'keys/ca.key']));
    expect(again).toMatch(/key \S+ has no certificate, a stopped run left it/);
    expect(readFileSync(join(keys, 'ca.key'), 'utf8')).toContain('PRIVATE KEY');
    expect(statSync(join(keys, 'ca.key')).mode & 0o777).toBe(0o600);
  });
});

test('two runs at the same time make one CA that both can use, and the next run finds all done', async () => {
  const world = await worldOf('twice');
  const before = readFileSync(join(world.folder, 'root.pem'), 'utf8');
  const runs = await Promise.all([world.script('twice'), world.script('twice')]);
  // at least one gets through; the other may find a mount that has just been made.
  expect(runs.map(({ code }) => code)).toContain(0);
  for (const { code, stderr } of runs.filter(one => one.code !== 0)) {
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/step \d+ \(\S+\) (did not get through|could not be checked)|this is missing/),
    ]);
  }
  ok(await world.script('twice'));
  const { named } = (await outcome(vault, world)) as { named: unknown };
  expect(named).toEqual((expected as { named: unknown }).named);
  const { default: issuer } = dataOf((await vault.request('GET', 'istioca-twice/config/issuers')).body);
  expect((await world.script('twice', ['--plan'])).stdout).not.toContain('to do');
  expect(dataOf((await vault.request('GET', 'istioca-twice/config/issuers')).body).default).toBe(issuer);
  expect(readFileSync(join(world.folder, 'root.pem'), 'utf8')).toBe(before);
});

test('fails if the API server is gone when the login is tried: it is not taken for one without the service account', async () => {
  const world = await worldOf('gone');
  const kubectl = await keptProgram('kubectl');
  const gone = `[[ "$*" != *'create token'* && ! -e gone ]] || { : >gone; set -- "$@" --server https://127.0.0.1:1; }; exec "$real" "$@"`;
  const bin = programsBefore({ kubectl: gone }, { kubectl });
  const { code, stderr } = await world.script('gone', [], { PATH: `${bin}:${world.env.PATH ?? ''}` });
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining('cannot look for service account istio-system/vault-issuer in context cluster-1: '),
  ]);
  writeFileSync(join(world.folder, 'gone'), '');
  await goesOn(world, 'gone');
});
