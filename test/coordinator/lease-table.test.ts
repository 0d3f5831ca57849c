// Taking leases and writing checkpoints: what an answer means, and what a missing one does.

import { expect } from 'chai';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { LeaseTableHarness } from './lease-table-harness.ts';

describe('lease table, take', () => {
  let leases: LeaseTableHarness;
  beforeEach(() => {
    leases = new LeaseTableHarness();
  });

  it('starts a lease at the position of the returned row, with the token it wrote', async () => {
    const seen = await leases.createShard();
    // The row has moved on since it was read, which the condition does not see.
    const first = await leases.truth.take({
      shardId: 's',
      seenOwner: null,
      seenToken: 0,
      me: 'x',
      token: 1,
      salvage: null,
    });
    expect(first.applied).to.equal(true);
    await leases.truth.release({ shardId: 's', me: 'x', token: 1, position: at(7) });
    await leases.table.take({ ...seen, token: 1 }, 0);
    expect(leases.taken).to.have.length(1);
    expect(leases.taken[0]).to.include({
      from: at(7),
      acked: at(7),
      token: 2,
      session: 'me#1',
      generation: 1,
      state: 'running',
    });
    expect(await leases.row()).to.include({ owner: 'me#1', token: 2 });
  });

  it('a refused take starts nothing', async () => {
    const seen = await leases.createShard();
    await leases.stolen();
    await leases.table.take(seen, 0);
    expect(leases.taken).to.deep.equal([]);
    expect(leases.table.held.size).to.equal(0);
    expect((await leases.row()).owner).to.equal('other#1');
  });

  it('a take whose answer was lost is read back and counts', async () => {
    await leases.createShard();
    leases.store.failNext('take', 'lose-reply');
    await leases.take();
    expect(leases.taken[0]).to.include({ token: 1, state: 'running' });
  });

  it('a take that never arrived starts nothing', async () => {
    await leases.createShard();
    leases.store.failNext('take', 'lose-request');
    await leases.take();
    expect(leases.taken).to.deep.equal([]);
    expect(leases.table.held.size).to.equal(0);
    expect(leases.errors).to.have.length(1);
  });

  it('a take that certainly did not happen is not read back', async () => {
    await leases.createShard();
    leases.store.failNext('take', 'refuse-connection');
    await leases.take();
    expect(leases.store.calls('readShard')).to.equal(0);
    expect(leases.table.held.size).to.equal(0);
  });

  it('a take that can neither be answered nor read back starts nothing, and is claimed by a new take', async () => {
    await leases.createShard();
    leases.store.failNext('take', 'lose-reply');
    leases.store.failNext('readShard', 'lose-request');
    await leases.take();
    expect(leases.taken).to.deep.equal([]);
    expect(await leases.row()).to.include({ owner: 'me#1', token: 1 });
    await leases.take();
    expect(leases.taken[0]).to.include({ token: 2 });
    expect((await leases.row()).token).to.equal(2);
  });

  it('a take that a client library repeated is found in the row, at the latest by the next take', async () => {
    await leases.createShard();
    leases.store.failNext('take', 'duplicate');
    await leases.take();
    await leases.take();
    expect(leases.table.held.get('s')?.token).to.equal((await leases.row()).token);
  });

  it('never uses a token twice, also when a take was refused or the store forgot its last writes', async () => {
    const before = await leases.createShard();
    await leases.take();
    leases.lose();
    leases.renew();
    // An old view of the row: refused, but the token is used up.
    await leases.table.take(before, 0);
    await leases.take();
    expect((await leases.row()).token).to.equal(3);
  });

  it('starts nothing when the session was lost while the take was under way', async () => {
    await leases.createShard();
    const letThrough = leases.store.holdNext('take');
    const take = leases.table.take(await leases.row(), 0);
    leases.lose();
    letThrough();
    await leases.time.settled(take);
    expect(leases.taken).to.deep.equal([]);
    expect(leases.table.held.size).to.equal(0);
  });

  it('starts nothing when the leases were given back while the take was under way', async () => {
    await leases.createShard();
    const letThrough = leases.store.holdNext('take');
    const take = leases.table.take(await leases.row(), 0);
    await leases.time.settled(leases.table.releaseAll());
    letThrough();
    await leases.time.settled(take);
    expect(leases.taken).to.deep.equal([]);
    expect(leases.table.held.size).to.equal(0);
  });

  it('a take that begins after the session was lost starts no lease of that session, though the next is there', async () => {
    await leases.createShard();
    const row = await leases.row();
    leases.lose();
    const letThrough = leases.store.holdNext('take');
    const take = leases.table.take(row, 0);
    await leases.settle();
    leases.renew();
    letThrough();
    await leases.time.settled(take);
    // A lease under an old generation would never be handled, and never be taken again.
    expect(leases.taken.filter(({ generation }) => generation !== leases.generation)).to.deep.equal([]);
    expect(leases.table.held.size).to.equal(leases.taken.length);
  });

  it('writes nothing while the fence is shut', async () => {
    await leases.createShard();
    leases.valid = false;
    await leases.take();
    expect(leases.taken).to.deep.equal([]);
    expect(await leases.row()).to.include({ owner: null, token: 0 });
  });
});

