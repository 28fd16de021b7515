import { isRecord, valueAt } from './settings';
import { appended, chartDefaults, KNOWN, LayoutList, LayoutRow, rows } from './tables/istiod-layout';
import { compareVersions, minor } from './version';

export type { LayoutList } from './tables/istiod-layout';

/** An element of one of the lists. */
export interface LayoutElement {
  /** The argument, or the name of the volume. */
  readonly text: string;

  /** What stands in the list. */
  readonly content: unknown;

  /**
   * Helm value without which it would not be there.
   *
   * @default - it is always there
   */
  readonly value?: string;
}

/** What istiod's chart writes into the lists of its Deployment that patches add to. */
export type IstiodLayout = Readonly<Record<LayoutList, readonly LayoutElement[]>>;

/** The lists, in the order in which they are named. */
export const LISTS = ['args', 'volumeMounts', 'volumes'] as const;

/**
 * The layout of istiod at a version.
 *
 * @param version any; one that is newer than what is known counts as the newest, an older one as the oldest
 * @param values Helm values as an IstioOperator has them
 * @param namespace istiod's
 */
export function istiodLayout(version: string, values: Readonly<Record<string, unknown>> = {}, namespace = 'istio-system'): IstiodLayout {
  const known = knownVersion(version);
  const texts = (row: LayoutRow) => row.texts.map(text => filled(text, { namespace, values }));
  const listed = (list: LayoutList): LayoutElement[] => [
    ...rows[list]
      .filter(row => isThere(row, known, values))
      .flatMap(row => texts(row).map(text => ({ text, content: contentOf(list, text, row), value: row.value }))),
    ...extra(list, known, values),
  ];
  return { args: listed('args'), volumeMounts: listed('volumeMounts'), volumes: listed('volumes') };
}

/** Whether the layout at a version is known, and not taken from its nearest neighbour. */
export const isKnownVersion = (version: string) => compareVersions(minor(version), knownVersion(version)) === 0;

/** What istiod's Deployment has in these lists, as an object that patches can be tried on. */
export function istiodModel(layout: IstiodLayout): unknown {
  const contents = (list: LayoutList) => layout[list].map(({ content }) => content);
  const discovery = { name: 'discovery', args: contents('args'), volumeMounts: contents('volumeMounts') };
  return { spec: { template: { spec: { containers: [discovery], volumes: contents('volumes') } } } };
}

/** Names an element in a sentence. */
export const nameOf = (content: unknown): string =>
  isRecord(content) && typeof content.name === 'string' ? content.name : typeof content === 'string' ? content : JSON.stringify(content);

function knownVersion(version: string): string {
  const wanted = minor(version);
  if (compareVersions(wanted, KNOWN.newest) > 0) return KNOWN.newest;
  return compareVersions(wanted, KNOWN.oldest) < 0 ? KNOWN.oldest : wanted;
}

function isThere({ since, until, value, is }: LayoutRow, version: string, values: Readonly<Record<string, unknown>>): boolean {
  if (since !== undefined && compareVersions(version, since) < 0) return false;
  if (until !== undefined && compareVersions(version, until) > 0) return false;
  if (value === undefined) return true;
  const found = valueOf(values, value);
  return is === undefined ? isTrue(found) : found === is;
}

function contentOf(list: LayoutList, text: string, { mountPath }: LayoutRow): unknown {
  return list === 'args' ? text : mountPath === undefined ? { name: text } : { name: text, mountPath };
}

function extra(list: LayoutList, version: string, values: Readonly<Record<string, unknown>>): LayoutElement[] {
  const { value, since } = appended[list];
  const elements = valueOf(values, value);
  if (!Array.isArray(elements) || compareVersions(version, since) < 0) return [];
  return elements.map((content: unknown) => ({ text: nameOf(content), content, value }));
}

function filled(text: string, { namespace, values }: { namespace: string; values: Readonly<Record<string, unknown>> }): string {
  return text.replace(/\{(.+)\}/, (_, value: string) => (value === 'namespace' ? namespace : printed(valueOf(values, value))));
}

/** A value that was set, or the chart's default. */
function valueOf(values: Readonly<Record<string, unknown>>, path: string): unknown {
  return valueAt(values, path.split('.')) ?? chartDefaults[path];
}

/** As Helm's `if` sees it. */
const isTrue = (value: unknown) =>
  Boolean(value) && !(Array.isArray(value) && value.length === 0) && !(isRecord(value) && Object.keys(value).length === 0);

/** As a template prints it: a list as Go does. */
const printed = (value: unknown): string => (Array.isArray(value) ? `[${value.map(printed).join(' ')}]` : String(value));
