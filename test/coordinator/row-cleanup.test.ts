// Removing rows: finished, free, missing from two complete listings a refresh interval apart, children known.

import { expect } from 'chai';
import { createRowCleanup } from '../../src/coordinator/row-cleanup.ts';
import type { ShardRow } from '../../src/model/lease-store.ts';
import { SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';

const REFRESH_MS = 60_000;

const shard = (shardId: string, parentShardId: string | null = null): Shard => ({
  shardId,
  parentShardId,
  adjacentParentShardId: null,
  startingHashKey: '0',
  endingHashKey: '1',
  startingSequenceNumber: '1',
  endingSequenceNumber: null,
});
const row = (shardId: string, changes: Partial<ShardRow> = {}): ShardRow => ({
  shardId,
  startsAt: '1',
  parents: [],
  position: SHARD_END,
  owner: null,
  token: 3,
  handOffTo: null,
  ...changes,
});

describe('row cleanup', () => {
  const twice = (listing: readonly Shard[], rows: readonly ShardRow[], apartMs = REFRESH_MS) => {
    const cleanup = createRowCleanup(REFRESH_MS);
    expect(cleanup.removable(listing, rows, 1_000)).to.deep.equal([]);
    return cleanup.removable(listing, rows, 1_000 + apartMs);
  };

  it('removes a finished shard that two listings a refresh interval apart lack', () => {
    expect(twice([shard('b', 'a')], [row('a'), row('b', { position: TRIM_HORIZON })])).to.deep.equal(['a']);
  });

  it('keeps it when the listings are nearer to each other', () => {
    expect(twice([shard('b')], [row('a'), row('b')], REFRESH_MS - 1)).to.deep.equal([]);
  });

  it('keeps what is listed, not finished, owned, or has a child without a row', () => {
    expect(twice([shard('a')], [row('a')])).to.deep.equal([]);
    expect(twice([], [row('a', { position: TRIM_HORIZON })])).to.deep.equal([]);
    expect(twice([], [row('a', { owner: 'me' })])).to.deep.equal([]);
    expect(twice([shard('b', 'a')], [row('a')])).to.deep.equal([]);
  });

  it('a shard that was listed in between is missing from then on only', () => {
    const cleanup = createRowCleanup(REFRESH_MS);
    cleanup.removable([], [row('a')], 0);
    cleanup.removable([shard('a')], [row('a')], REFRESH_MS);
    expect(cleanup.removable([], [row('a')], 2 * REFRESH_MS)).to.deep.equal([]);
    expect(cleanup.removable([], [row('a')], 3 * REFRESH_MS)).to.deep.equal(['a']);
  });
});
