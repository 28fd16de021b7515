import { MADE_BY } from '../output';
import { AuthPlan } from '../plan/auth';
import { CaPlan, RootPlan } from '../plan/pki';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { SecretDelivery } from '../plan/secret';
import { subjectText } from '../plan/subject';
import { ROTATING_ISSUERS } from '../plan/token-keys';
import { seconds } from '../plan/ttl';
import { VaultPlan } from '../plan/vault';
import { Warning } from '../plan/warnings';
import { comment, constants, NEEDS_BASH, stepsFunction } from './bash';
import { loginConstants, loginsOf, ownAuth } from './auth-steps';
import { caConstants } from './ca-steps';
import { closingLines, closings } from './closings';
import { generationConstants } from './generation-steps';
import { tokenPolicy } from './policy-text';
import { clusterSteps, plannedMounts, rootSteps } from './steps';
import runtime from './runtime.json';
import { markOf, Step } from './step';

/** The script that brings the root CA into Vault, or looks at it, and makes the policy CAs below it. */
export function rootScript({ root, policyCas, vault, clusters, warnings }: MeshCaPlan): string {
  const makes = policyCas.length === 0 ? '' : ` Makes the policy CA${policyCas.length === 1 ? '' : 's'} below it.`;
  const intermediates = clusters.map(({ intermediate }) => intermediate.ttl);
  const shared = warnings.filter(({ cluster }) => cluster === undefined);
  return script(
    `${aboutRoot(root)}${makes}`,
    shared,
    rootSteps({ root, policyCas, clusters }),
    ['mark.sh', 'audit.sh', 'settings.sh', 'each.sh', 'known.sh', 'signed.sh', 'root.sh', ...caTexts(policyCas)],
    {
      ...reaches(vault),
      ...rootPlace(root),
      token_policy: tokenPolicy('setup', 'root'),
      root_source: root.source,
      root_common_name: root.generate.commonName,
      root_subject: subjectText(root.generate.subject),
      longest_below: String(Math.max(...(policyCas[0] ? [policyCas[0].ttl] : intermediates).map(seconds))),
      planned_mounts: plannedMounts({ policyCas, clusters }).join(' '),
      stored_leaves: JSON.stringify(storedLeaves(clusters)),
      ...caValues(policyCas, policyCas[1] ? [policyCas[1].ttl] : intermediates),
    },
  );
}

/** The longest lifetime of the certificates that Vault stores, in seconds, by the mount of each cluster whose PKI role has it do so. */
const storedLeaves = (clusters: readonly ClusterPlan[]): Record<string, number> =>
  Object.fromEntries(
    clusters
      .filter(({ role }) => !role.fields.no_store)
      .map(({ intermediate, role }) => [intermediate.mount, seconds(role.fields.max_ttl)]),
  );

/** The parts of the runtime that make CAs. */
function caTexts(cas: readonly CaPlan[]): (keyof typeof runtime)[] {
  if (cas.length === 0) return [];
  return cas.some(({ signer }) => signer === undefined) ? ['ca.sh', 'offline.sh'] : ['ca.sh'];
}

/** @param below lifetimes of what the first of the CAs signs: one that is signed by hand has to outlive them */
const caValues = (cas: readonly CaPlan[], below: readonly string[]) => ({
  cas: caConstants(cas),
  ...(cas[0] && cas[0].signer === undefined ? { seconds_below: String(Math.max(...below.map(seconds))) } : {}),
});

function aboutRoot({ source, mount }: RootPlan): string {
  if (source === 'existing') return `Looks at the root CA that is in Vault's mount ${mount} already, and changes nothing there.`;
  return mount === undefined ? 'Looks at the root CA, which is not in Vault.' : `Brings the root CA into Vault's mount ${mount}.`;
}

