// Epochs and placement: each reader of a shard has an epoch of its own, and goes on behind what was received.

import { expect } from 'chai';
import { at } from '../fakes/batches.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { AssignmentsWorld as World } from './assignments-harness.ts';

describe('assignments', () => {
  it('tells the receiver about an epoch before the thread that reads it', () => {
    const world = new World([0]);
    world.assign('a', 7, at(3));
    expect(world.order).to.deep.equal(['receiver 0: epoch', 'host 0: assign']);
    expect(world.toReceivers[0]!.message).to.deep.equal({
      type: 'epoch',
      rows: [
        { shard: 0, shardId: 'a', token: 7, epoch: 1, generation: 1, failures: 0, host: 0, reason: null },
      ],
    });
    expect(world.toHosts[0]!.message).to.deep.equal({
      type: 'assign',
      shard: 0,
      shardId: 'a',
      token: 7,
      epoch: 1,
      generation: 1,
      from: at(3),
      receiver: 0,
      range: null,
      isolate: false,
    });
    expect(world.announced).to.deep.equal([{ shardId: 'a', epoch: 1, host: 0 }]);
  });

  it('spreads shards evenly over threads and receivers', () => {
    const world = new World([0, 1, 2], [0, 1]);
    for (let i = 0; i < 12; i += 1) world.assign(`s${i}`);
    for (const key of ['host', 'receiver'] as const) {
      const loads = new Map<number | null, number>();
      for (const each of world.assignments.all.values())
        loads.set(each[key], (loads.get(each[key]) ?? 0) + 1);
      expect(new Set(loads.values()).size, key).to.equal(1);
    }
  });

  it('waits for a thread when none is ready, and uses up no epoch', () => {
    const world = new World([]);
    world.assign('a');
    expect(world.order).to.deep.equal([]);
    expect(world.assignments.all.get('a')!.host).to.equal(null);
    world.ready = [4];
    world.assignments.threadReady();
    expect(world.readers('a')).to.deep.equal([{ host: 4, epoch: 1, from: TRIM_HORIZON, receiver: 0 }]);
    world.assignments.threadReady();
    expect(world.readers('a')).to.have.length(1);
  });

  it('revokes at the receiver and at the thread; the next lease of the shard has a higher epoch', () => {
    const world = new World([0]);
    world.assign('a');
    world.assignments.revoke('a', 'lease-lost');
    expect(world.toReceivers.at(-1)!.message).to.deep.equal({
      type: 'epoch',
      rows: [
        {
          shard: 0,
          shardId: 'a',
          token: 1,
          epoch: 1,
          generation: 1,
          failures: 0,
          host: null,
          reason: 'lease-lost',
        },
      ],
    });
    expect(world.toHosts.at(-1)!.message).to.deep.equal({
      type: 'revoke',
      shard: 0,
      epoch: 1,
      reason: 'lease-lost',
    });
    expect(world.assignments.byIndex(0)).to.equal(undefined);
    world.assignments.revoke('a', 'lease-lost');
    expect(world.order).to.have.length(4);
    world.assign('a', 2);
    expect(world.readers('a').map(({ epoch }) => epoch)).to.deep.equal([1, 2]);
    expect(world.assignments.byIndex(0)!.lease.token).to.equal(2);
  });

  it('gives each shard an index of its own, for good', () => {
    const world = new World([0]);
    world.assign('a');
    world.assign('b');
    world.assignments.revoke('a', 'requested');
    world.assign('a', 2);
    expect(world.assignments.byIndex(0)!.lease.shardId).to.equal('a');
    expect(world.assignments.byIndex(1)!.lease.shardId).to.equal('b');
    expect(world.assignments.byIndex(2)).to.equal(undefined);
  });
});

