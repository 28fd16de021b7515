import { TsbConfig } from '../config/config';
import { IstioPlan } from './istio';
import { Settings } from './settings';
import { ISOLATION_BOUNDARIES_SINCE } from './tables/tsb';
import { compareVersions } from './version';

/** What a whole ControlPlane has beside the overlays. */
export interface TsbPlan extends Omit<TsbConfig, 'isolationBoundary'> {
  /**
   * Its isolation boundaries, in TSB's words.
   *
   * @default - TSB has its own, or is older than they are
   */
  readonly isolationBoundaries?: readonly IsolationBoundaryPlan[];
}

/** An isolation boundary: a mesh of its own, with one istiod or two. */
export interface IsolationBoundaryPlan {
  /** Its name. */
  readonly name: string;

  /** The revisions of its istiods. */
  readonly revisions: readonly {
    /** The revision. */
    readonly name: string;

    /** The release of TSB whose Istio it is; none: that of TSB's operator. */
    readonly istio?: { readonly tsbVersion: string };
  }[];
}

/** Decides what a whole ControlPlane says of TSB; nothing where a part is merged into the one that is there. */
export function planTsb({ tsb }: Settings, istios: readonly IstioPlan[]): TsbPlan | undefined {
  if (tsb === undefined) return undefined;
  const { isolationBoundary, ...fields } = tsb;
  if (isolationBoundary === undefined && !istios.some(istio => istio.revision !== 'default' || hasBoundaries(istio))) return fields;
  const revisions = istios.map(({ revision, tsbVersion }) => ({
    name: revision,
    ...(tsbVersion !== undefined && { istio: { tsbVersion } }),
  }));
  return { ...fields, isolationBoundaries: [{ name: isolationBoundary ?? 'global', revisions }] };
}

/** Whether the release of TSB is known to be one that cannot be without isolation boundaries. */
export const hasBoundaries = ({ tsbVersion }: Pick<IstioPlan, 'tsbVersion'>) =>
  tsbVersion !== undefined && compareVersions(tsbVersion, ISOLATION_BOUNDARIES_SINCE) >= 0;
