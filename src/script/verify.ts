import { MADE_BY } from '../output';
import { AuthPlan } from '../plan/auth';
import { IstioCsrPlan } from '../plan/istio-csr';
import { istioCsrFlags, istioCsrImage } from '../plan/istio-csr-flags';
import { IstioPlan } from '../plan/istio';
import { ClusterPlan } from '../plan/plan';
import { bundleTarget } from '../plan/root-ca';
import { comment, constants, NEEDS_BASH } from './bash';
import runtime from './runtime.json';

/** The script that compares a running cluster with the plan. It reads, and changes nothing. */
export function verifyScript(cluster: ClusterPlan): string {
  const { name, root, role, vault, auth, issuer, istioCsr, istio, istiods, requestPolicies, admission } = cluster;
  const about = `Checks that Vault signs the mesh of cluster ${name}, and that what runs there is what was planned. It changes nothing.`;
  const values = {
    about,
    context: cluster.context,
    cluster_id: cluster.clusterId,
    trust_domain: cluster.trustDomain,
    config_root: root.certificate?.trim() ?? '',
    also_trust: root.alsoTrust.join('').trim(),
    vault_server: vault.server,
    vault_namespace: vault.namespace ?? '',
    sign_path: role.signPath,
    role_namespaces: role.namespaces.join(' '),
    jwt_mount: hasKeys(auth) ? auth.mount : '',
    jwt_role: auth.method === 'jwt' ? auth.path : '',
    login_account: auth.method === 'jwt' ? `${auth.serviceAccount.namespace} ${auth.serviceAccount.name}` : '',
    issuer_kind: issuer.kind,
    issuer_resource: `${issuer.kind.toLowerCase()}s.cert-manager.io`,
    issuer_name: issuer.name,
    // a ClusterIssuer has none.
    issuer_namespace: issuer.kind === 'Issuer' ? issuer.namespace : '',
    csr: istioCsr.name,
    csr_release: istioCsr.release,
    csr_namespace: istioCsr.namespace,
    csr_args: JSON.stringify(istioCsrFlags(istioCsr)),
    csr_image: istioCsrImage(istioCsr),
    ...rootConstants(istioCsr),
    istio_namespace: istio.namespace,
    istiod_names: istioCsr.istiodCertificate.dnsNames.join(' '),
    istiods: istiods.map(one => istiodLine(one.istio)).join('\n'),
    ca_address: istioCsr.caAddress,
    ...(requestPolicies.length > 0 && {
      request_policies: requestPolicies.map(policy => policy.name).join(' '),
      cert_manager_namespace: cluster.certManager.namespace,
    }),
    ...(admission && {
      admission_policies: admission.names.join(' '),
      issuer_account: admission.serviceAccount?.name ?? '',
      issuer_account_namespace: admission.serviceAccount?.namespace ?? '',
    }),
  };
  return [
    '#!/usr/bin/env bash',
    ...comment(MADE_BY),
    '#',
    ...comment(about),
    ...comment(
      'usage: bash verify.sh [--workload NAMESPACE/POD] [--config-dump FILE] [--root FILE] [--vault] [--json] [--insecure-skip-tls-verify] [--help]',
    ),
    '',
    NEEDS_BASH,
    runtime['environment.sh'],
    ...constants(values),
    '',
    runtime['safe.sh'],
    runtime['pick.sh'],
    runtime['weak.sh'],
    runtime['tls.sh'],
    runtime['public-keys.sh'],
    ...(requestPolicies.length > 0 ? [runtime['approval.sh']] : []),
    ...(admission ? [runtime['admission.sh']] : []),
    runtime['verify.sh'],
  ].join('\n');
}

/** What is looked at of an istiod, words of a line: its Deployment, the ConfigMaps of its mesh config and its injector; last, what to do. */
const istiodLine = ({ deployment, suffix, target }: IstioPlan) =>
  `${deployment} istio${suffix} istio-sidecar-injector${suffix} ${target.todo}`;

/** Checks of the istiods, as verify.sh calls them: those of the one in use by their plain names. */
export const checksOf = ({ istiods }: Pick<ClusterPlan, 'istiods'>, checks: readonly string[]): string[] =>
  istiods.flatMap(({ istio }) => checks.map(check => (istio.isCanary ? `${check} of the canary` : check)));

/** Where the root file lies, and what to do where it does not, or holds another root: setup.sh changes none that is there. */
function rootConstants({ rootFile, rootCa }: IstioCsrPlan): Record<string, string> {
  const { carrier, kind, name, key, delivered } = rootCa;
  const apply = 'apply manifests/2-istio-csr';
  const isBundle = carrier === 'bundle';
  return {
    root_kind: kind,
    root_resource: `${kind.toLowerCase()}s`,
    root_name: name,
    root_data_key: key,
    root_file: rootFile,
    root_todo: isBundle ? 'look at the log of trust-manager' : `${apply}, or run setup.sh`,
    other_root_todo: !isBundle
      ? `${apply}, or delete the ${kind} and run setup.sh`
      : delivered
        ? `delete ConfigMap ${delivered.namespace}/${delivered.name} and run setup.sh`
        : apply,
    bundle_target: isBundle ? JSON.stringify(bundleTarget(rootCa)) : '',
    bundle_todo: isBundle ? `${delivered ? 'run setup.sh' : apply}, then look at the log of trust-manager` : '',
  };
}

/** Whether the setup script hands the cluster's keys over. */
const hasKeys = (auth: AuthPlan) => auth.method === 'jwt' && auth.discoveryUrl === undefined;
