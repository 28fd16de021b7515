import { MeshCaConfig } from './config';
import { BEGIN, checkPem, isPem, PemResult } from './pem';
import { ConfigError, Problem } from './problem';
import { put, repaired, valueAt } from './repair';
import { safeMessage, show } from './show';
import { validate } from './validate';
import { named } from './words';

type Path = readonly (string | number)[];

/** A config as it was read, from a file or out of TypeScript. */
export interface ReadConfig {
  /** The value, in JSON's types. */
  readonly value: unknown;

  /** What was wrong already when it was read. */
  readonly problems: readonly Problem[];

  /**
   * A scalar as it was typed.
   *
   * @default - as JavaScript writes it
   */
  readonly source?: (path: Path) => string | undefined;
}

/** What is known of a config that has been checked. */
export interface Checked {
  /**
   * How long the root certificate lives from now: no intermediate may outlive it.
   *
   * @default - it is not known
   */
  readonly rootSeconds?: number;
}

/** What is beside the config. */
export interface CheckOptions<T> {
  /**
   * Reads a PEM file that the config names; throws where it cannot be read.
   *
   * @default - the config holds PEM text only
   */
  readonly read?: (path: string) => string;

  /**
   * The time that certificates must be valid at.
   *
   * @default - their dates are not looked at
   */
  readonly now?: Date;

  /**
   * What the config is for, normally `planMeshCa`. The problems of a `ConfigError` that it throws are reported with the config's own. Where
   * the config is wrong elsewhere, it is called several times, with right values in the place of the wrong ones.
   */
  readonly plan: (config: MeshCaConfig, checked: Checked) => T;
}

/**
 * Checks a config and plans it.
 *
 * @throws ConfigError with every problem at once
 */
export function checkConfig<T>(given: ReadConfig, options: CheckOptions<T>): { readonly config: MeshCaConfig; readonly plan: T } {
  const problems = [...given.problems];
  const isRefused = (path: Path) => problems.some(problem => problem.path.every((key, i) => key === path[i]));
  problems.push(...validate(given.value, given.source ?? (() => undefined)).filter(({ path }) => !isRefused(path)));

  let config = given.value;
  let root: PemResult | undefined;
  for (const path of pemPaths(config)) {
    const value = valueAt(config, path);
    if (typeof value !== 'string' || isRefused(path)) continue;
    const pem = readPem(value, path, options);
    problems.push(...pem.problems.map(message => ({ path, message: `${named(path)} ${message}` })));
    if (pem.problems.length > 0) continue;
    config = put(config, path, pem.text);
    if (path[1] === 'certificate' && path[0] === 'root') root = pem;
  }
  const { now, plan } = options;
  const checked = { rootSeconds: root && now && Math.floor((root.ends.getTime() - now.getTime()) / 1000) };

  // the schema has been checked, so the value has the config's shape, or is given it.
  const configs = (problems.length === 0 ? [config] : repaired(config, problems)) as MeshCaConfig[];
  const attempts = configs.map(one => attempt(() => plan(one, checked)));
  const found = attempts.map(one => new Set(one.problems.map(keyOf)));
  const first = attempts[0]?.problems ?? [];
  problems.push(...first.filter(problem => found.every(one => one.has(keyOf(problem)))));
  if (problems.length === 0) return { config: config as MeshCaConfig, plan: attempts[0]?.made as T };

  // what is wrong with a shared setting is wrong for each cluster; one line says it.
  const once = new Map(problems.map(problem => [keyOf(problem), { ...problem, message: safeMessage(problem.message) }]));
  throw new ConfigError([...once.values()]);
}

/** Where a config may name a PEM file. */
function pemPaths(config: unknown): Path[] {
  const clusters = valueAt(config, ['clusters']);
  const ofClients = ['clientCertificate', 'certificate'];
  const ofClusters = Array.isArray(clusters) ? clusters.map((_, i) => ['clusters', i, ...ofClients]) : [];
  const roots = valueAt(config, ['root', 'alsoTrust']);
  const alsoTrusted = Array.isArray(roots) ? roots.map((_, i) => ['root', 'alsoTrust', i]) : [];
  return [['vault', 'caBundle'], ['root', 'certificate'], ...alsoTrusted, ofClients, ...ofClusters];
}

const keyOf = ({ path, message, position }: Problem) => JSON.stringify([path, message, position]);

/** Makes something, or gives the problems of the ConfigError; anything else is a failure of ours and goes up. */
function attempt<T>(make: () => T): { readonly made?: T; readonly problems: readonly Problem[] } {
  try {
    return { made: make(), problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { problems: error.problems };
  }
}

function readPem(value: string, path: Path, { read, now }: CheckOptions<unknown>): PemResult {
  const wrong = (message: string) => ({ text: '', ends: new Date(0), problems: [message] });
  let text = value;
  if (read && !isPem(value)) {
    try {
      text = read(value);
    } catch (error) {
      return wrong(`cannot be read: ${error instanceof Error ? error.message : String(error)}, got ${show(value)}`);
    }
  } else if (!value.includes(BEGIN)) {
    return wrong(`must be PEM text in TypeScript, e.g. readFileSync("root.pem", "utf8"), got ${show(value)}`);
  }
  const kind = path[0] !== 'root' ? 'cas' : path[1] === 'certificate' ? 'root' : 'roots';
  const result = checkPem(text, { now, kind });
  return { ...result, problems: result.problems.map(message => `${message}${text === value ? '' : `, in ${show(value)}`}`) };
}
