// A shard is gone when two complete listings some time apart lack it; readers share the listings.

import { expect } from 'chai';
import { GONE_AFTER_MS, shardPresence } from '../../src/fetching/shard-presence.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

function setUp() {
  const time = createVirtualTime();
  const state = { listed: ['a'] as string[] | null, listings: 0 };
  const presence = shardPresence(
    {
      async listShards() {
        state.listings += 1;
        if (state.listed === null) throw new KinesisError('stream-missing', 'scripted');
        return {
          shards: state.listed.map((shardId) => ({
            shardId,
            parentShardId: null,
            adjacentParentShardId: null,
            startingHashKey: '0',
            endingHashKey: '1',
            startingSequenceNumber: '1',
            endingSequenceNumber: null,
          })),
          serverTimeMs: 0,
        };
      },
    },
    time.clock,
  );
  const { signal } = new AbortController();
  return { time, state, presence, isGone: (shardId: string) => presence.isGone(shardId, signal) };
}

describe('shard presence', () => {
  it('a listed shard is not gone', async () => {
    const { isGone, time } = setUp();
    expect(await isGone('a')).to.equal(false);
    await time.advance(GONE_AFTER_MS);
    expect(await isGone('a')).to.equal(false);
  });

  it('a shard is gone once listings some time apart lack it, not before', async () => {
    const { isGone, time } = setUp();
    expect(await isGone('b')).to.equal(false);
    await time.advance(GONE_AFTER_MS - 1);
    expect(await isGone('b')).to.equal(false);
    await time.advance(1_000);
    expect(await isGone('b')).to.equal(true);
  });

  it('a listing with it in between, or a read, begins the count again', async () => {
    for (const seen of ['listed', 'read']) {
      const { isGone, time, state, presence } = setUp();
      await isGone('b');
      await time.advance(3_000);
      if (seen === 'read') presence.found('b');
      else {
        state.listed = ['b'];
        await isGone('b');
        state.listed = [];
      }
      await time.advance(3_000);
      expect(await isGone('b'), seen).to.equal(false);
      await time.advance(GONE_AFTER_MS);
      expect(await isGone('b'), seen).to.equal(true);
    }
  });

  it('a listing that fails says nothing', async () => {
    const { isGone, time, state } = setUp();
    state.listed = null;
    expect(await isGone('a')).to.equal(false);
    await time.advance(GONE_AFTER_MS);
    expect(await isGone('a')).to.equal(false);
  });

  it('what nobody has asked about for a minute is forgotten', async () => {
    const { isGone, time } = setUp();
    await isGone('b');
    await time.advance(61_000);
    expect(await isGone('b')).to.equal(false);
  });

  it('readers that ask at the same time share one listing', async () => {
    const { isGone, state } = setUp();
    await Promise.all(['a', 'b', 'c', 'd'].map(isGone));
    expect(state.listings).to.equal(1);
  });

  it('a stop is told from an answer', async () => {
    const { presence } = setUp();
    const error = await presence.isGone('a', AbortSignal.abort()).catch((reason: unknown) => reason);
    expect((error as Error).name).to.equal('AbortError');
  });
});
