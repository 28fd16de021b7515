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

/** The values, by their keys. */
export const byKey = (values: readonly ReasonedValue[]): Record<string, unknown> =>
  Object.fromEntries(values.map(({ key, value }) => [key, value]));
