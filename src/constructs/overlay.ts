import { ControlPlaneOverlay, ControlPlanePatch } from '../../imports/install.tetrate.io';
import { OverlayMode } from '../plan/istio';
import { ztunnelValues } from './ztunnel-settings';

/** A patch, and why it is there. */
export interface ReasonedPatch extends ControlPlanePatch {
  /**
   * The reason, in one line.
   *
   * @default - none, the path says it
   */
  readonly reason?: string;
}

/**
 * Where an IstioOperator keeps changes to istiod's Deployment. `[-1]` would append to changes that TSB makes itself, but where there are
 * none Istio's engine makes a map with the key "[-1]" of it (measured), so the list is replaced, as the guide does.
 */
const DEPLOYMENT_OVERLAYS = 'spec.components.pilot.k8s.overlays';

const ENV = 'spec.values.pilot.env.ENABLE_CA_SERVER';

/** What the patches are made of. */
interface Wanted {
  readonly caAddress: string;
  readonly deployment: string;
  readonly proxyMetadata?: Readonly<Record<string, string>>;
  readonly trustDomainAliases?: readonly string[];
  readonly ztunnelClusterId?: string;
}

/** Patches of the IstioOperator by overlay mode. */
export function overlayPatches(mode: OverlayMode, { proxyMetadata = {}, ...wanted }: Wanted): ReasonedPatch[] {
  return [...modePatches(mode, wanted), ...keyPatches(proxyMetadata)];
}

/** What sidecars and gateways are told of the key they make: one variable a patch, so that others stay. */
const keyPatches = (proxyMetadata: Readonly<Record<string, string>>) =>
  Object.entries(proxyMetadata).map(([name, value]): ReasonedPatch => ({
    path: `spec.meshConfig.defaultConfig.proxyMetadata.${name}`,
    value,
    reason: KEYS,
  }));

function modePatches(
  mode: OverlayMode,
  { caAddress, deployment, trustDomainAliases = [], ztunnelClusterId }: Omit<Wanted, 'proxyMetadata'>,
): ReasonedPatch[] {
  const address: ReasonedPatch = {
    path: 'spec.values.global.caAddress',
    value: caAddress,
    reason: 'workloads send their requests to istio-csr instead of istiod',
  };
  const noCa: ReasonedPatch = { path: ENV, value: 'false', reason: "one variable, so TSB's own stay: istiod must not sign as well" };
  const more: ReasonedPatch[] = [
    ...(trustDomainAliases.length === 0
      ? []
      : [{ path: 'spec.meshConfig.trustDomainAliases', value: trustDomainAliases, reason: ALIASES }]),
    ...(ztunnelClusterId === undefined ? [] : ztunnelValues({ caAddress, clusterId: ztunnelClusterId })).map(({ key, value, reason }) => ({
      path: `spec.values.ztunnel.${key}`,
      value,
      reason,
    })),
  ];
  switch (mode) {
    case 'guide':
      return [
        ...more,
        address,
        { path: 'spec.components.pilot.k8s.env', value: GUIDE_ENV },
        changes(deployment, certificatePatches(7, 6, 6)),
      ];
    case 'append':
    case 'wellKnown':
      return [...more, address, noCa, changes(deployment, deploymentPatches(mode), patchReason(mode))];
  }
}

/** Why sidecars are told of their keys. */
export const KEYS = 'a sidecar makes an RSA key of 2048 bits unless told, and the PKI role signs no other key than certificates names';

/** Why other trust domains are named. */
export const ALIASES = 'their workloads are taken for those of this mesh, while it moves from one to the other; nothing is signed for them';

/** What is changed in istiod's Deployment. */
export function deploymentPatches(mode: Exclude<OverlayMode, 'guide'>): ControlPlanePatch[] {
  return mode === 'append' ? certificatePatches(-1, -1, -1) : [REQUIRED];
}

/** Why it is changed so. */
export function patchReason(mode: Exclude<OverlayMode, 'guide'>): string {
  return mode === 'append'
    ? '[-1] appends: no index to overwrite something with'
    : 'istiod reads its certificate once, at start: a pod that is too early waits for it, and the old one serves on';
}

/** From Istio 1.16 on the chart mounts the certificate by itself, but as optional. */
const REQUIRED: ControlPlanePatch = { path: 'spec.template.spec.volumes.[name:istio-csr-dns-cert].secret.optional', value: false };

const GUIDE_ENV = [
  { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
  { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
  { name: 'ENABLE_CA_SERVER', value: 'false' },
];

function changes(deployment: string, patches: readonly ControlPlanePatch[], reason?: string): ReasonedPatch {
  const overlay: ControlPlaneOverlay = { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment, patches };
  return { path: DEPLOYMENT_OVERLAYS, value: [overlay], reason };
}

/** Flags and volumes with the certificate. A start of -1 appends, another one counts up from there. */
function certificatePatches(args: number, mounts: number, volumes: number): ControlPlanePatch[] {
  const pod = 'spec.template.spec';
  const discovery = `${pod}.containers.[name:discovery]`;
  const at = (list: string, start: number, values: readonly unknown[]) =>
    values.map((value, i) => ({ path: `${list}[${start === -1 ? -1 : start + i}]`, value }));
  return [
    ...at(`${discovery}.args`, args, CERTIFICATE_ARGS),
    ...at(`${discovery}.volumeMounts`, mounts, CERTIFICATE_MOUNTS),
    ...at(`${pod}.volumes`, volumes, CERTIFICATE_VOLUMES),
  ];
}

/** istiod's flags. */
export const CERTIFICATE_ARGS = [
  '--tlsCertFile=/etc/cert-manager/tls/tls.crt',
  '--tlsKeyFile=/etc/cert-manager/tls/tls.key',
  '--caCertFile=/etc/cert-manager/ca/root-cert.pem',
];

/** Where its certificate and the root lie in its container. */
export const CERTIFICATE_MOUNTS = [
  { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
  { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true },
];

/** What brings them there. */
export const CERTIFICATE_VOLUMES = [
  { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
  { configMap: { defaultMode: 420, name: 'istio-ca-root-cert' }, name: 'ca-root-cert' },
];
