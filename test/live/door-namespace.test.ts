// vault.namespace, as far as it goes without Vault Enterprise: a stand-in notes the namespace that each call of the CLI would ask in, and
// hands the call on to a real Vault without it. What a Vault with namespaces makes of the calls is not seen here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, tempDir } from './harness';
import { configs, makeRoot, makeWorld, programsBefore, rootFiles, startServers } from './world';

const { kube, devVault } = startServers();

test('every call of both scripts asks in the namespace of the plan; another one in the environment is refused', async () => {
  const vault = await devVault();
  const config = { ...configs.recommended, vault: { ...configs.recommended.vault, namespace: 'admin/mesh' } };
  const world = await makeWorld(config, vault, [kube()]);
  const calls = join(tempDir('calls'), 'calls');
  const notes = `printf '%s|%s|%s\\n' "\${VAULT_NAMESPACE-unset}" "\${BAO_NAMESPACE-unset}" "$1" >>'${calls}'\nunset VAULT_NAMESPACE BAO_NAMESPACE\nexec "$real" "$@"`;
  const env = { PATH: `${programsBefore({ vault: notes }, { vault: vault.bin })}:${world.env.PATH ?? ''}` };

  for (const [name, given] of [
    ['VAULT_NAMESPACE', 'team'],
    ['BAO_NAMESPACE', 'admin'],
  ] as const) {
    expect(await world.script('root', ['--plan'], { ...env, [name]: given })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(
        `${name} is set to "${given}", and the Issuer would ask in "admin/mesh" (vault.namespace): unset it`,
      ) as string,
    });
  }

  ok(await world.script('root', rootFiles(await makeRoot(world.folder)), env));
  // with slashes at its ends it is the same one.
  expect(ok(await world.script('cluster-1', [], { ...env, VAULT_NAMESPACE: '/admin/mesh/' }))).toContain('11 trials passed');
  const noted = readFileSync(calls, 'utf8').trim().split('\n');
  expect(new Set(noted.map(line => line.split('|').slice(0, 2).join('|')))).toEqual(new Set(['admin/mesh|admin/mesh']));
  const words = new Set(noted.map(line => line.split('|')[2]));
  expect([...words].sort()).toEqual(['list', 'read', 'write']);
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
