// A shard that leaves this instance comes to rest first, whatever it is doing.

import { expect } from 'chai';
import { at } from '../fakes/batches.ts';
import { AssignmentsWorld as World } from './assignments-harness.ts';

describe('assignments, a shard that is handed off', () => {
  const yielded = (world: World, receiver = 0, epoch = 1, shard = 0) =>
    world.assignments.yielded(receiver, { type: 'yielded', shard, epoch });

  it('is fetched no more, and is drained when its receiver has finished what it had in hand', () => {
    const world = new World([0]);
    world.assign('s');
    world.order.length = 0;
    world.assignments.drainShard('s');
    expect(world.order).to.deep.equal(['host 0: revoke', 'receiver 0: yield']);
    expect(world.drained).to.deep.equal([]);
    yielded(world);
    expect(world.drained).to.deep.equal(['s']);
    expect(world.readers('s')).to.have.length(1);
  });

  it('without a reader it is drained at once', () => {
    const world = new World([]);
    world.assign('s');
    world.assignments.drainShard('s');
    expect(world.drained).to.deep.equal(['s']);
  });

  it('begins nowhere while it leaves', () => {
    const world = new World([]);
    world.assign('s');
    world.assignments.drainShard('s');
    world.ready.push(0);
    world.assignments.threadReady();
    expect(world.readers('s')).to.deep.equal([]);
  });

  it('kept before it came to rest, it is read on when it has, behind what is acked', () => {
    const world = new World([0]);
    const lease = world.assign('s');
    world.assignments.drainShard('s');
    world.assignments.keep('s');
    expect(world.readers('s')).to.have.length(1);
    lease.acked = at(7);
    yielded(world);
    expect(world.drained).to.deep.equal([]);
    expect(world.lastReader('s')).to.include({ epoch: 2, from: at(7) });
  });

  it('kept when it had come to rest, it is read on at once', () => {
    const world = new World([0]);
    const lease = world.assign('s');
    world.assignments.drainShard('s');
    lease.acked = at(7);
    yielded(world);
    world.assignments.keep('s');
    expect(world.lastReader('s')).to.include({ epoch: 2, from: at(7) });
  });

  it('its fetch thread dies meanwhile: what was received is finished first', () => {
    const world = new World([0, 1]);
    world.assign('s');
    const { host } = world.lastReader('s');
    world.die(host);
    world.assignments.drainShard('s');
    expect(world.drained).to.deep.equal([]);
    world.assignments.settled(0, { type: 'settled', host, rows: [[0, 1, at(9)]] });
    expect(world.sentToReceiver('yield')).to.have.length(1);
    yielded(world);
    expect(world.drained).to.deep.equal(['s']);
    expect(world.readers('s')).to.have.length(1);
  });

  it('its receiver dies meanwhile: nothing of it is in hand', () => {
    const world = new World([0], [0, 1]);
    world.assign('s');
    const { receiver } = world.lastReader('s');
    world.assignments.drainShard('s');
    world.receivers = world.receivers.filter((each) => each !== receiver);
    world.assignments.receiverDied(receiver, []);
    expect(world.drained).to.deep.equal(['s']);
  });

  it('one that yields to another receiver already leaves instead', () => {
    const world = new World([0], [0]);
    world.assignAll(4);
    world.receivers.push(1);
    world.assignments.threadReady();
    const { receiver, message } = world.sentToReceiver('yield')[0]!;
    const { lease, epoch, shard } = world.assignments.byIndex(message.shard)!;
    const readers = world.readers(lease.shardId).length;
    world.assignments.drainShard(lease.shardId);
    yielded(world, receiver, epoch, shard);
    expect(world.drained).to.deep.equal([lease.shardId]);
    expect(world.readers(lease.shardId)).to.have.length(readers);
  });
});
