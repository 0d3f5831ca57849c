// Refreshing the listing: at intervals, on a ring, with pauses after failures that keep the last one.

import { expect } from 'chai';
import { createTopology, startSetFilter } from '../../src/coordinator/topology.ts';
import type { ShardListing } from '../../src/kinesis/api.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import {
  latestPosition,
  SHARD_END,
  sequencePosition,
  timestampPosition,
  TRIM_HORIZON,
} from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

const INTERVAL_MS = 60_000;

function shardOf(shardId: string): Shard {
  return {
    shardId,
    parentShardId: null,
    adjacentParentShardId: null,
    startingHashKey: '0',
    endingHashKey: '1',
    startingSequenceNumber: '1',
    endingSequenceNumber: null,
  };
}

function setUp() {
  const time = createVirtualTime();
  const state = {
    time,
    calls: [] as number[],
    listings: 0,
    retries: [] as number[],
    fatal: [] as unknown[],
    failWith: null as Error | null,
    hang: false,
    shardIds: [] as string[],
  };
  const topology = createTopology({
    api: {
      async listShards(filter, options): Promise<ShardListing> {
        expect(filter).to.deep.equal({ type: 'ALL' });
        state.calls.push(time.clock.monotonic());
        if (state.hang) {
          await new Promise((_, reject) =>
            options!.signal!.addEventListener('abort', () => reject(new Error('aborted'))),
          );
        }
        if (state.failWith !== null) throw state.failWith;
        return { shards: state.shardIds.map(shardOf), serverTimeMs: 0 };
      },
    },
    clock: time.clock,
    timers: time.timers,
    random: () => 1,
    shardRefreshIntervalMs: INTERVAL_MS,
    onListing: async () => {
      state.listings += 1;
    },
    onRetry: (_error, _attempt, delayMs) => state.retries.push(delayMs),
    onFatal: (error) => state.fatal.push(error),
  });
  return { ...state, state, topology };
}

describe('topology', () => {
  it('lists at intervals, and the first time only after one', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    await time.advance(3 * INTERVAL_MS);
    expect(state.calls).to.deep.equal([60_000, 120_000, 180_000]);
    await topology.stop();
  });

  it('lists at once when it is asked to, also when that comes during a listing', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    await time.advance(100);
    topology.refresh([]);
    topology.refresh([]);
    await time.advance(100);
    expect(state.calls.length).to.be.within(1, 2);
    expect(state.calls[0]).to.equal(100);
    await topology.stop();
  });

  it('lists again with growing pauses until the children that a page named are there', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    state.shardIds = ['a'];
    topology.refresh(['b', 'c']);
    await time.advance(200);
    expect(state.calls).to.deep.equal([0, 200]);
    state.shardIds = ['a', 'b'];
    await time.advance(400);
    state.shardIds = ['a', 'b', 'c'];
    await time.advance(800);
    expect(state.calls).to.deep.equal([0, 200, 600, 1_400]);
    await time.advance(INTERVAL_MS - 1);
    expect(state.calls).to.have.length(4);
    expect(state.retries).to.deep.equal([]);
    await topology.stop();
  });

  it('keeps the last listing and tries again with growing pauses, then at intervals again', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    state.failWith = new Error('throttled');
    await time.advance(INTERVAL_MS + 2_900);
    expect(state.retries.slice(0, 4)).to.deep.equal([200, 400, 800, 1_600]);
    expect(state.calls).to.have.length(4);
    expect(state.listings).to.equal(0);
    state.failWith = null;
    await time.advance(200);
    expect(state.listings).to.equal(1);
    await time.advance(INTERVAL_MS - 1_000);
    expect(state.listings).to.equal(1);
    await time.advance(1_000);
    expect(state.listings).to.equal(2);
    await topology.stop();
  });

  it('gives up on what retrying does not mend', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    state.failWith = new KinesisError('access-denied', 'denied');
    await time.advance(10 * INTERVAL_MS);
    expect(state.calls).to.have.length(1);
    expect(state.fatal).to.have.length(1);
    await topology.stop();
  });

  it('a stream that is missing is looked for before it is given up', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    const missing = new KinesisError('stream-missing', 'no such stream');
    state.failWith = missing;
    topology.refresh([]);
    await time.advance(9_000);
    expect(state.fatal).to.deep.equal([]);
    expect(state.calls.length).to.be.at.least(5);
    await time.advance(4_000);
    expect(state.fatal).to.deep.equal([missing]);
    const { length } = state.calls;
    await time.advance(10 * INTERVAL_MS);
    expect(state.calls).to.have.length(length);
    await topology.stop();
  });

  it('a stream that comes back is not given up, however often it was missing', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    for (let round = 0; round < 4; round += 1) {
      state.failWith = new KinesisError('stream-missing', 'no such stream');
      topology.refresh([]);
      await time.advance(6_000);
      state.failWith = null;
      await time.advance(3_000);
    }
    expect(state.fatal).to.deep.equal([]);
    expect(state.listings).to.be.at.least(4);
    await topology.stop();
  });

  it('a doubt has it list soon, and many of them do not have it list all the time', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    for (let ms = 0; ms < 10_000; ms += 50) {
      topology.doubt();
      await time.advance(50);
    }
    expect(state.calls.length).to.be.within(9, 11);
    await topology.stop();
  });

  it('a child that never comes is not looked for at that pace for ever', async () => {
    const { state, time, topology } = setUp();
    topology.start();
    topology.refresh(['never']);
    await time.advance(330_000);
    const { length } = state.calls;
    expect(length).to.be.above(20);
    await time.advance(10 * INTERVAL_MS);
    expect(state.calls.length - length).to.equal(10);
    await topology.stop();
  });

  it('stop ends a wait at once and aborts a listing, without a report', async () => {
    for (const hang of [false, true]) {
      const { state, time, topology } = setUp();
      state.hang = hang;
      topology.start();
      await time.advance(hang ? INTERVAL_MS : 10);
      await time.settled(topology.stop(), 1);
      expect(state.retries).to.deep.equal([]);
      expect(time.pending()).to.equal(0);
    }
  });

  it('knows the shards with which an application begins', () => {
    expect(startSetFilter(TRIM_HORIZON)).to.deep.equal({ type: 'AT_TRIM_HORIZON' });
    expect(startSetFilter(latestPosition(5))).to.deep.equal({ type: 'AT_TIMESTAMP', at: 5 });
    expect(startSetFilter(timestampPosition(6))).to.deep.equal({ type: 'AT_TIMESTAMP', at: 6 });
    for (const position of [SHARD_END, sequencePosition('1', 0)]) {
      expect(() => startSetFilter(position)).to.throw(TypeError, 'cannot start at');
    }
  });
});
