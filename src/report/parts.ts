import { FileEntry } from '../output';
import { ClusterPlan } from '../plan/plan';
import { Warning } from '../plan/warnings';
import { words } from '../script/bash';
import { code, plain, shell, table } from './markdown';

/** What the sections of a cluster's runbook are written from. */
export interface ClusterContext {
  /** The cluster. */
  readonly cluster: ClusterPlan;

  /** Its files. */
  readonly files: readonly FileEntry[];

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

/** The option of `kubectl get` that prints a value of a Secret or a ConfigMap. */
export const dataAt = (key: string) => ['-o', `jsonpath={.data.${key.replaceAll('.', '\\.')}}`];

/** How a token that may run a script, and no more, is had. */
export function leastPolicy(script: string, name: string): string[] {
  return [
    `It needs no root token: this gives an administrator the least policy for a token that runs it. Whoever holds it writes policies and logins, so trust him as an administrator, and let the token end soon:`,
    '',
    ...shell(`${words(['bash', script, '--print-policy'])} | ${words(['vault', 'policy', 'write', name, '-'])}`),
  ];
}

/** The files, each with what it is. */
export const fileTable = (files: readonly FileEntry[]) =>
  table(
    ['file', 'kind', 'what it is'],
    files.map(({ path, kind, about }) => [code(`dist/${path}`), kind, plain(about)]),
  );
