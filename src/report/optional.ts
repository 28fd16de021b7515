import { ADMISSION_POLICIES_SINCE } from '../plan/admission';
import { APPROVER_POLICY } from '../plan/approval';
import { code, command, shell } from './markdown';
import { ClusterContext } from './parts';

/** approver-policy, before its policies. */
export function approverPolicy({ context, requestPolicies, certManager }: ClusterContext['cluster']): string[] {
  if (requestPolicies.length === 0) return [];
  const chart = 'cert-manager-approver-policy';
  return [
    'approver-policy decides which requests go to Vault. It brings the kind that the policies are of, so it comes first:',
    '',
    ...shell(
      command(
        ['helm', '--kube-context', context, 'upgrade', '--install', chart, `jetstack/${chart}`],
        ['--namespace', certManager.namespace, '--version', APPROVER_POLICY, '--wait', '--timeout', '5m'],
      ),
    ),
  ];
}

/** File of the admission policies, below the cluster's folder. */
export const ADMISSION_FILE = 'manifests/0-access/admission-policies.yaml';

/** The admission policies, before anything that they guard. */
export function admissionPolicies({ cluster, at, kube }: ClusterContext): string[] {
  const { admission, istio } = cluster;
  if (!admission) return [];
  const [first = ''] = admission.names;
  return [
    `The API server lets only istio-csr and cert-manager use the mesh's CA, whoever else can write in namespace ${code(istio.namespace)}. Apply these policies first, as a cluster administrator, on Kubernetes ${ADMISSION_POLICIES_SINCE} or later:`,
    '',
    ...shell(kube('version'), kube('apply', '-f', at(ADMISSION_FILE)), kube('get', 'validatingadmissionpolicybindings', first)),
    `Expected output: a server version of at least ${ADMISSION_POLICIES_SINCE}, ${admission.names.length} policies and ${admission.names.length} bindings ${code('created')}, and the binding. The policies do not change objects that exist: ${code('verify.sh')} lists what they would refuse now.`,
    '',
    'The self-test of setup.sh requests a token of the service account. Run setup.sh as a user who can update ValidatingAdmissionPolicies, as other users are refused that token.',
    '',
  ];
}

/** What is closed with the way to Vault. */
export function vaultNetwork({ network, certManager }: ClusterContext['cluster'], kube: ClusterContext['kube']): string[] {
  if (!network) return [];
  return [
    `${code('network-policy.yaml')} lets cert-manager's controller reach Vault, the API server (${network.apiServer?.join(', ') ?? 'ports 443 and 6443 of any address; set networkPolicyApiServer to name its addresses'}) and DNS, and closes the rest to it, e.g. port 80 for ACME. It needs a network plugin that enforces it. Taken back by ${code(kube('delete', 'networkpolicy', network.certManager.name, '-n', certManager.namespace))}.`,
    '',
  ];
}

/** cert-manager's own approver off, after the policies. */
export function approverAlone(
  { context, requestPolicies, certManager }: ClusterContext['cluster'],
  kube: ClusterContext['kube'],
): string[] {
  if (requestPolicies.length === 0) return [];
  const { namespace, version } = certManager;
  const labels = 'app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller';
  const policies = requestPolicies.map(({ name }) => `certificaterequestpolicy/${name}`);
  return [
    "Until cert-manager's own approver is off it approves everything, and the policies decide nothing. From then on each other Issuer needs a policy of its own, or its certificates are renewed no more. So look first:",
    '',
    ...shell(kube('wait', '--for=condition=Ready', ...policies, '--timeout=60s'), kube('get', 'issuers,clusterissuers', '-A')),
    `See: ${code('condition met')} ${requestPolicies.length} times, then no Issuer without a policy. Then turn it off, with the version of cert-manager that runs here:`,
    '',
    ...shell(
      command(
        ['helm', '--kube-context', context, 'upgrade', 'cert-manager', 'jetstack/cert-manager', '--namespace', namespace],
        ['--version', version, '--reuse-values', '--set', 'disableAutoApproval=true', '--wait', '--timeout', '5m'],
      ),
      kube('get', 'deployments', '-n', namespace, '-l', labels, '-o', 'jsonpath={.items[*].spec.template.spec.containers[*].args}'),
    ),
    'See: `--controllers=-certificaterequests-approver`. A policy of another maker that takes this Issuer too opens it again. Taken back by the same command with `disableAutoApproval=false`.',
    '',
  ];
}

/** What is closed with the way to istio-csr. */
export function csrNetwork({ network, istioCsr: { namespace } }: ClusterContext['cluster'], kube: ClusterContext['kube']): string[] {
  if (!network) return [];
  return [
    `${code('network-policy.yaml')} lets every pod reach istio-csr at port ${network.istioCsr.port}, and closes ${network.istioCsr.metricsPort === undefined ? 'its metrics, and ' : ''}pods on the network of their node. A namespace that lets nothing out must itself let its workloads reach istio-csr. Taken back by ${code(kube('delete', 'networkpolicy', network.istioCsr.name, '-n', namespace))}.`,
    '',
  ];
}
