// What follows the deaths of threads: where each shard goes on, from where, and when.

import { expect } from 'chai';
import { at } from '../fakes/batches.ts';
import { AssignmentsWorld as World } from './assignments-harness.ts';

describe('assignments, a receiver that does not settle', () => {
  it('is not waited for beyond a second: reading goes on from what is acked', async () => {
    const world = new World([0, 1]);
    const lease = world.assign('a', 1, at(10));
    lease.acked = at(12);
    world.die(0);
    await world.time.advance(999);
    expect(world.readers('a')).to.have.length(1);
    await world.time.advance(1);
    expect(world.readers('a')[1]).to.deep.equal({ host: 1, epoch: 2, from: at(12), receiver: 0 });
    // Its answer comes after all, and changes nothing but that the number of the thread is free.
    world.settle(0, [[0, 1, at(20)]]);
    expect(world.readers('a')).to.have.length(2);
    expect(world.settled).to.deep.equal([0]);
  });

  it('never goes back behind where the dead reader began, though less is acked: the receiver has got that', async () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10));
    world.die(0);
    world.settle(0, [[0, 1, at(14)]]);
    world.ready = [1, 2];
    world.die(1);
    await world.time.advance(1_000);
    expect(world.lastReader('a')).to.include({ host: 2, epoch: 3, from: at(14) });
  });

  it('the others do not wait for it', () => {
    const world = new World([0, 1], [0, 1]);
    world.assign('a', 1, at(1)); // host 0, receiver 0
    world.assign('b', 1, at(1)); // host 1, receiver 1
    world.assign('c', 1, at(1)); // host 0, receiver 0
    world.assign('d', 1, at(1)); // host 1, receiver 1
    world.die(0);
    world.settle(0, [[0, 1, at(5)]], 0);
    expect(world.lastReader('a')).to.include({ host: 1, from: at(5) });
    expect(world.lastReader('c')).to.include({ host: 1, from: at(1) });
    expect(world.settled).to.deep.equal([]);
  });

  it('the second is over for a shard that has another lease by then: it is left alone', async () => {
    const world = new World([0, 1]);
    world.assign('a');
    world.die(0);
    world.assignments.revoke('a', 'lease-lost');
    world.assign('a', 2, at(3));
    const before = world.readers('a').length;
    await world.time.advance(2_000);
    expect(world.readers('a')).to.have.length(before);
  });
});

