import { ApiObject, App, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { maybe } from './check';
import { header, patchPath } from './common-checks';
import { Reason } from './reason';
import { TextFile } from './text-file';
import { yamlText } from './yaml-text';

/** What every patch of an object can have. */
export interface PatchFileProps {
  /**
   * Lines at the top of the file, as a comment.
   *
   * @default - none
   */
  readonly header?: readonly string[];

  /**
   * Path below the app's output directory. It must not look like that of a manifest: applied, a patch removes what it does not name.
   *
   * @default - `CLUSTER-ID/control-plane.patch`, `CLUSTER-ID/istio.patch` or `CLUSTER-ID/ztunnel.patch`
   */
  readonly path?: string;
}

/** Checks of `PatchFileProps`. */
export const PATCH_FILE_CHECKS = { header, path: maybe(patchPath) };

/**
 * A text file with a part of an object, to merge by `kubectl patch --type=merge --patch-file`. The part is no object of the app, since
 * applying it removes every field that it does not name.
 *
 * @param make makes the object
 */
export function patchFile(
  scope: Construct,
  make: (scope: Construct) => ApiObject,
  { header, path, reasons }: { readonly header?: readonly string[]; readonly path: string; readonly reasons: readonly Reason[] },
): { readonly file: TextFile; readonly object: Readonly<Record<string, unknown>> } {
  const object = make(new Chart(new App(), 'patch')).toJson() as Readonly<Record<string, unknown>>;
  return { object, file: new TextFile(scope, 'Resource', { path, content: () => yamlText(object, { header, reasons }) }) };
}
