import { Document, isAlias, isMap, isScalar, isSeq, LineCounter, Node, Pair, parseDocument, YAMLError } from 'yaml';
import { Position, Problem } from './problem';
import { show } from './show';

/** A YAML file that is read: plain values, and where each of them stands. */
export interface YamlFile {
  /** The value, in JSON's types. */
  readonly value: unknown;

  /** What is wrong with the file itself. */
  readonly problems: readonly Problem[];

  /** Where a value stands, or its key; where it does not, the nearest that would hold it. */
  readonly locate: (path: Path, of?: 'key' | 'value') => Position;

  /** A scalar as it was typed, e.g. `1.20`. */
  readonly source: (path: Path) => string | undefined;
}

type Path = readonly (string | number)[];

/**
 * Reads YAML 1.2, core schema: only what means the same to every reader. Aliases, anchors, tags and directives are refused, since what
 * clusters share stands above `clusters`.
 */
export function readYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let doc: Document.Parsed;
  try {
    doc = parseDocument(text, { version: '1.2', schema: 'core', strict: true, prettyErrors: false, lineCounter: lines });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return nothing([{ path: [], message: 'the file is nested too deeply', position: { line: 1, column: 1 } }]);
  }
  const broken = [...doc.errors, ...doc.warnings].map(error => ({ path: [], message: explain(error, text), position: at(error.pos[0]) }));
  if (doc.directives.yaml.explicit) broken.push({ path: [], message: 'a %YAML directive is not read, remove it', position: at(0) });
  if (broken.length > 0) return nothing(broken);

  const problems: Problem[] = [];
  const refuse = (path: Path, node: Node, message: string) => problems.push({ path, message, position: at(node.range?.[0] ?? 0) });
  const value = valueOf(doc.contents, [], refuse);
  return {
    value,
    problems,
    locate: (path, of = 'value') => at(offsetOf(doc.contents, path, of)),
    source: path => {
      const node = find(doc.contents, path).node;
      return isScalar(node) && path.length === find(doc.contents, path).depth ? node.source : undefined;
    },
  };
}

function nothing(problems: readonly Problem[]): YamlFile {
  return { value: undefined, problems, locate: () => ({ line: 1, column: 1 }), source: () => undefined };
}

/** The library's messages may quote the file; ours name the commonest slips in our own words. */
function explain({ code, message, pos }: YAMLError, text: string): string {
  if (code === 'DUPLICATE_KEY')
    return `the key ${show(/^["']?([^\s:"']*)/.exec(text.slice(pos[0], pos[0] + 300))?.[1] ?? '')} stands twice, remove one`;
  if (code === 'MULTIPLE_DOCS') return 'the file must hold one document, remove what begins with the second "---"';
  if (code === 'TAB_AS_INDENT') return 'a tab cannot indent YAML, write spaces';
  return `not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

function valueOf(node: unknown, path: Path, refuse: (path: Path, node: Node, message: string) => void): unknown {
  if (isAlias(node)) {
    refuse(path, node, 'an alias (*) is not read, write the value out, or in quotes; what clusters share stands above clusters');
    return undefined;
  }
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null;
  if (node.anchor !== undefined) refuse(path, node, 'an anchor (&) is not read, remove it, or write the value in quotes');
  if (node.tag !== undefined) refuse(path, node, 'a tag (!) is not read, remove it, or write the value in quotes');
  if (isSeq(node)) return node.items.map((item, i) => valueOf(item, [...path, i], refuse));
  if (isMap(node)) return objectOf(node.items, path, refuse, node);
  if (typeof node.value === 'number' && !isExact(node.value)) {
    refuse(path, node, `a number must be finite and exact, got ${show(node.source)}; write it in quotes where text is meant`);
  }
  return node.value;
}

/** Whether every reader takes a number for the same. */
export const isExact = (value: number) => Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));

function objectOf(pairs: readonly Pair[], path: Path, refuse: Parameters<typeof valueOf>[2], map: Node): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { key, value } of pairs) {
    const at = isScalar(key) || isMap(key) || isSeq(key) || isAlias(key) ? key : map;
    if (!isScalar(key) || typeof key.value !== 'string' || key.tag !== undefined || key.anchor !== undefined) {
      refuse(path, at, `a key must be plain text, got ${isScalar(key) ? show(key.source ?? '') : 'another thing'}; write it in quotes`);
    } else if (key.value === '__proto__') {
      refuse(path, at, 'a key cannot be "__proto__"');
    } else {
      result[key.value] = valueOf(value, [...path, key.value], refuse);
    }
  }
  return result;
}

/** Walks as far as the path leads. */
function find(contents: unknown, path: Path): { node: unknown; depth: number; key?: Node } {
  let node = contents;
  let key: Node | undefined;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && item.key.value === step);
      if (!pair) return { node, depth, key };
      key = isScalar(pair.key) ? pair.key : undefined;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      key = undefined;
      node = node.items[step];
    } else return { node, depth, key };
  }
  return { node, depth: path.length, key };
}

function offsetOf(contents: unknown, path: Path, of: 'key' | 'value'): number {
  const { node, key, depth } = find(contents, path);
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  // an empty value has no place of its own.
  const empty = !range || range[0] === range[1];
  if (key?.range && ((of === 'key' && depth === path.length) || empty)) return key.range[0];
  return range?.[0] ?? 0;
}
