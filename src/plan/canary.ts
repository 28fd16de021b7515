import { show } from '../config/show';
import { IstioPlan, planIstio } from './istio';
import type { Overlay } from './istiod-patches';
import { canaryOf, Settings } from './settings';
import { compareVersions, minor } from './version';

/** An istiod, and the settings that decide it. */
export interface Planned {
  /** The istiod. */
  readonly istio: IstioPlan;

  /** The settings, as this istiod has them. */
  readonly settings: Settings;
}

/** Decides the istiods: the one in use, then the canary where there is one. */
export function planIstios(settings: Settings): readonly [Planned, ...Planned[]] {
  const inUse = { istio: planIstio(settings, { isCanary: false }), settings };
  const own = canaryOf(settings);
  if (own === undefined) return [inUse];
  const istio = planIstio(own, { isCanary: true });
  const canary = { istio, settings: { ...own, istio: { ...own.istio, overlays: overlaysOf(settings, { inUse: inUse.istio, istio }) } } };
  refuseCanary(canary, inUse);
  return [inUse, canary];
}

/** What of ours is taken out on the way back, of one istiod or of both. */
export const ourPart = ({ istio, istiods }: { readonly istio: IstioPlan; readonly istiods: readonly unknown[] }) =>
  `${istio.target.part}${istiods.length > 1 ? ', of both istiods,' : ''}`;

/** The minor versions that Istio's own documentation lets an upgrade by revisions skip to. */
const JUMP = { revisions: 2, ztunnel: 1 };

/** Says why a jump from the istiod in use to the canary is not supported; nothing where it is. */
export function jumpWarning(inUse: IstioPlan, canary: IstioPlan): string | undefined {
  const [from, to] = [inUse, canary].map(({ version }) => Number(version.split('.')[1]));
  const most = canary.ambient ? JUMP.ztunnel : JUMP.revisions;
  if (from === undefined || to === undefined || to - from <= most) return undefined;
  const why = canary.ambient
    ? 'a ztunnel works with an istiod of its own minor version or the next one'
    : 'Istio supports an upgrade by revisions over two minor versions at most';
  return `${why}, and this is from ${inUse.version} to ${canary.version}; go by one between, e.g. "1.${from + most}"`;
}

function refuseCanary({ istio, settings }: Planned, { istio: inUse, settings: { istio: given = {}, refuse: refuseInUse } }: Planned): void {
  const { refuse } = settings;
  const name = istio.target.name;
  const refuseRevision = (message: string) => {
    refuse(['istio', 'revision'], message);
  };
  if (istio.revision === 'default') {
    refuseRevision(
      `'revision' of the canary cannot be "default": that istiod takes every namespace with istio-injection=enabled at once; write another, e.g. "${named(istio.version)}"`,
    );
  } else if (istio.revision === inUse.revision) {
    const other = named(istio.version) === inUse.revision ? 'canary' : named(istio.version);
    refuseRevision(`'revision' must be another one than that of the istiod in use, e.g. "${other}", got "${istio.revision}"`);
  }
  if (compareVersions(minor(istio.version), minor(inUse.version)) < 0) {
    refuse(
      ['istioVersion'],
      `the canary must not be older than the istiod in use, e.g. "${minor(inUse.version)}", got "${istio.version}" beside "${inUse.version}"; to go back, the canary is taken away`,
    );
  }
  if (inUse.overlay === 'guide')
    refuseInUse(['istio', 'overlay'], `'overlay' "guide" is of one istiod, and there is a canary; write "append" or "wellKnown"`);
  if (name === 'tsb' && inUse.revision === 'default' && given.istioOperator === undefined) {
    refuse(
      ['istio', 'canary'],
      `'istioOperator' of the istiod in use is missing: two istiods have isolation boundaries, and what TSB calls the object of revision "default" then is not known here; write what "kubectl get istiooperators -n ${istio.namespace}" lists as istio.istioOperator, e.g. "xcp-iop-stable" for revision "stable"`,
    );
  }
  if (name === 'tsb' && istio.istioOperator === inUse.istioOperator) {
    refuse(
      ['istio', 'istioOperator'],
      `'istioOperator' must be another object than that of the istiod in use, e.g. "xcp-iop-${istio.revision}", got "${istio.istioOperator}"`,
    );
  }
  if (name === 'sail' && inUse.sailIstio.version === undefined) {
    refuse(
      ['istio', 'canary'],
      `'sailIstio' is missing: the Sail operator runs two istiods of one Istio object, by its update strategy RevisionBased; write istio.sailIstio, e.g. "default", and the revisions that it makes, e.g. "default-v1-24-3"`,
    );
  }
}

/** The name that Istio's documentation gives a revision: its version, which cannot have dots. */
const named = (version: string) => version.replaceAll('.', '-');

/** The canary's overlays: its own, or those of the istiod in use with the name that the canary's objects have. */
function overlaysOf(
  { istio: { canary, overlays = [] } = {}, refuse }: Settings,
  { inUse, istio }: { readonly inUse: IstioPlan; readonly istio: IstioPlan },
): readonly Overlay[] {
  if (canary?.overlays !== undefined) return canary.overlays;
  return overlays.flatMap((overlay, i) => {
    if (overlay.name === inUse.deployment) return [{ ...overlay, name: istio.deployment }];
    // a Deployment of another name is refused as it is.
    if (overlay.kind !== 'Deployment') {
      refuse(
        ['istio', 'overlays', i, 'name'],
        `the canary's object has another name, which is known for "${inUse.deployment}" alone, as "${istio.deployment}"; write istio.canary.overlays, got ${show(overlay.name)}`,
      );
    }
    return [];
  });
}
