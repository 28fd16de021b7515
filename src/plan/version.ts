/** The Istio version from which istiod finds its certificate at a well-known path. */
export const WELL_KNOWN_SINCE = '1.16';

/** Compares two versions such as "1.22", "v0.17.0": below 0, 0, or above 0. A missing part counts as 0. */
export function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.replace(/^v/, '').split('.').map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The first two parts of a version: "1.22" of "1.22.6". */
export const minor = (version: string) => version.split('.').slice(0, 2).join('.');