/** The script that makes a cluster's intermediate CA and its door, and tries it. */
export function clusterScript(cluster: ClusterPlan): string {
  const { name, vault, root, intermediate, role, auth, issuer, istio, istioCsr, certificates } = cluster;
  const about = `Makes the intermediate CA of cluster ${name} in Vault, the way in for its cert-manager, and tries both.`;
  return script(
    about,
    cluster.warnings,
    clusterSteps(cluster),
    [
      'mark.sh',
      'audit.sh',
      'known.sh',
      'cluster.sh',
      ...caTexts([intermediate]),
      'generation.sh',
      'roots.sh',
      'each.sh',
      'settings.sh',
      'logins.sh',
      'kube.sh',
      ...rootTexts(cluster),
      ...wayIn(auth),
      'trial.sh',
    ],
    {
      cluster: name,
      context: cluster.context,
      ...reaches(vault),
      ...rootPlace(root),
      token_policy: tokenPolicy('setup', name),
      also_trust: root.alsoTrust.join('').trim(),
      intermediate_mount: intermediate.mount,
      intermediate_key: intermediate.key,
      ...caValues([intermediate], [role.fields.max_ttl]),
      ...generationConstants(cluster),
      sign_path: role.signPath,
      role_path: role.path,
      role_is_exact: String(role.exact),
      closings: closingLines(closings(cluster)),
      issuer_namespace: issuer.namespace,
      istio_namespace: istio.namespace,
      istiod_deployments: deploymentsOf(cluster),
      own_auth: ownAuth(auth),
      ...loginConstants(cluster),
      login_mount: auth.mount,
      login_mark: markOf(loginsOf(name)),
      token_type: auth.fields.token_type,
      ...authConstants(auth),
      ...deliveryConstants(auth),
      csr_namespace: istioCsr.namespace,
      ...rootConstants(cluster),
      key_type: certificates.keyType,
      key_bits: String(certificates.keyBits),
      trial_ttl: certificates.workloadTtl,
    },
  );
}

/** The Deployments of the istiods, as words. */
export const deploymentsOf = ({ istiods }: ClusterPlan) => istiods.map(({ istio }) => istio.deployment).join(' ');

/** Where the root is: none of the config, none in Vault, or both. */
export const rootPlace = ({ certificate = '', mount = '', issuer }: RootPlan) => ({
  config_root: certificate.trim(),
  root_mount: mount,
  root_ref: issuer,
});

/** How the script reaches Vault. */
export const reaches = ({ server, namespace = '', serverName = '', caBundle = '' }: VaultPlan) => ({
  server,
  vault_namespace: namespace,
  server_name: serverName,
  ca_bundle: caBundle.trim(),
});

/** The parts of the runtime that bring the root certificate into the cluster. */
function rootTexts({ istioCsr: { rootCa } }: ClusterPlan): (keyof typeof runtime)[] {
  if (rootCa.delivered === undefined) return [];
  return ['root-in-cluster.sh', rootCa.delivered.kind === 'Secret' ? 'root-in-secret.sh' : 'root-in-config-map.sh'];
}

/** What the runtime has to know of the object that the root certificate is laid into; without a kind there is none. */
function rootConstants({ istioCsr: { namespace, rootFile, rootCa } }: ClusterPlan): Record<string, string> {
  if (rootCa.delivered === undefined) return { root_kind: '', root_namespace: namespace };
  const { kind, name, namespace: place } = rootCa.delivered;
  return { root_kind: kind, root_namespace: place, root_name: name, root_data_key: rootCa.key, root_file: rootFile };
}

/** The parts of the runtime that a way in needs. */
function wayIn(auth: AuthPlan): (keyof typeof runtime)[] {
  switch (auth.method) {
    case 'jwt':
      return ['service-account.sh', ...(auth.discoveryUrl === undefined ? (['public-keys.sh', 'jwt-keys.sh'] as const) : [])];
    case 'kubernetes':
      return ['service-account.sh', ...(auth.host === undefined ? [] : (['token-review.sh'] as const))];
    case 'appRole':
      return ['app-role.sh', ...deliveryTexts[auth.secret.delivery]];
    case 'clientCertificate':
      return ['client-certificate.sh'];
    case 'aws':
      return ['aws.sh'];
  }
}

