import { Reason } from './reason';

/** A value by the istiod chart's own key. */
export interface ReasonedValue {
  /** Key, e.g. `global.caAddress`. */
  readonly key: string;

  /** Value. */
  readonly value: unknown;

  /**
   * The reason, in one line.
   *
   * @default - none, the key says it
   */
  readonly reason?: string;
}

/** Their reasons, where the values lie below some keys. */
export const reasonsFor = (values: readonly ReasonedValue[], above: readonly string[] = []): Reason[] =>
  values.flatMap(({ key, reason }) => (reason === undefined ? [] : [{ path: [...above, ...key.split('.')], text: reason }]));

/** The values, by their keys. */
export const byKey = (values: readonly ReasonedValue[]): Record<string, unknown> =>
  Object.fromEntries(values.map(({ key, value }) => [key, value]));
