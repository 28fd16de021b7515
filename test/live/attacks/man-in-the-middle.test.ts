// The attacker is on the network between the administrator and the servers, and holds no credential. A setting of the administrator's
// (VAULT_SKIP_VERIFY, an http address of Vault, a kubeconfig with insecure-skip-tls-verify or http://, kubectl's own preferences) would let the
// attacker answer in the place of Vault or of the API server. The file tries each of them with every script: none makes a call.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { planMeshCa } from '../../../src/plan/plan';
import { synthesize } from '../../../src/synth';
import { makeCa, makeServerCertificate } from '../harness/certificates';
import { buildPrograms, type Kube, ok, run, type RunOptions, startKube, startVaultServer, tempDir, type VaultServer } from '../harness';
import { configs, makeRoot, makeWorld, programsBefore, rootFiles, type World } from '../world';

let vault: VaultServer;
let kube: Kube;
let world: World;
let calls: string;
jest.setTimeout(180_000);
beforeAll(async () => {
  const { kubectl } = await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = [await startVaultServer(), await startKube()];
  const config = { ...configs.recommended, auth: 'appRole' as const, secret: { delivery: 'wrapped' as const } };
  world = await makeWorld(config, vault, [kube]);
  // every script that there is: with a wrapped secret ID there is unwrap-secret-id.sh, with one of the script's there is rotate-secret-id.sh.
  for (const delivery of ['script', 'wrapped'] as const) {
    const plan = planMeshCa({ ...config, secret: { delivery }, vault: { server: vault.addr } });
    for (const { path, content, kind } of synthesize(plan)) {
      if (kind !== 'script') continue;
      mkdirSync(join(world.folder, 'dist', path, '..'), { recursive: true });
      writeFileSync(join(world.folder, 'dist', path), content);
    }
  }
  calls = join(tempDir('calls'), 'calls');
  // a call that reaches no server is not noted.
  const noted = (program: string) => `[[ "$*" == *'config view'* ]] || printf '%s %s\\n' ${program} "$*" >>'${calls}'\nexec "$real" "$@"`;
  const bin = programsBefore({ vault: noted('vault'), kubectl: noted('kubectl') }, { vault: vault.bin, kubectl });
  world = { ...world, env: { ...world.env, PATH: `${bin}:${world.env.PATH ?? ''}` } };
}, 45 * 60_000);
afterAll(async () => {
  await kube.stop();
  await vault.stop();
});

const script = (file: string, args: readonly string[] = [], { env, ...options }: RunOptions = {}) =>
  run('bash', [`dist/${file}`, ...args], { cwd: world.folder, timeout: 120_000, ...options, env: { ...world.env, ...env } });
const made = () => (existsSync(calls) ? readFileSync(calls, 'utf8') : '');

/** The kubeconfig with other words for its cluster. */
function kubeconfig(change: (cluster: Record<string, unknown>) => Record<string, unknown>): string {
  const file = join(tempDir('kubeconfig'), 'config');
  const config = JSON.parse(readFileSync(kube.kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, unknown> }[] };
  const clusters = config.clusters.map(one => ({ ...one, cluster: change(one.cluster) }));
  writeFileSync(file, JSON.stringify({ ...config, clusters }), { mode: 0o600 });
  return file;
}
const blind = () => kubeconfig(({ 'certificate-authority-data': _, ...cluster }) => ({ ...cluster, 'insecure-skip-tls-verify': true }));

/** Every script, with arguments by which it would ask a server. */
const scripts: readonly (readonly [file: string, ...args: string[]])[] = [
  ['root/setup.sh'],
  ['root/setup.sh', '--plan'],
  ['root/setup.sh', '--check'],
  ['root/teardown.sh'],
  ['cluster-1/setup.sh'],
  ['cluster-1/setup.sh', '--check'],
  ['cluster-1/setup.sh', '--repair', 'role/write'],
  ['cluster-1/verify.sh'],
  ['cluster-1/verify.sh', '--vault'],
  ['cluster-1/emergency.sh', 'block-login', '--yes', 'cluster-1'],
  ['cluster-1/emergency.sh', 'block-role', '--yes', 'cluster-1'],
  ['cluster-1/emergency.sh', 'revoke-intermediate', '--yes', 'cluster-1'],
  ['cluster-1/teardown.sh'],
  ['cluster-1/adopt.sh'],
  ['cluster-1/adopt-undo.sh'],
  ['cluster-1/rotate-secret-id.sh'],
  ['cluster-1/unwrap-secret-id.sh'],
];
const withKube = scripts.filter(([file]) => !/^root\/|emergency/.test(file));

test('cannot answer for Vault, since no script calls it with VAULT_SKIP_VERIFY or BAO_SKIP_VERIFY', async () => {
  // the ingredient is real: Vault's CLI would take another CA's certificate with each of these values.
  const stranger = { ...vault.env, VAULT_CACERT: (await makeCa(tempDir('ca'), 'another CA')).caFile };
  for (const value of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    expect(await run(vault.bin, ['status'], { env: { ...stranger, VAULT_SKIP_VERIFY: value } })).toMatchObject({ code: 0 });
    const { code, stdout, stderr } = await script('cluster-1/setup.sh', [], { env: { VAULT_SKIP_VERIFY: value } });
    expect([value, code, stdout]).toEqual([value, 2, '']);
    expect(stderr).toContain(`VAULT_SKIP_VERIFY is "${value}", so nothing checks the certificate of Vault`);
  }
  expect(await run(vault.bin, ['status'], { env: stranger })).toMatchObject({ code: 1 });

  for (const [file, ...args] of scripts) {
    for (const name of ['VAULT_SKIP_VERIFY', 'BAO_SKIP_VERIFY']) {
      const { code, stdout, stderr } = await script(file, args, { env: { [name]: 'true' }, input: 'hvs.CAESIJunused\n' });
      expect([file, name, code, stdout]).toEqual([file, name, 2, '']);
      expect(stderr).toContain('pass --insecure-skip-tls-verify');
    }
  }
  expect(made()).toBe('');
});

