// The attacker holds cert-manager's token at an OpenBao, and tries to choose the end of a certificate (not_after). OpenBao bounds it by a field of the
// role, which Vault 1.13 does not have. OpenBao does not run in these tests: a stand-in for the CLI, in front of a real Vault, answers with the field
// as OpenBao does, and keeps what is written. It shows what setup.sh writes and compares; what OpenBao makes of it is read in its documentation.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, tempDir } from '../harness';
import { configs, makeRoot, makeWorld, programsBefore, rootFiles, startServers } from '../world';

const { kube, devVault } = startServers();

test('cannot be chosen by a request at an OpenBao: setup.sh forbids it in the role, and --check sees when that was changed', async () => {
  const vault = await devVault();
  const world = await makeWorld(configs.recommended, vault, [kube()]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  const { path } = world.cluster.role;
  // OpenBao's own value, until another one is written.
  const bound = join(tempDir('openbao'), 'bound');
  writeFileSync(bound, 'permit');
  const text = `if [[ $1 == write && " $* " == *' ${path} '* ]]; then
  body=$(cat)
  jq -r '.not_after_bound // "permit"' <<<"$body" >'${bound}'
  jq 'del(.not_after_bound)' <<<"$body" | "$real" "$@"
elif [[ $1 == read && " $* " == *' ${path} '* ]]; then
  answer=$("$real" "$@") || exit
  jq --rawfile bound '${bound}' '.data.not_after_bound = ($bound | rtrimstr("\\n"))' <<<"$answer"
else
  exec "$real" "$@"
fi`;
  const env = { PATH: `${programsBefore({ vault: text }, { vault: vault.bin })}:${world.env.PATH ?? ''}` };
  ok(await world.script('cluster-1', [], env));
  expect(readFileSync(bound, 'utf8').trim()).toBe('forbid');
  expect(await world.script('cluster-1', ['--check'], env)).toMatchObject({ code: 0 });

  writeFileSync(bound, 'permit');
  const { code, stdout } = await world.script('cluster-1', ['--check'], env);
  expect([code, stdout]).toEqual([3, expect.stringMatching(/- not_after_bound: "permit"\n +\+ not_after_bound: "forbid"/)]);
  ok(await world.script('cluster-1', ['--repair', 'role/write'], env));
  expect(readFileSync(bound, 'utf8').trim()).toBe('forbid');
});
