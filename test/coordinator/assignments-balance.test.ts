// Balance: as few moves as possible, and none while others are under way.

import { expect } from 'chai';
import { at } from '../fakes/batches.ts';
import { AssignmentsWorld as World } from './assignments-harness.ts';

describe('assignments, balance', () => {
  it('a fetch thread that becomes ready gets its share of what others read, and no more moves than that', () => {
    const world = new World([0, 1]);
    world.assignAll(7);
    world.toHosts.length = 0;
    world.ready.push(2);
    world.assignments.threadReady();
    expect(Object.values(world.hostsOf()).toSorted((a, b) => a - b)).to.deep.equal([2, 2, 3]);
    expect(world.toHosts.map(({ host, message }) => `${host} ${message.type}`).toSorted()).to.deep.equal([
      '0 revoke',
      '1 revoke',
      '2 assign',
      '2 assign',
    ]);
    expect(world.sentToReceiver('yield')).to.deep.equal([]);
    world.toHosts.length = 0;
    world.assignments.threadReady();
    expect(world.toHosts).to.deep.equal([]);
  });

  it('a moved shard keeps its receiver and begins where that has got everything before', () => {
    const world = new World([0]);
    const leases = world.assignAll(2);
    for (const lease of leases) lease.acked = at(5);
    world.ready.push(1);
    world.assignments.threadReady();
    const moved = world.toHosts.filter(({ host, message }) => host === 1 && message.type === 'assign');
    expect(moved.map(({ message }) => message)).to.have.length(1);
    expect(moved[0]!.message).to.include({ epoch: 2, from: at(5), receiver: 0 });
  });

  it('a receiver that joins gets its share when the others have finished what they have in hand', () => {
    const world = new World([0, 1], [0, 1]);
    const leases = world.assignAll(6);
    world.receivers.push(2);
    world.assignments.threadReady();
    const yields = world.sentToReceiver('yield');
    expect(yields.map(({ receiver }) => receiver).toSorted((a, b) => a - b)).to.deep.equal([0, 1]);
    expect(world.receiversOf()[2]).to.equal(undefined);
    for (const { receiver, message } of yields) {
      const { shard, epoch } = message;
      const { lease } = world.assignments.byIndex(shard)!;
      expect(leases).to.include(lease);
      const count = world.readers(lease.shardId).length;
      // Nobody reads it until then, and what it still acks counts.
      expect(
        world.toHosts.some(({ message: said }) => said.type === 'revoke' && said.shard === shard),
      ).to.equal(true);
      lease.acked = at(40);
      world.assignments.yielded(receiver, { type: 'yielded', shard, epoch });
      expect(world.readers(lease.shardId)).to.have.length(count + 1);
      expect(world.lastReader(lease.shardId)).to.include({ receiver: 2, from: at(40), epoch: 2 });
    }
    expect(world.receiversOf()).to.deep.equal({ 0: 2, 1: 2, 2: 2 });
  });

  it('a yield that is answered after the lease was lost and taken again changes nothing', () => {
    const world = new World([0], [0]);
    world.assignAll(2);
    world.receivers.push(1);
    world.assignments.threadReady();
    const { shard, epoch } = world.sentToReceiver('yield')[0]!.message;
    const { shardId } = world.assignments.byIndex(shard)!.lease;
    world.assignments.revoke(shardId, 'lease-lost');
    expect(world.toReceivers.at(-1)).to.deep.include({ receiver: 0 });
    world.assign(shardId, 2);
    const count = world.readers(shardId).length;
    world.assignments.yielded(0, { type: 'yielded', shard, epoch });
    expect(world.readers(shardId)).to.have.length(count);
  });

  it('shards that are read apart stay apart, and do not count among the others', () => {
    const world = new World([0]);
    world.assign('a', 1, at(10));
    world.killBy('a', at(10), 1);
    world.killBy('a', at(10), 2);
    world.apart = 9;
    world.assignments.threadReady();
    for (const shardId of ['b', 'c']) world.assign(shardId);
    const before = world.toHosts.length;
    world.ready.push(3);
    world.assignments.threadReady();
    expect(world.assignments.all.get('a')!.host).to.equal(9);
    expect(world.toHosts.slice(before).filter(({ host }) => host === 9)).to.deep.equal([]);
    expect(world.hostsOf()).to.deep.equal({ 9: 1, 2: 1, 3: 1 });
  });

  it('shards that still leave a receiver count as having left: a thread that becomes ready meanwhile makes no others leave', () => {
    const world = new World([0]);
    world.assignAll(4);
    world.receivers.push(1);
    world.assignments.threadReady();
    world.assignments.threadReady();
    expect(world.sentToReceiver('yield')).to.have.length(2);
    for (const { receiver, message } of world.sentToReceiver('yield')) {
      world.assignments.yielded(receiver, { ...message, type: 'yielded' });
    }
    expect(world.receiversOf()).to.deep.equal({ 0: 2, 1: 2 });
    expect(world.sentToReceiver('yield')).to.have.length(2);
  });

  it('a receiver that joined while shards were leaving gets its share after the last of them has', () => {
    const world = new World([0]);
    world.assignAll(6);
    world.receivers.push(1);
    world.assignments.threadReady();
    const leaving = [...world.sentToReceiver('yield')];
    world.receivers.push(2);
    world.assignments.threadReady();
    expect(world.sentToReceiver('yield')).to.deep.equal(leaving);
    for (const { receiver, message } of leaving) {
      world.assignments.yielded(receiver, { ...message, type: 'yielded' });
    }
    for (const { receiver, message } of world.sentToReceiver('yield').slice(leaving.length)) {
      world.assignments.yielded(receiver, { ...message, type: 'yielded' });
    }
    expect(world.receiversOf()).to.deep.equal({ 0: 2, 1: 2, 2: 2 });
  });

  it('the thread that replaces a dead one takes no shard of the others while those of the dead one are free for it', () => {
    const world = new World([0, 1]);
    world.assignAll(4);
    world.die(0);
    world.ready.push(2);
    world.assignments.threadReady();
    world.settle(0, []);
    expect(world.hostsOf()).to.deep.equal({ 1: 2, 2: 2 });
    expect(world.toHosts.filter(({ message }) => message.type === 'revoke')).to.deep.equal([]);
  });

  for (const [how, goOn] of [
    ['have settled', async (world: World) => world.settle(0, [])],
    ['do not settle, after a second', (world: World) => world.time.advance(1_000)],
  ] as const)
    it(`threads that became ready while a dead one was being settled get their share when its receivers ${how}`, async () => {
      const world = new World([0, 1]);
      world.assignAll(6);
      world.die(0);
      world.ready.push(2, 3);
      world.assignments.threadReady();
      expect(world.hostsOf()).to.deep.equal({ 0: 3, 1: 3 });
      await goOn(world);
      expect(world.hostsOf()).to.deep.equal({ 1: 2, 2: 2, 3: 2 });
    });
});
