// Type-checks all TypeScript, lints it, and compiles what the package is to lib/: three of one program, since reading and checking the types is
// most of the work of each. `npm run build` and `npm run lint` do one of them alone.
import { ESLint } from 'eslint';
import { relative, sep } from 'node:path';
import ts from 'typescript';

const host = {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: diagnostic => fail(ts.formatDiagnostic(diagnostic, names)),
};
const names = { getCanonicalFileName: name => name, getCurrentDirectory: ts.sys.getCurrentDirectory, getNewLine: () => '\n' };
const fail = text => {
  console.error(text);
  process.exitCode = 1;
};

const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile('tsconfig.json', {}, host);
const program = ts.createProgram(fileNames, options);
const diagnostics = [...errors, ...ts.getPreEmitDiagnostics(program)];
if (diagnostics.length > 0) fail(ts.formatDiagnostics(diagnostics, names));

// that they use nothing of jest, whose types are known here, is a rule of eslint's.
for (const file of program.getSourceFiles()) {
  const [room] = relative('.', file.fileName).split(sep);
  if (['src', 'imports', 'mesh-ca.schema.json'].includes(room)) program.emit(file);
}

const eslint = new ESLint({
  overrideConfig: { files: ['**/*.ts'], languageOptions: { parserOptions: { projectService: false, programs: [program] } } },
});
const results = await eslint.lintFiles(['.']);
const { format } = await eslint.loadFormatter('stylish');
if (results.some(({ errorCount, fatalErrorCount }) => errorCount + fatalErrorCount > 0)) fail(await format(results));