describe('lease table, checkpoints', () => {
  let leases: LeaseTableHarness;
  beforeEach(async () => {
    leases = new LeaseTableHarness();
    await leases.holding();
  });

  it('writes what is acked, once', async () => {
    leases.table.acked('s', 1, at(5));
    await leases.table.flush();
    expect((await leases.row()).position).to.equal(at(5));
    await leases.table.flush();
    expect(leases.store.calls('checkpoint')).to.equal(1);
  });

  it('never goes backwards, and takes no ack of another token or shard', async () => {
    leases.table.acked('s', 1, at(5));
    leases.table.acked('s', 1, at(4));
    leases.table.acked('s', 2, at(9));
    leases.table.acked('s', 0, at(9));
    leases.table.acked('unknown', 1, at(9));
    await leases.table.flush();
    expect((await leases.row()).position).to.equal(at(5));
  });

  it('an answer that was lost is written again at the next interval', async () => {
    leases.table.acked('s', 1, at(5));
    leases.store.failNext('checkpoint', 'lose-reply');
    await leases.table.flush();
    await leases.table.flush();
    expect(leases.store.calls('checkpoint')).to.equal(2);
    expect(leases.lost).to.deep.equal([]);
    await leases.table.flush();
    expect(leases.store.calls('checkpoint')).to.equal(2);
  });

  it('a write that failed is no loss', async () => {
    leases.table.acked('s', 1, at(5));
    for (const fault of ['lose-request', 'refuse-connection'] as const) {
      leases.store.failNext('checkpoint', fault);
      await leases.table.flush();
    }
    expect(leases.lost).to.deep.equal([]);
    await leases.table.flush();
    expect((await leases.row()).position).to.equal(at(5));
  });

  it('refused because another owns the shard: lost, and later acks count no more', async () => {
    leases.table.acked('s', 1, at(5));
    await leases.stolen();
    await leases.table.flush();
    expect(leases.lost).to.have.length(1);
    expect(leases.lost[0]!.cause).to.match(/owned by other#1 with token 2/);
    expect(leases.table.held.size).to.equal(0);
    leases.table.acked('s', 1, at(6));
    await leases.table.flush();
    expect((await leases.row()).position).to.equal(TRIM_HORIZON);
    expect(leases.lost).to.have.length(1);
  });

  it('refused though the row is mine and further: my own duplicate, no loss', async () => {
    leases.table.acked('s', 1, at(5));
    const letThrough = leases.store.holdNext('checkpoint');
    const first = leases.table.flush();
    leases.table.acked('s', 1, at(8));
    await leases.table.flush();
    letThrough();
    await leases.time.settled(first);
    expect(leases.lost).to.deep.equal([]);
    expect((await leases.row()).position).to.equal(at(8));
    await leases.table.flush();
    expect((await leases.row()).position).to.equal(at(8));
  });

  it('writes nothing once the fence is shut', async () => {
    leases.table.acked('s', 1, at(5));
    leases.valid = false;
    await leases.table.flush();
    expect(leases.store.calls('checkpoint')).to.equal(0);
  });

  it('writes every shard that moved', async () => {
    await leases.holding('t');
    await leases.holding('u');
    leases.table.acked('s', 1, at(1));
    leases.table.acked('t', 1, at(2));
    await leases.table.flush();
    expect(leases.store.calls('checkpoint')).to.equal(2);
    expect((await leases.row('t')).position).to.equal(at(2));
  });

  it('loseAll ends every lease; nothing of it is written and no ack counts', async () => {
    await leases.holding('t');
    leases.table.acked('s', 1, at(5));
    leases.lose();
    leases.renew();
    expect(leases.lost.map(({ shardId }) => shardId)).to.deep.equal(['s', 't']);
    leases.table.acked('s', 1, at(6));
    await leases.table.flush();
    expect(leases.store.calls('checkpoint')).to.equal(0);
    expect(leases.table.held.size).to.equal(0);
  });
});
