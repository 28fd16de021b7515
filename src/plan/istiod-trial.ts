import { IstiodLayout, istiodModel, LayoutList, LISTS } from './layout';
import { applyPatches, Outcome, Patch } from './patch-engine';
import { appended } from './tables/istiod-layout';

const POD = ['spec', 'template', 'spec'] as const;
const DISCOVERY = [...POD, 'containers', 0] as const;

/** Where the lists stand whose elements the plan knows. */
const places: Readonly<Record<LayoutList, readonly (string | number)[]>> = {
  args: [...DISCOVERY, 'args'],
  volumeMounts: [...DISCOVERY, 'volumeMounts'],
  volumes: [...POD, 'volumes'],
};

/** istiod's Deployment on the way: what is known of it, and what put each element of the lists there; the chart has no name. */
export interface Trial {
  /** The Deployment. */
  readonly object: unknown;

  /** By list, element by element: empty for the chart's own, else the key of the config. */
  readonly origins: Readonly<Record<LayoutList, readonly string[]>>;
}

/** Where a patch wrote. */
export type Target =
  | { readonly kind: 'element'; readonly list: LayoutList; readonly index: number; readonly inner: readonly (string | number)[] }
  | { readonly kind: 'whole'; readonly lists: readonly LayoutList[] }
  | { readonly kind: 'variable' | 'variables' | 'other' };

/** What the chart renders. */
export function trialOf(layout: IstiodLayout): Trial {
  const origins = (list: LayoutList) =>
    layout[list].map(({ value }) => (value === appended[list].value ? `istio.values.${appended[list].value}` : ''));
  return {
    object: istiodModel(layout),
    origins: { args: origins('args'), volumeMounts: origins('volumeMounts'), volumes: origins('volumes') },
  };
}

/** A patch of an overlay: what stood there before it, and what became of it. */
export interface Tried {
  /** The patch. */
  readonly patch: Patch;

  /** What became of it. */
  readonly outcome: Outcome;

  /** What stood there. */
  readonly before: Trial;
}

/** Tries the patches of an object, which are one list, one by one. `origin` is what a patch comes from: a key of the config, or "ours". */
export function tryPatches(trial: Trial, patches: readonly { readonly patch: Patch; readonly origin: string }[]): Tried[] {
  const list = patches.map(({ patch }) => patch);
  let after = trial;
  return patches.map(({ patch, origin }, i): Tried => {
    const before = after;
    // from the start each time, as the engine treats what came with the same list in another way.
    const { object, outcomes } = applyPatches(trial.object, list.slice(0, i + 1));
    const outcome = outcomes[i] ?? { at: [] };
    after = { object, origins: originsAfter(before.origins, { patch, outcome, origin }) };
    return { patch, outcome, before };
  });
}

/** Where a patch wrote, as far as it matters. */
export function targetOf({ at }: Outcome): Target {
  for (const list of LISTS) {
    const place = places[list];
    const [index, ...inner] = at.slice(place.length);
    if (startsWith(at, place) && typeof index === 'number') return { kind: 'element', list, index, inner };
  }
  const lists = LISTS.filter(list => startsWith(places[list], at));
  if (lists.length > 0) return { kind: 'whole', lists };
  if (!startsWith(at, [...DISCOVERY, 'env'])) return { kind: 'other' };
  return { kind: at.length === DISCOVERY.length + 1 ? 'variables' : 'variable' };
}

/** The elements of a list. */
export function elementsOf({ object }: Trial, list: LayoutList): readonly unknown[] {
  const found = places[list].reduce<unknown>((above, key) => (above as Record<string | number, unknown> | undefined)?.[key], object);
  return Array.isArray(found) ? found : [];
}

function originsAfter(
  before: Trial['origins'],
  { patch, outcome, origin }: { readonly patch: Patch; readonly outcome: Outcome; readonly origin: string },
): Trial['origins'] {
  const target = targetOf(outcome);
  if (outcome.error !== undefined || target.kind !== 'element' || target.inner.length > 0) return before;
  const origins = [...before[target.list]];
  if (patch.value === undefined || patch.value === null) origins.splice(target.index, 1);
  else origins[target.index] = origin;
  return { ...before, [target.list]: origins };
}

const startsWith = (path: readonly (string | number)[], start: readonly (string | number)[]) => start.every((key, i) => path[i] === key);
