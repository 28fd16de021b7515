import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** A text file, made. */
export interface MadeFile {
  /** Path below the output directory. */
  readonly path: string;

  /** The text. */
  readonly text: string;

  /** Whether the file can be run. */
  readonly executable: boolean;
}

/** Folder of the text files in a Helm chart. */
const CHART_FOLDER = 'mesh-ca';

/**
 * Writes text files where the manifests of an app were written.
 *
 * - `cdk8s synth --stdout` prints manifests out of a folder that it removes: the files are not written, and a warning on standard error says so.
 * - `cdk8s synth --format helm` has manifests written into a chart's `templates`, all of which Helm renders: the files go into `mesh-ca` beside
 *   it, and `.helmignore` keeps them out of the package.
 */
export function writeFiles(outdir: string, files: readonly MadeFile[]): void {
  if (isForStdout(outdir)) {
    const names = files
      .map(file => file.path)
      .sort()
      .join(', ');
    process.stderr.write(`warning: cdk8s synth --stdout prints manifests alone; without it these files are written too: ${names}\n`);
    return;
  }
  const chart = chartOf(outdir);
  if (chart !== undefined) fs.writeFileSync(path.join(chart, '.helmignore'), `${CHART_FOLDER}/\n`);
  const folder = chart === undefined ? outdir : path.join(chart, CHART_FOLDER);
  for (const { path: name, text, executable } of files) {
    const target = path.join(folder, name);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
    // the mode of writeFileSync would hold for a new file only.
    fs.chmodSync(target, executable ? 0o755 : 0o644);
  }
}

/** The CLI says nothing of `--stdout` to the app, but the folder that it makes for it is of this form. */
function isForStdout(outdir: string): boolean {
  const real = fs.realpathSync(outdir);
  return (
    process.env.CDK8S_OUTDIR === outdir &&
    path.dirname(real) === fs.realpathSync(os.tmpdir()) &&
    /^cdk8s-[A-Za-z0-9]{6}$/.test(path.basename(real))
  );
}

/** The folder of the Helm chart whose templates are written, if any: the CLI makes Chart.yaml first. */
function chartOf(outdir: string): string | undefined {
  const above = path.dirname(path.resolve(outdir));
  return path.basename(path.resolve(outdir)) === 'templates' && fs.existsSync(path.join(above, 'Chart.yaml')) ? above : undefined;
}
