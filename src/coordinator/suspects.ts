// Shards that were in hand when a thread died, and how often in a row that happened at the same position.

import { isBefore, type Position } from '../model/position.ts';
import { backoffDelayMs } from '../platform/backoff.ts';

/** What follows from one death. */
export interface Verdict {
  /** Deaths in a row with this shard in hand and without progress, this one included. */
  readonly deaths: number;
  /** How long the shard waits before it is tried again. */
  readonly delayMs: number;
}

export interface Suspects {
  /** A thread died with the shard in hand; everything up to and including `position` was safe by then. */
  died(shardId: string, position: Position): Verdict;
  /** Null for a shard that no thread has died of since it last moved. */
  positionOf(shardId: string): Position | null;
  deathsOf(shardId: string): number;
  forget(shardId: string): void;
}

const BACKOFF = { minDelayMs: 1_000, maxDelayMs: 30_000 };
/** Deaths at the same position from which on it is the record, and not bad luck. */
export const POISON_DEATHS = 2;

export function createSuspects(random: () => number): Suspects {
  const known = new Map<string, { readonly position: Position; readonly deaths: number }>();
  return {
    died(shardId, position) {
      const before = known.get(shardId);
      const again = before !== undefined && !isBefore(before.position, position);
      const deaths = again ? before.deaths + 1 : 1;
      known.set(shardId, { position, deaths });
      // The first two follow at once: one may be bad luck, and the second one shows where the record is.
      const retries = deaths - POISON_DEATHS;
      return { deaths, delayMs: retries < 1 ? 0 : backoffDelayMs(retries, BACKOFF, random) };
    },
    positionOf: (shardId) => known.get(shardId)?.position ?? null,
    deathsOf: (shardId) => known.get(shardId)?.deaths ?? 0,
    forget: (shardId) => {
      known.delete(shardId);
    },
  };
}
