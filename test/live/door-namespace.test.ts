// vault.namespace, as far as it goes without Vault Enterprise, HCP or OpenBao: a stand-in for Vault's CLI notes the namespace that each call would ask
// in, refuses what those servers refuse inside a namespace, and hands the call on to a real Vault without it. Which paths those are is read in
// HashiCorp's page on namespaces ("restricted API paths"); what else a Vault with namespaces makes of the calls is not seen here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { ok, tempDir, type Vault } from './harness';
import { makeUndoWorld, type UndoWorld } from './undo';
import { configs, makeRoot, makeWorld, programsBefore, rootFiles, startServers } from './world';

const { kube, devVault } = startServers();

/** What Vault has in its root namespace alone, below sys/. */
const ROOT_ONLY =
  'audit|audit-hash|config/(auditing|cors|reload|state|ui)|decode-token|experiments|generate-.*|health|host-info|in-flight-req|init|key-status|leader|license.*|loggers|managed-keys|metrics|mfa|monitor|pprof|quotas|raw|rekey.*|replication|rotate.*|seal|seal-status|step-down|storage|unseal|version-history';
const inNamespace: MeshCaConfig = { ...configs.recommended, vault: { ...configs.recommended.vault, namespace: 'admin/mesh' } };

/** A world whose CLI is the stand-in. `closed`: the root namespace answers nothing, as on HCP. */
async function standIn(vault: Vault, { closed = false } = {}): Promise<{ world: UndoWorld; noted: () => string[] }> {
  const world = await makeUndoWorld(inNamespace, vault, [kube()]);
  const calls = join(tempDir('calls'), 'calls');
  const text = `printf '%s|%s|%s\\n' "\${VAULT_NAMESPACE-unset}" "\${BAO_NAMESPACE-unset}" "$*" >>'${calls}'
if [[ -n \${VAULT_NAMESPACE:-} ]]; then
  for word in "$@"; do
    if [[ $1 =~ ^(audit|operator)$ || $word =~ ^/?(v1/)?sys/(${ROOT_ONLY})(/|$) ]]; then
      printf 'Error making API request.\\n\\nCode: 404. Errors:\\n\\n* 1 error occurred:\\n\\t* unsupported path\\n' >&2
      exit 2
    fi
  done
elif [[ $1 != status && ${closed} == true ]]; then
  printf 'Error making API request.\\n\\nCode: 403. Errors:\\n\\n* permission denied\\n' >&2
  exit 2
fi
unset VAULT_NAMESPACE BAO_NAMESPACE
exec "$real" "$@"`;
  const env = { ...world.env, PATH: `${programsBefore({ vault: text }, { vault: vault.bin })}:${world.env.PATH ?? ''}` };
  return {
    world: {
      ...world,
      env,
      script: (name, args, more) => world.script(name, args, { ...env, ...more }),
      undo: (file, args, { env: more, ...options } = {}) => world.undo(file, args, { ...options, env: { ...env, ...more } }),
    },
    noted: () => readFileSync(calls, 'utf8').trim().split('\n'),
  };
}

test('a whole life asks in the namespace of the plan, and in the root namespace for the time alone; another one in the environment is refused', async () => {
  const { world, noted } = await standIn(await devVault());
  for (const [name, given] of [
    ['VAULT_NAMESPACE', 'team'],
    ['BAO_NAMESPACE', 'admin'],
  ] as const) {
    expect(await world.script('root', ['--plan'], { [name]: given })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(
        `${name} is set to "${given}", and the Issuer would ask in "admin/mesh" (vault.namespace): unset it`,
      ) as string,
    });
  }

  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  // with slashes at its ends it is the same one.
  expect(ok(await world.script('cluster-1', [], { VAULT_NAMESPACE: '/admin/mesh/' }))).toContain('11 trials passed');
  for (const name of ['root', 'cluster-1']) expect(ok(await world.script(name, ['--check']))).toContain('no drift');
  for (const what of ['block-login', 'block-role', 'revoke-intermediate']) {
    ok(await world.undo('cluster-1/emergency.sh', [what, '--yes', 'cluster-1']));
  }
  const calls = noted().map(line => line.split('|'));
  const elsewhere = calls.filter(([vault, bao]) => vault !== 'admin/mesh' || bao !== 'admin/mesh');
  expect(new Set(elsewhere.map(([vault, bao, call]) => `${vault}|${bao}|${call?.split(' ').slice(0, 3).join(' ')}`))).toEqual(
    new Set(['||read -format=json sys/health']),
  );
  expect([...new Set(calls.map(([, , call]) => call?.split(' ')[0]))].sort()).toEqual(['delete', 'list', 'read', 'write']);
});

test('where the root namespace is closed, as on HCP, the token tells the time; one that does not expire is refused with what to do', async () => {
  const vault = await devVault();
  const { world } = await standIn(vault, { closed: true });
  const root = rootFiles(await makeRoot(world.folder));
  ok(await world.script('root', root));
  const refused = await world.script('cluster-1');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(
      /cannot read Vault's time: .*permission denied.*\. A token that expires tells it too, and this one does not: use one that was made with -ttl/,
    ),
  ]);
  const { body } = await vault.request('POST', 'auth/token/create', { policies: ['root'], ttl: '1h' });
  const VAULT_TOKEN = (body as { auth: { client_token: string } }).auth.client_token;
  ok(await world.script('cluster-1', [], { VAULT_TOKEN }));
  ok(await world.undo('cluster-1/emergency.sh', ['block-login', '--yes', 'cluster-1'], { env: { VAULT_TOKEN } }));
  const { body: mounts } = await vault.request('GET', 'sys/mounts');
  const [, at = ''] = /closed\.block-login=(\S+?)[\] ]/.exec(JSON.stringify(mounts)) ?? [];
  expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
});

test('the runbook calls what the root namespace alone has outside of the namespace', () => {
  const files = synthesize(planMeshCa({ ...inNamespace, vault: { ...inNamespace.vault, server: 'https://vault.example.com:8200' } }));
  const lines = files.filter(({ kind }) => kind === 'doc').flatMap(({ content }) => content.split('\n'));
  const called = lines.filter(line => new RegExp(`vault (audit|operator)|sys/(${ROOT_ONLY})\\b`).test(line));
  expect(called.length).toBeGreaterThan(2);
  expect(called.filter(line => !line.includes('VAULT_NAMESPACE= vault '))).toEqual([]);
});

test('without a namespace in the plan, none is asked in', async () => {
  const vault = await devVault();
  const world = await makeWorld(configs.recommended, vault, [kube()]);
  const bin = programsBefore(
    { vault: `[[ -z \${VAULT_NAMESPACE+x}\${BAO_NAMESPACE+x} ]] || exit 9\nexec "$real" "$@"` },
    { vault: vault.bin },
  );
  ok(await world.script('root', rootFiles(await makeRoot(world.folder)), { PATH: `${bin}:${world.env.PATH ?? ''}`, VAULT_NAMESPACE: '' }));
  expect(await world.script('root', [], { BAO_NAMESPACE: 'team' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('BAO_NAMESPACE is set to "team", and the Issuer would ask without a namespace: unset it') as string,
  });
});
