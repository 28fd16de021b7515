import { show } from '../config/show';
import type { IstioPlan } from './istio';
import { clashOf, doubleOf, isNeeded } from './istiod-own';
import { istiodPatches, listPaths } from './istiod-patches';
import { elementsOf, targetOf, Trial, trialOf, Tried, tryPatches } from './istiod-trial';
import { IstiodLayout, LayoutList, LISTS, nameOf } from './layout';
import { applyPatches, asWritten } from './patch-engine';
import { isIndex, stepsOf } from './patch-path';
import { isRecord, Settings, valueAt } from './settings';
import { appended } from './tables/istiod-layout';
import { compareVersions, WELL_KNOWN_SINCE } from './version';

/** What is looked at. */
interface Given {
  readonly istio: IstioPlan;
  readonly values: Readonly<Record<string, unknown>>;
  readonly layout: IstiodLayout;
}

/** What is wrong with a patch: with its path or with its value. */
interface Wrong {
  readonly key: 'path' | 'value';
  readonly message: string;
}

const SILENT = "Istio's engine ends with an error up to 1.23, and says nothing from 1.24 on";

/** Tries the user's overlays and then ours on what the chart renders at this version; refuses what would overwrite something, or do nothing. */
export function refuseOverlays({ istio: { overlays = [] } = {}, refuse }: Settings, given: Given): void {
  const { istio, layout } = given;
  for (const list of LISTS) {
    const { value } = appended[list];
    for (const one of layout[list].filter(element => element.value === value)) {
      const clash = clashOf(list, one.content, istio.overlay);
      if (clash !== undefined) refuse(['istio', 'values', ...value.split('.')], `${clash}; remove it here`);
    }
  }
  const own = overlays.flatMap((overlay, i) => {
    const at = ['istio', 'overlays', i];
    if (overlay.kind !== 'Deployment') return [];
    if (overlay.name !== istio.deployment) {
      refuse([...at, 'name'], `there is no Deployment of that name: ${SILENT}; write "${istio.deployment}", got ${show(overlay.name)}`);
      return [];
    }
    return overlay.patches.map((patch, j) => ({ patch, origin: 'istio.overlays', at: [...at, 'patches', j] }));
  });
  const ours = istiodPatches(istio.overlay).map(patch => ({ patch, origin: 'ours' }));
  const tried = tryPatches(trialOf(layout), [...own, ...ours]);
  for (const [i, { at }] of own.entries()) {
    const wrong = tried[i] && wrongWith(tried[i], istio);
    if (wrong) refuse([...at, wrong.key], wrong.message);
  }
  refuseOurs(tried.slice(own.length), given, refuse);
}

/** Refuses the guide's fixed indices where they overwrite something. */
function refuseOurs(tried: readonly Tried[], { istio, values, layout }: Given, refuse: Settings['refuse']): void {
  const lost = tried.flatMap(({ outcome, before }) => {
    const target = targetOf(outcome);
    if (target.kind !== 'element' || target.inner.length > 0 || outcome.before === undefined) return [];
    const origin = before.origins[target.list][target.index] ?? '';
    return [`${target.list}[${target.index}], ${JSON.stringify(nameOf(outcome.before))}${origin === '' ? '' : ` of ${origin}`}`];
  });
  if (lost.length === 0) return;
  const shifts = [...new Set(LISTS.flatMap(list => layout[list].map(({ value }) => value)))].filter(
    value => value !== undefined && valueAt(values, value.split('.')) !== undefined,
  );
  const why = [`Istio ${istio.version}`, ...shifts].join(', ');
  const other = compareVersions(istio.version, WELL_KNOWN_SINCE) >= 0 ? '"append" or "wellKnown"' : '"append"';
  refuse(['istio', 'overlay'], `'overlay' "guide" overwrites ${lost.join('; ')} (with ${why}); write ${other}`);
}

