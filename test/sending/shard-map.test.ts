// Shard prediction at the edges of the ranges.

import { expect } from 'chai';
import { MAX_HASH_KEY } from '../../src/sending/hash-key.ts';
import { buildShardMap } from '../../src/sending/shard-map.ts';
import { shardsOf } from './fake-kinesis.ts';

describe('buildShardMap', () => {
  it('finds the shard at both ends of every range, whatever the order of the listing', () => {
    const shards = shardsOf(7);
    const map = buildShardMap(shards.toReversed());
    expect(map.shardIds).to.deep.equal(shards.map((shard) => shard.shardId));
    for (const { shardId, startingHashKey, endingHashKey } of shards) {
      expect(map.shardOf(BigInt(startingHashKey))).to.equal(shardId);
      expect(map.shardOf(BigInt(endingHashKey))).to.equal(shardId);
    }
    expect(map.shardOf(0n)).to.equal('shard-0');
    expect(map.shardOf(MAX_HASH_KEY)).to.equal('shard-6');
  });

  it('ignores closed shards, whose range belongs to their children', () => {
    const [open] = shardsOf(1);
    const map = buildShardMap([{ ...open!, shardId: 'closed', endingSequenceNumber: '5' }, open!]);
    expect(map.shardIds).to.deep.equal(['shard-0']);
    expect(map.shardOf(5n)).to.equal('shard-0');
  });

  it('predicts nothing in a gap and from an empty listing', () => {
    const [low, , high] = shardsOf(3);
    const map = buildShardMap([low!, high!]);
    expect(map.shardOf(BigInt(low!.endingHashKey))).to.equal('shard-0');
    expect(map.shardOf(BigInt(low!.endingHashKey) + 1n)).to.equal(null);
    expect(map.shardOf(BigInt(high!.startingHashKey))).to.equal('shard-2');
    expect(buildShardMap([]).shardOf(0n)).to.equal(null);
  });
});
