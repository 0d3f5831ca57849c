// How large the next page of a shard may be: GetRecords has no byte limit to ask with, so room is reserved by this guess.

/** The most that one reply brings (AWS). */
const MAX_PAGE_BYTES = 10 * 2 ** 20;
const MIN_PAGE_BYTES = 64 * 1024;
/** What producers may write to a shard (AWS): a reader that had caught up cannot find more than arrived since. */
const WRITE_BYTES_PER_MS = 2 ** 20 / 1000;
const WEIGHT = 0.3;
/** Pages of a backlog are of like size, but not of the same. */
const MARGIN = 1.5;

export interface PageEstimate {
  /** For a read that starts now. */
  bytes(now: number): number;
  /** What a read brought. */
  page(bytes: number, lagMs: number, now: number): void;
}

export function pageEstimate(): PageEstimate {
  let average: number | null = null;
  let caughtUpAt: number | null = null;
  const clamp = (bytes: number) => Math.min(MAX_PAGE_BYTES, Math.max(MIN_PAGE_BYTES, Math.ceil(bytes)));
  return {
    bytes(now) {
      // Nothing is known yet: many shards that begin with a backlog must not overdraw the budget all at once.
      if (average === null) return MAX_PAGE_BYTES;
      return clamp(caughtUpAt === null ? average * MARGIN : (now - caughtUpAt) * WRITE_BYTES_PER_MS);
    },
    page(bytes, lagMs, now) {
      average = average === null ? bytes : Math.max(bytes, average + (bytes - average) * WEIGHT);
      caughtUpAt = lagMs === 0 ? now : null;
    },
  };
}
