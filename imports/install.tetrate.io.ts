// Tetrate publishes no CRD of its ControlPlane: these types are ours, after its documentation, and hold what this package writes.
import { ApiObject, ApiObjectMetadata, GroupVersionKind } from 'cdk8s';
import { Construct } from 'constructs';

/** A control plane of Tetrate Service Bridge in a cluster. */
export class ControlPlane extends ApiObject {
  /** apiVersion and kind. */
  public static readonly GVK: GroupVersionKind = { apiVersion: 'install.tetrate.io/v1alpha1', kind: 'ControlPlane' };

  constructor(scope: Construct, id: string, props: ControlPlaneProps) {
    super(scope, id, { ...ControlPlane.GVK, ...props });
  }
}

/** Properties of `ControlPlane`. */
export interface ControlPlaneProps {
  /**
   * Metadata.
   *
   * @default - a generated name
   */
  readonly metadata?: ApiObjectMetadata;

  /** What is wanted. A partial object lacks fields that TSB requires: it is merged into an object that has them. */
  readonly spec: Partial<ControlPlaneSpec>;
}

/** What is wanted of a control plane. */
export interface ControlPlaneSpec {
  /** Registry of TSB's images. */
  readonly hub: string;

  /** The management plane that it belongs to. */
  readonly managementPlane: ControlPlaneManagementPlane;

  /** Where telemetry goes. */
  readonly telemetryStore: ControlPlaneTelemetryStore;

  /**
   * Settings of components.
   *
   * @default - TSB's own
   */
  readonly components?: ControlPlaneComponents;
}

/** The management plane. */
export interface ControlPlaneManagementPlane {
  /** Host name or IP address. */
  readonly host: string;

  /** Port. */
  readonly port: number;

  /** The cluster's name in TSB. */
  readonly clusterName: string;

  /**
   * Whether its certificate is self-signed.
   *
   * @default - TSB's own default
   */
  readonly selfSigned?: boolean;
}

/** Where telemetry goes. */
export interface ControlPlaneTelemetryStore {
  /** Elasticsearch. */
  readonly elastic: ControlPlaneElastic;
}

/** Elasticsearch. */
export interface ControlPlaneElastic {
  /** Host name or IP address. */
  readonly host: string;

  /** Port. */
  readonly port: number;

  /**
   * Protocol.
   *
   * @default - TSB's own default
   */
  readonly protocol?: 'http' | 'https';

  /**
   * Whether its certificate is self-signed.
   *
   * @default - TSB's own default
   */
  readonly selfSigned?: boolean;

  /**
   * Major version.
   *
   * @default - TSB's own default
   */
  readonly version?: number;
}

/** Settings of components. */
export interface ControlPlaneComponents {
  /**
   * Istio.
   *
   * @default - TSB's own
   */
  readonly istio?: ControlPlaneIstio;

  /**
   * What signs TSB's own certificates in the cluster.
   *
   * @default - TSB's own
   */
  readonly internalCertProvider?: ControlPlaneInternalCertProvider;

  /**
   * The part of TSB that configures the istiods.
   *
   * @default - TSB's own
   */
  readonly xcp?: ControlPlaneXcp;
}

/** The part of TSB that configures the istiods. */
export interface ControlPlaneXcp {
  /**
   * Meshes of their own in one cluster. From TSB 1.12 on there is always one.
   *
   * @default - "global", with the revision "default"
   */
  readonly isolationBoundaries?: readonly ControlPlaneIsolationBoundary[];
}

/** A mesh of its own in a cluster. */
export interface ControlPlaneIsolationBoundary {
  /** Its name, which Workspaces refer to. */
  readonly name: string;

  /** Its istiods. */
  readonly revisions: readonly ControlPlaneRevision[];
}

/** An istiod. */
export interface ControlPlaneRevision {
  /** The revision, another one in each isolation boundary. */
  readonly name: string;

  /**
   * Which Istio it is.
   *
   * @default - that of TSB's operator
   */
  readonly istio?: ControlPlaneRevisionIstio;
}

/** Which Istio an istiod is. */
export interface ControlPlaneRevisionIstio {
  /** The release of TSB that ships it. */
  readonly tsbVersion: string;
}

/** Istio. */
export interface ControlPlaneIstio {
  /**
   * Changes to what TSB makes of it.
   *
   * @default - none
   */
  readonly kubeSpec?: ControlPlaneKubeSpec;

  /**
   * Trust domain.
   *
   * @default - `CLUSTER.tsb.local`
   */
  readonly trustDomain?: string;

  /**
   * TSB's version of Istio.
   *
   * @default - the release's own
   */
  readonly tsbVersion?: string;
}

/** Changes to what TSB makes. */
export interface ControlPlaneKubeSpec {
  /**
   * Changes, an entry an object.
   *
   * @default - none
   */
  readonly overlays?: readonly ControlPlaneOverlay[];
}

/** Changes to one object. */
export interface ControlPlaneOverlay {
  /** The object's apiVersion. */
  readonly apiVersion: string;

  /** The object's kind. */
  readonly kind: string;

  /** The object's name. */
  readonly name: string;

  /** The changes, in order. */
  readonly patches: readonly ControlPlanePatch[];
}

/** One change. */
export interface ControlPlanePatch {
  /** Where, in the words of Istio's patch engine, e.g. `spec.values.global.caAddress`. */
  readonly path: string;

  /** What is put there. */
  readonly value: unknown;
}

/** What signs TSB's own certificates in the cluster. */
export interface ControlPlaneInternalCertProvider {
  /** cert-manager. */
  readonly certManager: ControlPlaneCertManager;
}

/** cert-manager. */
export interface ControlPlaneCertManager {
  /** Who runs it: `EXTERNAL` leaves a cert-manager that is there alone. */
  readonly managed: 'AUTO' | 'EXTERNAL' | 'INTERNAL';
}
