import { refuseOverlays } from './istiod-overlays';
import type { Overlay } from './istiod-patches';
import { DecidedOfIstiod, refuseValues } from './istiod-values';
import type { IstioPlan } from './istio';
import { istiodLayout } from './layout';
import type { Settings } from './settings';

/** An istiod with what the user adds to it himself, beside what the plan decides. */
export interface IstiodPlan {
  /** What the plan decides. */
  readonly istio: IstioPlan;

  /** Helm values, as an IstioOperator has them, as they were written. */
  readonly values: Readonly<Record<string, unknown>>;

  /** Changes to what the chart renders. Ours come after them, in one entry for each object. */
  readonly overlays: readonly Overlay[];
}

/** Looks whether the user's own values and overlays of istiod go together with ours, at this version. */
export function planIstiod(settings: Settings, decided: DecidedOfIstiod): IstiodPlan {
  const { values = {}, overlays = [] } = settings.istio ?? {};
  const { istio } = decided;
  refuseValues(settings, decided);
  if (overlays.length > 0 && (istio.target.name === 'helm' || istio.target.name === 'sail')) {
    settings.refuse(
      ['istio', 'overlays'],
      `'overlays' are an IstioOperator's, and target "${istio.target.name}" has values alone; write what istio.values can say, or target: istioOperator`,
    );
  }
  refuseOverlays(settings, { istio, values, layout: istiodLayout(istio.version, values, istio.namespace) });
  return { istio, values, overlays };
}
