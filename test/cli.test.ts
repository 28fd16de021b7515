import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { compileCommand } from './compiled';
import { rootPem } from './config/certificates';

const command = compileCommand();
afterAll(command.remove);

const SOUND = 'vault:\n  server: https://vault.example.com:8200\nistioVersion: "1.22"\nclusters:\n  - name: cluster-1\n';

/** What the default root is warned of, at the beginning of the file: the key is not written. */
const ROOT_WARNING =
  'mesh-ca.yaml:1:1: warning: root.source: "import" keeps the root\'s private key in Vault, where a Vault administrator can sign any CA with it; for production, write "offline" with a policy CA in policyCas, as HashiCorp and Istio recommend\n';

let cwd: string;
beforeEach(() => {
  cwd = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cli-')));
  write('mesh-ca.yaml', SOUND);
});
afterEach(() => fs.rmSync(cwd, { recursive: true }));

const write = (name: string, text: string) => {
  fs.mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
  fs.writeFileSync(path.join(cwd, name), text);
};
const read = (name: string) => fs.readFileSync(path.join(cwd, name), 'utf8');
const list = (name: string) => fs.readdirSync(path.join(cwd, name)).sort();

function run(args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command.cli, ...args], {
    cwd,
    env: { PATH: '', ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** Every file below a folder, with its text and whether it can be run. */
function tree(name: string): Record<string, string> {
  const names = fs
    .readdirSync(path.join(cwd, name), { recursive: true, encoding: 'utf8' })
    .filter(one => fs.statSync(path.join(cwd, name, one)).isFile());
  return Object.fromEntries(
    names.sort().map(one => [one, `${(fs.statSync(path.join(cwd, name, one)).mode & 0o777).toString(8)} ${read(`${name}/${one}`)}`]),
  );
}

describe('synth', () => {
  test('writes the whole folder and says what to read next', () => {
    expect(run(['synth'])).toStrictEqual({
      status: 0,
      stdout: 'wrote 20 files for 1 cluster to dist/\nnext: read dist/README.md\n',
      stderr: ROOT_WARNING,
    });
    expect(Object.keys(tree('dist'))).toStrictEqual([
      'README.md',
      'cluster-1/README.md',
      'cluster-1/adopt-undo.sh',
      'cluster-1/adopt.md',
      'cluster-1/adopt.sh',
      'cluster-1/audit.md',
      'cluster-1/control-plane.partial.yaml',
      'cluster-1/emergency.md',
      'cluster-1/emergency.sh',
      'cluster-1/istio-csr.values.yml',
      'cluster-1/manifests/0-access/service-account.yaml',
      'cluster-1/manifests/1-issuer/issuer.yaml',
      'cluster-1/sample/sample.yaml',
      'cluster-1/setup.sh',
      'cluster-1/teardown.sh',
      'cluster-1/verify.sh',
      'index.json',
      'root/setup.sh',
      'root/teardown.sh',
      'timeline.md',
    ]);
    expect(list('.')).toStrictEqual(['dist', 'mesh-ca.yaml']);
  });

  test('gives the same bytes a second time, and scripts that can be run', () => {
    run(['synth']);
    const first = tree('dist');
    run(['synth']);
    expect(tree('dist')).toStrictEqual(first);
    const runnable = Object.entries(first).filter(([, text]) => text.startsWith('755 '));
    expect(runnable.map(([name]) => name)).toStrictEqual([
      'cluster-1/adopt-undo.sh',
      'cluster-1/adopt.sh',
      'cluster-1/emergency.sh',
      'cluster-1/setup.sh',
      'cluster-1/teardown.sh',
      'cluster-1/verify.sh',
      'root/setup.sh',
      'root/teardown.sh',
    ]);
  });

  test('removes what an earlier config asked for', () => {
    run(['synth']);
    write('mesh-ca.yaml', SOUND.replace('cluster-1', 'cluster-2'));
    run(['synth']);
    expect(list('dist')).toStrictEqual(['README.md', 'cluster-2', 'index.json', 'root', 'timeline.md']);
  });

  test('writes where cdk8s wants it, unless --out is given', () => {
    fs.mkdirSync(path.join(cwd, 'theirs'));
    run(['synth'], { CDK8S_OUTDIR: 'theirs' });
    run(['synth', '--out', 'ours'], { CDK8S_OUTDIR: 'theirs' });
    expect(list('.')).toStrictEqual(['mesh-ca.yaml', 'ours', 'theirs']);
    expect(tree('ours')).toStrictEqual(tree('theirs'));
  });

  test('reads PEM files beside the config', () => {
    write('here/mesh.yaml', `${SOUND}root: { source: offline, certificate: root.pem }\n`);
    write('here/root.pem', rootPem);
    expect(run(['synth', '--config', 'here/mesh.yaml'])).toMatchObject({ status: 0, stderr: '' });
    expect(read('dist/cluster-1/manifests/2-istio-csr/root-ca.yaml')).toContain('BEGIN CERTIFICATE');
  });

  test('prints each warning once, with its place', () => {
    write('mesh-ca.yaml', `${SOUND}  - name: cluster-2\nrole: { hosts: anyService }\n`);
    expect(run(['synth']).stderr).toBe(
      ROOT_WARNING +
        'mesh-ca.yaml:7:16: warning: role.hosts: the role signs every *.svc name, localhost, any IP address and wildcards, so whoever holds its token can be any service; write "exact"\n',
    );
  });

  test('prints JSON when asked', () => {
    write('mesh-ca.yaml', `${SOUND}    intermediate: { key: exported }\n`);
    const { stdout, stderr } = run(['synth', '--json', '--out', './there']);
    expect(stderr).toBe('');
    const made = JSON.parse(stdout) as { files: unknown[] };
    expect(made).toMatchObject({
      out: './there',
      warnings: [
        { file: 'mesh-ca.yaml', line: 1, column: 1, path: 'root.source' },
        { file: 'mesh-ca.yaml', line: 6, column: 26, path: 'clusters[0].intermediate.key' },
      ],
    });
    expect(made.files[0]).toStrictEqual({ path: 'README.md', kind: 'doc', about: 'the runbook: begin here' });
  });
});

describe('a secret ID', () => {
  const SECRET = 'a18a7f36-0000-4000-8000-c1a8760b0873';
  beforeEach(() => write('mesh-ca.yaml', `${SOUND}    auth: appRole\n    secret: { delivery: manifest }\n`));

  test('comes from the environment, into its Secret and nowhere else', () => {
    const { status, stdout, stderr } = run(['synth', '--allow-plaintext-secret'], { MESH_CA_SECRET_ID_CLUSTER_1: SECRET });
    expect(status).toBe(0);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(stderr).toMatch(/^mesh-ca\.yaml:1:1: .*\nmesh-ca\.yaml:7:25: warning: secret\.delivery: .*\n$/);
    const holders = Object.entries(tree('dist')).filter(
      ([, text]) => text.includes(SECRET) || text.includes(Buffer.from(SECRET).toString('base64')),
    );
    expect(holders.map(([name]) => name)).toStrictEqual(['cluster-1/manifests/1-issuer/secret.yaml']);
  });

  test.each<[what: string, args: string[], env: Record<string, string>, error: string]>([
    [
      'it is not allowed to be in plain text',
      [],
      { MESH_CA_SECRET_ID_CLUSTER_1: SECRET },
      `'delivery' "manifest" writes the secret ID of cluster-1 in plain text; write "script", or allow it with --allow-plaintext-secret`,
    ],
    [
      'it is not in the environment',
      ['--allow-plaintext-secret'],
      {},
      `'delivery' "manifest" needs the secret ID of cluster-1 in the environment variable MESH_CA_SECRET_ID_CLUSTER_1`,
    ],
    [
      'it has a line break',
      ['--allow-plaintext-secret'],
      { MESH_CA_SECRET_ID_CLUSTER_1: `${SECRET}\n` },
      'MESH_CA_SECRET_ID_CLUSTER_1 must hold a secret ID, i.e. 1 to 512 visible ASCII characters',
    ],
  ])('fails if %s', (_what, args, env, error) => {
    expect(run(['synth', ...args], env)).toStrictEqual({ status: 2, stdout: '', stderr: `mesh-ca.yaml:7:25: error: ${error}\n` });
    expect(list('.')).toStrictEqual(['mesh-ca.yaml']);
  });
});

describe('fails if', () => {
  test('the config is wrong, with every place, and dist/ stays as it was', () => {
    run(['synth']);
    const before = tree('dist');
    write('mesh-ca.yaml', `${SOUND}    contxt: x\n    clusterId: ""\n    auth: appRole\n    appRole: { tokenTtl: 9h }\n`);
    expect(run(['synth'])).toStrictEqual({
      status: 2,
      stdout: '',
      stderr:
        `mesh-ca.yaml:6:5: error: unknown key "contxt" in item 1, did you mean "context"?\n` +
        `mesh-ca.yaml:7:16: error: 'clusterId' must be a cluster ID of letters, digits, "-", "_" and ".", e.g. "cluster-1", got ""\n` +
        `mesh-ca.yaml:9:26: error: 'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "9h"\n`,
    });
    expect(tree('dist')).toStrictEqual(before);
    expect(list('.')).toStrictEqual(['dist', 'mesh-ca.yaml']);
  });

  test('the config is wrong, as JSON', () => {
    write('mesh-ca.yaml', `${SOUND}x: 1\n`);
    const { status, stdout } = run(['synth', '--json']);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ errors: [{ file: 'mesh-ca.yaml', line: 6, column: 1, path: 'x' }] });
  });

  test.each<[what: string, args: string[], error: string]>([
    [
      'there is no config',
      ['synth', '--config', 'none.yaml'],
      'none.yaml cannot be read: there is no such file; name a config with --config, e.g. --config mesh-ca.yaml',
    ],
    [
      'the config is a folder',
      ['synth', '--config', '.git'],
      '.git cannot be read: it is no plain file; name a config with --config, e.g. --config mesh-ca.yaml',
    ],
    [
      'the config is no text',
      ['synth', '--config', 'binary'],
      'binary cannot be read: it is no UTF-8 text; name a config with --config, e.g. --config mesh-ca.yaml',
    ],
    [
      'the folder is this one',
      ['synth', '--out', '.'],
      '--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got "."',
    ],
    [
      'the folder holds the config',
      ['synth', '--config', 'conf/mesh.yaml', '--out', 'conf'],
      '--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got "conf"',
    ],
    [
      'the folder is above',
      ['synth', '--out', '..'],
      '--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got ".."',
    ],
    [
      'the folder is the root',
      ['synth', '--out', '/'],
      '--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got "/"',
    ],
    [
      'the folder is a link to this one',
      ['synth', '--out', 'link'],
      '--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got "link"',
    ],
    [
      'the folder has no name',
      ['synth', '--out', ''],
      '--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got ""',
    ],
    ['the folder is a file', ['synth', '--out', 'binary'], '"binary" is no folder, name another with --out'],
    [
      'the folder holds what is not ours',
      ['synth', '--out', '.git'],
      '".git" holds "refs/head", which mesh-ca did not make; move it away, or name another folder with --out',
    ],
    ['the command is misspelt', ['snth'], "unknown command 'snth' (Did you mean synth?)"],
    ['an option is misspelt', ['synth', '--ou', 'x'], "unknown option '--ou' (Did you mean --out?)"],
    ['there is a word too many', ['synth', 'x'], "too many arguments for 'synth'. Expected 0 arguments but got 1."],
  ])('%s', (_what, args, error) => {
    write('.git/refs/head', 'x');
    write('conf/mesh.yaml', SOUND);
    fs.writeFileSync(path.join(cwd, 'binary'), Buffer.from([0xff, 0xfe, 0x00]));
    fs.symlinkSync('.', path.join(cwd, 'link'));
    const before = list('.');
    expect(run(args)).toStrictEqual({ status: 2, stdout: '', stderr: `error: ${error}\n` });
    expect(list('.')).toStrictEqual(before);
    expect(read('.git/refs/head')).toBe('x');
  });

  test.each(['.', '..'])('the folder would take this one along: %s', out => {
    // GIVEN a config elsewhere than where the command runs
    write('below/here/x', 'x');
    const options = { cwd: path.join(cwd, 'below/here'), encoding: 'utf8', env: { PATH: '' } } as const;
    const { status, stderr } = spawnSync(process.execPath, [command.cli, 'synth', '--config', '../../mesh-ca.yaml', '--out', out], options);
    expect([status, stderr]).toStrictEqual([
      2,
      `error: --out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got ${JSON.stringify(out)}\n`,
    ]);
    expect(read('below/here/x')).toBe('x');
  });

  test('someone put a file of his own into dist/', () => {
    run(['synth']);
    write('dist/notes.txt', 'mine');
    expect(run(['synth'])).toStrictEqual({
      status: 2,
      stdout: '',
      stderr: 'error: "dist" holds "notes.txt", which mesh-ca did not make; move it away, or name another folder with --out\n',
    });
    expect(read('dist/notes.txt')).toBe('mine');
  });

  test('nothing is asked for, and shows the help', () => {
    const { status, stdout, stderr } = run([]);
    expect([status, stdout]).toStrictEqual([2, '']);
    expect(stderr).toContain('Usage: mesh-ca [options] [command]');
  });
});