test('cannot answer for the API server, since no script calls it by a kubeconfig that skips the verification', async () => {
  const KUBECONFIG = blind();
  // the ingredient is real: kubectl takes any certificate with it.
  ok(await kube.kubectl(['get', 'namespaces'], { env: { KUBECONFIG } }));
  for (const [file, ...args] of withKube) {
    const { code, stdout, stderr } = await script(file, args, { env: { KUBECONFIG }, input: 'hvs.CAESIJunused\n' });
    expect([file, code, stdout]).toEqual([file, 2, '']);
    expect(stderr).toContain('context cluster-1 of the kubeconfig has insecure-skip-tls-verify');
  }
  expect(made()).toBe('');
});

test('cannot answer for the API server over http, but for one on the same machine', async () => {
  const at = (server: string) => kubeconfig(cluster => ({ ...cluster, server }));
  for (const server of ['http://10.0.0.1:8080', 'HTTP://api.example.com', 'http://127.0.0.1.example.com']) {
    const { code, stderr } = await script('cluster-1/setup.sh', [], { env: { KUBECONFIG: at(server) } });
    expect([server, code]).toEqual([server, 2]);
    expect(stderr).toContain('context cluster-1 of the kubeconfig reaches the API server without TLS');
  }
  expect(made()).toBe('');
  // nothing listens there; what matters is that it is asked.
  const { stderr } = await script('cluster-1/verify.sh', [], { env: { KUBECONFIG: at('http://127.0.0.1:9') } });
  expect(stderr).not.toContain('without TLS');
  // that call is no other test's.
  rmSync(calls, { force: true });
});

test('cannot answer for Vault over http, but for one on the same machine', async () => {
  for (const [file, ...args] of scripts) {
    // BAO_ADDR is for bao alone, and removed for vault.
    for (const name of ['VAULT_ADDR', 'VAULT_AGENT_ADDR']) {
      const env = { [name]: 'HTTP://vault.example.com:8200' };
      const { code, stdout, stderr } = await script(file, args, { env, input: 'hvs.CAESIJunused\n' });
      expect([file, name, code, stdout]).toEqual([file, name, 2, '']);
      expect(stderr).toContain('Vault is reached without TLS at HTTP://vault.example.com:8200: use an https address');
    }
  }
  expect(made()).toBe('');
  // nothing listens there; what matters is that it is asked.
  const { stderr } = await script('cluster-1/setup.sh', ['--check'], { env: { VAULT_ADDR: 'http://127.0.0.1:9' } });
  expect(stderr).not.toContain('without TLS');
});

test("cannot answer for the API server by kubectl's own preferences, which the scripts turn off", async () => {
  const stranger = await makeCa(tempDir('ca'), 'another CA');
  await makeServerCertificate(stranger, tempDir('server'), 'other', ['IP:127.0.0.1']);
  const KUBECONFIG = kubeconfig(({ server }) => ({ server, 'certificate-authority-data': Buffer.from(stranger.caPem).toString('base64') }));
  const HOME = tempDir('home');
  mkdirSync(join(HOME, '.kube'));
  const kuberc = `apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ndefaults:\n`;
  const option = (command: string) =>
    `  - command: ${command}\n    options:\n      - name: insecure-skip-tls-verify\n        default: "true"\n`;
  writeFileSync(join(HOME, '.kube/kuberc'), kuberc + ['get', 'auth can-i', 'create', 'apply'].map(option).join(''));
  expect((await kube.kubectl(['get', 'namespaces'], { env: { KUBECONFIG, HOME } })).stderr).not.toContain('x509');
  const { stdout } = await script('cluster-1/verify.sh', [], { env: { KUBECONFIG, HOME } });
  expect(stdout).toContain('x509: certificate signed by unknown authority');
});

test('an option lets a run pass, and the run says so; a false value needs none', async () => {
  const root = rootFiles(await makeRoot(world.folder));
  const insecure = await script('root/setup.sh', ['--insecure-skip-tls-verify', ...root], {
    env: { VAULT_SKIP_VERIFY: 'true', VAULT_CACERT: undefined },
  });
  expect(insecure).toMatchObject({ code: 0, stderr: expect.stringContaining('WARNING: --insecure-skip-tls-verify') as string });
  expect(insecure.stderr).toContain('VAULT_SKIP_VERIFY is "true"');
  expect(await script('root/setup.sh', [], { env: { VAULT_SKIP_VERIFY: 'false', BAO_SKIP_VERIFY: '0' } })).toMatchObject({
    code: 0,
    stderr: '',
  });
  const both = await script('cluster-1/setup.sh', ['--insecure-skip-tls-verify', '--plan'], { env: { KUBECONFIG: blind() } });
  expect(both).toMatchObject({ code: 0, stderr: expect.stringContaining('has insecure-skip-tls-verify') as string });
});

test('nobody needs the option for --help and --print-policy, which ask no server', async () => {
  for (const option of ['--help', '--print-policy']) {
    expect(await script('cluster-1/setup.sh', [option], { env: { VAULT_SKIP_VERIFY: 'true' } })).toMatchObject({ code: 0, stderr: '' });
  }
});
