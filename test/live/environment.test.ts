// What the caller's shell exports must not change what the scripts read, decide or print: one environment that has all of it, on a real Vault and a
// real API server.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyScript } from '../../src/script/verify';
import { ok, tempDir } from './harness';
import { makeUndoWorld } from './undo';
import { configs, makeRoot, rootFiles, startServers } from './world';

const { kube, devVault } = startServers();

/** Settings that change the answers of a program, or the meaning of Bash, with a value that does. */
const settings = {
  VAULT_DETAILED: '1',
  VAULT_FORMAT: 'table',
  VAULT_MFA: 'a:b',
  VAULT_WRAP_TTL: '60s',
  BAO_DETAILED: '1',
  BAO_FORMAT: 'table',
  BAO_WRAP_TTL: '60s',
  KUBECTL_KYAML: 'true',
  GREP_OPTIONS: '--invert-match',
  GREP_COLORS: 'mt=01;31',
  LC_ALL: 'C.UTF-8',
  IFS: 'abc',
  CDPATH: '/',
  GLOBIGNORE: '*',
  POSIXLY_CORRECT: '1',
  BASH_COMPAT: '4.2',
  SHELLOPTS: 'allexport:braceexpand:errexit:hashall:interactive-comments:keyword:noclobber:noglob:posix',
  BASHOPTS: 'failglob:lastpipe:nocasematch:nullglob:xpg_echo',
  'BASH_FUNC_jq%%': '() { echo function; }',
  'BASH_FUNC_openssl%%': '() { echo function; }',
  'BASH_FUNC_say%%': '() { echo function; }',
  mode: 'run',
  cluster: 'other',
  picked: 'other',
  token: 'other',
};

test('a run, a check, an emergency and verify.sh give the same with each of them as without', async () => {
  const vault = await devVault();
  const world = await makeUndoWorld(configs.recommended, vault, [kube()]);
  writeFileSync(join(world.folder, 'dist/cluster-1/verify.sh'), verifyScript(world.cluster));
  // a request that OpenSSL makes by such a file has names that nobody asked for.
  const conf = join(tempDir('openssl'), 'openssl.cnf');
  writeFileSync(conf, '[req]\ndistinguished_name = dn\nreq_extensions = more\n[dn]\n[more]\nsubjectAltName = DNS:attacker.example.com\n');
  const env = { ...settings, OPENSSL_CONF: conf };
  const root = rootFiles(await makeRoot(world.folder));
  expect(ok(await world.script('root', root, env))).toContain('the root CA is ready in pki');
  expect(ok(await world.script('cluster-1', [], env))).toContain('ready in Vault: 11 trials passed');
  const calls: [file: string, ...args: string[]][] = [
    ['root/setup.sh', '--check'],
    ['cluster-1/setup.sh', '--check'],
    ['cluster-1/setup.sh', '--plan'],
    ['cluster-1/setup.sh', '--print-policy'],
    ['cluster-1/emergency.sh', 'revoke-intermediate', '--plan'],
    ['cluster-1/teardown.sh', '--plan'],
    ['cluster-1/verify.sh', '--vault'],
  ];
  for (const [file, ...args] of calls) {
    const results = [await world.undo(file, args), await world.undo(file, args, { env })];
    // the progress is printed after a second.
    const [plain, all] = results.map(({ stdout, ...rest }) => ({ ...rest, stdout: stdout.replaceAll(/^ +read: .*\n/gm, '') }));
    expect([file, ...args, all]).toEqual([file, ...args, plain]);
  }
});
