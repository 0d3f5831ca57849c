// Predicts the shard that a hash key goes to, from the open shards of a listing.

import type { Shard } from '../model/shard.ts';

export interface ShardMap {
  /** The open shards in the order of their hash ranges. */
  readonly shardIds: readonly string[];
  /** Null where no open shard of the listing covers the key. */
  shardOf(hashKey: bigint): string | null;
}

export function buildShardMap(listing: readonly Shard[]): ShardMap {
  const ranges = listing
    // A closed shard takes nothing more; its range belongs to its children.
    .filter((shard) => shard.endingSequenceNumber === null)
    .map((shard) => ({
      shardId: shard.shardId,
      start: BigInt(shard.startingHashKey),
      end: BigInt(shard.endingHashKey),
    }))
    .sort((a, b) => (a.start < b.start ? -1 : Number(a.start > b.start)));

  return {
    shardIds: ranges.map((range) => range.shardId),
    shardOf(hashKey) {
      // The last range that starts at or before the key.
      let low = 0;
      let high = ranges.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ranges[middle]!.start <= hashKey) low = middle + 1;
        else high = middle;
      }
      const range = ranges[low - 1];
      return range !== undefined && hashKey <= range.end ? range.shardId : null;
    },
  };
}
