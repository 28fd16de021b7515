import { ControlPlanePatch } from '../../imports/install.tetrate.io';
import { OverlayMode } from '../plan/istio';
import { leaves } from '../plan/istio-csr';
import { istiodPatches, Overlay } from '../plan/istiod-patches';
import { pathOf } from '../plan/patch-path';

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

/** Patches of the IstioOperator by overlay mode. */
export function overlayPatches(
  mode: OverlayMode,
  {
    caAddress,
    deployment,
    values = {},
    overlays = [],
  }: {
    readonly caAddress: string;
    readonly deployment: string;
    readonly values?: Readonly<Record<string, unknown>>;
    readonly overlays?: readonly Overlay[];
  },
): ReasonedPatch[] {
  const own = valuePatches(values);
  const address: ReasonedPatch = {
    path: 'spec.values.global.caAddress',
    value: caAddress,
    reason: 'workloads send their requests to istio-csr instead of istiod',
  };
  const noCa: ReasonedPatch = { path: ENV, value: 'false', reason: "one variable, so TSB's own stay: istiod must not sign as well" };
  switch (mode) {
    case 'guide':
      return [...own, address, { path: 'spec.components.pilot.k8s.env', value: GUIDE_ENV }, changes(overlays, { mode, deployment })];
    case 'append':
      return [...own, address, noCa, changes(overlays, { mode, deployment }, '[-1] appends: no index to overwrite something with')];
    case 'wellKnown':
      return [
        ...own,
        address,
        noCa,
        changes(
          overlays,
          { mode, deployment },
          'istiod reads its certificate once, at start: a pod that is too early waits for it, and the old one serves on',
        ),
      ];
  }
}

const GUIDE_ENV = [
  { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
  { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
  { name: 'ENABLE_CA_SERVER', value: 'false' },
];

/** The user's own changes, then ours: the engine applies them in that order, so `[-1]` of ours comes after what is his. */
function changes(own: readonly Overlay[], { mode, deployment }: { mode: OverlayMode; deployment: string }, reason?: string): ReasonedPatch {
  const ours: Overlay = { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment, patches: istiodPatches(mode) };
  return { path: DEPLOYMENT_OVERLAYS, value: [...own, ours], reason };
}

/** Helm values as patches, one each, so that those around them stay. */
function valuePatches(values: Readonly<Record<string, unknown>>): ReasonedPatch[] {
  return leaves(values).map(keys => {
    const value = keys.reduce<unknown>((above, key) => (above as Record<string, unknown>)[key], values);
    const path = pathOf(['spec', 'values', ...keys]);
    if (path === undefined)
      throw new Error(`a patch cannot carry a value whose key is ${JSON.stringify(keys.join('.'))}, e.g. "global.logAsJson"`);
    return { path, value };
  });
}
