import { isRecord } from '../plan/settings';

/**
 * Lays values by dotted keys over nested ones, and sorts the keys.
 *
 * @param values by their keys, e.g. `{ 'app.tls.trustDomain': 'example.com' }`
 * @param below nested values that those win over
 */
export function nested(values: Readonly<Record<string, unknown>>, below: unknown = {}): Record<string, unknown> {
  return sorted(Object.entries(values).reduce<unknown>((all, [key, value]) => merge(all, nest(key.split('.'), value)), below)) as Record<
    string,
    unknown
  >;
}

const nest = (keys: readonly string[], value: unknown): unknown => keys.reduceRight((inner, key) => ({ [key]: inner }), value);

// fromEntries makes an own property even of __proto__.
function merge(below: unknown, above: unknown): unknown {
  if (!isRecord(below) || !isRecord(above)) return above;
  const keys = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries([...keys].map(key => [key, Object.hasOwn(above, key) ? merge(own(below, key), above[key]) : own(below, key)]));
}

function sorted(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map(key => [key, sorted(own(value, key))]),
  );
}

const own = (record: Readonly<Record<string, unknown>>, key: string) => (Object.hasOwn(record, key) ? record[key] : undefined);
