/** Values in messages are cut to this many characters. */
const SHOWN = 80;

/** Whole messages are cut to this many: a rule's message may hold a key of the user's. */
const MESSAGE = 600;

/** A private key, a token of Vault or OpenBao, or a UUID, as a secret ID is one. */
const SECRET =
  /-----BEGIN[^\n]*PRIVATE KEY[\s\S]*|\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi;

/** What a terminal would obey instead of show: controls, formats such as a change of direction, unpaired surrogates, line separators. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Writes a value into a message: quoted, cut, without secrets and without what a terminal obeys. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return shorten(plain(typeof value === 'string' ? JSON.stringify(withoutSecrets(value)) : String(value)), SHOWN);
}

/** Makes a message of any room fit to be printed. */
export function safeMessage(message: string): string {
  return shorten(plain(withoutSecrets(message)), MESSAGE);
}

const withoutSecrets = (text: string) => text.replace(SECRET, '(not shown)');

/** Escapes what a terminal would obey. */
export const plain = (text: string) => text.replace(UNSEEN, c => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);

/** JSON, indented; what a terminal would obey is escaped as JSON does it, so that the value stays the same. */
export const plainJson = (value: unknown) =>
  JSON.stringify(value, null, 2).replace(UNSEEN, c => (c === '\n' ? c : escapeUnits(c).join('')));

const escapeUnits = (c: string) => Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`);

function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  // the cut must not leave half of a surrogate pair.
  const start = text.slice(0, length - 20).replace(/[\ud800-\udbff]$/, '');
  return `${start}…${text.startsWith('"') ? '"' : ''} (${text.length - start.length} more)`;
}