describe('assignments, death of a thread', () => {
  it('the shards go on elsewhere, behind what was received, once the receivers have settled', () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10)); // thread 0
    world.assign('b'); // thread 1
    expect(world.die(0)).to.deep.equal(['a']);
    expect(world.toReceivers.at(-1)!.message).to.deep.equal({ type: 'hostGone', host: 0 });
    expect(world.readers('a')).to.have.length(1);
    world.settle(0, [[0, 1, at(14)]]);
    expect(world.readers('a')[1]).to.deep.equal({ host: 1, epoch: 2, from: at(14), receiver: 0 });
    expect(world.settled).to.deep.equal([0]);
    expect(world.readers('b')).to.have.length(1);
  });

  it('a shard of which nothing had arrived begins where its last reader began', () => {
    const world = new World([0, 1]);
    world.assign('a', 1, at(10));
    world.die(0);
    world.settle(0, []);
    expect(world.readers('a')[1]!.from).to.equal(at(10));
    world.ready = [1, 2];
    world.die(1);
    world.settle(1, []);
    expect(world.readers('a')[2]).to.include({ host: 2, epoch: 3, from: at(10) });
  });

  it('two deaths in a row: never back behind what the first reader had delivered', () => {
    const world = new World([0, 1]);
    world.assign('a');
    world.die(0);
    world.settle(0, [[0, 1, at(14)]]);
    world.ready = [1, 2];
    world.die(1);
    world.settle(1, []);
    expect(world.readers('a').map(({ from }) => from)).to.deep.equal([TRIM_HORIZON, at(14), at(14)]);
  });

  it('a shard keeps its receiver, where its earlier batches may still be queued', () => {
    const world = new World([0, 1], [0, 1, 2]);
    for (const shard of ['a', 'b', 'c', 'd']) world.assign(shard);
    const before = new Map([...world.assignments.all].map(([id, { receiver }]) => [id, receiver]));
    world.die(0);
    for (const receiver of [0, 1, 2]) world.settle(0, [], receiver);
    for (const [id, { receiver, host }] of world.assignments.all) {
      expect(receiver, id).to.equal(before.get(id));
      expect(host, id).to.equal(1);
    }
  });

  it('lets the number of the thread go when every receiver has settled', () => {
    const world = new World([0, 1], [0, 1]);
    world.assign('a');
    world.die(0);
    world.settle(0, [], 1);
    expect(world.settled).to.deep.equal([]);
    world.settle(0, [], 0);
    world.settle(0, [], 0);
    expect(world.settled).to.deep.equal([0]);
  });

  it('a thread that becomes ready meanwhile does not start a shard whose receiver has not settled', () => {
    const world = new World([0]);
    world.assign('a');
    world.die(0);
    world.ready = [1];
    world.assignments.threadReady();
    expect(world.readers('a')).to.have.length(1);
    world.settle(0, [[0, 1, at(5)]]);
    expect(world.readers('a')[1]).to.include({ host: 1, from: at(5) });
  });

  it('when no thread is left the shards wait for the next, with the settled position', () => {
    const world = new World([0]);
    world.assign('a');
    world.die(0);
    world.settle(0, [[0, 1, at(5)]]);
    expect(world.readers('a')).to.have.length(1);
    world.ready = [1];
    world.assignments.threadReady();
    expect(world.readers('a')[1]).to.include({ host: 1, epoch: 2, from: at(5) });
  });

  it('a shard that was revoked and taken anew meanwhile does not begin at what the old lease had received', () => {
    const world = new World([0, 1]);
    world.assign('a');
    world.die(0);
    world.assignments.revoke('a', 'lease-lost');
    world.assign('a', 2, at(2));
    world.settle(0, [[0, 1, at(50)]]);
    expect(world.readers('a').at(-1)).to.include({ from: at(2) });
    expect(world.assignments.byIndex(0)!.from).to.equal(at(2));
  });

  it('a lost lease is revoked at the receiver though no thread reads the shard', () => {
    const world = new World([0]);
    world.assign('a');
    world.die(0);
    world.assignments.revoke('a', 'lease-lost');
    expect(world.order.at(-1)).to.equal('receiver 0: epoch');
    world.ready = [1];
    world.settle(0, [[0, 1, at(5)]]);
    expect(world.readers('a')).to.have.length(1);
  });

  it('gives nothing to a thread any more once a stop began, whoever becomes ready', () => {
    const world = new World([0]);
    world.assign('a', 1, at(1));
    world.die(0);
    world.assignments.drain();
    world.ready = [1];
    world.settle(0, []);
    world.assignments.threadReady();
    world.assign('b', 1, at(1));
    expect(world.order.filter((each) => each.includes('assign'))).to.deep.equal(['host 0: assign']);
    expect(world.assignments.all.get('b')?.host).to.equal(null);
  });
});
