import { OutputFile } from '../output';
import { ClusterPlan } from '../plan/plan';
import { Warning } from '../plan/warnings';
import { code, plain, table } from './markdown';

/** What the sections of a cluster's runbook are written from. */
export interface ClusterContext {
  /** The cluster. */
  readonly cluster: ClusterPlan;

  /** Its files. */
  readonly files: readonly OutputFile[];

  /** Path of a file of this cluster as the reader types it. */
  readonly at: (file: string) => string;

  /** A kubectl call in this cluster. */
  readonly kube: (...argv: readonly string[]) => string;
}

/** The unsafe choices of a config, or nothing. */
export function warningList(warnings: readonly Warning[]): string[] {
  if (warnings.length === 0) return [];
  return [
    '## Warnings',
    '',
    'The config makes these unsafe choices, each by a key of its own:',
    '',
    ...[...new Set(warnings.map(({ key, message }) => `- ${code(key)}: ${plain(message)}`))],
    '',
  ];
}

/** The files, each with what it is. */
export const fileTable = (files: readonly OutputFile[]) =>
  table(
    ['file', 'kind', 'what it is'],
    files.map(({ path, kind, about }) => [code(`dist/${path}`), kind, plain(about)]),
  );
