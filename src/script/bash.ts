import { asSent, Step } from './step';

/** Quotes a word for any POSIX shell. A NUL byte cannot be an argument, so it is refused. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new Error(`an argument cannot hold a NUL byte, got ${JSON.stringify(word)}`);
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Renders a command. */
export const words = (argv: readonly string[]) => argv.map(quote).join(' ');

/** Renders constants of a script, e.g. `readonly trust_domain=cluster.local`. */
export function constants(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `readonly ${name}=${quote(value)}`);
}

/** Renders text as comment lines; a line break cannot end the comment. */
export function comment(text: string): string[] {
  return text.split(/[\r\n\u0085\u2028\u2029]/).map(line => `# ${line}`.trimEnd());
}

/** Renders steps as the function `steps`, which the runtime calls. */
export function stepsFunction(steps: readonly Step[]): string[] {
  return ['steps() {', ...steps.flatMap(renderStep), '}'];
}

function renderStep({ id, title, why = [], fields, unless, run }: Step, index: number): string[] {
  return [
    ...(index === 0 ? [] : ['']),
    ...why.flatMap(comment).map(line => `  ${line}`),
    `  ${words(['step', id, title])}`,
    // one field a line, so that a diff shows the field; a line break inside a value is \n in JSON, so only blanks are added.
    ...(fields ? [`  fields ${quote(JSON.stringify(asSent(fields), null, 2).replaceAll('\n', '\n  '))}`] : []),
    ...(unless ? [`  ${words(['unless', ...unless])}`] : []),
    ...run.map(argv => `  ${words(['run', ...argv])}`),
  ];
}

/** What another shell than Bash reads first, and understands. */
export const NEEDS_BASH = `[ -n "\${BASH_VERSION:-}" ] || {
  printf '%s: error: it is for Bash: bash %s\\n' "$0" "$0" >&2
  exit 2
}
`;
