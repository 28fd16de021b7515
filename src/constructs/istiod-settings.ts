import { isRecord } from '../plan/settings';
import { CERTIFICATE } from '../plan/istiod-patches';
import { Checks, list, maybe, text, values, word } from './check';
import { caAddress, proxyMetadata } from './common-checks';
import { ALIASES, metadataReason } from './overlay';
import { ReasonedValue } from './reasoned-value';

/** What makes istiod and the workloads use istio-csr, whatever configures istiod. */
export interface IstiodSettingsProps {
  /** Address that workloads send their requests to: istio-csr's, e.g. `cert-manager-istio-csr.cert-manager.svc:443`. */
  readonly caAddress: string;

  /** The mesh's ID of the cluster, as istio-csr has it. */
  readonly clusterId: string;

  /**
   * How istiod is given its certificate. `wellKnown` (Istio 1.16 and later): it finds it by itself. `append`: flags and volumes at the end
   * of the lists.
   *
   * @default "wellKnown"
   */
  readonly overlay?: 'append' | 'wellKnown';

  /**
   * Trust domain of the mesh.
   *
   * @default "cluster.local"
   */
  readonly trustDomain?: string;

  /**
   * Further trust domains whose workloads are taken for those of this mesh.
   *
   * @default - none
   */
  readonly trustDomainAliases?: readonly string[];

  /**
   * Variables of the sidecars (`meshConfig.defaultConfig.proxyMetadata`), e.g. `{ ECC_SIGNATURE_ALGORITHM: 'ECDSA' }` for EC keys.
   *
   * @default - none: they make RSA keys of 2048 bits
   */
  readonly proxyMetadata?: Readonly<Record<string, string>>;

  /**
   * Revision of istiod.
   *
   * @default "default"
   */
  readonly revision?: string;

  /**
   * Your own Helm values of istiod, which come out ahead of ours.
   *
   * @default - none
   */
  readonly values?: Readonly<Record<string, unknown>>;
}

/** Checks of `IstiodSettingsProps`. */
export const ISTIOD_CHECKS: Checks<IstiodSettingsProps> = {
  caAddress,
  clusterId: text('clusterId'),
  overlay: maybe(word('wellKnown', 'append')),
  trustDomain: maybe(text('trustDomain')),
  trustDomainAliases: maybe(list(text('trustDomainAlias'))),
  proxyMetadata: maybe(proxyMetadata),
  revision: maybe(text('dnsLabel')),
  values: maybe(values),
};

/** Name of a file, with the revision where there is one: `istiod`, or `istiod-REVISION`. */
export const withRevision = (name: string, { revision = 'default' }: Pick<IstiodSettingsProps, 'revision'>) =>
  revision === 'default' ? name : `${name}-${revision}`;

/** What every target says of the mesh, by the istiod chart's keys. */
export function istiodValues(props: IstiodSettingsProps): ReasonedValue[] {
  const { caAddress, clusterId, trustDomain = 'cluster.local', trustDomainAliases = [], revision = 'default', proxyMetadata = {} } = props;
  return [
    ...(revision === 'default' ? [] : [{ key: 'revision', value: revision }]),
    { key: 'global.caAddress', value: caAddress, reason: 'workloads send their requests to istio-csr instead of istiod' },
    { key: 'global.multiCluster.clusterName', value: clusterId, reason: 'istio-csr refuses every workload that comes with another ID' },
    { key: 'meshConfig.trustDomain', value: trustDomain, reason: 'the PKI role signs no other' },
    ...(trustDomainAliases.length === 0 ? [] : [{ key: 'meshConfig.trustDomainAliases', value: trustDomainAliases, reason: ALIASES }]),
    ...Object.entries(proxyMetadata).map(([name, value]) => ({
      key: `meshConfig.defaultConfig.proxyMetadata.${name}`,
      value,
      reason: metadataReason(name),
    })),
    { key: 'pilot.env.ENABLE_CA_SERVER', value: 'false', reason: 'one variable, so others stay: istiod must not sign as well' },
  ];
}

/** istiod's certificate where the chart takes flags and volumes as values; its pod waits for it. */
export function certificateValues({
  overlay = 'wellKnown',
  values = {},
}: Pick<IstiodSettingsProps, 'overlay' | 'values'>): ReasonedValue[] {
  const pilot = isRecord(values.pilot) ? values.pilot : {};
  const list = (key: string, ours: readonly unknown[]): ReasonedValue => {
    const own: unknown = pilot[key];
    return { key: `pilot.${key}`, value: [...(Array.isArray(own) ? (own as unknown[]) : []), ...ours], reason: LISTS };
  };
  if (overlay === 'append') {
    return [
      list('extraContainerArgs', CERTIFICATE.args),
      list('volumeMounts', CERTIFICATE.volumeMounts),
      list('volumes', CERTIFICATE.volumes),
    ];
  }
  return [
    list('volumeMounts', CERTIFICATE.volumeMounts.slice(0, 1)),
    {
      ...list('volumes', CERTIFICATE.volumes.slice(0, 1)),
      reason: "the chart's own volume of it is optional, and istiod reads it once, at start: with this one a pod that is too early waits",
    },
  ];
}

const LISTS = 'lists are replaced as a whole: yours goes into istio.values of mesh-ca.yaml, and comes out ahead of ours';
