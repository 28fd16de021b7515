// The Sail operator's objects, with the fields that this package writes: ours, after its API types.
import { ApiObject, ApiObjectMetadata, GroupVersionKind } from 'cdk8s';
import { Construct } from 'constructs';

/** An istiod, as the Sail operator installs it. It belongs to no namespace. */
export class Istio extends ApiObject {
  /** apiVersion and kind. */
  public static readonly GVK: GroupVersionKind = { apiVersion: 'sailoperator.io/v1', kind: 'Istio' };

  constructor(scope: Construct, id: string, props: SailProps) {
    super(scope, id, { ...Istio.GVK, ...props });
  }
}

/** The ztunnels, as the Sail operator installs them. It belongs to no namespace. */
export class ZTunnel extends ApiObject {
  /** apiVersion and kind. */
  public static readonly GVK: GroupVersionKind = { apiVersion: 'sailoperator.io/v1', kind: 'ZTunnel' };

  constructor(scope: Construct, id: string, props: SailProps) {
    super(scope, id, { ...ZTunnel.GVK, ...props });
  }
}

/** Properties of both. */
export interface SailProps {
  /**
   * Metadata.
   *
   * @default - a generated name
   */
  readonly metadata?: ApiObjectMetadata;

  /** What is wanted. A partial object lacks fields that the operator requires: it is merged into an object that has them. */
  readonly spec: SailSpec;
}

/** What is wanted. */
export interface SailSpec {
  /**
   * Version of Istio, e.g. `v1.24.3`.
   *
   * @default - none
   */
  readonly version?: string;

  /**
   * What becomes of the istiod that runs where the version changes.
   *
   * @default - the operator's own, InPlace
   */
  readonly updateStrategy?: { readonly type: 'InPlace' | 'RevisionBased' };

  /**
   * Helm values of the chart.
   *
   * @default - none
   */
  readonly values?: unknown;
}
