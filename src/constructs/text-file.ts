import { App } from 'cdk8s';
import { Construct } from 'constructs';
import { callable, Checks, checkProps, flag, maybe } from './check';
import { filePath } from './common-checks';
import { writeFiles } from './write-files';

const TEXT_FILE = Symbol.for('cdk8s-mesh-ca.TextFile');

/** The text files of an app, by their paths; copies of this package in one tree share them. */
const FILES = Symbol.for('cdk8s-mesh-ca.TextFile.files');

/** Properties of `TextFile`. */
export interface TextFileProps {
  /** Path below the app's output directory, e.g. `cluster-1/istio-csr.values.yml`. No other file of the app can have it. */
  readonly path: string;

  /** Produces the text; called when it is asked for. */
  readonly content: () => string;

  /**
   * Whether the file can be run.
   *
   * @default false
   */
  readonly executable?: boolean;
}

const CHECKS: Checks<TextFileProps> = { path: filePath, content: callable('() => "text"'), executable: maybe(flag) };

/**
 * A plain file beside the manifests. `app.synth()` writes it. `app.synthYaml()` and `Testing.synth()` give manifests alone: read `text` there.
 */
export class TextFile extends Construct {
  /** Whether `x` is a `TextFile`, even one of another copy of this package. */
  public static isTextFile(x: unknown): x is TextFile {
    return x !== null && typeof x === 'object' && TEXT_FILE in x;
  }

  /** Path below the app's output directory. */
  public readonly path: string;

  /** Whether the file can be run. */
  public readonly executable: boolean;

  private readonly content: () => string;

  constructor(scope: Construct, id: string, props: TextFileProps) {
    super(scope, id);
    checkProps(props, CHECKS);
    this.path = props.path;
    this.executable = props.executable ?? false;
    this.content = props.content;
    Object.defineProperty(this, TEXT_FILE, { value: true });
    register(this);
  }

  /** The text. */
  public get text(): string {
    return this.content();
  }
}

/** Has the app write the file at its next `synth()`. */
function register(file: TextFile): void {
  const app: App & { [FILES]?: Map<string, TextFile> } = App.of(file);
  if (typeof app.synth !== 'function') throw new Error(`a text file must stand in a cdk8s App, got ${file.node.path} without one`);
  if (file.path.endsWith(app.outputFileExtension) && !file.path.includes('/')) {
    throw new Error(
      `'path' must not end as the manifests of the app do, e.g. "cluster-1/setup.sh", got "${file.path}" for ${file.node.path}`,
    );
  }
  const files = app[FILES] ?? writtenBy(app);
  // on some disks, Setup.sh and setup.sh are one file; and none is a folder as well.
  const key = file.path.toLowerCase();
  for (const [other, { path, node }] of files) {
    if (other === key || other.startsWith(`${key}/`) || key.startsWith(`${other}/`)) {
      throw new Error(
        `'path' must be one that no other file has, e.g. "${file.path.replace(/([^/]*)$/, 'other-$1')}", got "${file.path}" for ${file.node.path}, and "${path}" for ${node.path}`,
      );
    }
  }
  files.set(key, file);
}

/** cdk8s has no hook that `synth()` alone calls: its validation runs for `Testing.synth()` too, which must write nothing. */
function writtenBy(app: App & { [FILES]?: Map<string, TextFile> }): Map<string, TextFile> {
  const files = new Map<string, TextFile>();
  const synth = app.synth.bind(app);
  Object.defineProperty(app, FILES, { value: files });
  app.synth = () => {
    // first, so that a text that cannot be made leaves nothing behind.
    const made = [...files.values()].map(({ path, text, executable }) => ({ path, text, executable }));
    synth();
    writeFiles(app.outdir, made);
  };
  return files;
}
