const unit = { h: 3600, m: 60, s: 1 } as const;

/** Seconds of a duration such as "720h"; "0" is 0, which Vault reads as no end of its own. */
export function seconds(duration: string): number {
  const last = duration.at(-1);
  return last === 'h' || last === 'm' || last === 's' ? Number(duration.slice(0, -1)) * unit[last] : Number(duration);
}

/** The longest of some durations, as it was written. */
export function longest(durations: readonly string[]): string {
  return durations.reduce((a, b) => (seconds(b) > seconds(a) ? b : a));
}

/** A duration in seconds as days, or as hours where it is short. */
export const days = (count: number) => (count >= 2 * 86_400 ? `${Math.floor(count / 86_400)} days` : `${Math.floor(count / 3600)} hours`);

/** A duration of whole hours, at least one, that is at most so many seconds. */
export const hours = (count: number) => `${Math.max(1, Math.floor(count / 3600))}h`;
