/** Changes to what istiod's chart renders, in the words of an IstioOperator. */

/** Changes to one object, as an entry of `k8s.overlays`. */
export interface OverlayConfig {
  /**
   * API version of the object. Istio's engine does not look at it.
   *
   * @format apiVersion
   * @default - none
   */
  readonly apiVersion?: string;

  /**
   * Kind of the object.
   *
   * @format objectKind
   */
  readonly kind: string;

  /**
   * Name of the object.
   *
   * @format objectName
   */
  readonly name: string;

  /**
   * The changes, in order.
   *
   * @minItems 1
   */
  readonly patches: readonly PatchConfig[];
}

/** One change. */
export interface PatchConfig {
  /**
   * Where, in the words of Istio's patch engine, e.g. `spec.template.spec.containers.[name:discovery].args[-1]`.
   *
   * @format patchPath
   */
  readonly path: string;

  /**
   * What is to stand there.
   *
   * @default - what stands there is taken away
   */
  readonly value?: unknown;
}
