import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../src/config/load';
import { ConfigError, Problem } from '../src/config/problem';
import { OutputFile } from '../src/output';
import { planMeshCa } from '../src/plan/plan';
import { quote } from '../src/script/bash';
import runtime from '../src/script/runtime.json';
import { synthesize } from '../src/synth';
import { rootPem } from './config/certificates';
import { Path, textLeaves, withValue } from './schema-leaves';

const hostile = [
  ...[
    "'",
    '"',
    `'"'"'`,
    '$(touch pwned)',
    '`touch pwned`',
    '${HOME}',
    '; touch pwned',
    '| touch pwned',
    '\\',
    'a\nb',
    'a\r\nb',
    '-',
    '--',
    '-n',
    '@file',
    '\\@x',
  ],
  ...[
    ': ',
    'a: b',
    '# x',
    'a # x',
    '!!str',
    '*a',
    '&a',
    '%',
    '{{x}}',
    '{{ .Values }}',
    '[a',
    '{a',
    '>',
    '|',
    '?',
    '- a',
    ',',
    '=',
    '<<',
    '---',
    '...',
    '\t',
    ' ',
    ' a',
    'a ',
    '',
  ],
  ...[
    'x'.repeat(100_000),
    'имя',
    'اسم',
    '名前',
    '🙂',
    '\0',
    'a\0b',
    '\u2028',
    '\u0085',
    '\ufeff',
    '\u202eabc',
    '\ud800',
    '\x1b[31m',
    '\x7f',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'yes',
    'no',
    'on',
    'null',
    '~',
    'true',
    '.inf',
    '0o17',
    '017',
    '1e3',
    '1_000',
    '0x1f',
    '2001-01-01',
    '12:30:45',
    '1.20',
    '../../etc',
    'EOF',
  ],
];

/** Takes the place of the hostile value in a run that shows where it goes. */
const SIGN = 'zqsignzq';

const sound = {
  vault: { server: 'https://vault.example.com:8200' },
  root: { source: 'generate' },
  istioVersion: '1.22',
  // so long that a right duration is right everywhere.
  intermediate: { ttl: '720h' },
  appRole: { tokenMaxTtl: '720h' },
  tsb: {
    hub: 'hub.example.com',
    managementPlane: { host: 'tsb.example.com', port: 443 },
    telemetryStore: { elastic: { host: 'es.example.com', port: 9200 } },
  },
  clusters: [{ name: 'cluster-1' }],
};

const leaves = textLeaves();

// JSON is YAML, and says exactly which text is meant.
const load = (config: unknown) =>
  loadConfig(JSON.stringify(config, undefined, 1), {
    file: 'mesh-ca.yaml',
    read: name => {
      if (name !== 'root.pem') throw new Error('there is no such file');
      return rootPem;
    },
    now: new Date('2027-01-01'),
    plan: planMeshCa,
  });

function attempt(config: unknown): { files: OutputFile[] } | { problems: readonly Problem[] } {
  try {
    return { files: synthesize(load(config).plan) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

/** Everything that a reader of the output gets, by file. */
const readings = (files: readonly OutputFile[]): unknown =>
  files.map(file => {
    if (/\.ya?ml$/.test(file.path)) return [file.path, ...(['1.1', '1.2'] as const).map(version => readYaml(file.content, version))];
    if (file.kind === 'script') return [file.path, readScript(file.content)];
    if (file.path === 'index.json') return [file.path, JSON.parse(file.content)];
    return [file.path, file.content.split('\n').length];
  });

function readYaml(text: string, version: '1.1' | '1.2'): unknown {
  return parseAllDocuments(text, { version }).map(document => {
    expect(document.errors).toStrictEqual([]);
    return document.toJS() as unknown;
  });
}

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostile-'))));
afterEach(() => {
  expect(fs.readdirSync(folder)).toStrictEqual([]);
  fs.rmdirSync(folder);
});

/** The words that bash makes of a script's own part: its constants, and each step's arguments. */
function readScript(script: string): unknown {
  const own = script.slice(0, Math.max(script.indexOf(runtime['setup.sh']), script.indexOf(runtime['verify.sh'])));
  expect(own).not.toBe('');
  const names = [...own.matchAll(/^readonly (\w+)=/gm)].map(([, name]) => name);
  const reader = [
    ...['step', 'unless', 'fields', 'run', 'needs'].map(word => `${word}() { printf '%s\\0' ${word} "$@"; }`),
    own,
    'if declare -F steps > /dev/null; then steps; fi',
    ...names.map(name => `printf '%s\\0' ${name} "$${name}"`),
  ];
  const words = execFileSync('bash', ['-u'], { cwd: folder, input: reader.join('\n'), encoding: 'utf8', stdio: 'pipe' }).split('\0');
  return words.map(word => (word.startsWith('{') ? (JSON.parse(word) as unknown) : word));
}

/** Puts a value where the sign stands, in keys and texts. */
function put(tree: unknown, value: string): unknown {
  if (typeof tree === 'string') return tree.replaceAll(SIGN, () => value);
  if (Array.isArray(tree)) return tree.map(item => put(item, value));
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key.replaceAll(SIGN, () => value), put(item, value)]));
}

