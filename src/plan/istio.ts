import { show } from '../config/show';
import { Settings } from './settings';
import { tsbToIstio } from './tables/tsb';
import { planSailIstio, planTarget, SailIstioPlan, TargetPlan } from './target';
import { compareVersions, minor, WELL_KNOWN_SINCE } from './version';

/** How istiod is given its certificate. */
export type OverlayMode = 'append' | 'wellKnown' | 'guide';

/** An istiod, and the objects that configure it. */
export interface IstioPlan {
  /** Version, e.g. "1.22". */
  readonly version: string;

  /**
   * The release of Tetrate Service Bridge that the config names, e.g. "1.12.0".
   *
   * @default - the config names none
   */
  readonly tsbVersion?: string;

  /** Namespace. */
  readonly namespace: string;

  /** Revision; "default" is none. */
  readonly revision: string;

  /** Whether it is the canary, beside the one in use. */
  readonly isCanary: boolean;

  /** What configures it. */
  readonly target: TargetPlan;

  /** Further trust domains whose workloads are taken for those of this mesh. */
  readonly trustDomainAliases: readonly string[];

  /** Where the ztunnels of an ambient mesh run, and as whom. */
  readonly ztunnel: { readonly namespace: string; readonly serviceAccount: string };

  /** Whether there are ztunnels. */
  readonly ambient: boolean;

  /** Name of its Deployment and Service. */
  readonly deployment: string;

  /** DNS name of that Service. */
  readonly dnsName: string;

  /** What the chart adds to the names of its objects, e.g. `-stable`; nothing without a revision. */
  readonly suffix: string;

  /** Name of the ControlPlane. */
  readonly controlPlane: string;

  /** Name of the IstioOperator that the overlay changes. */
  readonly istioOperator: string;

  /** The Sail operator's Istio object. */
  readonly sailIstio: SailIstioPlan;

  /** How it is given its certificate. */
  readonly overlay: OverlayMode;
}

/** Decides what configures an istiod: the one in use, or the canary beside it. */
export function planIstio(settings: Settings, { isCanary }: { readonly isCanary: boolean }): IstioPlan {
  const { istio = {}, refuse } = settings;
  const version = istioVersionOf(settings);
  const namespace = istio.namespace ?? 'istio-system';
  const revision = istio.revision ?? 'default';
  const suffix = revision === 'default' ? '' : `-${revision}`;
  const deployment = `istiod${suffix}`;
  const findsItself = compareVersions(version, WELL_KNOWN_SINCE) >= 0;
  const overlay = istio.overlay ?? (findsItself ? 'wellKnown' : 'append');
  if (overlay === 'wellKnown' && !findsItself) {
    refuse(
      ['istio', 'overlay'],
      `'overlay' "wellKnown" needs Istio ${WELL_KNOWN_SINCE} or later, got it with Istio ${version}; write "append"`,
    );
  }
  const trustDomainAliases = settings.trustDomainAliases ?? [];
  const own = trustDomainAliases.indexOf(settings.trustDomain ?? 'cluster.local');
  if (own >= 0) {
    refuse(
      ['trustDomainAliases'],
      `'trustDomainAliases' must be other ones than the trust domain, e.g. the one before, got "${trustDomainAliases[own]}"`,
    );
  }
  return {
    version,
    ...(settings.tsbVersion !== undefined && { tsbVersion: settings.tsbVersion.replace(/^v/, '') }),
    namespace,
    revision,
    isCanary,
    target: planTarget(settings, { version, overlay, canary: isCanary ? revision : undefined }),
    trustDomainAliases,
    ambient: planAmbient(settings, version),
    ztunnel: planZtunnel(settings, namespace),
    deployment,
    dnsName: `${deployment}.${namespace}.svc`,
    suffix,
    controlPlane: istio.controlPlane ?? 'controlplane',
    // isolation boundaries name the object after the revision.
    istioOperator: istio.istioOperator ?? (revision === 'default' ? 'tsb-istiocontrolplane' : `xcp-iop-${revision}`),
    sailIstio: planSailIstio(settings, { version, revision, isCanary }),
    overlay,
  };
}

/** The Istio version from which ambient is no preview. */
const AMBIENT_SINCE = '1.24';

