// What keeps secrets out of files, arguments and traces, and control sequences off the screen.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load';
import { plainJson } from '../../src/config/show';
import { problemText } from '../../src/config/problem';
import runtime from '../../src/script/runtime.json';
import { clusterScript } from '../../src/script/setup';
import { verifyScript } from '../../src/script/verify';
import { clusterOf } from './scripts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-safe-'));
afterAll(() => rmSync(folder, { recursive: true }));

const lines = Object.entries(runtime).flatMap(([file, text]) =>
  text.split('\n').map((line, i) => ({ at: `${file}:${i + 1}`, line, file })),
);

/** The variables of the runtime that hold a secret, or an answer with a secret in it. */
const SECRETS =
  'root_key|client_key|trial_token|trial_private_key|wrapping_token|token|secret_id|secret|response|jwt|held(?=" \\| jq| <<<|"?$)';
const secret = new RegExp(`\\$\\{?[!#]?(?:${SECRETS})\\b`);

describe('a secret', () => {
  test.each(['root_key', 'trial_private_key', 'wrapping_token', 'secret_id', 'response', 'held'])(
    'is looked for by the name $%s, which the runtime uses',
    name => {
      expect(lines.some(({ line }) => line.includes(`"$${name}"`))).toBe(true);
    },
  );

  test('never goes through a here-string or a here-document: before Bash 5.1 both are temporary files', () => {
    const stands = (line: string) => [...line.matchAll(/<<<\s*("[^"]*"|\S+)/g)].some(([, word = '']) => secret.test(word));
    expect(stands('jq -r .auth.client_token <<<"$response"')).toBe(true);
    expect(lines.filter(({ line }) => stands(line)).map(({ at }) => at)).toEqual([]);
    // Here-documents are quoted constants.
    const documents = lines.filter(({ line }) => /(?<!<)<<-?['"A-Za-z]/.test(line) && !line.trimStart().startsWith('#'));
    expect(documents.length).toBeGreaterThan(0);
    expect(documents.filter(({ line }) => !/<<'JQ'/.test(line)).map(({ at }) => at)).toEqual([]);
  });

  test('is only piped by printf, compared, or given to a function of ours: it is in no argument and no file', () => {
    const rest = (line: string) =>
      line
        .replace(/printf '%s(\\n)?' "\$\w+"(?= \||\))/g, '')
        // the root's certificate and its key, into one pipe.
        .replace(`printf '%s\\n%s\\n' "$(first_certificate <<<"$known_root")" "$root_key" |`, '')
        .replace(/(vault_as|take_login) "\$\w+"/g, '')
        .replace(/\[\[ (-n )?\$\w+ (=~ \S+ )?\]\]/g, '')
        .replace(/\$\{#\w+\}/g, '')
        .replace(/^\s*(\w+)=\$\{\1\/\/\[\[:space:\]\]\/\}$/, '');
    expect(secret.test(rest('vault login "$token"'))).toBe(true);
    expect(secret.test(rest(`printf '%s' "$secret_id" >"$work/secret"`))).toBe(true);
    expect(lines.filter(({ line }) => secret.test(rest(line))).map(({ at, line }) => `${at}: ${line.trim()}`)).toEqual([]);
  });

  test('is read from a KV secrets engine each time, never kept in a file', () => {
    const reads = lines.filter(({ line }) => /\b(get|get_anew|known|kept) .*\/data\//.test(line));
    expect(reads.length).toBeGreaterThan(1);
    expect(reads.filter(({ line }) => !line.includes('get_anew')).map(({ at }) => at)).toEqual([]);
  });

  test.each([
    ['bash -x', ['-x'], {}],
    ['SHELLOPTS', [], { SHELLOPTS: 'xtrace' }],
    ['BASH_ENV', [], { BASH_ENV: 'trace' }],
  ])('is not printed by a trace that %s turns on', (_name, options, env) => {
    writeFileSync(join(folder, 'trace'), 'set -x\n');
    for (const script of [clusterScript(clusterOf('appRole')), verifyScript(clusterOf('recommended'))]) {
      // --help is the first thing that runs after the functions are defined.
      writeFileSync(join(folder, 'script.sh'), script);
      const { status, stderr } = spawnSync('bash', [...options, 'script.sh', '--help'], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
      const [traced = '', after = ''] = stderr.split('note: tracing (bash -x) is turned off because it would print secrets\n');
      expect({ status, after }).toEqual({ status: 0, after: '' });
      // before the note, functions and constants are defined.
      expect(traced).toMatch(/^\+/m);
      expect(traced).not.toMatch(/\+ main /);
    }
  });
});

/** Runs Bash text after the functions of safe.sh. */
function bash(text: string, env: Readonly<Record<string, string>> = {}) {
  const input = `set -o errexit -o nounset -o pipefail\nwork=$PWD\n${runtime['safe.sh']}${text}`;
  return spawnSync('bash', ['-s'], { input, cwd: folder, env: { ...process.env, ...env } });
}

/** What a terminal obeys, and what hides or turns around text. */
const OBEYED = [
  ...Array.from({ length: 0x20 }, (_, i) => i).filter(code => code !== 0x00 && code !== 0x09 && code !== 0x0a),
  ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i),
  0x00ad,
  0x061c,
  ...[0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e],
  ...[0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff],
].map(code => String.fromCodePoint(code));

describe.each(['C', 'C.UTF-8'])('in locale %s', LC_ALL => {
  const plain = (text: string) =>
    bash(`plain ${Array.from(text, c => `'${c.replace("'", `'\\''`)}'`).join('')}`, { LC_ALL }).stdout.toString('utf8');

  test('plain prints no character that a terminal obeys', () => {
    const shown = plain(OBEYED.map(c => `<${c}>`).join(''));
    expect(OBEYED.filter(c => shown.includes(c))).toEqual([]);
    expect(shown).toMatch(/^(<\??>)+\n$/);
  });

  test('plain leaves text as it is', () => {
    const text = 'Zürich Ästhetik → 東京 مرحبا 🔑 – “x” …\ttab\nline';
    expect(plain(text)).toBe(`${text}\n`);
  });

  test('plain lets no control character come together of what it leaves', () => {
    // U+009B in pieces: split by a control character, and one within another.
    const { stdout } = bash(`plain $'a\\302\\001\\233b' $'\\302\\302\\233\\233' $'\\342\\200\\342\\200\\256\\256'`, { LC_ALL });
    expect(stdout.includes(Buffer.from('\u009b'))).toBe(false);
    expect(stdout.includes(Buffer.from('\u202e'))).toBe(false);
  });
});

test('an error message of a program reaches the screen without control sequences, with the exit code and the output of the program', () => {
  const { status, stdout, stderr } = bash(
    `with_plain_errors bash -c 'cat; printf "\\033[31mred \\302\\233 \\342\\200\\256turned" >&2; exit 7' <<<data`,
  );
  expect({ status, stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
    status: 7,
    stdout: 'data\n',
    stderr: '[31mred ? ?turned\n',
  });
});

test('every line that the runtime prints goes through plain', () => {
  // what a terminal is given: standard error, and descriptor 3, which is the standard output of a script.
  const prints = lines.filter(({ line }) => /\b(printf|echo|cat)\b.*>&[23]\b/.test(line));
  const constant = /printf '[^'%$]*' >&2/;
  const others = prints.filter(({ line }) => !constant.test(line) && !/\bplain\b|\$\(shown |\$\(plain /.test(line));
  // The version of Bash is looked at before anything is defined.
  expect(others.map(({ line }) => line.trim())).toEqual([
    `printf '%s: error: it needs Bash 4.4 or later, this is %s\\n' "$0" "$BASH_VERSION" >&2`,
  ]);
  // kubectl and Vault's CLI are started at one place each; what verify.sh asks has its errors in a file.
  const starts = lines.filter(({ line }) => /(kubectl --context "\$context"|command "\$cli")/.test(line));
  expect(
    starts.map(({ file, line }) => [file, line.includes('with_plain_errors') || /2>("\$tmp\/errors"|\/dev\/null)/.test(line)]),
  ).toEqual([
    ['kube.sh', true],
    ['setup.sh', true],
    ['tls.sh', true],
    ['verify.sh', true],
  ]);
});

test.each([
  ['an argument', ['--repair', 'x\u001b[31m\u009b\u202e'], {}],
  ['the name of the program', ['--plan'], { MESH_CA_CLI: 'x\u001b[31m\u009b\u202e' }],
  ['the namespace', ['--plan'], { VAULT_NAMESPACE: 'x\u001b[31m\u009b\u202e' }],
])('setup.sh prints %s without control sequences', (_name, args, env) => {
  writeFileSync(join(folder, 'setup.sh'), clusterScript(clusterOf('recommended')));
  const { status, stderr } = spawnSync('bash', ['setup.sh', ...args], { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } });
  expect(status).toBeGreaterThan(0);
  expect(stderr).toContain('x[31m??');
  expect(OBEYED.filter(c => stderr.includes(c))).toEqual([]);
});

test('verify.sh prints an argument without control sequences', () => {
  writeFileSync(join(folder, 'verify.sh'), verifyScript(clusterOf('recommended')));
  const { status, stderr } = spawnSync('bash', ['verify.sh', '--x\u001b[31m\u009b\u202e'], { cwd: folder, encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('--x');
  expect(OBEYED.filter(c => stderr.includes(c))).toEqual([]);
});

test('the command prints keys of a config without control sequences, as lines and as JSON', () => {
  const key = 'x\u001b[31m\u009b\u202e';
  const load = () =>
    loadConfig(`${JSON.stringify(key)}: 1`, {
      file: 'mesh-ca.yaml',
      read: () => '',
      now: new Date(0),
      plan: () => ({}),
    });
  let message = '';
  try {
    load();
  } catch (error) {
    message = String(error);
  }
  const printed = [message, problemText({ path: [key], message: 'wrong' }), plainJson({ [key]: key })];
  for (const text of printed) expect(OBEYED.filter(c => text.includes(c))).toEqual([]);
  expect(message).toContain('31m');
  expect(JSON.parse(plainJson({ [key]: [key, '\u{e0001}'] }))).toEqual({ [key]: [key, '\u{e0001}'] });
});

describe('write_beside', () => {
  const victim = join(folder, 'victim');
  beforeEach(() => writeFileSync(victim, 'untouched'));

  test('writes a file that everybody may read, and leaves nothing beside the file', () => {
    expect(bash(`printf 'text\\n' | write_beside root.pem`).status).toBe(0);
    expect(readFileSync(join(folder, 'root.pem'), 'utf8')).toBe('text\n');
    expect(statSync(join(folder, 'root.pem')).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder).filter(name => name.startsWith('.mesh-ca'))).toEqual([]);
  });

  test.each(['a link', 'a link to nothing', 'a folder'])('refuses %s in the place of the file', what => {
    const place = join(folder, `place ${what}`);
    if (what === 'a folder') mkdirSync(place);
    else symlinkSync(what === 'a link' ? victim : join(folder, 'nothing'), place);
    expect(bash(`printf text | write_beside ${JSON.stringify(place)}`).status).toBe(1);
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect(readFileSync(join(folder, 'error'), 'utf8')).toContain('is a symbolic link or a directory: remove it');
    expect(readdirSync(folder)).not.toContain('nothing');
  });

  test.each([
    ['while it is written', 'cat() { rm -f "$new"; ln -s "$PWD/victim" "$new"; command cat; }'],
    ['before it gets its name', 'mv() { rm -f "$new"; ln -s "$PWD/victim" "$new"; command mv "$@"; }'],
    ['after it got its name', 'mv() { command mv "$@"; rm -f taken.pem; printf theirs >taken.pem; }'],
  ])('is not led elsewhere by somebody who replaces the file %s, and says so', (_, attack) => {
    expect(bash(`${attack}\nprintf text | write_beside taken.pem`).status).toBe(1);
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect(readFileSync(join(folder, 'error'), 'utf8')).toBe('somebody else replaced taken.pem while it was written\n');
    rmSync(join(folder, 'taken.pem'), { force: true });
  });

  test('is how every file beside the config is written, and no temporary name can be foretold', () => {
    const writes = lines.filter(({ line }) => /[^0-9&]>"?(\$1|root\.pem|\$\(request_file\)|\$\(extension_file\))/.test(line));
    expect(writes.map(({ at }) => at)).toEqual([]);
    expect(lines.filter(({ line }) => /\.new\b/.test(line)).map(({ at }) => at)).toEqual([]);
  });
});

test('verify_only trusts no certificate but those of its file, whatever the machine or the environment trusts', () => {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  for (const name of ['one', 'two']) {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
    );
  }
  // The store of a machine is a folder in which each certificate has the hash of its name.
  mkdirSync(join(folder, 'store'));
  const hash = spawnSync('openssl', ['x509', '-noout', '-subject_hash', '-in', 'two.pem'], { cwd: folder, encoding: 'utf8' }).stdout.trim();
  writeFileSync(join(folder, 'store', `${hash}.0`), readFileSync(join(folder, 'two.pem')));
  const env = { SSL_CERT_DIR: join(folder, 'store'), SSL_CERT_FILE: join(folder, 'two.pem') };
  // It is a danger: this is what the scripts asked OpenSSL before.
  expect(bash('openssl verify -no-CApath -CAfile one.pem two.pem', env).status).toBe(0);
  expect(bash('verify_only one.pem two.pem', env).status).toBe(2);
  expect(bash('verify_only one.pem -partial_chain two.pem', env).status).toBe(2);
  expect(bash('verify_only two.pem two.pem', env).status).toBe(0);
  expect(
    lines.filter(({ line, file }) => /openssl verify/.test(line) && !line.startsWith('#') && file !== 'safe.sh').map(({ at }) => at),
  ).toEqual([]);
});

test('no certificate is read by an OpenSSL that reads all that the machine trusts first: 30 ms instead of 5', () => {
  const direct = lines.filter(({ line }) => /(?<![|] )openssl x509/.test(line) && !/^#|^\s*(say|printf) /.test(line));
  expect(direct.map(({ line }) => line)).toEqual([expect.stringMatching(/^x509\(\) \{ SSL_CERT_FILE=/)]);
});
