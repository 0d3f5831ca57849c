// The shards of the stream as last listed, kept up to date: at intervals, and at once when a page names children.

import type { KinesisApi, ShardFilter, ShardListing } from '../kinesis/api.ts';
import { decodePosition, type Position } from '../model/position.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { createBell } from '../platform/bell.ts';
import type { Timers } from '../platform/timers.ts';

export interface TopologyParts {
  readonly api: Pick<KinesisApi, 'listShards'>;
  readonly timers: Timers;
  readonly random: () => number;
  readonly shardRefreshIntervalMs: number;
  readonly onListing: (listing: ShardListing) => Promise<void>;
  /** The last topology stays in force; the refresh is tried again after `delayMs`. */
  readonly onRetry: (error: unknown, attempt: number, delayMs: number) => void;
  /** True when retrying will not mend it. */
  readonly isFatal: (error: unknown) => boolean;
  readonly onFatal: (error: unknown) => void;
}

export interface Topology {
  /** Starts refreshing; the first listing was made by the caller. */
  start(): void;
  /** Refreshes as soon as possible, and again with back-off until the listing has these shards. */
  refresh(expected: readonly string[]): void;
  stop(): Promise<void>;
}

const BACKOFF = { minDelayMs: 200, maxDelayMs: 10_000 };

export function createTopology(parts: TopologyParts): Topology {
  const stopping = new AbortController();
  const bell = createBell(parts.timers);
  const missing = new Set<string>();
  let loop: Promise<void> = Promise.resolve();

  const run = async () => {
    let attempt = 0;
    let waitMs = parts.shardRefreshIntervalMs;
    while (!stopping.signal.aborted) {
      await bell.wait(waitMs);
      if (stopping.signal.aborted) return;
      try {
        const listing = await parts.api.listShards({ type: 'ALL' }, { signal: stopping.signal });
        await parts.onListing(listing);
        for (const { shardId } of listing.shards) missing.delete(shardId);
        attempt = missing.size === 0 ? 0 : attempt + 1;
        waitMs = parts.shardRefreshIntervalMs;
        // A page names children before every listing has them.
        if (missing.size > 0) waitMs = Math.min(waitMs, backoffDelayMs(attempt, BACKOFF, parts.random));
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (parts.isFatal(error)) {
          parts.onFatal(error);
          return;
        }
        attempt += 1;
        waitMs = backoffDelayMs(attempt, BACKOFF, parts.random);
        parts.onRetry(error, attempt, waitMs);
      }
    }
  };

  return {
    start() {
      loop = run();
    },
    refresh(expected) {
      for (const shardId of expected) missing.add(shardId);
      bell.ring();
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
