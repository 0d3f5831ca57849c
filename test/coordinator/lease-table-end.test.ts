// Giving leases back: finish, release, and what an old session of one's own had acked.

import { expect } from 'chai';
import { SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { LeaseTableHarness } from './lease-table-harness.ts';

describe('lease table, finish', () => {
  let leases: LeaseTableHarness;
  beforeEach(async () => {
    leases = new LeaseTableHarness();
    await leases.holding();
  });

  it('writes SHARD_END once that is acked, not before, and only then the shard is done', async () => {
    leases.table.acked('s', 1, at(5));
    await leases.table.flush();
    expect((await leases.row()).position).to.equal(at(5));
    const letThrough = leases.store.holdNext('finish');
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle();
    expect(leases.done).to.deep.equal([]);
    letThrough();
    await leases.settle();
    expect(leases.done).to.deep.equal(['s']);
    expect(await leases.row()).to.include({ position: SHARD_END, owner: null });
    expect(leases.table.held.size).to.equal(0);
  });

  it('is written again until it is answered; the own finish is known again', async () => {
    leases.store.failNext('finish', 'lose-request');
    leases.store.failNext('finish', 'refuse-connection');
    leases.store.failNext('finish', 'lose-reply');
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle(5_000);
    expect(leases.done).to.deep.equal(['s']);
    expect(leases.lost).to.deep.equal([]);
    expect(leases.store.calls('finish')).to.equal(4);
    expect(await leases.row()).to.include({ position: SHARD_END, owner: null });
  });

  it('is not tried in a tight loop while the store is away', async () => {
    leases.store.outage('lose-request');
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle(2_000);
    expect(leases.store.calls('finish')).to.be.within(2, 11);
    leases.store.outage(null);
    await leases.settle(1_000);
    expect(leases.done).to.deep.equal(['s']);
  });

  it('refused because another owns the shard: lost, not done', async () => {
    await leases.stolen();
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle();
    expect(leases.done).to.deep.equal([]);
    expect(leases.lost).to.have.length(1);
    expect((await leases.row()).position).to.equal(TRIM_HORIZON);
  });

  it('a checkpoint that arrives behind the finish of the same lease is no loss', async () => {
    leases.table.acked('s', 1, at(5));
    const letThrough = leases.store.holdNext('checkpoint');
    const flush = leases.table.flush();
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle();
    expect(leases.done).to.deep.equal(['s']);
    letThrough();
    await leases.time.settled(flush);
    expect(leases.lost).to.deep.equal([]);
  });

  it('a checkpoint that is refused because the finish overtook it does not hide that the shard is done', async () => {
    leases.table.acked('s', 1, at(5));
    const letThrough = leases.store.holdNext('checkpoint');
    const flush = leases.table.flush();
    leases.store.failNext('finish', 'lose-reply');
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle();
    letThrough();
    await leases.time.settled(flush);
    await leases.settle(5_000);
    expect(leases.lost).to.deep.equal([]);
    expect(leases.done).to.deep.equal(['s']);
  });

  it('is given up when the session is lost meanwhile', async () => {
    leases.store.outage('lose-request');
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle(1_000);
    leases.lose();
    const calls = leases.store.calls('finish');
    await leases.settle(10_000);
    expect(leases.store.calls('finish')).to.equal(calls);
    expect(leases.done).to.deep.equal([]);
    expect(leases.lost).to.have.length(1);
  });

  it('a shard whose finish was cut off by a lost session ends under the next, and is not read from SHARD_END', async () => {
    leases.store.outage('lose-request');
    leases.table.acked('s', 1, SHARD_END);
    await leases.settle(1_000);
    leases.lose();
    await leases.settle(1_000);
    leases.store.outage(null);
    leases.renew();
    await leases.take();
    await leases.settle(1_000);
    // Either nothing of it is kept and the shard is read again, or it is done: never a reader at SHARD_END.
    expect(leases.taken.map(({ from }) => from)).to.not.include(SHARD_END);
    const row = await leases.row();
    if (row.position === SHARD_END) expect(row.owner).to.equal(null);
  });
});

describe('lease table, release', () => {
  let leases: LeaseTableHarness;
  beforeEach(async () => {
    leases = new LeaseTableHarness();
    await leases.holding();
  });

  it('writes the last position and gives the lease back in one write', async () => {
    leases.table.acked('s', 1, at(5));
    await leases.table.releaseAll();
    expect(await leases.row()).to.include({ position: at(5), owner: null });
    expect(leases.store.calls('checkpoint')).to.equal(0);
    expect(leases.table.held.size).to.equal(0);
    expect(leases.lost).to.deep.equal([]);
  });

  it('is written again until it is answered, but not for ever', async () => {
    leases.table.acked('s', 1, at(5));
    leases.store.failNext('release', 'lose-request');
    leases.store.failNext('release', 'lose-reply');
    await leases.time.settled(leases.table.releaseAll());
    expect(await leases.row()).to.include({ position: at(5), owner: null });

    await leases.take();
    leases.store.outage('lose-request');
    await leases.time.settled(leases.table.releaseAll(), 60_000);
    expect(leases.table.held.size).to.equal(0);
    expect(leases.lost).to.deep.equal([]);
  });

  it('takes no ack any more', async () => {
    leases.table.acked('s', 1, at(5));
    const letThrough = leases.store.holdNext('release');
    const release = leases.table.releaseAll();
    leases.table.acked('s', 1, SHARD_END);
    letThrough();
    await leases.time.settled(release);
    expect(await leases.row()).to.include({ position: at(5), owner: null });
    expect(leases.store.calls('finish')).to.equal(0);
  });

  it('waits for a finish that is under way', async () => {
    const letThrough = leases.store.holdNext('finish');
    leases.table.acked('s', 1, SHARD_END);
    let released = false;
    const release = leases.table.releaseAll().then(() => {
      released = true;
    });
    await leases.settle();
    expect(released).to.equal(false);
    letThrough();
    await leases.time.settled(release);
    expect(leases.done).to.deep.equal(['s']);
  });

  it('a checkpoint that arrives behind the release is no loss', async () => {
    leases.table.acked('s', 1, at(5));
    const letThrough = leases.store.holdNext('checkpoint');
    const flush = leases.table.flush();
    leases.table.acked('s', 1, at(6));
    await leases.table.releaseAll();
    letThrough();
    await leases.time.settled(flush);
    expect(leases.lost).to.deep.equal([]);
    expect(await leases.row()).to.include({ position: at(6), owner: null });
  });
});

describe('lease table, salvage', () => {
  let leases: LeaseTableHarness;
  beforeEach(async () => {
    leases = new LeaseTableHarness();
    await leases.holding();
    leases.table.acked('s', 1, at(5));
  });

  it('the next session stores what the old one had acked, when nobody was in between', async () => {
    leases.lose();
    leases.renew();
    await leases.take();
    expect(leases.taken.at(-1)).to.include({ from: at(5), session: 'me#2', generation: 2, token: 2 });
    expect(await leases.row()).to.include({ position: at(5), owner: 'me#2' });
  });

  it('but not when another held the shard since: it may have gone further or begun again', async () => {
    leases.lose();
    await leases.stolen();
    await leases.truth.release({ shardId: 's', me: 'other#1', token: 2, position: at(3) });
    leases.renew();
    await leases.take();
    expect(leases.taken.at(-1)).to.include({ from: at(3), token: 3 });
  });

  it('and only once', async () => {
    leases.lose();
    leases.renew();
    await leases.take();
    leases.table.acked('s', 2, at(9));
    leases.lose();
    leases.renew();
    await leases.take();
    expect(leases.taken.at(-1)).to.include({ from: at(9), session: 'me#3' });
  });

  it('a take that never arrived under a session in between hides nothing of it, and is no lost lease', async () => {
    leases.lose();
    leases.renew();
    leases.store.holdNext('take'); // for ever
    void leases.table.take(await leases.row(), 0);
    await leases.settle();
    leases.lose();
    expect(leases.lost).to.have.length(1);
    leases.renew();
    await leases.take();
    expect(leases.taken.at(-1)).to.include({ from: at(5), session: 'me#3' });
  });

  it('acks that arrive after the loss are not salvaged', async () => {
    leases.lose();
    leases.table.acked('s', 1, at(9));
    leases.renew();
    await leases.take();
    expect(leases.taken.at(-1)).to.include({ from: at(5) });
  });
});

describe('lease table, a row that is another one now', () => {
  it('loses the lease, whatever the session is worth, and takes the new row with a higher token', async () => {
    const harness = new LeaseTableHarness();
    const lease = await harness.holding();
    await harness.truth.replaceShard({
      shardId: 's',
      seenStartsAt: '1',
      startsAt: '22',
      parents: [],
      position: TRIM_HORIZON,
    });
    harness.table.acked('s', lease.token, at(5));
    harness.table.lose('s', 'another stream');
    harness.table.lose('s', 'twice');
    expect(harness.lost).to.deep.equal([{ shardId: 's', cause: 'another stream' }]);
    expect(harness.table.held.size).to.equal(0);
    await harness.take();
    const next = harness.table.held.get('s')!;
    expect(next).to.include({ startsAt: '22', acked: TRIM_HORIZON, state: 'running' });
    expect(next.token).to.be.above(lease.token);
  });
});

describe('lease table, shards that are no more', () => {
  it('what is kept of them is forgotten, of the others it is not', async () => {
    const leases = new LeaseTableHarness();
    for (const shardId of ['gone', 'there']) {
      await leases.holding(shardId);
      leases.table.acked(shardId, 1, at(5));
    }
    leases.lose();
    leases.renew();
    leases.table.retain((shardId) => shardId === 'there');
    await leases.take('gone');
    await leases.take('there');
    expect(leases.table.held.get('gone')!.acked).to.equal(TRIM_HORIZON);
    expect(leases.table.held.get('there')!.acked).to.equal(at(5));
  });
});