describe('assignments, death of a receiver', () => {
  it('its shards go on at another one, from what is acked, and their fetch threads are told to stop', () => {
    const world = new World([0, 1], [0, 1]);
    const lease = world.assign('a', 1, at(10)); // receiver 0
    world.assign('b'); // receiver 1
    lease.acked = at(13);
    expect(world.receiverDies(0)).to.deep.equal(['a']);
    expect(world.order.slice(4)).to.deep.equal(['host 0: revoke', 'receiver 1: epoch', 'host 0: assign']);
    expect(world.toHosts.at(-2)!.message).to.deep.equal({
      type: 'revoke',
      shard: 0,
      epoch: 1,
      reason: 'requested',
    });
    expect(world.lastReader('a')).to.include({ epoch: 2, from: at(13), receiver: 1 });
    expect(world.readers('b')).to.have.length(1);
  });

  it('goes back to what is acked though a later reader began behind that: what was received is lost with it', () => {
    const world = new World([0, 1], [0, 1]);
    world.assign('a', 1, at(10));
    world.die(0);
    world.settle(0, [[0, 1, at(20)]]);
    expect(world.lastReader('a').from).to.equal(at(20));
    world.receiverDies(0);
    expect(world.lastReader('a')).to.include({ from: at(10), receiver: 1 });
  });

  it('waits when there is no other, and goes on when one is ready', () => {
    const world = new World([0], [0]);
    world.assign('a', 1, at(10));
    world.receiverDies(0);
    world.assignments.threadReady();
    expect(world.readers('a')).to.have.length(1);
    expect(world.assignments.all.get('a')).to.include({ host: null, receiver: null });
    world.receivers = [0];
    world.assignments.threadReady();
    expect(world.lastReader('a')).to.include({ epoch: 2, from: at(10), receiver: 0 });
  });

  it('a fetch thread that died before is settled without it, and its shards do not wait', () => {
    const world = new World([0, 1], [0, 1]);
    world.assign('a', 1, at(10)); // host 0, receiver 0
    world.die(0);
    world.settle(0, [], 1);
    world.receiverDies(0);
    expect(world.settled).to.deep.equal([0]);
    expect(world.lastReader('a')).to.include({ host: 1, from: at(10), receiver: 1 });
  });

  it('while it yields a shard: the shard goes on elsewhere, and a late word of it changes nothing', () => {
    const world = new World([0], [0]);
    world.assignAll(2);
    world.receivers = [0, 1];
    world.assignments.threadReady();
    const { shard, epoch } = world.sentToReceiver('yield')[0]!.message;
    world.receiverDies(0);
    const { lease } = world.assignments.byIndex(shard)!;
    const count = world.readers(lease.shardId).length;
    expect(world.lastReader(lease.shardId).receiver).to.equal(1);
    world.assignments.yielded(0, { type: 'yielded', shard, epoch });
    expect(world.readers(lease.shardId)).to.have.length(count);
  });

  it('what it had in hand is poison from the second death on, and is tried later and later', async () => {
    const world = new World([0], [0, 1, 2, 3, 4]);
    world.assign('a', 1, at(10));
    world.assign('b', 1, at(1));
    const failures = () =>
      world
        .sentToReceiver('epoch')
        .flatMap(({ message }) => message.rows)
        .filter(({ shardId, host }) => shardId === 'a' && host !== null)
        .map((row) => row.failures);
    const die = () => world.receiverDies(world.assignments.byIndex(0)!.receiver!, [0]);
    die();
    die();
    expect(failures()).to.deep.equal([0, 1, 2]);
    expect(world.poisons).to.deep.equal([
      { shardId: 'a', kind: 'handler', position: at(10), deaths: 2, delayMs: 0 },
    ]);
    die();
    expect(world.poisons.at(-1)).to.include({ deaths: 3, delayMs: 1_000 });
    await world.time.advance(999);
    world.assignments.threadReady();
    expect(failures()).to.have.length(3);
    await world.time.advance(1);
    expect(failures()).to.deep.equal([0, 1, 2, 3]);
  });

  it('forgets the deaths of a shard whose records go on being done', () => {
    const world = new World([0], [0, 1, 2]);
    const lease = world.assign('a', 1, at(10));
    const die = (hands: number[]) => world.receiverDies(world.assignments.byIndex(0)!.receiver!, hands);
    die([0]);
    lease.acked = at(11);
    die([]);
    const rows = world.sentToReceiver('epoch').flatMap(({ message }) => message.rows);
    expect(rows.map((row) => row.failures)).to.deep.equal([0, 1, 0]);
    expect(world.poisons).to.deep.equal([]);
  });
});

