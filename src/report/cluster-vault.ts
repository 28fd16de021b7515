import { AuthPlan } from '../plan/auth';
import { ClusterPlan } from '../plan/plan';
import { SecretKey } from '../plan/vault';
import { compareVersions } from '../plan/version';
import { words } from '../script/bash';
import { tokenPolicy } from '../script/policy-text';
import { clusterSteps } from '../script/steps';
import { trialCommands } from '../script/trial';
import { code, command, output, shell } from './markdown';
import { certManagerOptions, certManagerThere, prometheusOperator } from './monitoring';
import { ClusterContext, dataAt, keepCaFile, leastPolicy } from './parts';
import { signing } from './root';
import { admissionPolicies, approverAlone, approverPolicy, vaultNetwork } from './optional';
import { secretDelivery } from './secret-delivery';
import { wayIn } from './way-in';

/** Namespaces and cert-manager. */
export function beginning({ cluster, kube }: ClusterContext): string[] {
  const { istio, istioCsr, certManager } = cluster;
  const { carrier, trustNamespace } = istioCsr.rootCa;
  const trust = carrier === 'bundle' ? [trustNamespace] : [];
  const namespaces = [...new Set([istio.namespace, istioCsr.namespace, certManager.namespace, ...trust])];
  const crds = compareVersions(certManager.version, '1.15.0') >= 0 ? 'crds.enabled=true' : 'installCRDs=true';
  const helm = ['helm', '--kube-context', cluster.context, 'upgrade', '--install'];
  return [
    '## 1. Namespaces and cert-manager',
    '',
    ...shell(
      kube('cluster-info'),
      ...namespaces.map(name => `${kube('create', 'namespace', name, '--dry-run=client', '-o', 'yaml')} | ${kube('apply', '-f', '-')}`),
      words(['helm', 'repo', 'add', 'jetstack', 'https://charts.jetstack.io', '--force-update']),
    ),
    'See: the address of the right cluster, `namespace/… created` (or `configured`, `unchanged`), then `"jetstack" has been added to your repositories`: istio-csr comes from there, as cert-manager does.',
    '',
    ...prometheusOperator(cluster, kube),
    'If cert-manager runs here already, keep it; this lists it:',
    '',
    ...shell(kube('get', 'deployments', '-A', '-l', 'app.kubernetes.io/name=cert-manager')),
    'Else install it:',
    '',
    ...shell(
      command(
        [...helm, 'cert-manager', 'jetstack/cert-manager'],
        ['--namespace', certManager.namespace, '--version', certManager.version],
        ['--set', crds, ...certManagerOptions(cluster).flat(), '--wait', '--timeout', '5m'],
      ),
      kube('get', 'pods', '-n', certManager.namespace),
    ),
    'See: `STATUS: deployed`, then three pods (cert-manager, cainjector, webhook) `1/1 Running`.',
    '',
    ...certManagerThere(cluster),
  ];
}

/** The intermediate CA and the way in. */
export function vault(context: ClusterContext): string[] {
  const { cluster, at } = context;
  const { intermediate, role } = cluster;
  const steps = clusterSteps(cluster);
  const exported = intermediate.key === 'exported' ? ['--exported-key', `${intermediate.mount.replaceAll('/', '-')}.key`] : [];
  return [
    '## 2. Vault: the intermediate CA and the way in',
    '',
    ...admissionPolicies(context),
    ...wayIn(context),
    ...leastPolicy(at('setup.sh'), tokenPolicy('setup', cluster.name), cluster.vault, true),
    'First look, then do. The token needs what the script asks for; it names all that is missing and changes nothing.',
    '',
    ...shell(words(['bash', at('setup.sh'), '--plan']), words(['bash', at('setup.sh'), ...exported])),
    ...(intermediate.signer === undefined ? signing(at('setup.sh'), intermediate.mount) : []),
    `See: ${steps.length} numbered steps. The first and the last lines:`,
    '',
    ...output(`[1/${steps.length}] ${steps[0]?.id ?? ''}: ${steps[0]?.title ?? ''}`, '…', ...trialLines(cluster)),
    ...(role.exact || !canLogIn(cluster.auth) ? [] : ['`WRONGLY SIGNED` is what the config asks for: see the warnings above.', '']),
    ...(exported.length > 0
      ? [`The key of the CA lies in ${code(exported[1] ?? '')}: move it to a safe place now. A rerun needs no \`--exported-key\`.`, '']
      : []),
    ...keepCaFile(intermediate.mount),
    ...secretDelivery(context),
  ];
}

