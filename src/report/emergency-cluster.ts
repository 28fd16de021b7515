import { words } from '../script/bash';
import { EmergencyContext, failedMeanwhile, link, longestLeaf, SECTIONS } from './emergency-parts';
import { code, setting, shell } from './markdown';

/** One identity. */
export function workload({ cluster, kube }: EmergencyContext): string[] {
  return [
    `## ${SECTIONS.workload}`,
    '',
    'Deny the identity of the workload in the whole mesh, then give the workload a new service account. A certificate cannot be revoked: the proxies are given no CRL. Set the two names first:',
    '',
    ...shell(
      setting('TRUST_DOMAIN', cluster.trustDomain),
      setting('NAMESPACE', 'foo'),
      setting('ACCOUNT', 'sleep'),
      `${kube('apply', '-f', '-')} <<YAML`,
      'apiVersion: security.istio.io/v1beta1',
      'kind: AuthorizationPolicy',
      `metadata: { name: "deny-$NAMESPACE-$ACCOUNT", namespace: ${cluster.istio.namespace} }`,
      'spec:',
      '  action: DENY',
      '  rules:',
      '    - from: [{ source: { principals: ["$TRUST_DOMAIN/ns/$NAMESPACE/sa/$ACCOUNT"] } }]',
      'YAML',
      `${kube('delete', 'pods')} -n "$NAMESPACE" --field-selector "spec.serviceAccountName=$ACCOUNT"`,
    ),
    `Expected output: ${code('authorizationpolicy.security.istio.io/deny-foo-sleep created')}, then each pod that was deleted. The policy must lie in the root namespace of the mesh (${code('meshConfig.rootNamespace')}), and a workload without a sidecar or ztunnel does not enforce it. Keep the policy for ${cluster.certificates.workloadTtl}: then the stolen certificate has expired. Do not use the old service account again before that.`,
    '',
  ];
}

/** What may ask for every identity. */
export function istioCsr(context: EmergencyContext): string[] {
  const { cluster, at, kube } = context;
  const { istio, istioCsr: csr } = cluster;
  return [
    `## ${SECTIONS.istioCsr}`,
    '',
    'istio-csr can request a certificate for every identity of this cluster. Close the PKI role, stop istio-csr, and look at what was requested:',
    '',
    ...shell(
      words(['bash', at('emergency.sh'), 'block-role']),
      kube('scale', `deployment/${csr.name}`, '--replicas=0', '-n', csr.namespace),
      kube('get', 'certificaterequests.cert-manager.io', '-n', istio.namespace, '--sort-by=.metadata.creationTimestamp'),
    ),
    `Expected output: a line that begins with ${code('closed.')}, ${code('scaled')}, then the requests that still exist. Every certificate that was signed stays valid until it expires, ${longestLeaf(cluster)} at most.`,
    '',
    "When the namespace is clean again, replace the keys that lie in the cluster, istiod's and istio-csr's own, and open the role:",
    '',
    ...shell(
      words(['bash', at('setup.sh'), '--repair', 'role/write', '--reopen']),
      kube('delete', 'secret', 'istiod-tls', '-n', istio.namespace),
      kube('scale', `deployment/${csr.name}`, '--replicas=1', '-n', csr.namespace),
      kube('wait', '--for=condition=Ready', 'certificate/istiod', '-n', istio.namespace, '--timeout=60s'),
      kube('rollout', 'restart', `deployment/${istio.deployment}`, '-n', istio.namespace),
    ),
    `Expected output: ${code('role/write is as planned')}, then ${code('certificate.cert-manager.io/istiod condition met')}. The helm command of README.md, section 4, restores the number of replicas.`,
    '',
    ...failedMeanwhile(context),
  ];
}

/** What may log in. */
export function certManagerNode({ cluster, at, kube }: EmergencyContext): string[] {
  const { namespace } = cluster.certManager;
  return [
    `## ${SECTIONS.certManager}`,
    '',
    `A process on that node has the token of cert-manager's pod: it can request tokens of the login account, and reads every Secret that cert-manager reads. Close the login, remove the node, and replace what cert-manager logs in with (${link(SECTIONS.login)}):`,
    '',
    ...shell(
      words(['bash', at('emergency.sh'), 'block-login']),
      kube('get', 'pods', '-n', namespace, '-l', 'app.kubernetes.io/instance=cert-manager', '-o', 'wide'),
      setting('NODE', 'name-of-the-node'),
      `${kube('cordon')} "$NODE"`,
      `${kube('delete', 'pods', '-n', namespace)} --field-selector "spec.nodeName=$NODE" --force`,
      `${kube('delete', 'node')} "$NODE"`,
    ),
    `Expected output: a line that begins with ${code('closed.')}, the pods with their nodes, then ${code('deleted')}. Delete the machine too, or it joins again.`,
    '',
  ];
}

/** What may ask for the identities of its node. */
export function ztunnelNode({ cluster, kube }: EmergencyContext): string[] {
  return [
    `## ${SECTIONS.ztunnel}`,
    '',
    'A ztunnel holds the keys of all workloads of its node, and can request certificates for the identities of the pods that run there (ambient mode only; with sidecars, treat each pod of the node as a compromised workload). Remove the node, then deny the identities that ran there:',
    '',
    ...shell(
      setting('NODE', 'name-of-the-node'),
      `${kube('get', 'pods', '-A', '-o', 'custom-columns=NAMESPACE:.metadata.namespace,ACCOUNT:.spec.serviceAccountName')} --field-selector "spec.nodeName=$NODE" | sort -u`,
      `${kube('cordon')} "$NODE"`,
      `${kube('delete', 'node')} "$NODE"`,
    ),
    `Expected output: the namespaces and accounts, ${code('cordoned')}, ${code('deleted')}. Apply the policy of ${link(SECTIONS.workload)} for each of these identities, and keep it for ${cluster.certificates.workloadTtl}. istio-csr compares the node of the pod with the node of ztunnel only if ${code('--ca-trusted-node-accounts')} names ztunnel's account.`,
    '',
  ];
}
