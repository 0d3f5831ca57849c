// Whether a shard that Kinesis calls missing is gone for good. One listing at a time for all readers of a thread.
//
// A shard that is wrongly held to be gone is finished, and never read again. So the word of GetRecords alone is not enough:
// two complete listings some time apart must lack it, since those of a stream that has just changed may be old.

import type { KinesisApi } from '../kinesis/api.ts';
import { KinesisError } from '../kinesis/errors.ts';
import type { Clock } from '../platform/clock.ts';

export interface ShardPresence {
  /**
   * True when the stream is there and the shard is not, in all listings since it was first asked for. False also where
   * nobody can tell yet; ask again later. Rejects only when the signal was aborted.
   */
  isGone(shardId: string, signal: AbortSignal): Promise<boolean>;
  /** The shard was read: what was seen before does not count. */
  found(shardId: string): void;
}

/** Between the first listing without the shard and the one that decides. */
export const GONE_AFTER_MS = 5_000;
/** Readers that ask within this get the same listing. */
const LISTING_AGE_MS = 1_000;
/** Longer than the pauses of a reader: nobody asks any more. */
const FORGOTTEN_AFTER_MS = 60_000;

export function shardPresence(api: Pick<KinesisApi, 'listShards'>, clock: Clock): ShardPresence {
  /** Between which listings each shard was missing. */
  const missed = new Map<string, { readonly first: number; readonly last: number }>();
  let listing: Promise<ReadonlySet<string> | null> | null = null;
  let listedAt = 0;

  const list = async (): Promise<ReadonlySet<string> | null> => {
    try {
      const { shards } = await api.listShards({ type: 'ALL' });
      return new Set(shards.map(({ shardId }) => shardId));
    } catch (error) {
      // No listing is no evidence; what is wrong with the stream the coordinator finds out.
      if (error instanceof KinesisError) return null;
      throw error;
    }
  };

  return {
    async isGone(shardId, signal) {
      const now = clock.monotonic();
      if (listing === null || now - listedAt >= LISTING_AGE_MS) {
        listing = list();
        listedAt = now;
      }
      const at = listedAt;
      const listed = await listing;
      signal.throwIfAborted();
      if (listed === null) return false;
      for (const [id, { last }] of missed) if (at - last > FORGOTTEN_AFTER_MS) missed.delete(id);
      if (listed.has(shardId)) {
        missed.delete(shardId);
        return false;
      }
      const first = missed.get(shardId)?.first ?? at;
      if (at - first >= GONE_AFTER_MS) {
        missed.delete(shardId);
        return true;
      }
      missed.set(shardId, { first, last: at });
      return false;
    },
    found: (shardId) => void missed.delete(shardId),
  };
}
