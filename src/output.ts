/** A file of dist/, without its text. */
export interface FileEntry {
  /** Path below dist/, with forward slashes. */
  readonly path: string;

  /** What kind of file it is. */
  readonly kind: 'manifest' | 'helm-values' | 'istio-operator' | 'script' | 'doc';

  /**
   * The cluster that it belongs to; none: all of them.
   *
   * @default - it belongs to all of them
   */
  readonly cluster?: string;

  /** One line of what it is. */
  readonly about: string;
}

/** A file of dist/, before it is written. */
export interface OutputFile extends FileEntry {
  /** The text. */
  readonly content: string;
}

/** First line of every file that is made, behind the comment sign of its kind. */
export const MADE_BY = 'Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.';