test('a failure that is nobody’s input has another exit code', () => {
  write('mine', 'a file where a folder is needed');
  expect(run(['synth', '--out', 'mine/dist'])).toMatchObject({ status: 1, stdout: '' });
});

test('--help and --version say what they are asked', () => {
  expect(run(['--version'])).toStrictEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  expect(run(['synth', '--help']).stdout).toContain('--allow-plaintext-secret');
});

test.each(['SIGINT', 'SIGTERM'] as const)('stopped by %s, it leaves dist/ as it was and nothing beside it', async signal => {
  write('mesh-ca.yaml', SOUND);
  run(['synth']);
  const before = tree('dist');
  write('mesh-ca.yaml', SOUND + Array.from({ length: 400 }, (_, i) => `  - name: other-${i}\n`).join(''));

  const child = spawn(process.execPath, [command.cli, 'synth'], { cwd, stdio: 'ignore' });
  const ended = new Promise(resolve => child.on('exit', (_code, by) => resolve(by)));
  // the sibling folder shows that it is writing.
  while (!list('.').some(name => name.startsWith('.dist.mesh-ca-'))) await new Promise(resolve => setTimeout(resolve, 5));
  child.kill(signal);

  expect(await ended).toBe(signal);
  expect(list('.')).toStrictEqual(['dist', 'mesh-ca.yaml']);
  expect(tree('dist')).toStrictEqual(before);
});

test('colour is for terminals', () => {
  write('mesh-ca.yaml', `${SOUND}x: 1\n`);
  expect(run(['synth']).stderr).not.toContain('\x1b');
});
