// A shard as replies show it.

import type { ShardState } from '../stream.ts';

/** A shard as ListShards and DescribeStream show it. */
export function shardJson(shard: ShardState) {
  return {
    ShardId: shard.id,
    ...(shard.parentId === null ? {} : { ParentShardId: shard.parentId }),
    ...(shard.adjacentParentId === null ? {} : { AdjacentParentShardId: shard.adjacentParentId }),
    HashKeyRange: {
      StartingHashKey: shard.range.start.toString(),
      EndingHashKey: shard.range.end.toString(),
    },
    SequenceNumberRange: {
      StartingSequenceNumber: shard.startingSequenceNumber,
      ...(shard.endingSequenceNumber === null ? {} : { EndingSequenceNumber: shard.endingSequenceNumber }),
    },
  };
}
