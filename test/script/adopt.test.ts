import { spawnSync } from 'node:child_process';
import { IstioCsrConfig } from '../../src/config/config';
import { adoptScripts, adoptSteps, undoSteps } from '../../src/script/adopt';
import { adopting, load } from './scripts';

const clusterOf = (istioCsr: IstioCsrConfig = {}) => load('mesh-ca.yaml', { istioCsr }).clusters[0]!;

test('both roots are trusted and every certificate renewed before anything is looked for that signs by the new one', () => {
  expect(adoptSteps(clusterOf()).map(({ id }) => id)).toEqual([
    'adopt/trust',
    'adopt/istiod',
    'adopt/trusted',
    'adopt/renewed',
    'adopt/istio-csr',
    'adopt/switch',
    'adopt/workloads',
    'adopt/old-root',
  ]);
  expect(undoSteps(clusterOf()).map(({ id }) => id)).toEqual(['undo/trust', 'undo/istiod', 'undo/trusted']);
});

test("there are no such scripts where istio-csr hands out the guide's intermediate", () => {
  expect(adoptScripts(clusterOf({ rootFile: 'intermediate' }))).toEqual([]);
});

describe.each(adopting)('the script of %s', (_name, input) => {
  test('is Bash', () => {
    expect(spawnSync('bash', ['-n'], { input, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  test('names the context in every call of the cluster, and takes no step that it does not know', () => {
    expect(input.match(/(?<![\w-])kubectl (?!--context)\S+/g) ?? []).toEqual([]);
    const functions = new Set([...input.matchAll(/^(\w+)\(\) \{/gm)].map(([, name]) => name));
    const words = [...input.matchAll(/^ {2}(?:unless|run) (\w+)/gm)].map(([, name]) => name);
    expect(words.filter(word => !functions.has(word))).toEqual([]);
  });
});