/** The parts of the runtime that a delivery needs. */
const deliveryTexts: Readonly<Record<SecretDelivery, readonly (keyof typeof runtime)[]>> = {
  script: ['secret-in-cluster.sh'],
  manifest: ['secret-in-cluster.sh'],
  sealedSecret: ['secret-in-cluster.sh'],
  sops: ['secret-in-cluster.sh'],
  wrapped: ['secret-in-cluster.sh', 'wrapped.sh'],
  externalSecret: ['secret-in-kv.sh', 'store.sh'],
  externalSecretGenerator: ['secret-in-cluster.sh', 'store.sh'],
};

/** What setup.sh alone has to know of the delivery. */
function deliveryConstants(auth: AuthPlan): Record<string, string> {
  if (auth.method !== 'appRole') return {};
  const { secret } = auth;
  return {
    ...(secret.delivery === 'wrapped' ? { wrap_ttl: secret.wrapTtl } : {}),
    ...('store' in secret ? { store_auth: secret.store.auth, store_mount: secret.store.mount } : {}),
    ...(secret.delivery === 'externalSecret' ? { kv_mount: secret.kv.mount, kv_path: secret.kv.path } : {}),
  };
}

/** What the runtime has to know of the way in. */
export function authConstants(auth: AuthPlan): Record<string, string> {
  // it cannot log in by itself.
  if (auth.method === 'aws') return { service_account: auth.serviceAccount.name };
  if (auth.method === 'appRole') {
    const { roleId, fields, secret } = auth;
    return {
      auth_mount: auth.mount,
      auth_path: auth.path,
      role_id: roleId,
      secret_id_seconds: String(seconds(fields.secret_id_ttl)),
      secret_delivery: secret.delivery,
      secret_place:
        secret.delivery === 'externalSecret' ? `${secret.kv.mount}/${secret.kv.path} in Vault` : `${secret.namespace}/${secret.name}`,
      secret_todo: secret.delivery === 'wrapped' ? 'Have unwrap-secret-id.sh run' : 'Apply the manifests of 1-issuer',
      secret_name: secret.name,
      secret_namespace: secret.namespace,
      secret_key: secret.key,
    };
  }
  if (auth.method === 'clientCertificate') {
    return { auth_mount: auth.mount, auth_role: auth.role, client_secret: auth.secret.name };
  }
  return {
    auth_mount: auth.mount,
    auth_role: auth.role,
    service_account: auth.serviceAccount.name,
    binds_uid: String(auth.method === 'jwt'),
    audience: auth.audience,
    ...(auth.method === 'jwt' && auth.discoveryUrl === undefined
      ? { token_issuer: auth.issuer ?? '', rotating_issuers: ROTATING_ISSUERS.join(' ') }
      : {}),
    ...(auth.method === 'kubernetes' && auth.host !== undefined
      ? { api_server: auth.host, reviewer: auth.reviewer.name, reviewer_seconds: String(seconds(auth.reviewerTtl)) }
      : {}),
  };
}

/** A script: its values, its steps, and the parts of the runtime that give them their meaning. */
export function script(
  about: string,
  warnings: readonly Warning[],
  steps: readonly Step[],
  texts: readonly (keyof typeof runtime)[],
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
    NEEDS_BASH,
    runtime['environment.sh'],
    ...constants({ about, ...values, step_count: String(steps.length), needs: lineByLine(needsOf(steps)) }),
    '',
    ...stepsFunction(steps),
    '',
    ...(['setup.sh', 'safe.sh', 'pick.sh', 'weak.sh', 'tls.sh', ...texts] as const).map(text => runtime[text]),
    'main "$@"',
    '',
  ].join('\n');
}

/** What each step needs of Vault, and whether it makes a CA. */
const needsOf = (steps: readonly Step[]) =>
  Object.fromEntries(steps.map(({ id, needs, grantsIdentity }) => [id, { ...needs, ...(grantsIdentity && { ca: true }) }]));

/** JSON with an entry a line, for the reader of a diff. */
function lineByLine(entries: Readonly<Record<string, unknown>>): string {
  return `{\n${Object.entries(entries)
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n')}\n}`;
}
