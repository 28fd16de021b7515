import type { ClusterSettings } from '../config/config';
import type { OverlayMode } from './istio';
import { Settings } from './settings';
import { compareVersions, minor, WELL_KNOWN_SINCE } from './version';

/** What can configure istiod. */
export type TargetName = NonNullable<ClusterSettings['target']>;

/** What configures istiod. */
export interface TargetPlan {
  /** Which of them. */
  readonly name: TargetName;

  /** What is taken out again on the way back, in words: our part of what. */
  readonly part: string;

  /** The file with our part, below the cluster's folder; it is all of it where it lies below `manifests/`. */
  readonly file: string;

  /** What to do where the cluster has not what the file says. */
  readonly todo: string;

  /** Whether istiod's pod can be made to wait for its certificate. */
  readonly waits: boolean;
}

/** The Istio version from which the chart takes flags and volumes of istiod as values: `pilot.extraContainerArgs`, `volumes`, `volumeMounts`. */
export const VALUES_SINCE = '1.19';

/**
 * Decides where istiod is configured.
 *
 * @param canary revision of the canary, where it is that one
 */
export function planTarget(
  { target: name = 'tsb', tsb, istio = {}, refuse }: Settings,
  { version, overlay, canary }: { readonly version: string; readonly overlay: OverlayMode; readonly canary: string | undefined },
): TargetPlan {
  const byValues = name === 'helm' || name === 'sail';
  const takesVolumes = compareVersions(version, VALUES_SINCE) >= 0;
  if (name !== 'tsb') {
    if (tsb !== undefined) refuse(['tsb'], `'tsb' is of target "tsb", and the target is "${name}"; remove it`);
    for (const key of ['controlPlane', 'istioOperator'] as const) {
      if (istio[key] !== undefined && !(key === 'istioOperator' && name === 'istioOperator'))
        refuse(['istio', key], `'${key}' is of target "tsb", and the target is "${name}"; remove it, got "${istio[key]}"`);
    }
    if (overlay === 'guide')
      refuse(['istio', 'overlay'], `'overlay' "guide" is a ControlPlane's, and the target is "${name}"; write "append" or "wellKnown"`);
  }
  if (byValues && overlay === 'append' && !takesVolumes) {
    refuse(
      ['target'],
      `'target' "${name}" has no value for istiod's flags and volumes before Istio ${VALUES_SINCE}, got it with Istio ${version}; write "istioOperator"${
        compareVersions(version, WELL_KNOWN_SINCE) >= 0 ? ', or istio.overlay: wellKnown' : ''
      }`,
    );
  }
  if (name !== 'sail' && istio.sailIstio !== undefined)
    refuse(['istio', 'sailIstio'], `'sailIstio' is of target "sail", and the target is "${name}"; remove it, got "${istio.sailIstio}"`);
  const whole = tsb !== undefined;
  const readme = `as README.md says, ${canary === undefined ? 'section 5' : '"The canary"'}`;
  const suffix = canary === undefined ? '' : `-${canary}`;
  const operator = `istio-operator${suffix}.yml`;
  const values = `istiod${suffix}.values.yml`;
  const sail = `istio${suffix}.partial.yaml`;
  const of: Record<TargetName, Omit<TargetPlan, 'name' | 'waits'>> = {
    // one object, and so one file, holds the overlays of both istiods.
    tsb: {
      part: 'our overlay out of the ControlPlane',
      file: whole ? 'manifests/3-control-plane/control-plane.yaml' : 'control-plane.partial.yaml',
      todo: whole ? 'apply manifests/3-control-plane' : `merge control-plane.partial.yaml, ${readme}`,
    },
    istioOperator: { part: 'our part out of the IstioOperator', file: operator, todo: `hand ${operator} to istioctl, ${readme}` },
    helm: { part: 'our part out of the values of istiod', file: values, todo: `hand ${values} to helm, ${readme}` },
    sail: { part: 'our part out of the Istio object', file: sail, todo: `merge ${sail}, ${readme}` },
  };
  return { name, ...of[name], waits: !byValues || takesVolumes };
}

/** The Sail operator's Istio object. */
export interface SailIstioPlan {
  /** Name. */
  readonly name: string;

  /**
   * Its version, as the operator writes it, e.g. `v1.24.3`.
   *
   * @default - the update strategy is InPlace: whatever it is, the revision is the name
   */
  readonly version?: string;
}

/** Decides which Istio object it is: with the update strategy RevisionBased the operator makes the revision of its name and its version. */
export function planSailIstio(
  { target, istio: { sailIstio } = {}, refuse }: Settings,
  { version, revision, isCanary }: { readonly version: string; readonly revision: string; readonly isCanary: boolean },
): SailIstioPlan {
  if (target !== 'sail' || sailIstio === undefined || sailIstio === revision) return { name: sailIstio ?? revision };
  const made = `${sailIstio}-v${version.replaceAll('.', '-')}`;
  if (version.split('.').length < 3) {
    refuse(
      ['istioVersion'],
      `'istioVersion' must be whole, as the Sail operator makes the revision of it, e.g. "${minor(version)}.0", got "${version}"`,
    );
  } else if (revision !== made) {
    refuse(
      ['istio', isCanary ? 'revision' : 'sailIstio'],
      `the Sail operator makes the revision "${made}" of 'sailIstio' "${sailIstio}" and the version, got 'revision' "${revision}"; write that revision, or, for the update strategy InPlace, remove sailIstio`,
    );
  }
  return { name: sailIstio, version: `v${version}` };
}