describe('assignments, records that end fetch threads', () => {
  it('after the second death at one position the shard is read apart, and only then is the record known', () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10));
    world.assign('b', 1, at(1));
    world.killBy('a', at(10), 2);
    expect(world.askedForApart).to.equal(0);
    world.killBy('a', at(10), 3);
    // There is no thread apart yet: it waits for it, though others are ready.
    expect(world.askedForApart).to.be.above(0);
    expect(world.readers('a')).to.have.length(2);
    expect(world.poisons).to.deep.equal([]);
    world.apart = 9;
    world.assignments.threadReady();
    expect(world.toHosts.at(-1)).to.deep.include({ host: 9 });
    expect(world.toHosts.at(-1)!.message).to.include({
      type: 'assign',
      shardId: 'a',
      from: at(10),
      isolate: true,
    });
    expect(world.assignments.all.get('b')!.host).to.not.equal(9);
  });

  it('a death that had other shards in hand, or gets further, is none of it', () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10));
    world.killBy('a', at(10), 2);
    world.killBy('a', at(11), 3);
    const { host, shard, epoch } = world.assignments.all.get('a')!;
    world.die(host!, [shard + 1]);
    world.settle(host!, [[shard, epoch, at(11)]]);
    expect(world.askedForApart).to.equal(0);
    expect(world.lastReader('a').from).to.equal(at(11));
  });

  it('apart, what is received says which record it is: it is reported, and tried later and later', async () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10));
    world.killBy('a', at(10), 2);
    world.killBy('a', at(10), 3);
    world.apart = 9;
    world.assignments.threadReady();
    // It gets through to the record before the deadly one.
    world.killBy('a', at(14), 10);
    expect(world.poisons).to.deep.equal([]);
    world.killBy('a', at(14), 11);
    expect(world.poisons).to.deep.equal([
      { shardId: 'a', kind: 'fetch', position: at(14), deaths: 2, delayMs: 0 },
    ]);
    const before = world.readers('a').length;
    world.killBy('a', at(14), 12);
    expect(world.poisons.at(-1)).to.include({ deaths: 3, delayMs: 1_000 });
    await world.time.advance(999);
    expect(world.readers('a')).to.have.length(before);
    await world.time.advance(1);
    expect(world.lastReader('a')).to.include({ host: 12, from: at(14) });
    world.killBy('a', at(14), 13);
    expect(world.poisons.at(-1)).to.include({ deaths: 4, delayMs: 2_000 });
  });

  it('a second that is over without an answer counts the death as well', async () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10));
    for (const follower of [2, 3]) {
      world.die(world.assignments.all.get('a')!.host!, [0]);
      world.ready.push(follower);
      await world.time.advance(1_000);
    }
    expect(world.askedForApart).to.be.above(0);
  });

  it('goes back among the others when what is acked has got past it, and ends the thread apart', async () => {
    const world = new World([0, 1]);
    const lease = world.assign('a', 1, at(10));
    world.killBy('a', at(10), 2);
    world.killBy('a', at(10), 3);
    world.apart = 9;
    world.assignments.threadReady();
    await world.time.advance(10_000);
    expect(world.lastReader('a').host).to.equal(9);
    lease.acked = at(11);
    world.inHand.add('9:0');
    await world.time.advance(10_000);
    expect(world.lastReader('a').host, 'in hand').to.equal(9);
    world.inHand.clear();
    await world.time.advance(10_000);
    expect(world.lastReader('a')).to.include({ from: at(11) });
    expect(world.ready).to.include(world.lastReader('a').host);
    expect(world.endsOfIsolation).to.equal(1);
    // Told to stop there before the thread is told to end.
    expect(world.toHosts.filter(({ host }) => host === 9).map(({ message }) => message.type)).to.deep.equal([
      'assign',
      'revoke',
    ]);
    // Its deaths are forgotten: the next one is the first.
    world.killBy('a', at(10), 4);
    expect(world.assignments.all.get('a')!.isolated).to.equal(false);
  });

  for (const reason of ['lease-lost', 'shard-end'] as const)
    it(`ends the thread apart when its last shard is gone: ${reason}`, () => {
      const world = new World([0]);
      world.assign('a', 1, at(10));
      world.assign('b', 1, at(10));
      world.readApart('a', at(10), 9);
      world.assignments.revoke('b', reason);
      expect(world.endsOfIsolation).to.equal(0);
      world.assignments.revoke('a', reason);
      expect(world.endsOfIsolation).to.equal(1);
    });

  it('the thread apart stays as long as another shard needs it', async () => {
    const world = new World([0]);
    const [a] = [world.assign('a', 1, at(10)), world.assign('b', 1, at(10))];
    let next = 1;
    for (const shardId of ['a', 'b']) for (let n = 0; n < 2; n += 1) world.killBy(shardId, at(10), next++);
    // The other one has died along with it, without being in hand.
    await world.time.advance(1_000);
    world.apart = 90;
    world.assignments.threadReady();
    expect(['a', 'b'].map((shardId) => world.lastReader(shardId).host)).to.deep.equal([90, 90]);
    a.acked = at(11);
    await world.time.advance(10_000);
    expect(world.lastReader('a').host).to.not.equal(90);
    expect(world.endsOfIsolation).to.equal(0);
  });
});
