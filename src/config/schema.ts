import schemaJson from '../../mesh-ca.schema.json';
import { formats } from './formats';

/** The words of JSON Schema that the generated schema uses and our messages look at. */
export interface Schema {
  /**
   * Name of a definition that stands for this one.
   *
   * @default - it stands for itself
   */
  readonly $ref?: string;

  /**
   * Type of the value.
   *
   * @default - any
   */
  readonly type?: 'object' | 'array' | 'string' | 'boolean' | 'integer';

  /**
   * Keys of an object.
   *
   * @default - none
   */
  readonly properties?: Readonly<Record<string, Schema>>;

  /**
   * Keys that an object must have.
   *
   * @default - none
   */
  readonly required?: readonly string[];

  /**
   * What other keys may hold; false: there are none.
   *
   * @default true
   */
  readonly additionalProperties?: boolean | Schema;

  /**
   * What a list holds.
   *
   * @default - anything
   */
  readonly items?: Schema;

  /**
   * The values that are allowed.
   *
   * @default - those of the type
   */
  readonly enum?: readonly (string | number)[];

  /**
   * Pattern of a string.
   *
   * @default - none
   */
  readonly pattern?: string;

  /**
   * Name of the entry of formats.ts that the pattern comes from.
   *
   * @default - none
   */
  readonly 'x-format'?: string;

  /**
   * The least number.
   *
   * @default - none
   */
  readonly minimum?: number;

  /**
   * The greatest number.
   *
   * @default - none
   */
  readonly maximum?: number;

  /**
   * What `$ref` refers to.
   *
   * @default - nothing
   */
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** The schema of the config, as it was generated from config.ts. */
export const schema = schemaJson as Schema;

/** Follows a `$ref`. */
export function resolve(rule: Schema): Schema {
  if (rule.$ref === undefined) return rule;
  const target = schema.definitions?.[rule.$ref.replace('#/definitions/', '')];
  if (!target) throw new Error(`the schema has no ${rule.$ref}`);
  return target;
}

/** A right value, as one would write it in YAML. */
export function example(given: Schema): string {
  const rule = resolve(given);
  if (rule.enum) return JSON.stringify(rule.enum[0]);
  switch (rule.type) {
    case 'object': {
      const pairs = (rule.required ?? []).map(key => `${key}: ${example(rule.properties?.[key] ?? {})}`);
      return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
    }
    case 'array':
      return `[${example(rule.items ?? {})}]`;
    case 'integer':
      return String(Math.min(rule.maximum ?? 443, 443));
    case 'boolean':
      return 'true';
    default:
      return JSON.stringify(formats[rule['x-format'] ?? '']?.example ?? 'text');
  }
}
