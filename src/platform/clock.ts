// The clocks of this process; passed in wherever time matters, so that tests and simulations can move it.

export interface Clock {
  /** Wall clock, ms since the epoch. For people and AWS only: never compared between hosts, never for a deadline. */
  now(): number;
  /** Milliseconds that never go back; the zero point is arbitrary but one for all threads of the process. */
  monotonic(): number;
}

const NANOSECONDS_PER_MS = 1e6;

// hrtime instead of performance.now(): the latter starts at zero in every thread, and fence deadlines are shared.
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(process.hrtime.bigint()) / NANOSECONDS_PER_MS,
};
