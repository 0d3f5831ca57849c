// What the coordinator says about shards: losses once each, ends by their reason, replaced streams, removed rows.

import { expect } from 'chai';
import type { Assignment } from '../../src/coordinator/assignments.ts';
import { createShardWatch, REPLACED } from '../../src/coordinator/shard-watch.ts';
import { createStatusBoard } from '../../src/coordinator/status-board.ts';
import type { ShardRow } from '../../src/model/lease-store.ts';
import { SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import type { Shard, ShardLoss } from '../../src/model/shard.ts';
import type { FetcherConfig, FetcherToCoordinator, ThreadEvent } from '../../src/protocol.ts';
import { at } from '../fakes/batches.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';
import { LeaseTableHarness } from './lease-table-harness.ts';

const REFRESH_MS = 60_000;

const shard = (shardId: string, startingSequenceNumber = '1'): Shard => ({
  shardId,
  parentShardId: null,
  adjacentParentShardId: null,
  startingHashKey: '0',
  endingHashKey: '1',
  startingSequenceNumber,
  endingSequenceNumber: null,
});
const listing = (...shards: Shard[]) => ({ shards, serverTimeMs: 0 });

describe('shard watch', () => {
  const setUp = async () => {
    const leases = new LeaseTableHarness();
    const lease = await leases.holding();
    const time = createVirtualTime();
    const events: ThreadEvent[] = [];
    const deleted: string[] = [];
    const logs: unknown[] = [];
    const state = { epoch: 1, failDelete: false };
    const assignment = () => ({ lease, epoch: state.epoch }) as unknown as Assignment;
    const board = createStatusBoard();
    const watch = createShardWatch({
      config: {
        shardRefreshIntervalMs: REFRESH_MS,
        fetcher: { idlePollMs: 1_000, readsPerSecond: 5 } as FetcherConfig,
      },
      clock: time.clock,
      store: {
        async deleteShard(shardId) {
          if (state.failDelete) throw new Error('away');
          deleted.push(shardId);
          return { applied: true, row: null };
        },
      },
      board,
      leases: () => leases.table,
      assignments: () => ({ all: new Map([['s', assignment()]]) }),
      emit: (event) => events.push(event),
      log: (_message, error) => logs.push(error),
    });
    const said = (changes: Partial<Extract<FetcherToCoordinator, { type: 'state' }>> = {}) =>
      watch.said('s', {
        type: 'state',
        shard: 0,
        epoch: state.epoch,
        state: 'polling',
        since: 1,
        lagMs: 0,
        reads: 1,
        throttled: 0,
        outOfRange: 0,
        readAt: 1,
        error: null,
        loss: null,
        ...changes,
      });
    return { leases, time, events, deleted, logs, state, board, watch, said };
  };
  const trimmed: ShardLoss = { kind: 'trimmed', after: at(3), before: at(9) };
  const gone: ShardLoss = { kind: 'gone', after: at(9), before: null };

  it('says each loss once, however often its reader repeats it', async () => {
    const { events, said, watch } = await setUp();
    said();
    said({ loss: trimmed });
    said({ loss: trimmed, reads: 2 });
    expect(watch.endOf('s')).to.equal('shard-end');
    said({ loss: gone });
    said({ loss: gone, state: 'ended' });
    expect(events.map(({ name }) => name)).to.deep.equal(['records:maybe-lost', 'records:lost']);
    expect(events[0]).to.include({ shardId: 's', position: at(3), next: at(9) });
    expect(events[1]).to.include({ shardId: 's', position: at(9) });
    expect(watch.endOf('s')).to.equal('shard-gone');
  });

  it('what an earlier reader said does not decide how the shard ends', async () => {
    const { state, said, watch } = await setUp();
    said({ loss: gone });
    state.epoch = 2;
    expect(watch.endOf('s')).to.equal('shard-end');
  });

  it('a shard that is held and gets nowhere has stalled; draining, it is no news', async () => {
    const { time, events, said, watch, leases } = await setUp();
    said({ state: 'backing-off', since: 77 });
    watch.lookForStalls();
    await time.advance(60_000);
    watch.lookForStalls();
    watch.lookForStalls();
    expect(events).to.deep.equal([
      {
        name: 'shard:stalled',
        shardId: 's',
        state: 'backing-off',
        since: 77,
        lagMs: 0,
        error: null,
        forMs: 60_000,
      },
    ]);
    leases.table.drain();
    await time.advance(600_000);
    watch.lookForStalls();
    expect(events).to.have.length(1);
  });

  it('a stream that was created again: the lease ends, and the instance that replaced the row says what is lost', async () => {
    const { leases, events, watch } = await setUp();
    const row = await leases.row();
    const rows: ShardRow[] = [
      row,
      { ...row, shardId: 'done', position: SHARD_END },
      { ...row, shardId: 'elsewhere' },
    ];
    const replaced = rows.map((each) => ({ row: each, here: each.shardId !== 'elsewhere' }));
    await watch.listed(listing(shard('s', '22')), rows, replaced);
    expect(leases.lost).to.deep.equal([{ shardId: 's', cause: REPLACED }]);
    expect(events).to.deep.equal([
      { name: 'stream:replaced', shards: ['s', 'done', 'elsewhere'] },
      { name: 'records:lost', shardId: 's', position: TRIM_HORIZON, cause: REPLACED },
    ]);
  });

  it('a lease ends also where another instance replaced its row before; an old listing ends none', async () => {
    const { leases, events, watch } = await setUp();
    await watch.listed(listing(shard('s', '0')), [], []);
    expect(leases.lost).to.deep.equal([]);
    await watch.listed(listing(shard('s', '22')), [], []);
    expect(leases.lost).to.have.length(1);
    expect(events).to.deep.equal([]);
  });

  it('removes rows, and forgets what was said of shards that are no more', async () => {
    const { leases, time, deleted, logs, state, board, watch, said } = await setUp();
    said();
    const row = { ...(await leases.row()), shardId: 'old', position: SHARD_END, owner: null };
    await watch.listed(listing(shard('s')), [row], []);
    await time.advance(REFRESH_MS);
    state.failDelete = true;
    await watch.listed(listing(shard('s')), [row], []);
    expect(logs).to.have.length(1);
    state.failDelete = false;
    await watch.listed(listing(shard('s')), [row], []);
    expect(deleted).to.deep.equal(['old']);
    expect(board.current('s', 1)).not.to.equal(undefined);
    await watch.listed(listing(), [], []);
    expect(board.current('s', 1)).to.equal(undefined);
  });
});
