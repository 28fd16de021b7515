import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { schema } from '../src/config/schema';
import { quote } from '../src/script/bash';
import { synthesize } from '../src/synth';
import { expectSameReadings, folder, hostile, leaves, load, problemsOf, SIGN, sound, soundFor, testLeaves, ways } from './hostile';
import { withLeaf } from './schema-leaves';

test('every key takes its own example', () => {
  expect(leaves.length).toBeGreaterThan(80);
  expect(leaves.map(leaf => [leaf.path, problemsOf(withLeaf(soundFor(leaf), leaf.path, leaf.right))])).toStrictEqual(
    leaves.map(leaf => [leaf.path, []]),
  );
});

test('there is a config for each way in, and for each delivery that has settings of its own', () => {
  const deliveries = ways.flatMap(way => ('secret' in way ? [way.secret.delivery] : []));
  const { enum: words = [] } = schema.definitions?.SecretConfig?.properties?.delivery ?? {};
  expect(words.filter(word => word !== 'script' && word !== 'manifest').sort()).toStrictEqual(deliveries.sort());
  expect([...new Set(ways.map(({ auth }) => auth))]).toStrictEqual(schema.definitions?.ClusterConfig?.properties?.auth?.enum);
});

testLeaves('top');

test('a hostile key of Helm values is refused, or comes out exactly', () => {
  const at = ['clusters', 0, 'istioCsr', 'values', 'podAnnotations'];
  const withKey = (key: string) => withLeaf(sound, at, Object.fromEntries([[key, 'x']]));
  const accepted = hostile.filter(value => {
    const problems = problemsOf(withKey(value));
    if (problems.length > 0) expect(problems.map(problem => problem.path.slice(0, 5))).toStrictEqual([at]);
    return problems.length === 0;
  });
  const made = (key: string) => synthesize(load(withKey(key)).plan);
  expectSameReadings(
    SIGN,
    made(SIGN),
    accepted.map(key => [key, made(key)]),
  );
});

test.each(['bash', 'dash'])('a quoted word is that word to %s', shell => {
  const lines = hostile.filter(word => !word.includes('\0') && !word.includes('\ud800'));
  const read = (words: readonly string[]) =>
    execFileSync(shell, [], { cwd: folder, input: `printf '%s\\0' ${words.map(quote).join(' ')}`, encoding: 'utf8', stdio: 'pipe' })
      .split('\0')
      .slice(0, -1);
  expect(read(lines)).toStrictEqual(lines);

  const word = fc.string({ unit: 'binary' }).filter(text => !text.includes('\0') && !/\p{Cs}/u.test(text));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 50 }), words => {
      expect(read(words)).toStrictEqual(words);
    }),
    { numRuns: 50 },
  );
});

test('fails if a word holds a NUL byte, which no argument can', () => {
  expect(() => quote('a\0b')).toThrow('an argument cannot hold a NUL byte, got "a\\u0000b"');
});
