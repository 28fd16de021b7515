/** The second istiod of a cluster, while a mesh moves to it. */

import type { OverlayConfig } from './overlay';

/**
 * The second istiod, beside the one in use, until all workloads have moved. What is not said here is as with the one in use, key by key; lists
 * are taken whole.
 */
export interface CanaryConfig {
  /**
   * Its revision, another one than that in use. It cannot be "default": that one takes every namespace with `istio-injection=enabled`, at once.
   *
   * @format dnsLabel
   */
  readonly revision: string;

  /**
   * Istio's version.
   *
   * @format istioVersion
   * @default - that which its tsbVersion ships, else that of the istiod in use
   */
  readonly istioVersion?: string;

  /**
   * Tetrate Service Bridge's version, as a shorthand for the Istio version that it ships.
   *
   * @format tsbVersion
   * @default - none
   */
  readonly tsbVersion?: string;

  /**
   * Name of the IstioOperator that TSB makes for its revision.
   *
   * @format dnsName
   * @default - `xcp-iop-REVISION`
   */
  readonly istioOperator?: string;

  /**
   * How it is given its certificate.
   *
   * @default - `istio.overlay`, else `wellKnown` from Istio 1.16, else `append`
   */
  readonly overlay?: 'append' | 'wellKnown';

  /**
   * Its Helm values.
   *
   * @default - those of `istio.values`
   */
  readonly values?: Readonly<Record<string, unknown>>;

  /**
   * More changes to what its chart renders.
   *
   * @default - those of `istio.overlays`, where each names an object that is called as the Deployment is, by the canary's name
   */
  readonly overlays?: readonly OverlayConfig[];
}
