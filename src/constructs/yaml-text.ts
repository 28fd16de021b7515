import { CollectionTag, Document, ScalarTag, Tags, isMap, isNode, isPair, isScalar, isSeq } from 'yaml';
import { Reason } from './reason';

/** What surrounds the values. */
export interface YamlTextOptions {
  /**
   * Lines of the comment at the top.
   *
   * @default - none
   */
  readonly header?: readonly string[];

  /**
   * Comments above values.
   *
   * @default - none
   */
  readonly reasons?: readonly Reason[];
}

/** Writes a value such that readers of YAML 1.1, of 1.2 and Kubernetes' own read exactly that value. */
export function yamlText(value: unknown, { header = [], reasons = [] }: YamlTextOptions = {}): string {
  const doc = new Document(value, { version: '1.2', customTags: quoteWhatReadersDiffer, aliasDuplicateObjects: false });
  for (const { path, text } of reasons) comment(doc, path, text);
  return (
    header
      .flatMap(lines)
      .map(line => `#${line}\n`)
      .join('') + doc.toString({ lineWidth: 0 })
  );
}

const STRING = 'tag:yaml.org,2002:str';

/** Numbers, dates and infinities of any reader begin so. Some of what begins so is none; a quote more does no harm. */
const LIKE_A_NUMBER = /^[-+]?([.\d]|e[-+]?\d)/i;

/** Words that some reader takes for a boolean, null, or a key with a meaning of its own. */
const RESERVED = /^(y|n|yes|no|on|off|true|false|null|nan|inf|~|=|<<)$/i;

/** Controls, formats, unpaired surrogates, and what YAML 1.1 takes for a line break. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Lines that a block shows as they are, such as PEM. */
const BLOCK = /^([!-~]([ -~]*[!-~])?\n)+$/;

function quoteWhatReadersDiffer(tags: Tags): Tags {
  return tags.map(tag => (isStringTag(tag) ? { ...tag, stringify: stringifyWith(tag) } : tag));
}

const isStringTag = (tag: Tags[number]): tag is ScalarTag => typeof tag === 'object' && tag.tag === STRING && !isCollectionTag(tag);

const isCollectionTag = (tag: ScalarTag | CollectionTag): tag is CollectionTag => tag.collection !== undefined;

function stringifyWith(tag: ScalarTag): NonNullable<ScalarTag['stringify']> {
  return (item, ctx, ...rest) => {
    const text = String(item.value);
    return (BLOCK.test(text) || !isUnsafe(text)) && tag.stringify ? tag.stringify(item, ctx, ...rest) : quoted(text);
  };
}

const isUnsafe = (text: string) => LIKE_A_NUMBER.test(text) || RESERVED.test(text) || text.search(UNSEEN) >= 0;

/** JSON's quotes are YAML's; only what YAML does not let stand as it is needs an escape more. */
function quoted(text: string): string {
  // no UTF-8 file can hold half of a surrogate pair, and Kubernetes' reader refuses its escape.
  if (/\p{Cs}/u.test(text))
    throw new Error(`a string must be whole Unicode, got one with half of a surrogate pair, e.g. write "\\U0001F600"`);
  return JSON.stringify(text).replace(UNSEEN, c => {
    const code = (c.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

function comment(doc: Document, path: Reason['path'], text: string): void {
  const last = path.at(-1);
  const parent: unknown = path.length > 1 ? doc.getIn(path.slice(0, -1), true) : doc.contents;
  const found: unknown = isMap(parent)
    ? parent.items.find(item => isPair(item) && (isScalar(item.key) ? item.key.value : item.key) === last)?.key
    : isSeq(parent) && typeof last === 'number'
      ? parent.items[last]
      : undefined;
  if (!isNode(found)) throw new Error(`a reason must be of a value that is there, got ${JSON.stringify(path)}`);
  found.commentBefore = lines(text).join('\n');
}

/** A line break cannot end a comment. */
const lines = (text: string) => text.split(/[\r\n\u0085\u2028\u2029]/).map(line => ` ${line.replace(UNSEEN, '?')}`.trimEnd());
