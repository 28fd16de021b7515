import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly test: string;
  readonly red: string;
}

// an ES module, which jest does not load without a flag; Node prints it.
const mutations = JSON.parse(
  execFileSync(
    process.execPath,
    ['--input-type=module', '-e', "import { mutations } from './test/mutations/mutations.mjs'; console.log(JSON.stringify(mutations));"],
    {
      encoding: 'utf8',
    },
  ),
) as Mutation[];

test.each(mutations)('the line that "$name" breaks stands once in $file', ({ file, from, to, test: testFile, red }) => {
  expect(readFileSync(file, 'utf8').split(from)).toHaveLength(2);
  expect(to).not.toBe(from);
  // the test that must turn red is there, by the name that it is called.
  const words = red.split(' ').slice(-3).join(' ');
  expect(readFileSync(testFile, 'utf8')).toContain(words);
});
