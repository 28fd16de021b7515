import { MADE_BY } from '../output';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { seconds } from '../plan/ttl';
import { Warning } from '../plan/warnings';
import { comment, constants, stepsFunction } from './bash';
import { clusterSteps, policyPath, rootSteps, signFields } from './steps';
import runtime from './runtime.json';
import { Step } from './step';

/** The script that brings the root CA into Vault. */
export function rootScript({ root, vault, clusters }: MeshCaPlan): string {
  const about = `Brings the root CA into Vault's mount ${root.mount}.`;
  return script(about, [], rootSteps(root), 'root.sh', {
    server: vault.server,
    ca_bundle: vault.caBundle?.trim() ?? '',
    config_root: root.certificate?.trim() ?? '',
    root_mount: root.mount,
    root_source: root.source,
    root_common_name: root.generate.commonName,
    longest_intermediate: String(Math.max(...clusters.map(cluster => seconds(cluster.intermediate.ttl)))),
  });
}

/** The script that makes a cluster's intermediate CA and its door, and tries it. */
export function clusterScript(cluster: ClusterPlan): string {
  const { name, vault, root, intermediate, role, appRole, secret, istioCsr, certificates } = cluster;
  const about = `Makes the intermediate CA of cluster ${name} in Vault, the way in for its cert-manager, and tries both.`;
  return script(about, cluster.warnings, clusterSteps(cluster), 'cluster.sh', {
    cluster: name,
    context: cluster.context,
    server: vault.server,
    ca_bundle: vault.caBundle?.trim() ?? '',
    config_root: root.certificate?.trim() ?? '',
    root_mount: root.mount,
    mount: intermediate.mount,
    intermediate_seconds: String(seconds(intermediate.ttl)),
    intermediate_bits: String(intermediate.keyBits),
    max_path_length: String(intermediate.maxPathLength),
    common_name: intermediate.commonName,
    key_mode: intermediate.key,
    sign_fields: JSON.stringify(signFields(intermediate)),
    sign_path: role.signPath,
    role_path: role.path,
    policy_path: policyPath(cluster.policy),
    role_is_exact: String(role.exact),
    approle_mount: appRole.mount,
    approle_path: appRole.path,
    role_id: appRole.roleId,
    token_type: appRole.fields.token_type,
    secret_id_seconds: String(seconds(appRole.fields.secret_id_ttl)),
    secret_delivery: secret.delivery,
    secret_name: secret.name,
    secret_namespace: secret.namespace,
    secret_key: secret.key,
    csr_namespace: istioCsr.namespace,
    root_secret: istioCsr.rootSecret.name,
    root_secret_key: istioCsr.rootSecret.key,
    root_file: istioCsr.rootFile,
    key_type: certificates.keyType,
    key_bits: String(certificates.keyBits),
    trial_ttl: certificates.workloadTtl,
  });
}

function script(
  about: string,
  warnings: readonly Warning[],
  steps: readonly Step[],
  own: 'root.sh' | 'cluster.sh',
  values: Readonly<Record<string, string>>,
): string {
  return [
    '#!/usr/bin/env bash',
    ...comment(MADE_BY),
    '#',
    ...comment(about),
    '# Run it from the folder of mesh-ca.yaml; --plan shows what it would do, --help the rest. Every step can be run again.',
    ...warnings.flatMap(({ key, message }) => comment(`WARNING: ${key}: ${message}`)),
    '',
    ...constants({ about, ...values, step_count: String(steps.length), needs: lineByLine(needsOf(steps)) }),
    '',
    ...stepsFunction(steps),
    '',
    runtime['setup.sh'],
    runtime[own],
    'main "$@"',
    '',
  ].join('\n');
}

/** What each step needs of Vault. */
const needsOf = (steps: readonly Step[]) => Object.fromEntries(steps.map(step => [step.id, step.needs]));

/** JSON with an entry a line, for the reader of a diff. */
function lineByLine(entries: Readonly<Record<string, unknown>>): string {
  return `{\n${Object.entries(entries)
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n')}\n}`;
}
