// Exponential back-off with jitter, the same everywhere.

export interface BackoffLimits {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * The delay before attempt `attempt` (1 = first retry): doubling from `minDelayMs` up to `maxDelayMs`, then between half
 * of that and all of it, so that many who failed together do not come back together.
 */
export function backoffDelayMs(attempt: number, limits: BackoffLimits, random: () => number): number {
  const full = Math.min(limits.maxDelayMs, limits.minDelayMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (full / 2) * random();
}