function planAmbient({ ambient = false, refuse }: Settings, version: string): boolean {
  if (ambient && compareVersions(version, AMBIENT_SINCE) < 0) {
    refuse(['ambient'], `'ambient' needs Istio ${AMBIENT_SINCE} or later, got it with Istio ${version}; write false`);
  }
  return ambient;
}

/** The Sail operator's own namespace of a ZTunnel is `ztunnel` (its `spec.namespace`); the chart's is that of the release. */
function planZtunnel({ ztunnel, ambient = false, target, refuse }: Settings, istioNamespace: string): IstioPlan['ztunnel'] {
  if (ztunnel !== undefined && !ambient) refuse(['ztunnel'], `'ztunnel' needs 'ambient', write ambient: true, or remove it`);
  const { namespace = target === 'sail' ? 'ztunnel' : istioNamespace, serviceAccount = 'ztunnel' } = ztunnel ?? {};
  return { namespace, serviceAccount };
}

/** The first Istio whose ztunnels trust every root of a file, and not the first one alone (istio/ztunnel#1510). */
const ALL_ROOTS_SINCE = '1.26';

/** The first Istio whose ztunnels read the roots anew that they check istio-csr with (istio/ztunnel#1775). */
export const ROOT_READ_AGAIN_SINCE = '1.30';

/** Whether the ztunnels of an Istio read the roots that they check istio-csr with only at their start. */
export const readsRootAtStart = (version: string): boolean => compareVersions(version, ROOT_READ_AGAIN_SINCE) < 0;

/** Refuses what ztunnels cannot do: a change of the root while they trust one alone, and trust domains besides their own. */
export function refuseForZtunnels(
  { refuse }: Settings,
  { ambient, version, trustDomainAliases }: IstioPlan,
  alsoTrust: readonly string[],
): void {
  if (!ambient) return;
  if (alsoTrust.length > 0 && compareVersions(version, ALL_ROOTS_SINCE) < 0) {
    refuse(
      ['istioVersion'],
      `'istioVersion' must be at least ${ALL_ROOTS_SINCE} where root.alsoTrust names further roots: before, a ztunnel trusts the first root alone (istio/ztunnel#1510); update Istio first, got "${version}"`,
    );
  }
  if (trustDomainAliases.length > 0) {
    refuse(
      ['trustDomainAliases'],
      `'trustDomainAliases' do nothing in a ztunnel, which takes its own trust domain alone (istio/ztunnel#2092); remove them, or write ambient: false, got ${show(trustDomainAliases[0])}`,
    );
  }
}

/** The last release of TSB whose Istio version is known. */
export const NEWEST_TSB = Object.keys(tsbToIstio).reduce((newest, one) => (compareVersions(one, newest) > 0 ? one : newest));

/** Whether a release of TSB is later than all that are known: it is taken for the last one, with a warning. */
export const isNewerTsb = (version: string | undefined) => version !== undefined && compareVersions(version, NEWEST_TSB) > 0;

function istioVersionOf({ istioVersion, tsbVersion, refuse }: Settings): string {
  const key = tsbVersion?.replace(/^v/, '');
  const shipped = key === undefined ? undefined : (tsbToIstio[key] ?? (isNewerTsb(key) ? tsbToIstio[NEWEST_TSB] : undefined));
  if (key !== undefined && shipped === undefined && istioVersion === undefined) {
    refuse(
      ['tsbVersion'],
      `'tsbVersion' is known for ${Object.keys(tsbToIstio).join(', ')}; for another write the Istio version that it ships, e.g. istioVersion: "1.22", got "${tsbVersion}"`,
    );
  }
  if (key === undefined && istioVersion === undefined) {
    refuse(['istioVersion'], `'istioVersion' is missing, the overlay depends on it, e.g. istioVersion: "1.22"`);
  }
  if (
    istioVersion !== undefined &&
    shipped !== undefined &&
    !isNewerTsb(tsbVersion) &&
    compareVersions(minor(istioVersion), minor(shipped)) !== 0
  ) {
    refuse(
      ['istioVersion'],
      `'istioVersion' must be the one that TSB ${tsbVersion} ships, e.g. "${minor(shipped)}", got "${istioVersion}"`,
    );
  }
  return istioVersion ?? shipped ?? '1.22';
}
