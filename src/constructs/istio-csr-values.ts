import { Construct } from 'constructs';
import { RootCaRef, rootCaValues } from '../plan/root-ca';
import table from '../plan/tables/istio-csr-values.json';
import { compareVersions } from '../plan/version';
import { Checks, checkProps, maybe, object, text, values as anyValues, word } from './check';
import { filePath, header, name } from './common-checks';
import { nested } from './nested';
import { Reason } from './reason';
import { TextFile } from './text-file';
import { yamlText } from './yaml-text';

/** Why a value is set, by the chart's own key; only what is not obvious. */
const REASONS: Readonly<Record<string, string>> = {
  replicaCount: 'one serves while the other is moved; more sign no faster, as cert-manager and Vault bound that',
  topologySpreadConstraints: 'no zone and no node takes both away; where there is one alone, they still start',
  'podDisruptionBudget.maxUnavailable': 'a node that is drained waits until the other serves again',
  resources:
    'estimated, not measured: all workloads at one replica, 100 KiB a connection; 3 ms of CPU a signature, and no limit of it, as that would slow a restart of all',
  'app.metrics.service.servicemonitor.enabled': 'the alerts of 4-monitoring read these metrics',
  'app.certmanager.issuer.name': "the chart's own default is istio-ca",
  'app.certmanager.namespace': "istiod's: the Issuer is there",
  'app.controller.disableKubernetesClientRateLimiter':
    'with the limiter it signs 1.7 certificates a second, without it 34 (measured on two cores)',
  'app.server.caTrustedNodeAccounts': 'ztunnel asks for the workloads on its node; whoever has this account can have any name of the mesh',
  'app.server.clusterID': "the mesh's ID of this cluster; a workload that comes with another one is refused",
  'app.server.maxCertificateDuration': 'the PKI role signs for as long, and Vault cuts what is longer',
  'app.tls.certificateDNSNames': 'the name in caAddress; the PKI role signs it',
  'app.tls.istiodCertificateRenewBefore': 'half of its life, so that a renewal has as long again to succeed',
  'app.tls.istiodPrivateKeyAlgorithm': "empty is the chart's own: RSA",
  'app.tls.rootCAFile': 'handed to every workload as its trust anchor; the volume below brings it',
};

/** Properties of `IstioCsrValues`. */
export interface IstioCsrValuesProps {
  /** The mesh's ID of the cluster (`app.server.clusterID`); for TSB, the cluster's name there. */
  readonly clusterId: string;

  /**
   * Name of the Issuer (`app.certmanager.issuer.name`).
   *
   * @default "vault-issuer"
   */
  readonly issuer?: string;

  /**
   * What brings the root certificate, in the release's namespace; an `IstioRootCa` is one.
   *
   * @default - Secret `istio-root-ca`, `ca.cert.pem`
   */
  readonly rootCa?: RootCaRef;

  /**
   * Version of the chart; a key that it does not know is refused.
   *
   * @default "v0.17.0"
   */
  readonly chartVersion?: string;

  /**
   * More values by the chart's own keys, e.g. `{ 'app.tls.trustDomain': 'example.com' }`; one above wins over the properties.
   *
   * @default - none
   */
  readonly values?: Readonly<Record<string, unknown>>;

  /**
   * More values, nested as in a values file.
   *
   * @default - none
   */
  readonly extraValues?: Readonly<Record<string, unknown>>;

  /**
   * Lines at the top of the file, as a comment.
   *
   * @default - none
   */
  readonly header?: readonly string[];

  /**
   * Path below the app's output directory.
   *
   * @default - `CLUSTER-ID/istio-csr.values.yml`
   */
  readonly path?: string;
}

const CHECKS: Checks<IstioCsrValuesProps> = {
  clusterId: text('clusterId'),
  issuer: maybe(name),
  // an IstioRootCa has more than these.
  rootCa: maybe(object<RootCaRef>({ name, key: text('dataKey'), carrier: maybe(word('secret', 'configMap', 'bundle')) }, { open: true })),
  chartVersion: maybe(text('version')),
  values: maybe(anyValues),
  extraValues: maybe(anyValues),
  header,
  path: maybe(filePath),
};

/** The Helm values of istio-csr, as a text file. */
export class IstioCsrValues extends Construct {
  /** The file. */
  public readonly file: TextFile;

  constructor(scope: Construct, id: string, props: IstioCsrValuesProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { clusterId, issuer = 'vault-issuer', extraValues = {}, header, path = `${clusterId}/istio-csr.values.yml` } = props;
    const chartVersion = `v${(props.chartVersion ?? 'v0.17.0').replace(/^v/, '')}`;
    const rootCa = props.rootCa ?? { name: 'istio-root-ca', key: 'ca.cert.pem' };
    const values: Readonly<Record<string, unknown>> = {
      'app.certmanager.issuer.name': issuer,
      'app.server.clusterID': clusterId,
      ...rootCaValues(rootCa),
      ...props.values,
    };
    for (const key of Object.keys(values)) {
      if (!isKnown(key, chartVersion))
        throw new Error(
          `'values' must be keys of the chart, e.g. "app.tls.trustDomain", got "${key}", which ${chartVersion} does not know`,
        );
    }

    const all = nested(values, extraValues);
    const reasons: Reason[] = Object.entries(REASONS)
      .filter(([key]) => Object.hasOwn(values, key) && (key !== 'app.tls.istiodPrivateKeyAlgorithm' || values[key] === ''))
      .map(([key, text]) => ({ path: key.split('.'), text }));
    this.file = new TextFile(this, 'Resource', { path, content: () => yamlText(all, { header, reasons }) });
  }
}

function isKnown(key: string, version: string): boolean {
  const facts: Readonly<Record<string, { readonly since: string; readonly lastSeen?: string }>> = table;
  return Object.entries(facts).some(
    ([name, { since, lastSeen = version }]) =>
      (key === name || key.startsWith(`${name}.`)) && compareVersions(since, version) <= 0 && compareVersions(version, lastSeen) <= 0,
  );
}
