import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { Project, SourceFile, SyntaxKind, ts } from 'ts-morph';

const root = path.join(__dirname, '..');
const project = new Project({ tsConfigFilePath: path.join(root, 'tsconfig.build.json'), skipFileDependencyResolution: true });
/** The nodes of a kind, without making an object of every node beside them. */
function nodesOf(file: SourceFile, kind: ts.SyntaxKind): ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === kind) found.push(node);
    node.forEachChild(visit);
  };
  visit(file.compilerNode);
  return found;
}
const nameOf = (file: SourceFile) => path.relative(root, file.getFilePath());
const sources = project.getSourceFiles().filter(file => nameOf(file).startsWith('src/'));

/** The rooms from the ground up; each may look into those that are listed, and into itself. */
const rooms: Record<string, string[]> = {
  config: [],
  plan: ['config'],
  constructs: ['imports', 'config', 'plan', 'script', 'output'],
  charts: ['imports', 'constructs', 'config', 'plan', 'output'],
  script: ['config', 'plan', 'output'],
  report: ['config', 'plan', 'output', 'script'],
  output: [],
  synth: ['charts', 'script', 'report', 'config', 'plan', 'output'],
  cli: ['synth', 'plan', 'config', 'output'],
};

const roomOf = (name: string) => {
  const [top = '', next = ''] = name.split('/');
  return top === 'src' ? next.replace(/\.ts$/, '') : top;
};

test('there are sources to look at', () => {
  expect(sources.length).toBeGreaterThan(30);
});

test('imports go one way', () => {
  const wrong = sources.flatMap(file => {
    const from = roomOf(nameOf(file));
    if (from === 'index') return [];
    return file
      .getImportDeclarations()
      .map(one => one.getModuleSpecifierValue())
      .filter(specifier => specifier.startsWith('.') && !specifier.endsWith('.json'))
      .map(specifier => roomOf(path.relative(root, path.resolve(path.dirname(file.getFilePath()), specifier))))
      .filter(to => to !== from && !rooms[from]?.includes(to))
      .map(to => `${nameOf(file)} imports from ${to}`);
  });
  expect(wrong).toStrictEqual([]);
});

test('nothing below the command reads the clock, the environment, the arguments or the disk', () => {
  const wrong = sources
    .filter(file => roomOf(nameOf(file)) !== 'cli')
    .flatMap(file => {
      const modules = file.getImportDeclarations().map(one => one.getModuleSpecifierValue().replace('node:', ''));
      const used = modules.filter(name => /^(fs|os|child_process|process|http|https|net|timers|perf_hooks)(\/|$)/.test(name));
      const texts = (kind: SyntaxKind) => nodesOf(file, kind).map(one => one.getText(file.compilerNode));
      const globals = texts(SyntaxKind.Identifier).filter(name => name === 'process' || name === 'performance' || name === 'globalThis');
      const clock = texts(SyntaxKind.NewExpression).filter(text => text === 'new Date()');
      const now = texts(SyntaxKind.PropertyAccessExpression).filter(text => /^(Date\.now|Math\.random|console\.\w+)$/.test(text));
      return [...used, ...globals, ...clock, ...now].map(what => `${nameOf(file)} uses ${what}`);
    });
  // the text files of a user's own cdk8s app, which its synth() writes.
  expect(wrong.filter(line => !line.startsWith('src/constructs/write-files.ts uses '))).toStrictEqual([]);
});

test('every exported thing is documented', () => {
  const wrong = sources.flatMap(file =>
    [...file.getFunctions(), ...file.getClasses(), ...file.getInterfaces(), ...file.getTypeAliases(), ...file.getVariableStatements()]
      .filter(one => one.isExported() && one.getJsDocs().length === 0)
      .map(one => `${nameOf(file)}:${one.getStartLineNumber()}`),
  );
  expect(wrong).toStrictEqual([]);
});

test('every property of an exported interface is documented, and an optional one says its default', () => {
  const wrong = sources
    .flatMap(file => file.getInterfaces())
    .filter(one => one.isExported())
    // Vault's own words are explained by Vault.
    .filter(one => !/^(RoleFields|.*Fields)$/.test(one.getName()))
    .flatMap(one => one.getProperties())
    .filter(property => {
      const tags = property.getJsDocs().flatMap(doc => doc.getTags().map(tag => tag.getTagName()));
      return property.getJsDocs().length === 0 || property.hasQuestionToken() !== tags.includes('default');
    });
  expect(wrong.map(one => `${nameOf(one.getSourceFile())}:${one.getStartLineNumber()} ${one.getName()}`)).toStrictEqual([]);
});

test('nothing is of type any', () => {
  const texts = sources.flatMap(file =>
    nodesOf(file, SyntaxKind.AnyKeyword).map(one => `${nameOf(file)}: ${one.parent.getText(file.compilerNode)}`),
  );
  expect(texts).toStrictEqual([]);
});

test('no source file is longer than 300 lines, but the config’s keys', () => {
  const code = sources.filter(file => file.getExtension() === '.ts');
  const long = code.filter(file => file.getEndLineNumber() > 300).map(nameOf);
  expect(long.filter(name => name !== 'src/config/config.ts')).toStrictEqual([]);
});

test('the live tests that take longest are run first, and the seconds that are known are of tests that are there', () => {
  const known = JSON.parse(readFileSync(path.join(root, 'test/live/seconds.json'), 'utf8')) as Record<string, number>;
  const there = ['test/live', 'test/live/attacks', 'test/verify'].flatMap(folder =>
    readdirSync(path.join(root, folder))
      .filter(name => name.endsWith('.test.ts'))
      .map(name => path.join(root, folder, name)),
  );
  // as on a machine that has run none of them yet; jest would begin with the larger ones.
  const context = { config: { cache: false }, hasteFS: { getSize: (file: string) => (file.includes('/verify/') ? 1 : 2) } };
  const tests = there.map(file => ({ path: file, context }));
  const Sequencer = jest.requireActual<new (options: object) => { sort(all: object[]): { path: string }[] }>('./sequencer.js');
  const order = new Sequencer({}).sort(tests).map(one => one.path);
  const longest = Object.values(known).sort((one, other) => other - one);
  const first = order.slice(0, longest.length);
  expect(first.map(file => known[path.relative(path.join(root, 'test/live'), file).replace(/\.test\.ts$/, '')])).toStrictEqual(longest);
  const verify = there.filter(file => path.basename(path.dirname(file)) === 'verify');
  expect(order.slice(longest.length, longest.length + verify.length).sort()).toStrictEqual(verify.sort());
});
