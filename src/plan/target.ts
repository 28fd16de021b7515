import type { ClusterSettings } from '../config/config';
import type { OverlayMode } from './istio';
import { Settings } from './settings';
import { compareVersions, WELL_KNOWN_SINCE } from './version';

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

const README = 'as README.md says, section 5';

/** Decides where istiod is configured. */
export function planTarget(
  { target: name = 'tsb', tsb, istio = {}, refuse }: Settings,
  { version, overlay }: { readonly version: string; readonly overlay: OverlayMode },
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
  const whole = tsb !== undefined;
  const of: Record<TargetName, Omit<TargetPlan, 'name' | 'waits'>> = {
    tsb: {
      part: 'our overlay out of the ControlPlane',
      file: whole ? 'manifests/3-control-plane/control-plane.yaml' : 'control-plane.partial.yaml',
      todo: whole ? 'apply manifests/3-control-plane' : `merge control-plane.partial.yaml, ${README}`,
    },
    istioOperator: {
      part: 'our part out of the IstioOperator',
      file: 'istio-operator.yml',
      todo: `hand istio-operator.yml to istioctl, ${README}`,
    },
    helm: { part: 'our part out of the values of istiod', file: 'istiod.values.yml', todo: `hand istiod.values.yml to helm, ${README}` },
    sail: { part: 'our part out of the Istio object', file: 'istio.partial.yaml', todo: `merge istio.partial.yaml, ${README}` },
  };
  return { name, ...of[name], waits: !byValues || takesVolumes };
}
