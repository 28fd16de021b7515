/**
 * Istio versions that releases of Tetrate Service Bridge ship, from its release notes. An older release that is not here is refused, with the
 * request for an `istioVersion`; a newer one is taken for the last of these, with a warning.
 */
export const tsbToIstio: Readonly<Record<string, string>> = {
  '1.6.0': '1.15.2',
  '1.6.1': '1.15.7',
  '1.6.2': '1.15.7',
  '1.6.3': '1.15.7',
  '1.7.2': '1.17.8',
  '1.12.0': '1.22.6',
};

/** The release of TSB from which on isolation boundaries are always there, by its upgrade guide "Non-revisioned to Revisioned". */
export const ISOLATION_BOUNDARIES_SINCE = '1.12.0';
