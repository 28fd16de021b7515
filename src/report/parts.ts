import { FileEntry } from '../output';
import { ClusterPlan } from '../plan/plan';
import { VaultPlan } from '../plan/vault';
import { Warning } from '../plan/warnings';
import { words } from '../script/bash';
import { tokenPolicy } from '../script/policy-text';
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

/**
 * A command for a path that Vault has in its root namespace alone: in the runbook's shell, VAULT_NAMESPACE is that of the plan.
 *
 * @see https://developer.hashicorp.com/vault/docs/enterprise/namespaces#root-only-api-paths
 */
export const inRootNamespace = ({ namespace }: Pick<VaultPlan, 'namespace'>, command: string) =>
  namespace === undefined ? command : `VAULT_NAMESPACE= ${command}`;

/** What the reader needs for such a command. */
export const needsRootNamespace = ({ namespace }: Pick<VaultPlan, 'namespace'>, otherwise: string): string[] =>
  namespace === undefined
    ? []
    : [`Vault has this path in its root namespace only, so the command needs a token of the root namespace. ${otherwise}`, ''];

/** What to do with the file that names the CAs of a mount. */
export const keepCaFile = (mount: string): string[] => [
  `The script writes the certificate of the CA to ${code(`${mount.replaceAll('/', '+')}.ca.pem`)}, beside mesh-ca.yaml. The file is public: commit it. Scripts use no CA that is in no such file, and ${code('dist/root/setup.sh --check')} reports such a CA.`,
  '',
];

/** The option of `kubectl get` that prints a value of a Secret or a ConfigMap. */
export const dataAt = (key: string) => ['-o', `jsonpath={.data.${key.replaceAll('.', '\\.')}}`];

/** How a token that can run a script, and no more, is made. `isSplit`: whether the rights that grant an identity are a second policy. */
export function leastPolicy(script: string, name: string, vault: Pick<VaultPlan, 'namespace'>, isSplit: boolean): string[] {
  return [
    `You don't need a root token. Write the policy of the script, and create a token with it. The token is a batch token: it expires after an hour, cannot be renewed and cannot create other tokens. It cannot be revoked either: to take its rights away at once, delete its policies. The policies allow only the values of this plan.`,
    '',
    ...shell(...leastToken(script, name, vault, isSplit ? ['ca'] : [])),
    ...(isSplit
      ? [
          `The second policy makes the CA, and decides what it signs and who can log in as cert-manager, so its holder can have any identity of the mesh signed. Use it for the first run, for a new generation, and when the script asks for it. Every other run needs the first policy only, whose holder can become nobody: leave ${code(`-policy=${name}-ca`)} out.`,
          '',
        ]
      : []),
    `Set ${code('VAULT_TOKEN')} for the script alone (${code('VAULT_TOKEN=… bash …')}): the lines above need an administrator's own token. For ${code('--plan')} and ${code('--check')}, the policy that ${code('--print-policy --check')} prints is enough; call it ${code(`${name}-check`)}.`,
    '',
  ];
}

/**
 * Writes the policies of a script, and creates a token with them. `options` are those of --print-policy: `ca` for a policy beside the one for
 * every run, another one in its place, under a name of its own.
 */
export function leastToken(
  script: string,
  name: string,
  { namespace }: Pick<VaultPlan, 'namespace'>,
  options: readonly ('ca' | 'retire' | readonly ['repair', step: string])[] = [],
): string[] {
  const within = namespace === undefined ? [] : [`-namespace=${namespace}`];
  const every = options.every(option => option === 'ca') ? [{ print: [] as string[], policy: name }] : [];
  const printed = [
    ...every,
    ...options.map(option => {
      const [word, ...step] = [option].flat();
      return { print: [`--${word}`, ...step], policy: [name, word, ...step].join('-').replaceAll('/', '-') };
    }),
  ];
  return [
    ...printed.map(
      ({ print, policy }) =>
        `${words(['bash', script, '--print-policy', ...print])} | ${words(['vault', 'policy', 'write', ...within, policy, '-'])}`,
    ),
    words(['vault', 'token', 'create', ...within, '-type=batch', ...printed.map(({ policy }) => `-policy=${policy}`), '-ttl=1h']),
  ];
}

/** Runs one step of setup.sh with a token that reads what the script reads, and writes what that step writes. */
export const repairLines = ({ cluster, at }: ClusterContext, step: string): string[] => [
  ...shell(
    ...leastToken(at('setup.sh'), tokenPolicy('setup', cluster.name), cluster.vault, [['repair', step]]),
    words(['bash', at('setup.sh'), '--repair', step]),
  ),
  'The first two lines are for an administrator. The token is for that step alone. A token for a step of the login or of the secret ID can log in as cert-manager, so treat it as an administrator credential.',
  '',
];

/** The files, each with what it is. */
export const fileTable = (files: readonly FileEntry[]) =>
  table(
    ['file', 'kind', 'what it is'],
    files.map(({ path, kind, about }) => [code(`dist/${path}`), kind, plain(about)]),
  );
