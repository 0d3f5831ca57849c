// Finds shards that are held and get nowhere: nothing was read and nothing was acked for too long. Once per stall.
//
// Reading is progress even where nothing comes: a shard without records is not stalled. What counts is measured here, on
// this thread's own clock, by change: no time that another thread sent is compared.

import type { EncodedError } from '../model/errors.ts';
import type { Position } from '../model/position.ts';
import type { ShardState } from '../model/shard.ts';

/** One shard that this instance holds, as it is now. */
export interface Watched {
  readonly shardId: string;
  /** Null while no thread reads it. */
  readonly state: ShardState | null;
  readonly since: number;
  readonly lagMs: number | null;
  /** Of the last read that succeeded. */
  readonly readAt: number | null;
  readonly acked: Position;
  readonly error: EncodedError | null;
}

export interface Stall extends Pick<Watched, 'shardId' | 'state' | 'since' | 'lagMs' | 'error'> {
  readonly forMs: number;
}

export interface StallWatch {
  /** The shards that have stalled since the last look. Those that are not named any more are forgotten. */
  look(shards: Iterable<Watched>, now: number): readonly Stall[];
  /** Those that had stalled at the last look. */
  readonly stalled: readonly string[];
}

const STALL_MS = 60_000;
/** A shard that is polled rarely is not stalled between two polls. */
const POLLS = 3;

/** After how long without progress a shard counts as stalled. */
export function stallAfterMs(idlePollMs: number, readsPerSecond: number): number {
  return Math.max(STALL_MS, POLLS * idlePollMs, (POLLS * 1000) / readsPerSecond);
}

interface Seen {
  readonly readAt: number | null;
  readonly acked: Position;
  readonly at: number;
  reported: boolean;
}

export function createStallWatch(stallMs: number): StallWatch {
  let seen = new Map<string, Seen>();
  return {
    get stalled() {
      return [...seen].filter(([, { reported }]) => reported).map(([shardId]) => shardId);
    },
    look(shards, now) {
      const stalls: Stall[] = [];
      const next = new Map<string, Seen>();
      for (const shard of shards) {
        const { shardId, state, since, lagMs, error, readAt, acked } = shard;
        const last = seen.get(shardId);
        if (last === undefined || last.readAt !== readAt || last.acked !== acked) {
          next.set(shardId, { readAt, acked, at: now, reported: false });
          continue;
        }
        next.set(shardId, last);
        if (last.reported || now - last.at < stallMs) continue;
        last.reported = true;
        stalls.push({ shardId, state, since, lagMs, error, forMs: now - last.at });
      }
      seen = next;
      return stalls;
    },
  };
}
