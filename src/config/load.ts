import { checkConfig, CheckOptions } from './check';
import { MeshCaConfig } from './config';
import { ConfigError, Position, Problem } from './problem';
import { what } from './words';
import { readYaml, YamlFile } from './yaml';

/** What is beside the config's text. */
export interface LoadOptions<T> extends CheckOptions<T> {
  /** Name of the file, for messages. */
  readonly file: string;

  /** Reads a PEM file that the config names; throws where it cannot be read. */
  readonly read: (path: string) => string;

  /** The time that certificates must be valid at. */
  readonly now: Date;
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
export function loadConfig<T>(text: string, { file, ...options }: LoadOptions<T>): LoadedConfig<T> {
  if (typeof text !== 'string')
    throw new Error(`'text' must be the text of a config, e.g. readFileSync("mesh-ca.yaml", "utf8"), got ${what(text)}`);
  if (typeof options.plan !== 'function') throw new Error(`'plan' must be a function, e.g. planMeshCa, got ${what(options.plan)}`);
  const yaml = readYaml(text);
  try {
    return { ...checkConfig(yaml, options), locate: path => yaml.locate(path) };
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(inOrder(error.problems, yaml), file) : error;
  }
}

/** Gives each problem its place, and sorts them by it. */
function inOrder(problems: readonly Problem[], yaml: YamlFile): Problem[] {
  const located = problems.map(problem => ({ ...problem, position: problem.position ?? yaml.locate(problem.path, problem.of) }));
  return located.sort((a, b) => a.position.line - b.position.line || a.position.column - b.position.column);
}
