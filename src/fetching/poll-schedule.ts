// When a shard may be read next: the limits of AWS as token buckets, and the pace of polling. Pure over the clock.

import { tokenBucket } from '../platform/token-bucket.ts';

/** GetRecords limits of one shard, over all its readers: 5 calls and 2 MiB a second (AWS, Kinesis quotas). */
export const MAX_READS_PER_SECOND = 5;
export const READ_BYTES_PER_SECOND = 2 * 2 ** 20;

export interface PollSchedule {
  /** Ms until the next read may start. */
  waitMs(now: number): number;
  started(now: number): void;
  /** What the read brought. */
  page(records: number, bytes: number, lagMs: number, now: number): void;
}

/** `readsPerSecond` below 5 leaves the rest, of calls and of bytes alike, to other applications on the stream. */
export function pollSchedule(readsPerSecond: number, idlePollMs: number, now: number): PollSchedule {
  const share = readsPerSecond / MAX_READS_PER_SECOND;
  // Capacity 1: a bucket that saves up calls for a burst would break the limit in the second after it.
  const calls = tokenBucket(readsPerSecond, 1, now);
  const bytes = tokenBucket(READ_BYTES_PER_SECOND * share, READ_BYTES_PER_SECOND * share, now);
  const firstIdleMs = 1000 / readsPerSecond;
  let idleMs = 0;
  let idleUntil = now;
  return {
    waitMs: (at) => Math.max(calls.waitMs(1, at), bytes.waitMs(1, at), idleUntil - at),
    started: (at) => calls.take(1, at),
    page(records, size, lagMs, at) {
      bytes.take(size, at);
      // An empty page that is behind only skips a stretch without records: go on as fast as the limits allow.
      const caughtUpAndEmpty = records === 0 && lagMs === 0;
      idleMs = caughtUpAndEmpty ? Math.min(idlePollMs, idleMs === 0 ? firstIdleMs : idleMs * 2) : 0;
      idleUntil = at + idleMs;
    },
  };
}
