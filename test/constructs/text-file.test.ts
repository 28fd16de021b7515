import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { TextFile } from '../../src/constructs/text-file';

test('every file of the app is written, and can be run where it should', () => {
  // GIVEN
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'text-file-'));
  const app = new App({ outdir });
  new TextFile(app, 'a', { path: 'a.txt', content: () => 'one\n' });
  new TextFile(new Chart(app, 'chart'), 'b', { path: 'b/c/d.sh', content: () => 'two\n', executable: true });
  fs.writeFileSync(path.join(outdir, 'a.txt'), 'before, and longer\n', { mode: 0o700 });

  // WHEN
  TextFile.writeAll(app);

  // THEN
  const look = (file: string) => [fs.readFileSync(path.join(outdir, file), 'utf8'), fs.statSync(path.join(outdir, file)).mode & 0o777];
  expect(look('a.txt')).toEqual(['one\n', 0o644]);
  expect(look('b/c/d.sh')).toEqual(['two\n', 0o755]);
  fs.rmSync(outdir, { recursive: true });
});

test('the text is there without writing', () => {
  expect(new TextFile(Testing.chart(), 'a', { path: 'a.txt', content: () => 'one\n' }).text).toBe('one\n');
});

test('it is known by a symbol that copies of the package share', () => {
  const file = new TextFile(Testing.chart(), 'a', { path: 'a.txt', content: () => '' });
  expect([file, { [Symbol.for('cdk8s-mesh-ca.TextFile')]: true }, {}, null, 'a'].map(x => TextFile.isTextFile(x))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test.each(['/etc/passwd', '../a', '..', 'a/../../b', './a', '', 'a//b', '.'])('fails if the path is %j', file => {
  expect(() => new TextFile(Testing.chart(), 'a', { path: file, content: () => '' })).toThrow(
    new Error(`'path' must be a path below the output directory, e.g. "cluster-1/setup.sh", got "${file}"`),
  );
});
