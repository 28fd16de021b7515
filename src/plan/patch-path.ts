/** Paths of patches, as Istio's engine reads them. */

/**
 * Steps of a path: keys, and what stands in brackets, with them.
 *
 * A dot parts them, unless a backslash stands before it; that is so inside of brackets too. Slashes are tidied as those of a file's path.
 */
export function stepsOf(path: string): string[] {
  const tidy = clean(path).replace(/^\./, '').replace(/\.$/, '');
  return split(tidy, '.')
    .filter(part => part !== '')
    .map(part => part.replaceAll('\\.', '.'))
    .flatMap(part => (part.indexOf('[') > 0 ? [part.slice(0, part.indexOf('[')), part.slice(part.indexOf('['))] : [part]));
}

/** The path that leads over keys, or nothing where none does. */
export function pathOf(keys: readonly string[]): string | undefined {
  const path = keys.map(key => key.replaceAll('.', '\\.')).join('.');
  return JSON.stringify(stepsOf(path)) === JSON.stringify(keys) ? path : undefined;
}

/** Whether a step is an index: `[7]`, or `[-1]` for one more. */
export function isIndex(step: string | undefined): boolean {
  const inner = step === undefined ? undefined : unbracketed(step);
  return inner !== undefined && /^[+-]?[0-9]+$/.test(inner) && Number(inner) >= -1;
}

/** Whether a step selects by a key: `[name:x]`. */
export const isSelector = (step: string) => keyOf(step) !== undefined;

/** Key and value of `[name:x]`. */
export function keyOf(step: string): readonly [key: string, value: string] | undefined {
  const [key = '', value = '', ...more] = split(unbracketed(step) ?? '', ':');
  return more.length === 0 && value !== '' && /^[a-zA-Z0-9_-]+$/.test(key) ? [key, value] : undefined;
}

/** Pattern of `[x]` or `[:x]`. */
export function patternOf(step: string): string | undefined {
  const inner = unbracketed(step) ?? '';
  if (inner === '') return undefined;
  return inner.startsWith(':') && inner.length > 1 ? inner.slice(1) : inner;
}

function unbracketed(step: string): string | undefined {
  return step.startsWith('[') && step.endsWith(']') ? step.slice(1, -1) : undefined;
}

function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== separator || text[i - 1] === '\\') continue;
    parts.push(text.slice(from, i));
    from = i + 1;
  }
  return [...parts, text.slice(from)];
}

/** As Go's filepath.Clean. */
function clean(path: string): string {
  const parts: string[] = [];
  const root = path.startsWith('/') ? '/' : '';
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (root === '') parts.push(part);
  }
  return root + parts.join('/');
}
