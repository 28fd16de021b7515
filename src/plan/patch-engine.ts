import { parse } from 'yaml';
import { isIndex, isSelector, keyOf, patternOf, stepsOf } from './patch-path';
import { isRecord } from './settings';

/** A change to an object, as an entry of `k8s.overlays[].patches`. */
export interface Patch {
  /** Where, e.g. `spec.template.spec.containers.[name:discovery].args[-1]`. */
  readonly path: string;

  /**
   * What is to stand there.
   *
   * @default - what stands there is taken away
   */
  readonly value?: unknown;
}

/** What became of a patch: where it wrote, or why it could not. */
export interface Outcome {
  /** Keys and indices of the place, as they turned out. */
  readonly at: readonly (string | number)[];

  /**
   * What stood there.
   *
   * @default - nothing
   */
  readonly before?: unknown;

  /**
   * Why nothing was written. Istio's engine says it up to 1.23, and nothing from 1.24 on.
   *
   * @default - it was
   */
  readonly error?: string;
}

/** A place on the way: `pointer` is a list that Istio's engine holds by reference, as it does below a key, so that it can write to it. */
interface Place {
  node: unknown;
  readonly parent?: Place;
  readonly pointer?: boolean;
  readonly isNew?: boolean;
  /** Which child the way goes on to. */
  key?: string | number;
}

/**
 * Applies patches as Istio's operator does, and TSB's: the rules of 1.7 to 1.31, also where they surprise.
 *
 * - Below its length an index replaces the whole element; at or above it, or -1, it appends.
 * - `[name:x]` selects the element with that name, and `[x]` the first text that the pattern x is found in; neither adds one.
 * - A key that is not there is made; an index into a list that is not there makes a key called `[0]`.
 * - A text that reads as a YAML map becomes one.
 * - Inside what a patch of the same list has put there, a list is never replaced: what is written is appended to it.
 *
 * @param object what is patched; it stays as it is
 * @param patches what to do, in order; one that fails does not stop the next
 */
export function applyPatches(object: unknown, patches: readonly Patch[]): { readonly object: unknown; readonly outcomes: Outcome[] } {
  const root = structuredClone(object);
  // what came with a patch, which the engine treats in another way than what it read from a chart.
  const own = new WeakSet();
  const outcomes = patches.map(({ path, value }): Outcome => {
    const way: Place = { node: root };
    try {
      const place = find(way, stepsOf(path), own);
      const outcome = { at: keysTo(place), before: place.isNew ? undefined : structuredClone(place.node) };
      if (value === undefined || value === null) remove(place);
      else write(place, value, own);
      return outcome;
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      return { at: [], error: error.message };
    }
  });
  return { object: root, outcomes };
}

/** What a text becomes where the engine writes it: a map, where it reads as one. */
export function asWritten(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  // an address or a time in one line is no map.
  if (!(value.includes('\n') ? value.includes(':') : value.includes(': '))) return value;
  if (isRecord(attempt(() => JSON.parse(value) as unknown))) return value;
  const read = attempt(() => parse(value, { version: '1.1', logLevel: 'silent' }) as unknown);
  return isRecord(read) ? read : value;
}

class PatchError extends Error {}

function find(place: Place, [step, ...rest]: readonly string[], own: WeakSet<object>): Place {
  if (step === undefined) return place;
  place.node ??= isIndex(step) || isSelector(step) ? [] : owned({}, own);
  const { node } = place;
  if (Array.isArray(node)) return find(elementOf(place, node, step, own), rest, own);
  if (!isRecord(node)) throw new PatchError(`${JSON.stringify(node)} has no ${step}`);
  const isNew = !Object.hasOwn(node, step);
  if (isNew) node[step] = !own.has(node) ? {} : isIndex(rest[0]) ? [] : owned({}, own);
  place.key = step;
  return find({ node: node[step], parent: place, pointer: Array.isArray(node[step]), isNew }, rest, own);
}

function elementOf(place: Place, list: readonly unknown[], step: string, own: WeakSet<object>): Place {
  if (isIndex(step)) {
    const index = Number(step.slice(1, -1));
    const isNew = index < 0 || index >= list.length;
    place.key = isNew ? list.length : index;
    return { node: isNew ? owned({}, own) : list[index], parent: place, isNew };
  }
  for (const [index, element] of list.entries()) {
    if (!(isRecord(element) ? matchesKey(element, step) : matchesPattern(element, step))) continue;
    place.key = index;
    return { node: element, parent: place };
  }
  throw new PatchError(`no element is ${step}`);
}

function matchesKey(element: Record<string, unknown>, step: string): boolean {
  const [key, value] = keyOf(step) ?? [];
  if (key === undefined) throw new PatchError(`${step} is neither an index nor [key:value]`);
  return (Object.hasOwn(element, key) ? printed(element[key]) : '<nil>') === value;
}

function matchesPattern(element: unknown, step: string): boolean {
  const pattern = patternOf(step);
  if (pattern === undefined) throw new PatchError(`${step} is neither an index nor [value]`);
  return attempt(() => new RegExp(pattern).test(printed(element))) ?? false;
}

/** As Go prints it. */
const printed = (value: unknown) => (value === null ? '<nil>' : typeof value === 'string' ? value : JSON.stringify(value));

function write(place: Place, value: unknown, own: WeakSet<object>): void {
  const becomes = asWritten(value);
  const isMap = becomes !== value;
  if (!set(place, owned(structuredClone(becomes), own), isMap, own)) return;
  // what was made on the way is hung in.
  for (let at = place.parent; at?.parent; at = at.parent) set({ ...at, pointer: false }, at.node, false, own);
}

/** Whether what is above has to be written too. */
function set({ node, parent, pointer }: Place, value: unknown, isMap: boolean, own: WeakSet<object>): boolean {
  if (!parent) return false;
  const { node: above, key = '' } = parent;
  if (Array.isArray(above)) {
    if (parent.pointer !== true) throw new PatchError('a list in a list, or in place of null, cannot be written');
    above[Number(key)] = value;
  } else if (isRecord(above) && own.has(above) && isMap) {
    const [first = '', inner] = Object.entries(value as object)[0] ?? [];
    Reflect.deleteProperty(above, key);
    above[first] = inner;
    return false;
  } else if (isRecord(above) && own.has(above) && pointer && Array.isArray(node)) node.push(value);
  else (above as Record<string, unknown>)[key] = value;
  return true;
}

function remove({ parent }: Place): void {
  if (!parent) throw new PatchError('the whole object cannot be taken away');
  const { node: above, key = '' } = parent;
  if (!Array.isArray(above)) {
    Reflect.deleteProperty(above as Record<string, unknown>, key);
    return;
  }
  if (parent.pointer !== true) throw new PatchError('an element of a list in a list cannot be taken away');
  // real istioctl ends there with a panic, and renders nothing at all.
  if (Number(key) >= above.length) throw new PatchError('there is no such element to take away');
  above.splice(Number(key), 1);
}

function keysTo({ parent }: Place): (string | number)[] {
  return parent ? [...keysTo(parent), parent.key ?? ''] : [];
}

/** Notes of a value and all in it that it came with a patch. */
function owned<T>(value: T, own: WeakSet<object>): T {
  if (typeof value === 'object' && value !== null) {
    own.add(value);
    Object.values(value).forEach(child => owned(child as unknown, own));
  }
  return value;
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
