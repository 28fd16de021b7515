import { LoadedConfig } from '../config/load';
import { ConfigError, Problem, pathText, problemText } from '../config/problem';
import { plain, plainJson, safeMessage } from '../config/show';
import { FileEntry } from '../output';
import { MeshCaPlan } from '../plan/plan';

/** Where and how to print. */
export interface Printer {
  /** Whether to print JSON instead of lines. */
  readonly json: boolean;

  /** Whether the environment asks for no colour. */
  readonly plain: boolean;

  /** Standard output. */
  readonly out: NodeJS.WriteStream;

  /** Standard error. */
  readonly err: NodeJS.WriteStream;
}

/** What a synthesis made. */
export interface Made {
  /** The folder, as it was asked for. */
  readonly out: string;

  /** The config's file. */
  readonly file: string;

  /** The files, in their order. */
  readonly files: readonly FileEntry[];

  /** The config and its plan. */
  readonly loaded: LoadedConfig<MeshCaPlan>;
}

/** Prints the warnings, what was written, and the next step. */
export function printMade(printer: Printer, { out, file, files, loaded: { plan, locate } }: Made): void {
  const warnings = plan.warnings.map(({ path, key, message }): Problem => ({
    path,
    message: safeMessage(`${key}: ${message}`),
    position: locate(path),
  }));
  if (printer.json) {
    printJson(printer, { out, files, warnings: warnings.map(warning => flat(warning, file)) });
    return;
  }
  // an unsafe setting that clusters share is one line.
  const lines = new Set(warnings.map(warning => problemText(warning, file, paint(printer, printer.err, 33, 'warning'))));
  for (const line of lines) printer.err.write(`${line}\n`);
  const clusters = plan.clusters.length === 1 ? '1 cluster' : `${plan.clusters.length} clusters`;
  const folder = plain(out);
  printer.out.write(
    `${paint(printer, printer.out, 32, 'wrote')} ${files.length} files for ${clusters} to ${folder}/\nnext: read ${folder}/README.md\n`,
  );
}

/** Prints what went wrong. */
export function printError(printer: Printer, error: unknown): void {
  const word = paint(printer, printer.err, 31, 'error');
  if (error instanceof ConfigError) {
    if (printer.json) printJson(printer, { errors: error.problems.map(problem => flat(problem, error.file)) });
    else for (const problem of error.problems) printer.err.write(`${problemText(problem, error.file, word)}\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    if (printer.json) printJson(printer, { errors: [{ message: safeMessage(message) }] });
    else printer.err.write(`${word}: ${safeMessage(message)}\n`);
  }
}

function flat({ path, message, position }: Problem, file: string | undefined): Record<string, unknown> {
  return { file, ...position, path: pathText(path), message };
}

function printJson({ out }: Printer, value: unknown): void {
  out.write(`${plainJson(value)}\n`);
}

function paint({ plain: isPlain }: Printer, stream: NodeJS.WriteStream, color: number, text: string): string {
  return stream.isTTY && !isPlain ? `\x1b[${color}m${text}\x1b[0m` : text;
}
