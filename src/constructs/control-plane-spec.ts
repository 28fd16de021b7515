import {
  ControlPlaneIsolationBoundary,
  ControlPlaneRevision,
  ControlPlaneRevisionIstio,
  ControlPlaneSpec,
} from '../../imports/install.tetrate.io';
import { OverlayMode } from '../plan/istio';
import { Overlay } from '../plan/istiod-patches';
import { Checks, list, maybe, object, text, values, word } from './check';
import { caAddress, name, namespace, overlays, proxyMetadata } from './common-checks';
import { overlayPatches } from './overlay';
import { Reason } from './reason';

/** What a ControlPlane says of one istiod. */
export interface ControlPlaneIstiod {
  /**
   * How istiod is given its certificate. `wellKnown` (Istio 1.16 and later): it finds it by itself. `append`: flags and volumes at the end
   * of the lists. `guide`: the guide's patches to the letter, with indices that overwrite whatever stands there.
   */
  readonly overlay: OverlayMode;

  /**
   * Name of istiod's Deployment.
   *
   * @default "istiod"
   */
  readonly deployment?: string;

  /**
   * Name of the IstioOperator that TSB makes and the overlay changes.
   *
   * @default "tsb-istiocontrolplane"
   */
  readonly istioOperator?: string;

  /**
   * More Helm values of istiod, as in an IstioOperator. Each is set by itself, so that others stay.
   *
   * @default - none
   */
  readonly values?: Readonly<Record<string, unknown>>;

  /**
   * More changes to what istiod's chart renders, as in an IstioOperator's `k8s.overlays` of the component `pilot`. They come before ours.
   *
   * @default - none
   */
  readonly overlays?: readonly Overlay[];
}

/** What a ControlPlane says of the mesh, whole or in part. */
export interface ControlPlaneSettings extends ControlPlaneIstiod {
  /** Address that workloads send their requests to: istio-csr's, e.g. `cert-manager-istio-csr.cert-manager.svc:443`. */
  readonly caAddress: string;

  /**
   * A second istiod, of another revision, beside the one that the other properties are of.
   *
   * @default - there is one istiod
   */
  readonly canary?: ControlPlaneIstiod;

  /**
   * Trust domain of the mesh.
   *
   * @default - TSB's own, `CLUSTER.tsb.local`
   */
  readonly trustDomain?: string;

  /**
   * Variables of the sidecars (`meshConfig.defaultConfig.proxyMetadata`), e.g. `{ ECC_SIGNATURE_ALGORITHM: 'ECDSA' }` for EC keys.
   *
   * @default - none: they make RSA keys of 2048 bits
   */
  readonly proxyMetadata?: Readonly<Record<string, string>>;

  /**
   * Further trust domains whose workloads are taken for those of this mesh.
   *
   * @default - none
   */
  readonly trustDomainAliases?: readonly string[];

  /**
   * The mesh's ID of the cluster, where there are ztunnels: they ask istio-csr with it.
   *
   * @default - there are no ztunnels
   */
  readonly ztunnelClusterId?: string;

  /**
   * The isolation boundaries, all of them: a list is merged as a whole.
   *
   * @default - those that are there, or TSB's own
   */
  readonly isolationBoundaries?: readonly ControlPlaneIsolationBoundary[];

  /**
   * Name.
   *
   * @default "controlplane"
   */
  readonly name?: string;

  /**
   * Namespace: istiod's.
   *
   * @default - the Chart's, else "istio-system"
   */
  readonly namespace?: string;
}

const ISTIOD: Checks<ControlPlaneIstiod> = {
  overlay: word('wellKnown', 'append', 'guide'),
  deployment: maybe(name),
  istioOperator: maybe(name),
  values: maybe(values),
  overlays: maybe(overlays),
};

const revision = object<ControlPlaneRevision>({
  name: text('dnsLabel'),
  istio: maybe(object<ControlPlaneRevisionIstio>({ tsbVersion: text('tsbVersion') })),
});

/** Checks of `ControlPlaneSettings`. */
export const CONTROL_PLANE_CHECKS: Checks<ControlPlaneSettings> = {
  ...ISTIOD,
  caAddress,
  canary: maybe(object<ControlPlaneIstiod>(ISTIOD)),
  trustDomain: maybe(text('trustDomain')),
  proxyMetadata: maybe(proxyMetadata),
  trustDomainAliases: maybe(list(text('trustDomainAlias'))),
  ztunnelClusterId: maybe(text('clusterId')),
  isolationBoundaries: maybe(list(object<ControlPlaneIsolationBoundary>({ name: text('dnsLabel'), revisions: list(revision, 1) }), 1)),
  name: maybe(name),
  namespace: maybe(namespace),
};

/** The part of the spec that makes istiod and the workloads use istio-csr, and why its values are what they are. */
export function controlPlaneSpec(props: ControlPlaneSettings): {
  readonly spec: Partial<ControlPlaneSpec>;
  readonly reasons: readonly Reason[];
} {
  const { overlay, canary, caAddress, isolationBoundaries, trustDomain, trustDomainAliases, ztunnelClusterId, proxyMetadata } = props;
  const mesh = { caAddress, trustDomainAliases, ztunnelClusterId, proxyMetadata };
  const istiods = [props, ...(canary ? [canary] : [])].map(({ istioOperator: name = 'tsb-istiocontrolplane', ...own }) => {
    const { deployment = 'istiod', values, overlays } = own;
    return { name, patches: overlayPatches(own.overlay, { ...mesh, deployment, values, overlays }) };
  });
  const overlays = istiods.map(({ name, patches }) => ({
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    name,
    patches: patches.map(({ path, value }) => ({ path, value })),
  }));
  const istio = ['spec', 'components', 'istio'];
  const ofPatches = istiods.flatMap(({ patches }, n) =>
    patches.flatMap(({ reason }, i): Reason[] =>
      reason === undefined ? [] : [{ path: [...istio, 'kubeSpec', 'overlays', n, 'patches', i], text: reason }],
    ),
  );
  const ofTrustDomain = { path: [...istio, 'trustDomain'], text: "TSB's own would be CLUSTER.tsb.local, which the PKI role does not sign" };
  const ofCertManager = {
    path: ['spec', 'components', 'internalCertProvider', 'certManager', 'managed'],
    text: 'TSB must leave the cert-manager that is there alone',
  };
  return {
    spec: {
      components: {
        // the guide's ControlPlane has none of it.
        internalCertProvider: overlay === 'guide' ? undefined : { certManager: { managed: 'EXTERNAL' } },
        istio: { trustDomain, kubeSpec: { overlays } },
        xcp: isolationBoundaries && { isolationBoundaries },
      },
    },
    reasons: [...ofPatches, ...(trustDomain === undefined ? [] : [ofTrustDomain]), ...(overlay === 'guide' ? [] : [ofCertManager])],
  };
}
