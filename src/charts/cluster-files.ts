import { ApiObject, App } from 'cdk8s';
import { Construct } from 'constructs';
import { reasonsOf } from '../constructs/reason';
import { yamlText } from '../constructs/yaml-text';
import { MADE_BY, OutputFile } from '../output';
import { ADMISSION_POLICIES_SINCE } from '../plan/admission';
import { APPROVER_POLICY } from '../plan/approval';
import { CHART } from '../plan/istio-csr';
import { needPlan } from '../plan/is-plan';
import { ClusterPlan } from '../plan/plan';
import { AccessChart } from './access-chart';
import { IssuerChart } from './issuer-chart';
import { IstioCsrChart } from './istio-csr-chart';
import { istiodFiles } from './istiod-files';
import { MonitoringChart } from './monitoring-chart';
import { SampleChart } from './sample-chart';
import { warningLines as warnings } from './warning-lines';

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
  needPlan('cluster', cluster, 'clusterFiles(planMeshCa(config).clusters[0])');
  const { name, context, istioCsr } = cluster;
  const app = new App();
  const access = new AccessChart(app, '0-access', cluster);
  const issuer = new IssuerChart(app, '1-issuer', cluster, options.secretId);
  const csr = new IstioCsrChart(app, '2-istio-csr', cluster, [
    MADE_BY,
    `Helm values of chart ${CHART} ${istioCsr.chartVersion}, release ${istioCsr.release} in namespace ${istioCsr.namespace} of ${context}.`,
    ...warnings(cluster, 'istioCsr.'),
  ]);
  const { rules } = new MonitoringChart(app, '4-monitoring', cluster);
  const { workload } = new SampleChart(app, 'sample', cluster);
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
    ...optional(
      'manifests/0-access/admission-policies.yaml',
      'who can use the Issuer and its service account',
      issuer.admissionPolicies,
      ADMISSION,
    ),
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
    ...optional('manifests/2-istio-csr/network-policy.yaml', 'every pod may reach istio-csr', csr.networkPolicy, istioCsrNetwork(cluster)),
    {
      path: `${name}/istio-csr.values.yml`,
      content: csr.values.file.text,
      kind: 'helm-values',
      cluster: name,
      about: `Helm values of istio-csr ${istioCsr.chartVersion}`,
    },
    ...istiodFiles(app, cluster, manifest),
    ...optional('manifests/4-monitoring/rules.yaml', 'alerts: what ends, what fails, what waits', rules, [
      'It needs the Prometheus operator. What no rule here watches:',
      ...(cluster.monitoring?.unwatched ?? []).map(line => `- ${line}`),
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

const ADMISSION = [
  `These policies need Kubernetes ${ADMISSION_POLICIES_SINCE} or later and a cluster administrator to apply them.`,
  "They keep a user with write access to istiod's namespace from using the mesh's CA. No other Issuer is affected.",
  'A user who can update ValidatingAdmissionPolicies is exempt, except from the policies about pods and Secrets.',
  'Admission policies do not see reads, and do not change objects that exist: see docs/threat-model.md.',
];

const NETWORK = [
  'It needs a network plugin that enforces NetworkPolicies; without one it does nothing.',
  'Policies add up, and the first one of a pod closes what none of them allows:',
];

const CERT_MANAGER_NETWORK = [
  ...NETWORK,
  "- it breaks what else cert-manager's controller reaches at other ports, e.g. port 80 for ACME's HTTP-01: add a policy for that;",
  '- where a namespace denies all by itself, cert-manager needs one more for its webhook and its cainjector, and Vault one that lets it in.',
];

const istioCsrNetwork = ({ network }: ClusterPlan) => [
  ...NETWORK,
  network?.istioCsr.metricsPort === undefined
    ? "- it breaks scraping of istio-csr's metrics (app.metrics.port), and pods on the network of their node: add a policy for those;"
    : '- it breaks pods on the network of their node: add a policy for those;',
  '- where a namespace denies all by itself, its workloads need one more, to reach istio-csr.',
];
