// The rows that follow from the stream: adopted from whoever was first, created parents first, repeatable.

import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { ensureApp, ensureRows } from '../../src/coordinator/stream-rows.ts';
import type { ShardListing } from '../../src/kinesis/api.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import { latestPosition, SHARD_END, timestampPosition, TRIM_HORIZON } from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';
import { createFaultyLeaseStore } from '../fakes/faulty-lease-store.ts';

const config = { start: 'LATEST', leaseDurationMs: 10_000, application: 'billing' } as const;

function shard(shardId: string, parentShardId: string | null = null, open = true): Shard {
  return {
    shardId,
    parentShardId,
    adjacentParentShardId: null,
    startingHashKey: '0',
    endingHashKey: '1',
    startingSequenceNumber: '1',
    endingSequenceNumber: open ? null : '2',
  };
}

const listing = (...shards: Shard[]): ShardListing => ({ shards, serverTimeMs: 0 });

describe('the app row', () => {
  it('resolves the start by the clock of AWS', async () => {
    for (const [start, expected] of [
      ['TRIM_HORIZON', TRIM_HORIZON],
      ['LATEST', latestPosition(777)],
      [{ at: 55 }, timestampPosition(55)],
    ] as const) {
      const app = await ensureApp(createMemoryLeaseStore(), { ...config, start }, 777);
      expect(app.start).to.equal(expected);
    }
  });

  it('a Date in the future of AWS is refused, a clock that is a little ahead is not', async () => {
    const startOf = (at: number) => ensureApp(createMemoryLeaseStore(), { ...config, start: { at } }, 10_000);
    expect((await startOf(10_999)).start).to.equal(timestampPosition(10_999));
    expect((await startOf(11_000)).start).to.equal(timestampPosition(10_000));
    expect((await startOf(70_000)).start).to.equal(timestampPosition(10_000));
    const error = await startOf(70_001).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ShardpoolError);
    expect((error as ShardpoolError).code).to.equal('ERR_INVALID_OPTION');
    expect((error as ShardpoolError).message).to.match(/`start` .* future .*1970-01-01T00:01:10\.001Z/);
  });

  it('adopts the start of whoever was first', async () => {
    const store = createMemoryLeaseStore();
    await ensureApp(store, config, 100);
    expect((await ensureApp(store, { ...config, start: 'TRIM_HORIZON' }, 999)).start).to.equal(
      latestPosition(100),
    );
  });

  it('refuses another lease duration, another schema and a store without an answer', async () => {
    const store = createMemoryLeaseStore();
    await ensureApp(store, config, 100);
    const failure = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ShardpoolError);
      return error as ShardpoolError;
    };
    const other = await failure(ensureApp(store, { ...config, leaseDurationMs: 20_000 }, 1));
    expect(other.code).to.equal('ERR_INVALID_OPTION');
    expect(other.message).to.match(/`leaseDurationMs` to be 10000, .* got `20000`/);
    const app = { schemaVersion: 99, leaseDurationMs: 10_000, start: TRIM_HORIZON, rev: 0 };
    const newer = await failure(
      ensureApp({ createApp: async () => ({ applied: false, row: app }) }, config, 1),
    );
    expect(newer.code).to.equal('ERR_LEASE_STORE');
    expect(newer.message).to.contain('schema version 99');
    const none = await failure(
      ensureApp({ createApp: async () => ({ applied: false, row: null }) }, config, 1),
    );
    expect(none.code).to.equal('ERR_LEASE_STORE');
  });
});

