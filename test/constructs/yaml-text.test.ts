import * as fc from 'fast-check';
import { parseAllDocuments, parseDocument } from 'yaml';
import { yamlText } from '../../src/constructs/yaml-text';

/** What readers of YAML 1.1, with merge keys, and of 1.2 make of a text. */
function readings(text: string): unknown[] {
  return ([{ version: '1.1', merge: true }, { version: '1.2' }] as const).map(options => {
    const doc = parseDocument(text, options);
    expect(doc.errors).toEqual([]);
    const value: unknown = doc.toJS();
    return value;
  });
}

/** Each is written as an element, as a key and as a value. */
const places = (text: string) => ({ list: [text, [text]], map: { [text]: 1 }, both: { [text]: text } });

// what one reader or another takes for something else than the text.
test.each([
  ...['yes', 'No', 'ON', 'off', 'y', 'N', 'true', 'FALSE', 'null', 'Null', '~', '=', '<<'],
  ...[
    '0',
    '-0',
    '+1',
    '012',
    '0o17',
    '0x1F',
    '0b11',
    '1_000',
    '190:20:30',
    '1.',
    '.5',
    '1e3',
    '1E-3',
    'E0',
    '-e+1',
    '685_230.15',
    '.',
    '.inf',
    '-.INF',
    '+.inf',
    '.nan',
    'NaN',
  ],
  ...['2001-01-01', '2001-12-14t21:59:43.10-05:00'],
  ...['', ' ', ' a', 'a ', '\ta', 'a\t'],
])('%j is quoted', text => {
  expect(yamlText({ a: text })).toBe(`a: ${JSON.stringify(text)}\n`);
  expect(readings(yamlText(places(text)))).toStrictEqual([places(text), places(text)]);
});

test.each([
  ...[
    '-',
    '- a',
    '?',
    '? a',
    ':',
    'a: b',
    'a:',
    '#',
    'a #b',
    '&a',
    '*a',
    '!!str a',
    '|',
    '>',
    '%a',
    '@a',
    '`a`',
    '"a"',
    "'a'",
    '{a',
    '[a',
    ']',
    ',',
    '--- a',
    '---',
    '...',
  ],
  ...['a\nb', 'a\nb\n', '\n', 'a\n\nb\n', ' a\nb\n', 'a\n b\n', 'a \nb\n', 'a\r\nb', '---\n', '%YAML 1.1\n', '#\n'],
  ...[
    'a\u0085b',
    'a\u2028b',
    '\ufeffa',
    '\0',
    '\u0007',
    '\u007f',
    '\u202ea',
    'é',
    '日本',
    '😀',
    'x'.repeat(3000),
    'word '.repeat(400) + '.',
    '$(id)',
    '\\n',
    '\\',
  ],
])('%j is read as it is', text => {
  expect(readings(yamlText(places(text)))).toStrictEqual([places(text), places(text)]);
});

test('what a reader cannot see is escaped', () => {
  expect(yamlText(['a\u0085\u2028\ufeff\u202e\u200b\u{e0001}'])).toBe('- "a\\u0085\\u2028\\ufeff\\u202e\\u200b\\U000e0001"\n');
});

test('any object is read as it was', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('yes', '0o17', '1e3', '\n', ' ', '# ', ': ', '- '));
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('tree')),
      fc.dictionary(text, tie('tree'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(tree, value => {
      const wrapped = { value };
      expect(readings(yamlText(wrapped))).toStrictEqual([wrapped, wrapped]);
    }),
  );
});

test('a long text is not broken into lines, and an object that stands twice is written twice', () => {
  const twice = { a: 1 };
  expect(yamlText([`${'word '.repeat(100)}end`, twice, twice])).toBe(`- ${'word '.repeat(100)}end\n- a: 1\n- a: 1\n`);
});

test('PEM is written as a block', () => {
  expect(yamlText({ a: { b: '-----BEGIN X-----\nMII=\n-----END X-----\n' } })).toBe(
    'a:\n  b: |\n    -----BEGIN X-----\n    MII=\n    -----END X-----\n',
  );
});

test('the header stands at the top, a reason above its value', () => {
  const text = yamlText(
    { a: { b: 1, c: [{ d: 2 }, 3] } },
    {
      header: ['one', 'two'],
      reasons: [
        { path: ['a'], text: 'of a' },
        { path: ['a', 'b'], text: 'of b' },
        { path: ['a', 'c', 0], text: 'of the first' },
        { path: ['a', 'c', 0, 'd'], text: 'of d' },
        { path: ['a', 'c', 1], text: 'of the second' },
      ],
    },
  );
  expect(text).toBe(
    [
      '# one',
      '# two',
      '# of a',
      'a:',
      '  # of b',
      '  b: 1',
      '  c:',
      '    # of the first',
      '    - # of d',
      '      d: 2',
      '    # of the second',
      '    - 3',
      '',
    ].join('\n'),
  );
});

test.each(['a\nb: 1', 'a\rb: 1', 'a\u0085b: 1', 'a\u2028b: 1', '\u0000', '---', '\n\n'])('the comment %j stays a comment', text => {
  const written = yamlText({ a: 1 }, { header: [text], reasons: [{ path: ['a'], text }] });
  expect(readings(written)).toStrictEqual([{ a: 1 }, { a: 1 }]);
  expect(parseAllDocuments(written)).toHaveLength(1);
  expect(written.split('\n').filter(line => !/^(#|$)/.test(line))).toEqual(['a: 1']);
});

test('fails if a reason is of a value that is not there', () => {
  expect(() => yamlText({ a: [1] }, { reasons: [{ path: ['a', 1], text: 'b' }] })).toThrow(
    new Error('a reason must be of a value that is there, got ["a",1]'),
  );
});

test('fails if a string is no whole Unicode', () => {
  expect(() => yamlText(['\ud800'])).toThrow(
    new Error('a string must be whole Unicode, got one with half of a surrogate pair, e.g. write "\\U0001F600"'),
  );
});
