import { ControlPlanePatch } from '../../imports/install.tetrate.io';
import { OverlayMode } from '../plan/istio';
import { leaves } from '../plan/istio-csr';
import { istiodPatches, Overlay } from '../plan/istiod-patches';
import { pathOf } from '../plan/patch-path';
import { valueAt } from '../plan/settings';
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
  readonly values?: Readonly<Record<string, unknown>>;
  readonly overlays?: readonly Overlay[];
}

/** Patches of the IstioOperator by overlay mode: the user's own first, then ours. */
export function overlayPatches(mode: OverlayMode, wanted: Wanted): ReasonedPatch[] {
  const { caAddress, deployment, values = {}, overlays = [], proxyMetadata = {}, trustDomainAliases = [], ztunnelClusterId } = wanted;
  const address: ReasonedPatch = {
    path: 'spec.values.global.caAddress',
    value: caAddress,
    reason: 'workloads send their requests to istio-csr instead of istiod',
  };
  const noCa: ReasonedPatch =
    mode === 'guide'
      ? { path: 'spec.components.pilot.k8s.env', value: GUIDE_ENV }
      : { path: ENV, value: 'false', reason: "one variable, so TSB's own stay: istiod must not sign as well" };
  const aliases: ReasonedPatch = { path: 'spec.meshConfig.trustDomainAliases', value: trustDomainAliases, reason: ALIASES };
  const ztunnels = ztunnelClusterId === undefined ? [] : ztunnelValues({ caAddress, clusterId: ztunnelClusterId });
  return [
    ...valuePatches(values),
    ...(trustDomainAliases.length === 0 ? [] : [aliases]),
    ...ztunnels.map(({ key, value, reason }): ReasonedPatch => ({ path: `spec.values.ztunnel.${key}`, value, reason })),
    address,
    noCa,
    { path: DEPLOYMENT_OVERLAYS, value: deploymentOverlays(overlays, mode, deployment), reason: patchReason(mode) },
    // one variable a patch, so that others stay.
    ...Object.entries(proxyMetadata).map(([name, value]): ReasonedPatch => ({
      path: `spec.meshConfig.defaultConfig.proxyMetadata.${name}`,
      value,
      reason: metadataReason(name),
    })),
  ];
}

/** Why sidecars are given a variable. */
export const metadataReason = (name: string): string =>
  name === 'SECRET_TTL'
    ? 'a sidecar asks for a certificate of 24h unless told, and gets no longer one than it asks for'
    : 'a sidecar makes an RSA key of 2048 bits unless told, and the PKI role signs no other key than certificates names';

/** Why other trust domains are named. */
export const ALIASES = 'their workloads are taken for those of this mesh, while it moves from one to the other; nothing is signed for them';

/** Why istiod's Deployment is changed so. */
export function patchReason(mode: OverlayMode): string | undefined {
  switch (mode) {
    case 'guide':
      return undefined;
    case 'append':
      return '[-1] appends: no index to overwrite something with';
    case 'wellKnown':
      return 'istiod looks for its certificate only at its start: a pod that is too early waits for it, and the old one serves on';
  }
}

/**
 * The user's own changes, then ours, as one entry for each object: `[-1]` of ours comes after what is his. Of two entries for one object, Istio's
 * engine up to 1.23 applies the last one alone, without an error (operator/pkg/patch/patch.go).
 */
export function deploymentOverlays(own: readonly Overlay[], mode: OverlayMode, deployment: string): Overlay[] {
  const ours: Overlay = { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment, patches: istiodPatches(mode) };
  const merged = new Map<string, Overlay>();
  for (const one of [...own, ours]) {
    const object = JSON.stringify([one.kind, one.name]);
    const before = merged.get(object) ?? { ...one, patches: [] };
    merged.set(object, { ...before, patches: [...before.patches, ...one.patches] });
  }
  return [...merged.values()];
}

const GUIDE_ENV = [
  { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
  { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
  { name: 'ENABLE_CA_SERVER', value: 'false' },
];

/** Helm values as patches, one each, so that those around them stay. */
function valuePatches(values: Readonly<Record<string, unknown>>): ReasonedPatch[] {
  return leaves(values).map(keys => {
    const path = pathOf(['spec', 'values', ...keys]);
    if (path === undefined)
      throw new Error(`a patch cannot carry a value whose key is ${JSON.stringify(keys.join('.'))}, e.g. "global.logAsJson"`);
    return { path, value: valueAt(values, keys) };
  });
}