describe('the shard rows', () => {
  const signal = new AbortController().signal;
  const noStartSet = { listShards: () => Promise.reject(new Error('not needed')) };

  it('from TRIM_HORIZON: one row for each shard, parents first, no second listing', async () => {
    const store = createMemoryLeaseStore();
    const replaced = await ensureRows(
      store,
      noStartSet,
      TRIM_HORIZON,
      listing(shard('b', 'a'), shard('a', null, false)),
      [],
      signal,
    );
    expect(replaced).to.deep.equal([]);
    expect((await store.readAll()).shards.map(({ shardId }) => shardId)).to.deep.equal(['a', 'b']);
    expect((await store.readShard('b'))!.position).to.equal(TRIM_HORIZON);
  });

  it('from LATEST: open shards at the start, ancestors done', async () => {
    const store = createMemoryLeaseStore();
    const start = latestPosition(100);
    const api = { listShards: () => Promise.resolve(listing(shard('b', 'a'))) };
    const all = listing(shard('a', null, false), shard('b', 'a'));
    await ensureRows(store, api, start, all, [], signal);
    expect((await store.readShard('a'))!.position).to.equal(SHARD_END);
    expect((await store.readShard('b'))!.position).to.equal(start);
  });

  it('asks for nothing when every listed shard has its row', async () => {
    const store = createMemoryLeaseStore();
    await store.createShard({ shardId: 'a', startsAt: '1', parents: [], position: TRIM_HORIZON });
    const { shards } = await store.readAll();
    expect(
      await ensureRows(store, noStartSet, latestPosition(1), listing(shard('a')), shards, signal),
    ).to.deep.equal([]);
  });

  it('a first sight that was cut short is completed by the next, with the same rows', async () => {
    const inner = createMemoryLeaseStore();
    const store = createFaultyLeaseStore(inner);
    const all = listing(shard('a', null, false), shard('b', 'a'), shard('c', 'a'));
    const start = latestPosition(100);
    const api = { listShards: () => Promise.resolve(listing(shard('a', null, false))) };
    store.failNext('createShard', 'lose-reply');
    await ensureRows(store, api, start, all, [], signal).catch(() => undefined);
    const { shards } = await inner.readAll();
    expect(shards).to.have.length(1);
    await ensureRows(store, api, start, all, shards, signal);
    const positions = Object.fromEntries(
      (await inner.readAll()).shards.map(({ shardId, position }) => [shardId, position]),
    );
    expect(positions).to.deep.equal({ a: start, b: TRIM_HORIZON, c: TRIM_HORIZON });
  });

  it('does not touch the row that another instance was first to create', async () => {
    const store = createMemoryLeaseStore();
    await store.createShard({ shardId: 'a', startsAt: '1', parents: [], position: latestPosition(5) });
    await ensureRows(store, noStartSet, TRIM_HORIZON, listing(shard('a')), [], signal);
    expect((await store.readShard('a'))!.position).to.equal(latestPosition(5));
  });

  describe('of a stream that was created again', () => {
    const again = (...shards: Shard[]): ShardListing =>
      listing(...shards.map((each) => ({ ...each, startingSequenceNumber: '22' })));

    it('are replaced where they stood for an earlier one, and their owner can write no more', async () => {
      const store = createMemoryLeaseStore();
      await ensureRows(
        store,
        noStartSet,
        TRIM_HORIZON,
        listing(shard('a', null, false), shard('b', 'a')),
        [],
        signal,
      );
      for (const shardId of ['a', 'b']) {
        await store.take({ shardId, seenOwner: null, seenToken: 0, me: 'me', token: 5, salvage: null });
      }
      await store.finish({ shardId: 'a', me: 'me', token: 5 });
      const before = (await store.readAll()).shards;
      const replaced = await ensureRows(
        store,
        noStartSet,
        TRIM_HORIZON,
        again(shard('a'), shard('c')),
        before,
        signal,
      );
      expect(replaced).to.deep.equal([{ row: before[0], here: true }]);
      expect(await store.readShard('a')).to.deep.equal({
        shardId: 'a',
        startsAt: '22',
        parents: [],
        position: TRIM_HORIZON,
        owner: null,
        token: 6,
        handOffTo: null,
      });
      expect(await store.readShard('b')).to.deep.equal(before[1]);
      expect(await store.readShard('c')).to.include({ startsAt: '22', token: 0 });
    });

    it('only one of two instances replaces, and both may try', async () => {
      const store = createMemoryLeaseStore();
      await ensureRows(store, noStartSet, TRIM_HORIZON, listing(shard('a')), [], signal);
      const rows = (await store.readAll()).shards;
      const run = () => ensureRows(store, noStartSet, TRIM_HORIZON, again(shard('a')), rows, signal);
      expect((await run()).map(({ here }) => here)).to.deep.equal([true]);
      await store.take({ shardId: 'a', seenOwner: null, seenToken: 1, me: 'me', token: 2, salvage: null });
      expect((await run()).map(({ here }) => here)).to.deep.equal([false]);
      expect(await store.readShard('a')).to.include({ owner: 'me', token: 2 });
    });

    it('begin at the start of the application, which lies before the stream', async () => {
      const store = createMemoryLeaseStore();
      const start = latestPosition(100);
      const startSet = { listShards: () => Promise.resolve(again(shard('a'))) };
      await store.createShard({ shardId: 'a', startsAt: '1', parents: [], position: SHARD_END });
      const rows = (await store.readAll()).shards;
      await ensureRows(store, startSet, start, again(shard('a')), rows, signal);
      expect((await store.readShard('a'))!.position).to.equal(start);
    });
  });
});
