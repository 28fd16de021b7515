import { spawnSync } from 'node:child_process';
import { adopting, scripts } from '../script/scripts';

test.each([...scripts, ...adopting])('the script of %s is clean for ShellCheck', (_name, input) => {
  expect(spawnSync('shellcheck', ['-'], { input, encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('fails if a script is not clean', () => {
  expect(spawnSync('shellcheck', ['-'], { input: '#!/bin/bash\necho $1\n', encoding: 'utf8' })).toMatchObject({ status: 1 });
});
