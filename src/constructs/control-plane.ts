import { Construct } from 'constructs';
import {
  ControlPlaneIsolationBoundary,
  ControlPlaneManagementPlane,
  ControlPlaneTelemetryStore,
  ControlPlane as Resource,
} from '../../imports/install.tetrate.io';
import { OverlayMode } from '../plan/istio';
import { Overlay } from '../plan/istiod-patches';
import { overlayPatches } from './overlay';
import { needCaAddress } from './ca-address';
import { noteReason } from './reason';

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

/** Properties of `ControlPlane`. */
export interface ControlPlaneProps extends ControlPlaneIstiod {
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
   * Registry of TSB's images. `hub`, `managementPlane` and `telemetryStore` come together.
   *
   * @default - the object is a partial one, to merge into the ControlPlane that is there
   */
  readonly hub?: string;

  /**
   * The management plane.
   *
   * @default - as `hub`
   */
  readonly managementPlane?: ControlPlaneManagementPlane;

  /**
   * Where telemetry goes.
   *
   * @default - as `hub`
   */
  readonly telemetryStore?: ControlPlaneTelemetryStore;

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
   * @default "istio-system"
   */
  readonly namespace?: string;
}

/** The ControlPlane of Tetrate Service Bridge, with an overlay that makes istiod and the workloads use istio-csr. */
export class ControlPlane extends Construct {
  /** Whether it lacks fields that TSB requires, so that it can only be merged into a ControlPlane that has them. */
  public readonly partial: boolean;

  constructor(scope: Construct, id: string, props: ControlPlaneProps) {
    super(scope, id);

    needCaAddress(props.caAddress);
    const { hub, managementPlane, telemetryStore } = props;
    const missing = Object.entries({ hub, managementPlane, telemetryStore }).filter(([, value]) => value === undefined);
    if (missing.length === 1 || missing.length === 2) {
      throw new Error(
        `'hub', 'managementPlane' and 'telemetryStore' come together, got none of ${missing.map(([key]) => `'${key}'`).join(', ')}`,
      );
    }

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
    new Resource(this, 'Resource', {
      metadata: { name: props.name ?? 'controlplane', namespace: props.namespace ?? 'istio-system' },
      spec: {
        hub,
        managementPlane,
        telemetryStore,
        components: {
          // the guide's ControlPlane has none of it.
          internalCertProvider: overlay === 'guide' ? undefined : { certManager: { managed: 'EXTERNAL' } },
          istio: { trustDomain, kubeSpec: { overlays } },
          xcp: isolationBoundaries && { isolationBoundaries },
        },
      },
    });
    this.partial = missing.length > 0;

    const istio = ['spec', 'components', 'istio'];
    istiods.forEach(({ patches }, n) => {
      patches.forEach(({ reason }, i) => {
        if (reason !== undefined) noteReason(this, [...istio, 'kubeSpec', 'overlays', n, 'patches', i], reason);
      });
    });
    if (trustDomain !== undefined)
      noteReason(this, [...istio, 'trustDomain'], "TSB's own would be CLUSTER.tsb.local, which the PKI role does not sign");
    if (overlay !== 'guide') {
      noteReason(
        this,
        ['spec', 'components', 'internalCertProvider', 'certManager', 'managed'],
        'TSB must leave the cert-manager that is there alone',
      );
    }
  }
}
