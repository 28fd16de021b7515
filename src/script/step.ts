/** One unit of repetition: checked, then done where it is not done yet. The runtime (`runtime/*.sh`) gives the words their meaning. */
export interface Step {
  /** Name that logs and tests call it by, e.g. `intermediate/issue`. */
  readonly id: string;

  /** What it does, in the imperative; printed before it runs. */
  readonly title: string;

  /**
   * Why a reviewer should agree with it; a comment in the script.
   *
   * @default - none
   */
  readonly why?: readonly string[];

  /**
   * Fields that the step compares and writes, in Vault's words.
   *
   * @default - none
   */
  readonly fields?: Readonly<Record<string, unknown>>;

  /**
   * Check that succeeds where the step is done: a function of the runtime and its arguments.
   *
   * @default - the step always runs
   */
  readonly unless?: readonly string[];

  /** Programs, or functions of the runtime, with their arguments. Never shell text: `bash.ts` alone knows a shell. */
  readonly run: readonly (readonly string[])[];

  /** What the script's token needs: asked of Vault before the first step. */
  readonly needs: Needs;

  /**
   * Whether its rights let a token's holder have an identity of the mesh signed: it makes a CA, decides what a CA signs, or who logs in as
   * cert-manager. These rights are a policy of their own, that of `--print-policy --ca`.
   *
   * @default false
   */
  readonly grantsIdentity?: boolean;

  /**
   * What takes back what it made: a step of teardown.sh and of emergency.sh, under the same name.
   *
   * @default - it makes nothing, or what it makes goes with what an earlier step made
   */
  readonly undo?: Undo;
}

/** A step that takes back another one; `unless` succeeds where that is done. */
export type Undo = Omit<Step, 'id' | 'undo'>;

/** What a token needs, by path. */
export interface Needs {
  /**
   * In order to see whether the step is done.
   *
   * @default - nothing
   */
  readonly look?: Capabilities;

  /**
   * In order to do it; a rerun that finds it done can be made without.
   *
   * @default - nothing
   */
  readonly act?: Capabilities;

  /**
   * What it sends to the paths that it writes: the policy of its token allows that alone.
   *
   * @default - anything
   */
  readonly sends?: Sends;
}

/**
 * The requests that are sent to a path: parameters, each with the values that it can have; none where they are known only at run time. What
 * every request to a path has, the policy requires, unless the path is read too: Vault would then require it of a read.
 */
export type Sends = Readonly<Record<string, readonly Request[]>>;

/** Parameters of a request, each with its possible values in the form that a policy compares: a number is sent as a string. */
export type Request = Readonly<Record<string, readonly Value[]>>;

/** A value that a policy can compare. A `*` at an end of a string is a glob. */
export type Value = string | boolean | readonly string[];

/** A request with these fields and no others. A map cannot be compared by a policy, so its values are free. */
export function request(fields: Readonly<Record<string, unknown>>): Request {
  const values = (value: unknown): readonly Value[] => {
    if (Array.isArray(value)) return [value.map(String)];
    if (typeof value === 'boolean') return [value];
    return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
  };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, values(value)]));
}

/** Fields as they are sent: a number as a string, since a policy that names the values of a parameter compares strings and booleans alone. */
export function asSent(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]));
}

/**
 * What recording evidence in the description of a mount takes, which keeps its mark. In a mount that was there before, the evidence stands behind
 * the description that it has.
 */
export function recording(mount: string, what: string): { readonly act: Capabilities; readonly sends: Sends } {
  const path = `sys/mounts/${mount}/tune`;
  return { act: { [path]: ['create', 'update'] }, sends: { [path]: [{ description: [`${markOf(what)}*`, '*]'] }] } };
}

/** Vault's capabilities, by path. */
export type Capabilities = Readonly<Record<string, readonly Capability[]>>;

/** Vault's capabilities. */
export type Capability = 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'sudo';

/** What the description of each mount that our scripts enable begins with: a mount without it was there before. */
export const MARK = 'cdk8s-mesh-ca: ';

/** What the description of a mount that our scripts enable says. */
export const markOf = (what: string) => `${MARK}${what}`;

/** A step that compares what Vault holds at a path field by field, and writes it where it differs. */
export function fieldsAt(path: string, fields: Readonly<Record<string, unknown>>): Pick<Step, 'fields' | 'unless' | 'run' | 'needs'> {
  return {
    fields,
    unless: ['same_fields', path],
    run: [['write_fields', path]],
    needs: { look: { [path]: ['read'] }, act: { [path]: ['create', 'update'] }, sends: { [path]: [request(fields)] } },
  };
}
