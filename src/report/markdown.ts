import { createHash } from 'node:crypto';
import { quote, words } from '../script/bash';

/**
 * The command, as a user runs it in the folder of mesh-ca.yaml. `npx mesh-ca` would download and run any package of that name where this
 * package is not installed; a path cannot.
 */
export const MESH_CA = 'node_modules/.bin/mesh-ca';

/** Writes text as Markdown code; whatever backticks it holds, it cannot end the code. */
export function code(text: string): string {
  const line = text.replaceAll(/[\r\n\u0085\u2028\u2029]+/g, ' ');
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

/** Writes text between other text: nothing in it is read as Markdown or HTML. */
export const plain = (text: string) => text.replaceAll(/[\\`*_[\]<>|#&]/g, '\\$&').replaceAll(/[\r\n\u0085\u2028\u2029]+/g, ' ');

/** What a link to a heading ends in: in small letters, a hyphen for each space, and without what is neither letter, digit nor hyphen. */
export const anchor = (heading: string) =>
  `#${heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')}`;

/** Writes commands to type, each line as it is. */
export const shell = (...lines: readonly string[]) => ['```sh', ...lines, '```', ''];

/** Writes what a program prints. */
export const output = (...lines: readonly string[]) => ['```text', ...lines, '```', ''];

/** Writes a part of a config. */
export const yaml = (...lines: readonly string[]) => ['```yaml', ...lines, '```', ''];

/** Writes a table; a bar in a cell does not end it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll(/(?<!\\)\|/g, '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}

/** Writes a command over several lines, a group of its arguments a line. */
export const command = (...groups: readonly (readonly string[])[]) => groups.map(words).join(' \\\n  ');

/** Writes a command with one of its arguments left to the shell, e.g. `"$POD"`; that one comes from us, never from a config. */
export const withShellText = (argv: readonly string[], text: string) => `${words(argv)} ${text}`;

/** Writes a setting of the environment. */
export const setting = (name: string, value: string) => `export ${name}=${quote(value)}`;

/** The SHA-256 fingerprints of PEM certificates, as OpenSSL writes them. */
export function fingerprints(pem: string): string[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)].map(([, base64 = '']) =>
    (createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex').toUpperCase().match(/../g) ?? []).join(':'),
  );
}
