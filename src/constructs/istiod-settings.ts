import { needCaAddress } from './ca-address';
import { ALIASES, CERTIFICATE_ARGS, CERTIFICATE_MOUNTS, CERTIFICATE_VOLUMES, KEYS } from './overlay';
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
   * Whether there are ztunnels.
   *
   * @default false
   */
  readonly ambient?: boolean;
}

/** What every target says of the mesh, by the istiod chart's keys. */
export function istiodValues(props: IstiodSettingsProps): ReasonedValue[] {
  const { caAddress, clusterId, trustDomain = 'cluster.local', trustDomainAliases = [], revision = 'default', proxyMetadata = {} } = props;
  needCaAddress(caAddress);
  return [
    ...(revision === 'default' ? [] : [{ key: 'revision', value: revision }]),
    { key: 'global.caAddress', value: caAddress, reason: 'workloads send their requests to istio-csr instead of istiod' },
    { key: 'global.multiCluster.clusterName', value: clusterId, reason: 'istio-csr refuses every workload that comes with another ID' },
    { key: 'meshConfig.trustDomain', value: trustDomain, reason: 'the PKI role signs no other' },
    ...(trustDomainAliases.length === 0 ? [] : [{ key: 'meshConfig.trustDomainAliases', value: trustDomainAliases, reason: ALIASES }]),
    ...Object.entries(proxyMetadata).map(([name, value]) => ({
      key: `meshConfig.defaultConfig.proxyMetadata.${name}`,
      value,
      reason: KEYS,
    })),
    { key: 'pilot.env.ENABLE_CA_SERVER', value: 'false', reason: 'one variable, so others stay: istiod must not sign as well' },
  ];
}

/** istiod's certificate where the chart takes flags and volumes as values; its pod waits for it. */
export function certificateValues(overlay: 'append' | 'wellKnown'): ReasonedValue[] {
  if (overlay === 'append') {
    return [
      { key: 'pilot.extraContainerArgs', value: CERTIFICATE_ARGS },
      { key: 'pilot.volumeMounts', value: CERTIFICATE_MOUNTS, reason: LISTS },
      { key: 'pilot.volumes', value: CERTIFICATE_VOLUMES, reason: LISTS },
    ];
  }
  return [
    { key: 'pilot.volumeMounts', value: [WAIT_MOUNT], reason: LISTS },
    {
      key: 'pilot.volumes',
      value: [{ name: WAIT_MOUNT.name, secret: { secretName: 'istiod-tls' } }],
      reason: "the chart's own volume of it is optional, and istiod reads it once, at start: with this one a pod that is too early waits",
    },
  ];
}

const WAIT_MOUNT = { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true };

const LISTS = 'lists are replaced as a whole: what other values files say here is to be written into this one';