test('every key takes its own example', () => {
  expect(leaves.length).toBeGreaterThan(80);
  for (const { path: at, right } of leaves)
    expect([at, attempt(withValue(sound, at, right))]).toStrictEqual([at, { files: expect.any(Array) as unknown }]);
});

describe('a hostile value is refused at its place, or comes out exactly as it went in', () => {
  test.each(leaves.map(leaf => [leaf.path.join('.'), leaf] as const))('%s', (_name, { path: at }) => {
    let signed: unknown;
    for (const value of hostile) {
      const config = withValue(sound, at, value);
      const result = attempt(config);
      if ('files' in result) {
        // what becomes of an accepted value is compared with what becomes of the sign.
        const plain = attempt(withValue(sound, at, SIGN));
        signed ??= 'files' in plain ? readings(plain.files) : plain;
        expect(readings(result.files)).toStrictEqual(put(signed, value));
      } else {
        expect([value.slice(0, 80), result.problems.map(problem => problem.path)]).toStrictEqual([value.slice(0, 80), [at]]);
        expect(result.problems.map(problem => problem.position?.line)).toStrictEqual([lineOf(config, at)]);
        expect(result.problems[0]?.message).toMatch(/^[^\p{C}\u2028\u2029]{10,700}$/u);
      }
    }
  });
});

/** The line of a place in the JSON text: where the text changes when the value does. */
function lineOf(config: unknown, at: Path): number {
  const [one, other] = ['a', 'b'].map(value => JSON.stringify(withValue(config, at, value), undefined, 1).split('\n'));
  return one!.findIndex((line, i) => line !== other![i]) + 1;
}

test('a hostile key of Helm values is refused, or comes out exactly', () => {
  const signed = readings(synthesize(load(withValue(sound, ['istioCsr', 'values', 'nodeSelector', SIGN], 'x')).plan));
  for (const value of hostile) {
    const result = attempt(withValue(sound, ['istioCsr', 'values', 'nodeSelector'], Object.fromEntries([[value, 'x']])));
    if ('files' in result) expect(readings(result.files)).toStrictEqual(put(signed, value));
    else expect(result.problems.map(problem => problem.path.slice(0, 3))).toStrictEqual([['istioCsr', 'values', 'nodeSelector']]);
  }
});

test.each(['bash', 'dash'])('a quoted word is that word to %s', shell => {
  const lines = hostile.filter(word => !word.includes('\0') && !word.includes('\ud800'));
  const read = (words: readonly string[]) =>
    execFileSync(shell, [], { cwd: folder, input: `printf '%s\\0' ${words.map(quote).join(' ')}`, encoding: 'utf8', stdio: 'pipe' })
      .split('\0')
      .slice(0, -1);
  expect(read(lines)).toStrictEqual(lines);

  const word = fc.string({ unit: 'binary' }).filter(text => !text.includes('\0') && text.isWellFormed());
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 50 }), words => {
      expect(read(words)).toStrictEqual(words);
    }),
    { numRuns: 50 },
  );
});

test('fails if a word holds a NUL byte, which no argument can', () => {
  expect(() => quote('a\0b')).toThrow('an argument cannot hold a NUL byte, got "a\\u0000b"');
});
