/**
 * What istiod's chart writes into three lists of its Deployment, in order, by Istio version and Helm value. Read in the charts of 1.8 to
 * 1.30 and of 2026-08-27 (1.31), and rendered with real Helm from the last release of each minor version, with and without each value.
 */

/** Something that the chart writes. Values stand in it as `{global.logging.level}`. */
export interface LayoutRow {
  /** The arguments, or the name of the volume. */
  readonly texts: readonly string[];

  /**
   * Where a volume is mounted.
   *
   * @default - it is no mount
   */
  readonly mountPath?: string;

  /**
   * First minor version with it.
   *
   * @default - the oldest known
   */
  readonly since?: string;

  /**
   * Last minor version with it.
   *
   * @default - it is there still
   */
  readonly until?: string;

  /**
   * Helm value that it depends on.
   *
   * @default - it is always there
   */
  readonly value?: string;

  /**
   * Text that the value must be.
   *
   * @default - any that Helm takes for true
   */
  readonly is?: string;
}

/** The lists whose elements the plan knows. */
export type LayoutList = 'args' | 'volumeMounts' | 'volumes';

/** Minor versions between which the layout is known. */
export const KNOWN = { oldest: '1.8', newest: '1.31' };

/** Defaults of the chart, where they stand in a list or decide what does. */
export const chartDefaults: Readonly<Record<string, string>> = {
  'global.logging.level': 'default:info',
  'global.proxy.clusterDomain': 'cluster.local',
  'global.jwtPolicy': 'third-party-jwt',
  'pilot.keepaliveMaxServerConnectionAge': '30m',
};

/** Helm values whose elements the chart puts at the end of a list, as they are. */
export const appended: Readonly<Record<LayoutList, { readonly value: string; readonly since: string }>> = {
  args: { value: 'pilot.extraContainerArgs', since: '1.19' },
  volumeMounts: { value: 'pilot.volumeMounts', since: '1.19' },
  volumes: { value: 'pilot.volumes', since: '1.19' },
};

const token = { until: '1.21', value: 'global.jwtPolicy', is: 'third-party-jwt' };
const extraCa = { value: 'pilot.jwksResolverExtraRootCA' };

/** The lists. */
export const rows: Readonly<Record<LayoutList, readonly LayoutRow[]>> = {
  args: [
    { texts: ['discovery'] },
    { texts: ['--monitoringAddr=:15014'] },
    { texts: ['--log_output_level={global.logging.level}'], value: 'global.logging.level' },
    { texts: ['--log_as_json'], value: 'global.logAsJson' },
    { texts: ['--domain', '{global.proxy.clusterDomain}'] },
    { texts: ['-a', '{namespace}'], until: '1.21', value: 'global.oneNamespace' },
    { texts: ['--plugins={pilot.plugins}'], until: '1.21', value: 'pilot.plugins' },
    { texts: ['--cniNamespace={pilot.taint.namespace}'], since: '1.22', value: 'pilot.taint.namespace' },
    { texts: ['--keepaliveMaxServerConnectionAge', '{pilot.keepaliveMaxServerConnectionAge}'] },
  ],
  volumeMounts: [
    { texts: ['config-volume'], mountPath: '/etc/istio/config', until: '1.9' },
    { texts: ['istio-token'], mountPath: '/var/run/secrets/tokens', ...token },
    { texts: ['istio-token'], mountPath: '/var/run/secrets/tokens', since: '1.22' },
    { texts: ['local-certs'], mountPath: '/var/run/secrets/istio-dns' },
    { texts: ['cacerts'], mountPath: '/etc/cacerts' },
    { texts: ['istio-kubeconfig'], mountPath: '/var/run/secrets/remote' },
    { texts: ['inject'], mountPath: '/var/lib/istio/inject', until: '1.9' },
    { texts: ['extracacerts'], mountPath: '/cacerts', ...extraCa },
    { texts: ['istio-csr-dns-cert'], mountPath: '/var/run/secrets/istiod/tls', since: '1.16' },
    { texts: ['istio-csr-ca-configmap'], mountPath: '/var/run/secrets/istiod/ca', since: '1.16' },
  ],
  volumes: [
    { texts: ['local-certs'] },
    { texts: ['istio-token'], ...token },
    { texts: ['istio-token'], since: '1.22' },
    { texts: ['cacerts'] },
    { texts: ['istio-kubeconfig'] },
    { texts: ['inject'], until: '1.9' },
    { texts: ['config-volume'], until: '1.9' },
    { texts: ['istio-csr-dns-cert'], since: '1.16' },
    { texts: ['istio-csr-ca-configmap'], since: '1.16' },
    { texts: ['extracacerts'], ...extraCa },
  ],
};
