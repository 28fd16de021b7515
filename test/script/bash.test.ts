import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { comment, constants, quote, stepsFunction } from '../../src/script/bash';

/** Shells that are here: dash may be missing outside CI. */
const shells = ['bash', 'dash'].filter(shell => spawnSync(shell, ['-c', 'true']).status === 0);

const hostile = [
  '',
  ' ',
  "'",
  "''",
  '"',
  '\\',
  '$HOME',
  '$(id)',
  '`id`',
  '!x',
  '~',
  '*',
  '?',
  '[a]',
  'a\nb',
  '\n',
  '\t',
  '\r',
  'é',
  'مرحبا',
  '🔑',
  '-n',
  '--',
  '#',
  ';',
  '&',
  '|',
  '<',
  '>',
  '(',
  '{a,b}',
  '=',
  '%s',
  '@file',
  '\\@x',
  '\u2028',
  '\x1b[31m',
];

describe.each(shells)('in %s', shell => {
  test.each(hostile)('quotes %j', word => {
    expect(execFileSync(shell, ['-c', `printf %s ${quote(word)}`], { encoding: 'utf8' })).toBe(word);
  });

  test('quotes every word, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'binary' }).filter(word => !word.includes('\0') && Buffer.from(word).toString() === word),
          { minLength: 1, maxLength: 8 },
        ),
        list => {
          const script = list.map(word => `printf '%s\\0' ${quote(word)}`).join('\n');
          expect(execFileSync(shell, ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(list);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('fails if a word holds a NUL byte, which no argument can', () => {
  expect(() => quote('a\0b')).toThrow('an argument cannot hold a NUL byte, got "a\\u0000b"');
});

test('a constant keeps its value, whatever it holds', () => {
  const value = hostile.join('');
  const script = [...constants({ value }), 'printf %s "$value"'].join('\n');
  expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' })).toBe(value);
});

test('no line break ends a comment', () => {
  expect(comment('a\nb\r\nc\u2028d')).toEqual(['# a', '# b', '#', '# c', '# d']);
});

test('renders steps as calls of the runtime, one field a line', () => {
  expect(
    stepsFunction([
      {
        id: 'a/b',
        title: "Bob's $(step)",
        why: ['because\nit must'],
        fields: { ttl: '1h', names: ["it's", 'a\nb'] },
        unless: ['same_fields', 'x/y'],
        run: [
          ['write_fields', 'x/y'],
          ['vault', 'write', 'k=v'],
        ],
        needs: {},
      },
      { id: 'c', title: 'always', run: [['true']], needs: {} },
    ]).join('\n'),
  ).toBe(`steps() {
  # because
  # it must
  step a/b 'Bob'\\''s $(step)'
  fields '{
    "ttl": "1h",
    "names": [
      "it'\\''s",
      "a\\nb"
    ]
  }'
  unless same_fields x/y
  run write_fields x/y
  run vault write k=v

  step c always
  run true
}`);
});