function wrongWith(tried: Tried, istio: IstioPlan): Wrong | undefined {
  const { patch, outcome, before } = tried;
  const steps = stepsOf(patch.path);
  const target = targetOf(outcome);
  if (steps[0] !== 'spec' && steps[0] !== 'metadata') {
    return path(`must begin with spec or metadata, e.g. "${listPaths.args}[-1]", got ${show(patch.path)}`);
  }
  if (outcome.error !== undefined) {
    const list = LISTS.find(one => patch.path.includes(one));
    const known = list === undefined ? '' : `, known are ${elementsOf(before, list).map(nameOf).join(', ')}`;
    return path(`does nothing, as ${outcome.error}${known}: ${SILENT}; write an element that is there, or "[-1]" to add one`);
  }
  if (asWritten(patch.value) !== patch.value) {
    return {
      key: 'value',
      message: `Istio's engine makes a map of this text, as it reads as one; write it without ": ", got ${show(patch.value)}`,
    };
  }
  if (steps.includes('[name:ENABLE_CA_SERVER]') || (isRecord(patch.value) && patch.value.name === 'ENABLE_CA_SERVER')) {
    return path(`sets ENABLE_CA_SERVER, which is decided by the plan, as "false"; remove it here`);
  }
  switch (target.kind) {
    case 'element':
      return wrongElement(tried, { ...target, steps, istio });
    case 'whole':
      return wrongWhole(target.lists, before, patch.path);
    case 'variables':
      return path(`replaces env as a whole, with the variables of the chart; write "${patch.path}[-1]" for each one to add`);
    default: {
      // the model has no such list, so the engine has made a key of the index.
      const index = outcome.at.find(key => typeof key === 'string' && isIndex(key) && key !== '[-1]');
      if (index === undefined) return undefined;
      const list = steps.slice(0, steps.indexOf(String(index))).join('.');
      return path(
        `has an index into a list that differs by version and values; write "${list}[-1]" to add, or "${list}.[name:…]" to change one`,
      );
    }
  }
}

function wrongElement(
  { patch, before }: Tried,
  {
    list,
    index,
    inner,
    steps,
    istio,
  }: { list: LayoutList; index: number; inner: readonly unknown[]; steps: readonly string[]; istio: IstioPlan },
): Wrong | undefined {
  const elements = elementsOf(before, list);
  const stood = elements[index];
  const removes = patch.value === undefined || patch.value === null;
  const step = steps[steps.length - 1 - inner.length] ?? '';
  if (stood !== undefined && isNeeded(stood, istio.overlay)) {
    return path(
      `changes ${list} ${JSON.stringify(nameOf(stood))}, by which istiod gets its certificate; remove it here, or write overlay: append`,
    );
  }
  if (stood !== undefined && isIndex(step)) {
    const named = [selectorOf(before, list, index), ...steps.slice(steps.length - inner.length)].join('.');
    const origin = before.origins[list][index];
    const from = origin === '' ? `which Istio ${istio.version} has there` : `of ${origin}`;
    const what = inner.length > 0 ? 'changes' : removes ? 'removes' : 'replaces';
    const add = inner.length > 0 || removes ? '' : `"${listPaths[list]}[-1]" to add, `;
    return path(
      `${what} ${list}[${index}], ${JSON.stringify(nameOf(stood))}, ${from}; write ${add}${add ? 'or ' : ''}"${named}"${add ? ' for that very one' : ''}`,
    );
  }
  if (inner.length > 0 || removes) return undefined;
  const clash = clashOf(list, patch.value, istio.overlay);
  if (clash !== undefined) return { key: 'value', message: `${clash}; remove it here` };
  const double = doubleOf(
    list,
    patch.value,
    elements.filter((_, i) => i !== index),
  );
  if (double === undefined) return undefined;
  const other = selectorOf(before, list, elements.indexOf(double));
  return {
    key: 'value',
    message: `${list} has ${JSON.stringify(nameOf(double))} there already, which the API server refuses; write another, or "${other}" as path`,
  };
}

function wrongWhole(lists: readonly LayoutList[], before: Trial, given: string): Wrong {
  const [list = 'args'] = lists;
  if (lists.length > 1 || stepsOf(given).length < stepsOf(listPaths[list]).length) {
    return path(
      `replaces ${lists.join(', ')} of the chart with all that is around them; write the path of what is to change, e.g. "${listPaths[list]}[-1]"`,
    );
  }
  const names = elementsOf(before, list).map(nameOf).join(', ');
  return path(`replaces ${list} as a whole, which holds ${names}; write "${listPaths[list]}[-1]" for each one to add`);
}

/** The path that finds an element by what it is. */
function selectorOf(trial: Trial, list: LayoutList, index: number): string {
  const content = elementsOf(trial, list)[index];
  const name = nameOf(content);
  const plain = name.replaceAll(/[*+?^${}()|[\]]/g, '\\$&').replaceAll('.', '\\.');
  const steps = isRecord(content) ? [`[name:${name.replaceAll('.', '\\.')}]`] : [`[${plain}]`, `[^${plain}$]`];
  const paths = steps.map(step => `${listPaths[list]}.${step}`);
  return paths.find(one => applyPatches(trial.object, [{ path: one }]).outcomes[0]?.at.at(-1) === index) ?? paths[0] ?? '';
}

const path = (message: string): Wrong => ({ key: 'path', message: `'path' ${message}` });
