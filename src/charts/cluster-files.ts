import { ApiObject, App } from 'cdk8s';
import { Construct } from 'constructs';
import { reasonsOf } from '../constructs/reason';
import { yamlText } from '../constructs/yaml-text';
import { MADE_BY, OutputFile } from '../output';
import { APPROVER_POLICY } from '../plan/approval';
import { CHART } from '../plan/istio-csr';
import { ClusterPlan } from '../plan/plan';
import { AccessChart } from './access-chart';
import { ControlPlaneChart } from './control-plane-chart';
import { IssuerChart } from './issuer-chart';
import { IstioCsrChart } from './istio-csr-chart';
import { SampleChart } from './sample-chart';

/** Where a ControlPlane lies that can only be merged. */
const PARTIAL = 'control-plane.partial.yaml';

/** What is not in the plan. */
export interface ClusterFilesOptions {
  /**
   * The secret ID, in plain text, for a cluster whose secret.delivery is `manifest`.
   *
   * @default - none; such a cluster is refused
   */
  readonly secretId?: string;
}

/**
 * Renders a cluster's manifests and Helm values, in apply order. One app a cluster, as cdk8s walks the whole app for each chart.
 *
 * @param cluster what is decided
 * @param options what is not in the plan
 */
export function clusterFiles(cluster: ClusterPlan, options: ClusterFilesOptions = {}): OutputFile[] {
  const { name, context, istioCsr, istio } = cluster;
  const app = new App();
  const access = new AccessChart(app, '0-access', cluster);
  const issuer = new IssuerChart(app, '1-issuer', cluster, options.secretId);
  const csr = new IstioCsrChart(app, '2-istio-csr', cluster, [
    MADE_BY,
    `Helm values of chart ${CHART} ${istioCsr.chartVersion}, release ${istioCsr.release} in namespace ${istioCsr.namespace} of ${context}.`,
    ...warnings(cluster, 'istioCsr.'),
  ]);
  const { controlPlane } = new ControlPlaneChart(app, '3-control-plane', cluster);
  const { workload } = new SampleChart(app, 'sample', cluster);
  // what lies below manifests/ is applied as it is, by people and by Argo CD and Flux; a part of an object must not be.
  const [overlayFile, overlayAbout] = controlPlane.partial
    ? [PARTIAL, 'a part of the ControlPlane: merge it last, as the runbook says; never apply it']
    : ['manifests/3-control-plane/control-plane.yaml', 'istiod and the workloads turn to istio-csr; apply it last'];

  const manifest = (path: string, about: string, construct: Construct, header: readonly string[]): OutputFile => ({
    path: `${name}/${path}`,
    content: manifestText(construct, [MADE_BY, ...header]),
    kind: 'manifest',
    cluster: name,
    about,
  });
  const optional = (path: string, about: string, construct: Construct | undefined, header: readonly string[]): OutputFile[] =>
    construct ? [manifest(path, about, construct, header)] : [];
  return [
    ...optional('manifests/0-access/service-account.yaml', 'who cert-manager logs in to Vault as', access.serviceAccount, []),
    ...optional('manifests/0-access/reviewer.yaml', 'whose token Vault asks the API server with', access.reviewer, []),
    ...optional(
      'manifests/1-issuer/secret.yaml',
      "the secret ID of cert-manager's AppRole, in plain text",
      issuer.secret,
      warnings(cluster, 'secret.'),
    ),
    ...optional(`manifests/1-issuer/${issuer.carrier?.node.id}.yaml`, 'what brings the secret ID into the cluster', issuer.carrier, []),
    manifest('manifests/1-issuer/issuer.yaml', "cert-manager's way to Vault", issuer.issuer, [
      `It becomes Ready once ${readyWhen(cluster)}.`,
    ]),
    ...optional(
      'manifests/1-issuer/request-policies.yaml',
      'what the Issuer may be asked for, and by whom',
      issuer.requestPolicies,
      requestPolicyHeader(cluster),
    ),
    ...optional('manifests/1-issuer/network-policy.yaml', 'cert-manager may reach Vault', issuer.networkPolicy, CERT_MANAGER_NETWORK),
    ...optional(
      'manifests/2-istio-csr/root-ca.yaml',
      'the root certificate that istio-csr hands to the workloads',
      csr.rootCa,
      bundleHeader(cluster),
    ),
    ...optional('manifests/2-istio-csr/network-policy.yaml', 'every pod may reach istio-csr', csr.networkPolicy, ISTIO_CSR_NETWORK),
    {
      path: `${name}/istio-csr.values.yml`,
      content: csr.values.file.text,
      kind: 'helm-values',
      cluster: name,
      about: `Helm values of istio-csr ${istioCsr.chartVersion}`,
    },
    manifest(overlayFile, overlayAbout, controlPlane, [
      `${controlPlane.partial ? 'Merge it' : 'Apply'} last: istio-csr must be serving, and Certificate ${istio.namespace}/istiod must be Ready:`,
      `  kubectl --context ${context} -n ${istioCsr.namespace} rollout status deployment/${CHART}`,
      `  kubectl --context ${context} -n ${istio.namespace} wait --for=condition=Ready certificate/istiod`,
      ...(controlPlane.partial ? partialHeader(cluster) : []),
      ...warnings(cluster, 'istio.'),
    ]),
    manifest('sample/sample.yaml', 'a workload to look at the certificate of', workload, [
      'Not part of the mesh: a workload to try it with. Remove it after.',
    ]),
  ];
}

