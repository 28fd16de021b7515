import { MeshCaConfig } from './config';
import { checkPem, isPem, PemResult } from './pem';
import { ConfigError, Position, Problem } from './problem';
import { safeMessage, show } from './show';
import { validate } from './validate';
import { readYaml, YamlFile } from './yaml';

/** What is beside the config's text. */
export interface LoadOptions<T> {
  /** Name of the file, for messages. */
  readonly file: string;

  /** Reads a PEM file that the config names; throws where it cannot be read. */
  readonly read: (path: string) => string;

  /** The time that certificates must be valid at. */
  readonly now: Date;

  /**
   * What the config is for, normally `planMeshCa`. The problems of a `ConfigError` that it throws are reported with the file's own.
   *
   * @param config the config, its PEM files read
   * @param rootSeconds how long the root certificate lives from now; none: it is not known
   */
  readonly plan: (config: MeshCaConfig, rootSeconds: number | undefined) => T;
}

/** A config that is in order. */
export interface LoadedConfig<T> {
  /** The config, its PEM files read. */
  readonly config: MeshCaConfig;

  /** What `plan` made of it. */
  readonly plan: T;

  /** Finds the place of a value in the file. */
  readonly locate: (path: readonly (string | number)[]) => Position;
}

/**
 * Reads a config file.
 *
 * @throws ConfigError with every problem at once, each with its place in the file
 */
export function loadConfig<T>(text: string, { file, read, now, plan }: LoadOptions<T>): LoadedConfig<T> {
  const yaml = readYaml(text);
  stopAt(yaml.problems, yaml, file);
  stopAt(validate(yaml.value, yaml.source), yaml, file);

  // the schema has been checked, so the value has the config's shape.
  const config = yaml.value as MeshCaConfig;
  const problems: Problem[] = [];
  const pem = (path: readonly string[], value: string | undefined) =>
    value === undefined ? undefined : readPem(value, { path, roots: path[0] === 'root', read, now, problems });
  const caBundle = pem(['vault', 'caBundle'], config.vault.caBundle);
  const root = pem(['root', 'certificate'], config.root?.certificate);

  const complete: MeshCaConfig = {
    ...config,
    vault: { ...config.vault, ...(caBundle && { caBundle: caBundle.text }) },
    ...(root && { root: { ...config.root, certificate: root.text } }),
  };
  const made = attempt(() => plan(complete, root && Math.floor((root.ends.getTime() - now.getTime()) / 1000)), problems);
  stopAt(problems, yaml, file);
  return { config: complete, plan: made as T, locate: path => yaml.locate(path) };
}

function readPem(
  value: string,
  at: { path: readonly string[]; roots: boolean; read: (path: string) => string; now: Date; problems: Problem[] },
): PemResult | undefined {
  const { path, problems } = at;
  const name = `'${path.at(-1) ?? ''}'`;
  let text = value;
  if (!isPem(value)) {
    try {
      text = at.read(value);
    } catch (error) {
      problems.push({
        path,
        message: `${name} cannot be read: ${error instanceof Error ? error.message : String(error)}, got ${show(value)}`,
      });
      return undefined;
    }
  }
  const result = checkPem(text, at);
  problems.push(...result.problems.map(message => ({ path, message: `${name} ${message}${text === value ? '' : `, in ${show(value)}`}` })));
  return result.problems.length > 0 ? undefined : result;
}

/** Adds a ConfigError's problems to the others; anything else is a failure of ours and goes up. */
function attempt<T>(make: () => T, problems: Problem[]): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function stopAt(problems: readonly Problem[], yaml: YamlFile, file: string): void {
  if (problems.length === 0) return;
  const located = problems.map(problem => ({
    ...problem,
    message: safeMessage(problem.message),
    position: problem.position ?? yaml.locate(problem.path, problem.of),
  }));
  located.sort((a, b) => a.position.line - b.position.line || a.position.column - b.position.column);
  // what is wrong with a shared setting is wrong for each cluster; one line says it.
  const lines = new Set<string>();
  const once = located.filter(({ position, message }) => {
    const line = `${position.line}:${position.column}:${message}`;
    return !lines.has(line) && lines.add(line);
  });
  throw new ConfigError(once, file);
}
