// Keeps the writes to each shard below its limits of records and bytes a second, and gives a throttled shard time.

import { type BackoffLimits, backoffDelayMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { type TokenBucket, tokenBucket } from '../platform/token-bucket.ts';

export interface PutLimiterOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** How long a throttled shard is left alone. */
  readonly backoff: BackoffLimits;
}

export interface PutLimiter {
  /** Ms until a record of that size may go to the shard; 0 = now. */
  waitMs(shardId: string, bytes: number): number;
  take(shardId: string, bytes: number): void;
  /** Kinesis throttled the shard: nothing goes there for a while, longer each time in a row. */
  throttled(shardId: string): void;
  succeeded(shardId: string): void;
  /** Forgets the shards that are gone. */
  retain(shardIds: Iterable<string>): void;
}

interface ShardAccount {
  readonly records: TokenBucket;
  readonly bytes: TokenBucket;
  throttles: number;
  pausedUntil: number;
}

/**
 * What may go out at once after a rest. A bucket of a full second would let twice the limit through in its first second;
 * a fifth keeps every second below 1.2 times the limit, which Kinesis forgives.
 */
const BURST_SECONDS = 0.2;

export function createPutLimiter(options: PutLimiterOptions): PutLimiter {
  const { clock, random, recordsPerSecond, bytesPerSecond, backoff } = options;
  const accounts = new Map<string, ShardAccount>();

  const accountOf = (shardId: string): ShardAccount => {
    let account = accounts.get(shardId);
    if (account === undefined) {
      const now = clock.monotonic();
      account = {
        records: tokenBucket(recordsPerSecond, Math.max(1, recordsPerSecond * BURST_SECONDS), now),
        bytes: tokenBucket(bytesPerSecond, bytesPerSecond * BURST_SECONDS, now),
        throttles: 0,
        pausedUntil: 0,
      };
      accounts.set(shardId, account);
    }
    return account;
  };

  return {
    waitMs(shardId, bytes) {
      const account = accountOf(shardId);
      const now = clock.monotonic();
      // A record larger than the bucket goes when the bucket is full, overdraws it, and is paid back before the next.
      return Math.max(
        account.pausedUntil - now,
        account.records.waitMs(1, now),
        account.bytes.waitMs(bytes, now),
        0,
      );
    },
    take(shardId, bytes) {
      const account = accountOf(shardId);
      const now = clock.monotonic();
      account.records.take(1, now);
      account.bytes.take(bytes, now);
    },
    throttled(shardId) {
      const account = accountOf(shardId);
      account.throttles += 1;
      account.pausedUntil = clock.monotonic() + backoffDelayMs(account.throttles, backoff, random);
    },
    succeeded(shardId) {
      accountOf(shardId).throttles = 0;
    },
    retain(shardIds) {
      const kept = new Set(shardIds);
      for (const shardId of accounts.keys()) if (!kept.has(shardId)) accounts.delete(shardId);
    },
  };
}
