import { plain } from './show';

/** Something wrong with the config, and where: every room below the command reports in this form. */
export interface Problem {
  /** Keys and indices that lead to the value, e.g. `['clusters', 0, 'name']`. */
  readonly path: readonly (string | number)[];

  /** What is wrong, the value, a right value. Lower case, no final period. */
  readonly message: string;

  /**
   * Whether the key is wrong or its value.
   *
   * @default "value"
   */
  readonly of?: 'key' | 'value';

  /**
   * Place in the file.
   *
   * @default - the config has no file
   */
  readonly position?: Position;
}

/** A place in a file, both counted from 1. */
export interface Position {
  /** Line. */
  readonly line: number;

  /** Column. */
  readonly column: number;
}

/** Thrown for a config that cannot be used; holds every problem, not only the first. */
export class ConfigError extends Error {
  constructor(
    public readonly problems: readonly Problem[],
    public readonly file?: string,
  ) {
    super(problems.map(problem => problemText(problem, file)).join('\n'));
    this.name = 'ConfigError';
  }
}

/** Writes a problem as compilers do, so that editors and terminals find the place. */
export function problemText({ path, message, position }: Problem, file?: string, severity = 'error'): string {
  if (file === undefined || position === undefined) return `${plain(pathText(path))}: ${message}`;
  return `${file}:${position.line}:${position.column}: ${severity}: ${message}`;
}

/** Writes a path as a reader would, e.g. `clusters[0].name`. */
export function pathText(path: readonly (string | number)[]): string {
  return (
    path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`), '') ||
    'the config'
  );
}
