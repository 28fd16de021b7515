import { closest, distance } from 'fastest-levenshtein';
import { show } from './show';

/** Names a place in a sentence, e.g. `'mount'` or `item 2`. */
export function named(path: readonly (string | number)[]): string {
  const last = path.at(-1);
  if (last === undefined) return 'the config';
  return typeof last === 'number' ? `item ${last + 1}` : `'${show(last).slice(1, -1)}'`;
}

/** Names what was got, where it may be nothing at all. */
export const what = (value: unknown) => (value === null || value === undefined ? 'nothing' : show(value));

/** Lists values to choose from. */
export const oneOf = (values: readonly (string | number)[]) =>
  values.map(value => JSON.stringify(value)).join(values.length === 2 ? ' or ' : ', ');

/** Asks for the nearest known word, where one is near. */
export function near(value: unknown, known: readonly (string | number)[]): string {
  const best = nearest(value, known);
  return best === undefined ? '' : `, did you mean ${JSON.stringify(best)}?`;
}

/** The nearest known word, where one is near; how far is far grows with the word. */
export function nearest(value: unknown, known: readonly (string | number)[]): string | undefined {
  const words = known.filter(word => typeof word === 'string');
  if (typeof value !== 'string' || value.length > 60 || words.length === 0) return undefined;
  const typed = value.toLowerCase().replaceAll(/[-_ ]/g, '');
  const best = words.find(word => word.toLowerCase() === typed) ?? closest(value, words);
  return distance(typed, best.toLowerCase()) <= Math.max(2, best.length / 3) ? best : undefined;
}
