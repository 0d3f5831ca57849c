// Epochs and placement: each reader of a shard has an epoch of its own, and goes on behind what was received.

import { expect } from 'chai';
import { type Assignments, createAssignments } from '../../src/coordinator/assignments.ts';
import type { Lease } from '../../src/coordinator/lease-table.ts';
import { type Position, TRIM_HORIZON } from '../../src/model/position.ts';
import type { CoordinatorToFetcher, CoordinatorToReceiver } from '../../src/protocol.ts';
import { at } from '../fakes/batches.ts';

class World {
  ready: number[];
  readonly toHosts: { host: number; message: CoordinatorToFetcher }[] = [];
  readonly toReceivers: { receiver: number; message: CoordinatorToReceiver }[] = [];
  /** What was said to whom, in order. */
  readonly order: string[] = [];
  readonly announced: { shardId: string; epoch: number; host: number }[] = [];
  readonly settled: [host: number, units: number, records: number][] = [];
  readonly assignments: Assignments;

  constructor(hosts: number[], receivers = 1) {
    this.ready = hosts;
    this.assignments = createAssignments({
      receivers,
      readyHosts: () => this.ready,
      toHost: (host, message) => {
        this.toHosts.push({ host, message });
        this.order.push(`host ${host}: ${message.type}`);
      },
      toReceiver: (receiver, message) => {
        this.toReceivers.push({ receiver, message });
        this.order.push(`receiver ${receiver}: ${message.type}`);
      },
      onAssigned: ({ lease, epoch }, host) => this.announced.push({ shardId: lease.shardId, epoch, host }),
      onHostSettled: (...row) => this.settled.push(row),
    });
  }

  assign(shardId: string, token = 1, from: Position = TRIM_HORIZON): Lease {
    const lease: Lease = {
      shardId,
      token,
      session: 'me',
      generation: 1,
      from,
      state: 'running',
      acked: from,
      stored: from,
    };
    this.assignments.assign(lease);
    return lease;
  }

  /** The readers that were started of a shard: thread, epoch and where they began. */
  readers(shardId: string): { host: number; epoch: number; from: Position; receiver: number }[] {
    return this.toHosts.flatMap(({ host, message }) =>
      message.type === 'assign' && message.shardId === shardId
        ? [{ host, epoch: message.epoch, from: message.from, receiver: message.receiver }]
        : [],
    );
  }

  die(host: number): readonly string[] {
    this.ready = this.ready.filter((each) => each !== host);
    const affected = this.assignments.hostDied(host);
    this.assignments.hostReady();
    return affected;
  }

  settle(
    host: number,
    rows: [shard: number, epoch: number, position: Position][],
    receiver = 0,
    held = 0,
  ): void {
    this.assignments.settled(receiver, {
      type: 'settled',
      host,
      receivedUnits: held,
      receivedRecords: held,
      rows,
    });
  }
}

describe('assignments', () => {
  it('tells the receiver about an epoch before the thread that reads it', () => {
    const world = new World([0]);
    world.assign('a', 7, at(3));
    expect(world.order).to.deep.equal(['receiver 0: epoch', 'host 0: assign']);
    expect(world.toReceivers[0]!.message).to.deep.equal({
      type: 'epoch',
      rows: [{ shard: 0, shardId: 'a', token: 7, epoch: 1, generation: 1, host: 0, reason: null }],
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
    });
    expect(world.announced).to.deep.equal([{ shardId: 'a', epoch: 1, host: 0 }]);
  });

  it('spreads shards evenly over threads and receivers', () => {
    const world = new World([0, 1, 2], 2);
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
    world.assignments.hostReady();
    expect(world.readers('a')).to.deep.equal([{ host: 4, epoch: 1, from: TRIM_HORIZON, receiver: 0 }]);
    world.assignments.hostReady();
    expect(world.readers('a')).to.have.length(1);
  });

  it('revokes at the receiver and at the thread; the next lease of the shard has a higher epoch', () => {
    const world = new World([0]);
    world.assign('a');
    world.assignments.revoke('a', 'lease-lost');
    expect(world.toReceivers.at(-1)!.message).to.deep.equal({
      type: 'epoch',
      rows: [{ shard: 0, shardId: 'a', token: 1, epoch: 1, generation: 1, host: null, reason: 'lease-lost' }],
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
    world.settle(0, [[0, 1, at(14)]], 0, 3);
    expect(world.readers('a')[1]).to.deep.equal({ host: 1, epoch: 2, from: at(14), receiver: 0 });
    expect(world.settled).to.deep.equal([[0, 3, 3]]);
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
    const world = new World([0, 1], 3);
    for (const shard of ['a', 'b', 'c', 'd']) world.assign(shard);
    const before = new Map([...world.assignments.all].map(([id, { receiver }]) => [id, receiver]));
    world.die(0);
    for (const receiver of [0, 1, 2]) world.settle(0, [], receiver);
    for (const [id, { receiver, host }] of world.assignments.all) {
      expect(receiver, id).to.equal(before.get(id));
      expect(host, id).to.equal(1);
    }
  });

  it('waits for every receiver before it gives back the bytes of the thread', () => {
    const world = new World([0, 1], 2);
    world.assign('a');
    world.die(0);
    world.settle(0, [], 1, 2);
    expect(world.settled).to.deep.equal([]);
    world.settle(0, [], 0, 5);
    world.settle(0, [], 0, 5);
    expect(world.settled).to.deep.equal([[0, 7, 7]]);
  });

  it('a thread that becomes ready meanwhile does not start a shard whose receiver has not settled', () => {
    const world = new World([0]);
    world.assign('a');
    world.die(0);
    world.ready = [1];
    world.assignments.hostReady();
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
    world.assignments.hostReady();
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
    world.assignments.hostReady();
    world.assign('b', 1, at(1));
    expect(world.order.filter((each) => each.includes('assign'))).to.deep.equal(['host 0: assign']);
    expect(world.assignments.all.get('b')?.host).to.equal(null);
  });
});
