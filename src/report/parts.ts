import { FileEntry } from '../output';
import { ClusterPlan } from '../plan/plan';
import { VaultPlan } from '../plan/vault';
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
export function leastPolicy(script: string, name: string, vault: Pick<VaultPlan, 'namespace'>): string[] {
  return [
    `It needs no root token: by this an administrator writes the least policy for a token that runs it, and makes one. Whoever holds it writes policies and logins, so trust him as an administrator, and let the token end soon:`,
    '',
    ...shell(...leastToken(script, name, vault)),
    `The script takes that token from ${code('VAULT_TOKEN')}; set it for the script alone (${code('VAULT_TOKEN=… bash …')}), as an administrator's lines need his own. To look alone (${code('--plan')}, ${code('--check')}), one with the policy that ${code('--print-policy --check')} prints is enough; call it ${code(`${name}-check`)}.`,
    '',
  ];
}

/** Writes the least policy of a script, and makes a token with it. A policy for what an option asks for has a name of its own. */
export function leastToken(script: string, name: string, { namespace }: Pick<VaultPlan, 'namespace'>, option?: 'retire'): string[] {
  const within = namespace === undefined ? [] : [`-namespace=${namespace}`];
  const policy = option === undefined ? name : `${name}-${option}`;
  const print = ['bash', script, '--print-policy', ...(option === undefined ? [] : [`--${option}`])];
  return [
    `${words(print)} | ${words(['vault', 'policy', 'write', ...within, policy, '-'])}`,
    words(['vault', 'token', 'create', ...within, `-policy=${policy}`, '-ttl=1h']),
  ];
}

/** The files, each with what it is. */
export const fileTable = (files: readonly FileEntry[]) =>
  table(
    ['file', 'kind', 'what it is'],
    files.map(({ path, kind, about }) => [code(`dist/${path}`), kind, plain(about)]),
  );
