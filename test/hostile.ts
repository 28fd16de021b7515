// Texts that break what does not quote, in every key of the config. Used by the tests beside it, so that two of them run at once.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { formats } from '../src/config/formats';
import { loadConfig } from '../src/config/load';
import { ConfigError, Problem } from '../src/config/problem';
import { schema } from '../src/config/schema';
import { OutputFile } from '../src/output';
import { MeshCaPlan, planMeshCa } from '../src/plan/plan';
import runtime from '../src/script/runtime.json';
import { synthesize } from '../src/synth';
import { rootPem } from './config/certificates';
import { Leaf, Path, textLeaves, withLeaf } from './schema-leaves';

export const hostile = [
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
export const SIGN = 'zqsignzq';

export const sound = {
  // each needs the other.
  vault: { server: 'https://vault.example.com:8200', clientCertSecretRef: { name: 'a' }, clientKeySecretRef: { name: 'a' } },
  root: { source: 'generate' },
  istioVersion: '1.22',
  // so long that a right duration is right everywhere.
  intermediate: { ttl: '720h' },
  clusters: [{ name: 'cluster-1' }],
};

/** The same for each way in, since the settings of another one are refused. */
export const ways = [
  { ...sound, auth: 'jwt' },
  // Vault outside: its reviewer is in the output too.
  { ...sound, auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } },
  { ...sound, auth: 'appRole', appRole: { tokenMaxTtl: '720h' } },
  { ...sound, auth: 'clientCertificate', clientCertificate: { certificate: 'root.pem', allowedNames: [formats.certificateName?.example] } },
  { ...sound, auth: 'jwt', ambient: true, istioVersion: '1.26', target: 'helm', ztunnel: {} },
  { ...sound, auth: 'aws', aws: { iamRoleArn: formats.iamRoleArn?.example, region: 'eu-central-1' } },
  // and for each delivery, for the same reason.
  ...['wrapped', 'externalSecret', 'externalSecretGenerator', 'sealedSecret', 'sops'].map(delivery => ({
    ...sound,
    auth: 'appRole',
    // it must outlive two refreshes of an example's length.
    appRole: { tokenMaxTtl: '720h', secretIdTtl: '8760h' },
    secret: { delivery, ...(delivery === 'sops' && { ageRecipient: formats.ageRecipient?.example }) },
  })),
  // and for what a root has that is there already, what is between it and the intermediates, and what both are shorter than.
  { ...sound, auth: 'jwt', root: { source: 'existing' } },
  { ...sound, auth: 'jwt', intermediate: { ttl: '24h' }, policyCas: [{ name: 'policy' }] },
  // and for what an offline root alone can write into what it signs.
  { ...sound, auth: 'jwt', root: { source: 'offline', certificate: 'root.pem' } },
  {
    ...sound,
    auth: 'jwt',
    root: { source: 'offline', certificate: 'root.pem' },
    intermediate: { ttl: '24h' },
    policyCas: [{ name: 'policy' }],
  },
  // and for what alone reads the trust namespace.
  { ...sound, auth: 'jwt', istioCsr: { rootCarrier: 'bundle' } },
  // and for what the Sail operator's object is called, which goes with the revision.
  { ...sound, auth: 'jwt', target: 'sail', istioVersion: '1.22.3', istio: { revision: 'cluster-1-v1-22-3' } },
  // and for the canary; its revision is the schema's own example, which a cluster has where it says another key of it.
  { ...sound, auth: 'jwt', istio: { revision: 'stable', canary: { revision: 'cluster-1' } } },
  // and for what labels the alerts.
  { ...sound, auth: 'jwt', monitoring: true },
  // and for the addresses that NetworkPolicies name.
  { ...sound, auth: 'jwt', networkPolicy: true },
];

export const leaves = textLeaves();

/** A config that a leaf fits into. */
export const soundFor = ({ path: at, right }: Pick<Leaf, 'path' | 'right'>) =>
  [sound, ...ways].find(config => problemsOf(withLeaf(config, at, right)).length === 0) ?? sound;

/** What can be said for all clusters or for one. */
const perCluster = schema.definitions?.ClusterConfig?.properties ?? {};

/**
 * A plan is made of its config alone, and is frozen, so each is made once a test: where a value is refused, what is planned is the config with
 * a right one in its place, which is the same for all of them.
 */