/** The objects of a construct, each a document, with the reasons that were noted where the object stands. */
function manifestText(construct: Construct, header: readonly string[]): string {
  const objects = construct.node.findAll().filter(node => ApiObject.isApiObject(node));
  return objects
    .map((object, i) => {
      const json: unknown = object.toJson();
      return yamlText(json, { header: i === 0 ? header : [], reasons: reasonsOf(object.node.scope) });
    })
    .join('---\n');
}

/** What the Issuer waits for. */
function readyWhen({ auth }: ClusterPlan): string {
  switch (auth.method) {
    case 'appRole':
      return `the Secret ${auth.secret.namespace}/${auth.secret.name} holds a secret ID`;
    case 'clientCertificate':
      return `the setup script has run and the Secret ${auth.secret.namespace}/${auth.secret.name} holds its certificate`;
    default:
      return 'the setup script has run and the manifests of 0-access are applied';
  }
}

function bundleHeader({ istioCsr: { rootCa } }: ClusterPlan): string[] {
  const { carrier, namespace, name, delivered } = rootCa;
  if (carrier !== 'bundle') return [];
  return [
    `trust-manager makes ConfigMap ${namespace}/${name} of it.`,
    ...(delivered ? [`setup.sh lays the certificate into ConfigMap ${delivered.namespace}/${delivered.name}.`] : []),
  ];
}

/** What each needs, and what it breaks. */
function requestPolicyHeader({ requestPolicies }: ClusterPlan): string[] {
  return [
    `It needs approver-policy ${APPROVER_POLICY} or later, and cert-manager's own approver turned off (disableAutoApproval), after these are Ready:`,
    'with both, the first of the two decides.',
    'It breaks every other Issuer of the cluster: what has no policy of its own stays unapproved, in every namespace.',
    'A policy of another maker that takes this Issuer too opens it again: one that approves is enough.',
    ...requestPolicies.map(({ name, about }) => `- ${name}: ${about}`),
  ];
}

const NETWORK = [
  'It needs a network plugin that enforces NetworkPolicies; without one it does nothing.',
  'Policies add up, and the first one of a pod closes what none of them allows:',
];

const CERT_MANAGER_NETWORK = [
  ...NETWORK,
  "- it breaks what else cert-manager's controller reaches at other ports, e.g. port 80 for ACME's HTTP-01: add a policy for that;",
  '- where a namespace denies all by itself, cert-manager needs one more for its webhook and its cainjector, and Vault one that lets it in.',
];

const ISTIO_CSR_NETWORK = [
  ...NETWORK,
  "- it breaks scraping of istio-csr's metrics (app.metrics.port), and pods on the network of their node: add a policy for those;",
  '- where a namespace denies all by itself, its workloads need one more, to reach istio-csr.',
];

function partialHeader({ context, istio }: ClusterPlan): string[] {
  return [
    `A PARTIAL of ControlPlane ${istio.namespace}/${istio.controlPlane}: the fields that TSB requires are not in the config (tsb). Merge it into the one`,
    'that is there; any "kubectl apply", --server-side too, may remove what this file does not name:',
    `  kubectl --context ${context} patch controlplane ${istio.controlPlane} -n ${istio.namespace} --type=merge --patch-file=${PARTIAL}`,
    'It replaces the list of overlays as a whole, and in it that of istiod: what stands there already belongs into istio.values and istio.overlays of',
    'mesh-ca.yaml, where it is looked at and comes out below, ahead of ours; overlays of anything else go into this file by hand.',
  ];
}

const warnings = ({ warnings }: ClusterPlan, prefix: string) =>
  warnings.filter(({ key }) => key.startsWith(prefix)).map(({ key, message }) => `WARNING: ${key}: ${message}`);
