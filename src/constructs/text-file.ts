import * as fs from 'node:fs';
import * as path from 'node:path';
import { App } from 'cdk8s';
import { Construct } from 'constructs';

const TEXT_FILE = Symbol.for('cdk8s-mesh-ca.TextFile');

/** Properties of `TextFile`. */
export interface TextFileProps {
  /** Path below the app's output directory, e.g. `istio-csr.values.yml`. A name that ends in `.yaml` counts as a manifest to the cdk8s CLI. */
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

/** A plain file that is synthesized beside the manifests: `app.synth()` writes Kubernetes objects only. */
export class TextFile extends Construct {
  /** Whether `x` is a `TextFile`, even one of another copy of this package. */
  public static isTextFile(x: unknown): x is TextFile {
    return x !== null && typeof x === 'object' && TEXT_FILE in x;
  }

  /** Writes every `TextFile` of the app. Call it after `app.synth()`. */
  public static writeAll(app: App): void {
    for (const file of app.node.findAll().filter(node => TextFile.isTextFile(node))) {
      const target = path.join(app.outdir, file.path);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, file.text);
      // the mode above would hold for a new file only.
      fs.chmodSync(target, file.executable ? 0o755 : 0o644);
    }
  }

  /** Path below the app's output directory. */
  public readonly path: string;

  /** Whether the file can be run. */
  public readonly executable: boolean;

  private readonly content: () => string;

  constructor(scope: Construct, id: string, props: TextFileProps) {
    super(scope, id);
    if (path.isAbsolute(props.path) || path.normalize(props.path) !== props.path || /^\.{1,2}(\/|$)/.test(props.path)) {
      throw new Error(`'path' must be a path below the output directory, e.g. "cluster-1/setup.sh", got "${props.path}"`);
    }
    this.path = props.path;
    this.executable = props.executable ?? false;
    this.content = props.content;
    Object.defineProperty(this, TEXT_FILE, { value: true });
  }

  /** The text. */
  public get text(): string {
    return this.content();
  }
}