const attempts = new Map<string, { readonly plan: MeshCaPlan } | { readonly error: unknown }>();
afterEach(() => attempts.clear());
const plan: typeof planMeshCa = (...args) => {
  const key = JSON.stringify(args);
  const known = attempts.get(key) ?? attempt(() => planMeshCa(...args));
  attempts.set(key, known);
  if ('error' in known) throw known.error;
  return known.plan;
};

function attempt(make: () => MeshCaPlan): { readonly plan: MeshCaPlan } | { readonly error: unknown } {
  try {
    return { plan: make() };
  } catch (error) {
    return { error };
  }
}

// JSON is YAML, and says exactly which text is meant.
export const load = (config: unknown) =>
  loadConfig(JSON.stringify(config, undefined, 1), {
    file: 'mesh-ca.yaml',
    read: name => {
      if (name !== 'root.pem') throw new Error('there is no such file');
      return rootPem;
    },
    now: new Date('2027-01-01'),
    plan,
  });

/** What becomes of a config: a plan, or problems. */
function tried(config: unknown): { readonly plan?: MeshCaPlan; readonly problems: readonly Problem[] } {
  try {
    return { plan: load(config).plan, problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

export const problemsOf = (config: unknown): readonly Problem[] => tried(config).problems;

/**
 * Everything that a reader of the output gets is, for each value, what he gets for the sign, with the value in its place. One bash reads all
 * the scripts, and a text that several outputs have is read once.
 */
export function expectSameReadings(
  sign: string,
  signed: readonly OutputFile[],
  outputs: readonly (readonly [value: string, files: readonly OutputFile[]])[],
): void {
  // the same text, without the sign in it, reads the same.
  const fixed = signed.map(file => !file.path.includes(sign) && !file.content.includes(sign));
  const changed = outputs.map(([value, files]) => {
    expect(files.map(file => file.path)).toStrictEqual(signed.map(file => put(file.path, sign, value)));
    return files.flatMap((file, i) => (fixed[i] && file.content === signed[i]!.content ? [] : [{ value, file, model: signed[i]! }]));
  });
  const texts = new Map<OutputFile, string>();
  for (const { file, model } of changed.flat()) {
    for (const one of [file, model]) if (one.kind === 'script' && !texts.has(one)) texts.set(one, ownPart(one.content));
  }
  const scripts = readScripts(texts);
  const models = new Map<OutputFile, unknown>();
  for (const { value, file, model } of changed.flat()) {
    if (!models.has(model)) models.set(model, [readText(model), scripts.get(model)]);
    expect([readText(file), scripts.get(file)]).toStrictEqual(put(models.get(model), sign, value));
  }
}

function readText(file: OutputFile): unknown {
  if (/\.ya?ml$/.test(file.path)) return [file.path, ...(['1.1', '1.2'] as const).map(version => readYaml(file.content, version))];
  if (file.path === 'index.json')
    return [file.path, JSON.parse(file.content, (key, value: unknown) => (key === 'sha256' ? 'a digest' : value)) as unknown];
  return [file.path, file.kind === 'doc' ? file.content.split('\n').length : 'below'];
}

function readYaml(text: string, version: '1.1' | '1.2'): unknown {
  return parseAllDocuments(text, { version }).map(document => {
    expect(document.errors).toStrictEqual([]);
    return document.toJS() as unknown;
  });
}

export let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostile-'))));
afterEach(() => {
  expect(fs.readdirSync(folder)).toStrictEqual([]);
  fs.rmdirSync(folder);
});

/** The words that bash makes of scripts' own parts: their constants, and each step's arguments. */
function readScripts(parts: ReadonlyMap<OutputFile, string>): Map<OutputFile, unknown[]> {
  const mark = 'end-of-script';
  const words = ['step', 'unless', 'fields', 'run', 'needs'].map(word => `${word}() { printf '%s\\0' ${word} "$@"; }`);
  const input = [...words, ...[...parts.values()].map(part => `${readerOf(part)}\nprintf '%s\\0' ${mark}`)].join('\n');
  // from a file: of a pipe bash reads a byte at a time.
  const scripts = fs.mkdtempSync(path.join(os.tmpdir(), 'hostile-scripts-'));
  fs.writeFileSync(path.join(scripts, 'all.sh'), input);
  const options = { cwd: folder, encoding: 'utf8', stdio: 'pipe', maxBuffer: 1 << 28 } as const;
  const read = execFileSync('bash', ['-u', path.join(scripts, 'all.sh')], options)
    .split(`${mark}\0`)
    .slice(0, -1);
  fs.rmSync(scripts, { recursive: true });
  expect(read).toHaveLength(parts.size);
  return new Map([...parts.keys()].map((file, i) => [file, read[i]!.split('\0').map(word => (/^[[{]/.test(word) ? jsonOr(word) : word))]));
}

/** A script without the text of runtime/. */
function ownPart(script: string): string {
  const own = script.slice(0, Math.max(script.indexOf(runtime['setup.sh']), script.indexOf(runtime['verify.sh'])));
  expect(own).not.toBe('');
  return own;
}

/** Prints what a part says, and leaves nothing of it behind: a shell of its own for each of thousands would take longer than all the rest. */
function readerOf(own: string): string {
  const constant = /^readonly (?=(\w+)=)/gm;
  const names = [...own.matchAll(constant)].map(([, name]) => name);
  return [
    own.replaceAll(constant, ''),
    'if declare -F steps > /dev/null; then steps; fi',
    ...names.map(name => `printf '%s\\0' ${name} "$${name}"`),
    `unset -f steps\nunset -v ${names.join(' ')}`,
  ].join('\n');
}

function jsonOr(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}

/** Puts a value where the sign stands, in keys and texts. */
function put(tree: unknown, sign: string, value: string): unknown {
  if (typeof tree === 'string') return tree.replaceAll(sign, () => value);
  if (Array.isArray(tree)) return tree.map(item => put(item, sign, value));
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key.replaceAll(sign, () => value), put(item, sign, value)]));
}

/** Where a leaf stands: below what all clusters may share, of one cluster, or of none. */
export function placeOf({ path: [first] }: Leaf): 'shared' | 'cluster' | 'top' {
  if (Object.hasOwn(perCluster, first!)) return 'shared';
  return first === 'clusters' ? 'cluster' : 'top';
}

/** Defines a test for each leaf of a place. */
export function testLeaves(place: ReturnType<typeof placeOf>): void {
  test.each(leaves.filter(leaf => placeOf(leaf) === place).map(leaf => [leaf.path.join('.'), leaf] as const))(
    '%s: a hostile value is refused at its place, or comes out exactly',
    (_name, leaf) => {
      const { path: at, right } = leaf;
      const base = soundFor(leaf);
      const line = lineOf(base, at);
      const accepted: [value: string, plan: MeshCaPlan][] = [];
      const refused: [value: string, problems: readonly Problem[]][] = [];
      for (const value of hostile) {
        const { plan, problems } = tried(withLeaf(base, at, value));
        if (plan) accepted.push([value, plan]);
        else refused.push([value.slice(0, 80), problems]);
      }
      expect(refused.map(([value, problems]) => [value, problems.map(problem => [problem.path, problem.position?.line])])).toStrictEqual(
        refused.map(([value]) => [value, [[at, line]]]),
      );
      const messages = refused.flatMap(([, problems]) => problems.map(problem => problem.message));
      expect(messages.filter(message => !/^[^\p{C}\u2028\u2029]{10,700}$/u.test(message))).toStrictEqual([]);
      if (placeOf(leaf) === 'shared') expectSamePlan(base, at, accepted);
      else expectExact(base, at, problemsOf(withLeaf(base, at, SIGN)).length === 0 ? SIGN : String(right), accepted);
    },
  );
}

/** What clusters share is planned as if each had said it, so its output need not be looked at again. */
function expectSamePlan(base: unknown, at: Path, accepted: readonly (readonly [value: string, plan: MeshCaPlan])[]): void {
  for (const [value, plan] of accepted) {
    expect(plan.clusters[0]).toStrictEqual(load(withLeaf(base, ['clusters', 0, ...at], value)).plan.clusters[0]);
  }
}

/** What becomes of a value is what becomes of the sign, with the value in its place. */
function expectExact(base: unknown, at: Path, sign: string, accepted: readonly (readonly [value: string, plan: MeshCaPlan])[]): void {
  const { plan: signed } = load(withLeaf(base, at, sign));
  const bare = JSON.stringify(signed);
  // a value that the plan does not hold, as the schema's place, comes out nowhere.
  const held = accepted.filter(([, plan]) => bare.includes(sign) || JSON.stringify(plan) !== bare);
  if (held.length === 0) return;
  expectSameReadings(
    sign,
    synthesize(signed),
    held.map(([value, plan]) => [value, synthesize(plan)]),
  );
}

/** The line of a place in the JSON text: where the text changes when the value does. */
function lineOf(config: unknown, at: Path): number {
  const [one, other] = ['a', 'b'].map(value => JSON.stringify(withLeaf(config, at, value), undefined, 1).split('\n'));
  return one!.findIndex((line, i) => line !== other![i]) + 1;
}
