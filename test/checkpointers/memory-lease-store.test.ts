// The memory adapter against the contract of every lease store, and what it hands on to the one that follows it.

import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { rememberedRows } from '../../src/consumer/remembered.ts';
import { sessionRow } from '../contract/lease-store-fixture.ts';
import { leaseStoreContract } from '../contract/lease-store.ts';
import { at } from '../fakes/batches.ts';

leaseStoreContract('memory', () => createMemoryLeaseStore(), { shared: false });

describe('memory lease store, after another one', () => {
  const shard = { shardId: 'a', startsAt: '1', parents: [], position: at(1) };

  /** A store in which session `me` owns shard `a` at position 7, and what main would know of it. */
  async function left() {
    const kept = rememberedRows();
    const store = createMemoryLeaseStore({ remembered: null, remember: kept.add });
    await store.open();
    await store.createApp({ schemaVersion: 1, leaseDurationMs: 10_000, start: at(0) });
    await store.createSession(sessionRow('me'));
    await store.createShard(shard);
    await store.take({ shardId: 'a', seenOwner: null, seenToken: 0, me: 'me', token: 1, salvage: null });
    await store.checkpoint({ shardId: 'a', me: 'me', token: 1, position: at(7) });
    return { store, kept };
  }

  it('its rows come back without an owner, at their last positions and tokens; sessions do not', async () => {
    const { store, kept } = await left();
    const next = createMemoryLeaseStore({
      remembered: structuredClone(kept.all()),
      remember: () => undefined,
    });
    await next.open();
    const [before, after] = [await store.readAll(), await next.readAll()];
    expect(before.shards[0]).to.include({ owner: 'me', token: 1, position: at(7) });
    expect(after.shards).to.deep.equal([{ ...before.shards[0]!, owner: null, handOffTo: null }]);
    expect(after.sessions).to.deep.equal([]);
    expect(after.app).to.deep.equal(before.app);
  });

  it('another one takes what comes back, with a token beyond the last, and nobody writes under that', async () => {
    const { kept } = await left();
    const next = createMemoryLeaseStore({ remembered: kept.all(), remember: () => undefined });
    await next.open();
    const taken = await next.take({
      shardId: 'a',
      seenOwner: null,
      seenToken: 1,
      me: 'next',
      token: 2,
      salvage: null,
    });
    expect(taken.applied).to.equal(true);
    const late = await next.checkpoint({ shardId: 'a', me: 'me', token: 1, position: at(9) });
    expect(late.applied).to.equal(false);
  });

  it('a third one gets what the second one changed and what it did not', async () => {
    const { store, kept } = await left();
    await store.createShard({ ...shard, shardId: 'b' });
    const next = createMemoryLeaseStore({ remembered: kept.all(), remember: kept.add });
    await next.open();
    await next.take({ shardId: 'a', seenOwner: null, seenToken: 1, me: 'next', token: 2, salvage: null });
    await next.checkpoint({ shardId: 'a', me: 'next', token: 2, position: at(8) });
    const rows = kept.all().shards.map(({ shardId, position, token }) => [shardId, position, token]);
    expect(rows).to.deep.equal([
      ['a', at(8), 2],
      ['b', at(1), 0],
    ]);
  });
});
