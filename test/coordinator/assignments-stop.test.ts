// After a stop began: whoever dies or becomes ready, nothing starts, and no timer is left.

import { expect } from 'chai';
import { at } from '../fakes/batches.ts';
import { AssignmentsWorld as World } from './assignments-harness.ts';

describe('assignments, after a stop began', () => {
  it('nothing starts any more, and no timer is left', async () => {
    const world = new World([0, 1], [0, 1]);
    const lease = world.assign('a', 1, at(10));
    world.killBy('a', at(10), 2);
    world.killBy('a', at(10), 3);
    world.apart = 9;
    world.assignments.threadReady();
    for (const [follower, received] of [
      [10, 14],
      [11, 14],
      [12, 14],
    ] as const)
      world.killBy('a', at(received), follower);
    world.assign('b', 1, at(1));
    world.receiverDies(world.assignments.all.get('b')!.receiver!, [1]);
    world.die(world.ready[0]!);
    expect(world.time.pending()).to.be.above(0);
    world.assignments.drain();
    expect(world.time.pending()).to.equal(0);
    const before = world.order.length;
    lease.acked = at(15);
    world.receivers = [0, 1, 2];
    world.ready.push(20);
    world.assignments.threadReady();
    await world.time.advance(60_000);
    expect(world.order).to.have.length(before);
  });

  it('a thread that dies during the stop starts no timer for its receivers: it would hold the process', () => {
    const world = new World([0]);
    world.assign('a');
    world.assignments.drain();
    world.die(0);
    expect(world.time.pending()).to.equal(0);
    world.settle(0, []);
    expect(world.settled).to.deep.equal([0]);
  });

  it('nor does the death of a shard that is read apart, however long it would wait for its next attempt', () => {
    const world = new World([0]);
    world.assign('a', 1, at(10));
    world.readApart('a', at(10), 9);
    world.killBy('a', at(10), 10);
    world.killBy('a', at(10), 11);
    const { host, shard, epoch } = world.assignments.all.get('a')!;
    world.assignments.drain();
    world.die(host!, [shard]);
    world.settle(host!, [[shard, epoch, at(10)]]);
    expect(world.poisons.at(-1)!.delayMs).to.be.above(0);
    expect(world.time.pending()).to.equal(0);
  });

  it('nor does the death of a receiver that had the shard in hand before', () => {
    const world = new World([0], [0, 1, 2, 3]);
    world.assign('a', 1, at(10));
    const die = () => world.receiverDies(world.assignments.all.get('a')!.receiver!, [0]);
    for (let n = 0; n < 2; n += 1) die();
    world.assignments.drain();
    die();
    expect(world.poisons.at(-1)!.delayMs).to.be.above(0);
    expect(world.time.pending()).to.equal(0);
  });
});
