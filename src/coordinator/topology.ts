// The shards of the stream as last listed, kept up to date: at intervals, and at once when a page names children.

import type { KinesisApi, ShardFilter, ShardListing } from '../kinesis/api.ts';
import { KinesisError } from '../kinesis/errors.ts';
import { decodePosition, type Position } from '../model/position.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { createBell } from '../platform/bell.ts';
import type { Clock } from '../platform/clock.ts';
import type { Timers } from '../platform/timers.ts';

export interface TopologyParts {
  readonly api: Pick<KinesisApi, 'listShards'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly shardRefreshIntervalMs: number;
  readonly onListing: (listing: ShardListing) => Promise<void>;
  /** The last topology stays in force; the refresh is tried again after `delayMs`. */
  readonly onRetry: (error: unknown, attempt: number, delayMs: number) => void;
  /** Retrying will not mend it, or the stream was missing for too long. */
  readonly onFatal: (error: unknown) => void;
}

export interface Topology {
  /** Starts refreshing; the first listing was made by the caller. */
  start(): void;
  /** Refreshes as soon as possible, and again with back-off until the listing has these shards. */
  refresh(expected: readonly string[]): void;
  /** Something was missing that may be gone: refreshes soon, unless that was done just now. */
  doubt(): void;
  stop(): Promise<void>;
}

const BACKOFF = { minDelayMs: 200, maxDelayMs: 10_000 };
/** A stream that runs is not given up at the first word: AWS says so of one that was just created, or created again. */
const STREAM_MISSING_MS = 10_000;
const MISSING_LOOK_MS = 2_000;
/** Many readers may doubt at the same time. */
const DOUBT_INTERVAL_MS = 1_000;
/** A child that no listing has by then went as it came, or belongs to a stream that is no more. */
const EXPECTED_FOR_MS = 300_000;

export function createTopology(parts: TopologyParts): Topology {
  const { clock, timers, random } = parts;
  const stopping = new AbortController();
  const bell = createBell(timers);
  /** Until when each shard that a page named is looked for. */
  const expectedUntil = new Map<string, number>();
  let lookedAt = -Infinity;
  let missingSince: number | null = null;
  let loop: Promise<void> = Promise.resolve();

  /** Whether anything is still expected after this listing. */
  const isIncomplete = ({ shards }: ShardListing): boolean => {
    for (const { shardId } of shards) expectedUntil.delete(shardId);
    for (const [shardId, until] of expectedUntil)
      if (clock.monotonic() > until) expectedUntil.delete(shardId);
    return expectedUntil.size > 0;
  };

  const isFatal = (error: unknown): boolean => {
    if (!(error instanceof KinesisError)) return false;
    if (error.kind !== 'stream-missing') return !error.retryable;
    missingSince ??= clock.monotonic();
    return clock.monotonic() - missingSince >= STREAM_MISSING_MS;
  };

  const run = async () => {
    let attempt = 0;
    let waitMs = parts.shardRefreshIntervalMs;
    while (!stopping.signal.aborted) {
      await bell.wait(waitMs);
      if (stopping.signal.aborted) return;
      try {
        lookedAt = clock.monotonic();
        const listing = await parts.api.listShards({ type: 'ALL' }, { signal: stopping.signal });
        missingSince = null;
        await parts.onListing(listing);
        const incomplete = isIncomplete(listing);
        attempt = incomplete ? attempt + 1 : 0;
        waitMs = parts.shardRefreshIntervalMs;
        // A page names children before every listing has them.
        if (incomplete) waitMs = Math.min(waitMs, backoffDelayMs(attempt, BACKOFF, random));
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (isFatal(error)) {
          parts.onFatal(error);
          return;
        }
        attempt += 1;
        waitMs = backoffDelayMs(attempt, BACKOFF, random);
        if (missingSince !== null) waitMs = Math.min(waitMs, MISSING_LOOK_MS);
        parts.onRetry(error, attempt, waitMs);
      }
    }
  };

  return {
    start() {
      loop = run();
    },
    refresh(expected) {
      for (const shardId of expected) expectedUntil.set(shardId, clock.monotonic() + EXPECTED_FOR_MS);
      bell.ring();
    },
    doubt() {
      if (clock.monotonic() - lookedAt >= DOUBT_INTERVAL_MS) bell.ring();
    },
    async stop() {
      stopping.abort();
      bell.ring();
      await loop;
    },
  };
}

/** The shards with which an application begins that starts at `start`; what came before them counts as done. */
export function startSetFilter(start: Position): ShardFilter {
  const decoded = decodePosition(start);
  switch (decoded.type) {
    case 'TRIM_HORIZON':
      return { type: 'AT_TRIM_HORIZON' };
    case 'LATEST':
    case 'AT_TIMESTAMP':
      return { type: 'AT_TIMESTAMP', at: decoded.at };
    case 'SEQUENCE':
    case 'SHARD_END':
      throw new TypeError(`An application cannot start at ${decoded.type}`);
    default:
      return decoded satisfies never;
  }
}