/** The last lines of the first run of setup.sh. */
function trialLines(cluster: ClusterPlan): string[] {
  if (!canLogIn(cluster.auth)) return ['      not tried: …'];
  const trials = trialCommands(cluster).filter(([word = '']) => ['signs', 'refuses', 'denies'].includes(word)).length;
  return [
    ...(cluster.role.exact
      ? ['      signed, verified to the root: a workload', '      refused, as it must be: another service', '…']
      : ['      WRONGLY SIGNED: another service (DNS:mesh-ca-trial.default.svc)', '…']),
    `cluster ${cluster.name} is ready in Vault: ${cluster.role.exact ? trials : 'N'} trials passed. next: README.md beside this script`,
  ];
}

/** Whether the first run of setup.sh can log in as cert-manager will: else something brings the secret ID later, or only cert-manager can. */
const canLogIn = (auth: AuthPlan) => (auth.method === 'appRole' ? auth.secret.delivery === 'script' : auth.method !== 'aws');

/** The Secrets that cert-manager reaches Vault with, which are not ours to make. */
function vaultSecrets({ vault, issuer: { namespace } }: ClusterContext['cluster'], kube: ClusterContext['kube']): string[] {
  const { caBundleSecretRef: ca, client } = vault;
  const get = ({ name, key }: SecretKey) => kube('get', 'secret', name, '-n', namespace, ...dataAt(key));
  const certificates = [...(ca ? [ca] : []), ...(client ? [client.certSecretRef] : [])];
  if (certificates.length === 0) return [];
  return [
    `cert-manager reads ${ca ? "the CA of Vault's own certificate" : ''}${ca && client ? ', and ' : ''}${client ? "the certificate that it shows to Vault's listener" : ''} from Secrets in namespace ${code(namespace)}. They are not made here; they must be there:`,
    '',
    ...shell(...certificates.map(one => `${get(one)} | base64 -d | openssl x509 -noout -subject -enddate`)),
    'See: the subject and the end of each.',
    '',
  ];
}

/** The Issuer. */
export function issuer({ cluster, at, kube }: ClusterContext): string[] {
  const { kind, name, namespace } = cluster.issuer;
  const resource = kind.toLowerCase();
  const within = kind === 'Issuer' ? ['-n', namespace] : [];
  return [
    '## 3. The Issuer',
    '',
    ...vaultSecrets(cluster, kube),
    ...approverPolicy(cluster),
    ...vaultNetwork(cluster, kube),
    ...shell(
      kube('apply', '-f', at('manifests/1-issuer')),
      kube('wait', '--for=condition=Ready', `${resource}/${name}`, ...within, '--timeout=60s'),
      kube('get', `${resource}s`, name, ...within, '-o', 'wide'),
    ),
    ...output(`${'NAME'.padEnd(name.length)}   READY   STATUS           AGE`, `${name.padEnd(4)}   True    Vault verified   1m`),
    cluster.auth.method === 'aws'
      ? 'Ready says that one login worked. That signatures work is shown by the first Certificate, of step 4: setup.sh cannot try it.'
      : 'Ready says that one login worked. That signatures work is what the trial of step 2 showed.',
    '',
    ...approverAlone(cluster, kube),
  ];
}
