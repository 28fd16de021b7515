import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { OutputFile } from '../../../src/output';
import type { MeshCaPlan } from '../../../src/plan/plan';
import { synthesize, type SynthesizeOptions } from '../../../src/synth';

/** An object of Kubernetes, as far as the tests look into it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** What `mesh-ca synth` would write, on disk below `FOLDER/dist`. */
export interface Dist {
  readonly folder: string;
  readonly files: readonly OutputFile[];
  /** Content of a file, by its path below dist/. */
  text(path: string): string;
}

/** Writes every file of dist/ into a folder. */
export function writeDist(folder: string, plan: MeshCaPlan, options?: SynthesizeOptions): Dist {
  const files = synthesize(plan, options);
  for (const { path, content, kind } of files) {
    const file = join(folder, 'dist', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { mode: kind === 'script' ? 0o755 : 0o644 });
  }
  return {
    folder,
    files,
    text: path => {
      const found = files.find(file => file.path === path);
      if (!found) throw new Error(`dist/ has no ${path}, only ${files.map(file => file.path).join(', ')}`);
      return found.content;
    },
  };
}

/** The objects of a YAML text; an error in it is an error here. */
export function objectsOf(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).flatMap(document => {
    const [error] = document.errors;
    if (error) throw error;
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}
