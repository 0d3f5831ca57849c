// The coordinator as a whole: what it does about the ends of shards and the ends of threads.

import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { SHARD_END } from '../../src/model/position.ts';
import { budgetTaker } from '../../src/platform/byte-budget.ts';
import { at } from '../fakes/batches.ts';
import { createFakePort } from '../fakes/ports.ts';
import { until } from '../support/until.ts';
import { CoordinatorHarness, shardOf } from './coordinator-harness.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('coordinator', () => {
  let world: CoordinatorHarness;
  /** One that came before. */
  let earlier: CoordinatorHarness | null = null;
  afterEach(async () => {
    await world.stop();
    await earlier?.stop();
    earlier = null;
    expect(world.fatals).to.deep.equal([]);
  });

  it('starts the children of a shard whose end was acked before its thread said so', async () => {
    world = await new CoordinatorHarness().start();
    const { shard, token, epoch } = world.assigned[0]!;
    // Two ports: the ack of the end comes from the receiver and may overtake the word of the fetch thread.
    world.links[0]!.far.deliver({ type: 'acked', rows: [[shard, token, epoch, SHARD_END]] });
    await until('the end of the shard is stored', 5_000, () => world.eventsOf('shard:end').length > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    world.listing = [shardOf('a', null, false), shardOf('b', 'a')];
    const children = [{ shardId: 'b', parents: ['a'], startingHashKey: '0', endingHashKey: '9' }];
    world.hooks.onMessage(0, { type: 'shardEnd', shard, epoch, children });
    await until('the child is assigned', 5_000, () => world.assigned.length === 2);
    expect(world.assigned[1]).to.include({ shardId: 'b', token: 1 });
  });

  it('lists again when a shard has ended and no child of it is known, also without a word about children', async () => {
    world = await new CoordinatorHarness().start();
    const { shard, token, epoch } = world.assigned[0]!;
    world.listing = [shardOf('a', null, false), shardOf('b', 'a')];
    world.links[0]!.far.deliver({ type: 'acked', rows: [[shard, token, epoch, SHARD_END]] });
    await until('the child is assigned', 5_000, () => world.assigned.length === 2);
    expect(world.assigned[1]).to.include({ shardId: 'b' });
  });

  it('ends a fetch thread that has not moved over its looks, and no other', async () => {
    world = new CoordinatorHarness({ threadHangMs: 1_000 });
    world.hosts = [0, 1];
    world.counters.set(1, 7);
    await world.start();
    await until('the thread is ended', 10_000, () => world.killed.length > 0);
    expect(world.killed).to.deep.equal([1]);
  });

  it('a fetch thread that died: its shards go on behind what was received, another one is started, its slot is free', async () => {
    world = await new CoordinatorHarness().start();
    const { shard, epoch } = world.assigned[0]!;
    world.hosts = [0, 1];
    world.die(0);
    expect(world.eventsOf('thread:died')).to.have.length(1);
    expect(world.eventsOf('thread:died')[0])
      .to.include({ kind: 'fetch', thread: 0 })
      .and.deep.include({ shards: ['a'] });
    expect(world.replaced).to.equal(1);
    expect(world.forgotten).to.deep.equal([]);
    world.links[0]!.far.deliver({ type: 'settled', host: 0, rows: [[shard, epoch, at(5)]] });
    expect(world.forgotten).to.deep.equal([0]);
    expect(world.assigned[1]).to.include({ shardId: 'a', epoch: 2, from: at(5) });
  });

  it('a receiver that died: main is told, and its shards go on at another one from what is acked', async () => {
    world = await new CoordinatorHarness({ receivers: 2 }).start();
    const { shard, token, epoch, receiver } = world.assigned[0]!;
    const { far } = world.links[receiver]!;
    far.deliver({ type: 'acked', rows: [[shard, token, epoch, at(7)]] });
    far.closeFromAfar();
    expect(world.gone).to.deep.equal([[receiver, ['a']]]);
    expect(world.assigned[1]).to.include({ receiver: 1 - receiver, from: at(7) });
    expect(world.toHosts.map(([, { type }]) => type)).to.deep.equal([
      'assign',
      'revoke',
      'assign',
      'receiverGone',
    ]);
  });

  it('its number is taken again when what was sent to it is repaid, and then it gets its shards', async () => {
    world = await new CoordinatorHarness().start();
    const taker = budgetTaker(world.memory, 0);
    taker.tryReserve(50);
    taker.settle(50, 50, 5);
    taker.sent(0, 50, 5);
    world.links[0]!.far.closeFromAfar();
    const next = createFakePort<never, never>();
    world.coordinator.join(0, next.port);
    expect(world.assigned).to.have.length(1);
    expect(world.budget.freeBytes()).to.be.below(world.budget.totalBytes());
    world.hooks.onMessage(0, { type: 'receiverGone', receiver: 0 });
    expect(world.budget.freeBytes()).to.equal(world.budget.totalBytes());
    // The way to it is there before a reader that uses it.
    expect(world.connected).to.deep.equal([0, 0]);
    expect(world.assigned[1]).to.include({ receiver: 0, shardId: 'a' });
    world.links[0] = next as never;
  });

  it('a handler thread that dies of a shard over and over is reported with the record that it had in hand', async () => {
    world = await new CoordinatorHarness({ receivers: 3 }).start();
    world.handsOfReceivers.set(0, [0]).set(1, [0]).set(2, [0]);
    const died = world.assigned[0]!.receiver;
    world.links[died]!.far.closeFromAfar();
    expect(world.eventsOf('record:poison')).to.deep.equal([]);
    const second = world.assigned.at(-1)!.receiver;
    expect(second).to.not.equal(died);
    world.links[second]!.far.closeFromAfar();
    expect(world.eventsOf('record:poison')[0]).to.include({ kind: 'handler', shardId: 'a', deaths: 2 });
  });

  it('a checkpoint does not wait for a receiver that dies meanwhile', async () => {
    world = await new CoordinatorHarness({ receivers: 2 }).start();
    let done = false;
    const written = world.coordinator.checkpoint().then(() => {
      done = true;
    });
    const { far } = world.links[0]!;
    const id = far.sentOf('flush')[0]!.id;
    world.links[1]!.far.closeFromAfar();
    await turn();
    expect(done).to.equal(false);
    far.deliver({ type: 'flushed', id });
    await written;
  });

  it('ends the session of the one before, whose shards are free by that, before it begins its own', async () => {
    const store = createMemoryLeaseStore();
    const order: string[] = [];
    earlier = await new CoordinatorHarness({ store }).start();
    const [session] = earlier.sessions;
    world = new CoordinatorHarness({
      predecessor: session!,
      store: {
        ...store,
        end: (ended) => {
          order.push(`end ${ended}`);
          return store.end(ended);
        },
        createSession: (row) => {
          order.push(`create ${row.session}`);
          return store.createSession(row);
        },
      },
    });
    await world.start();
    expect(order).to.deep.equal([`end ${session}`, `create ${world.sessions[0]}`]);
    expect(world.assigned[0]).to.include({ shardId: 'a', token: 2 });
  });

  it('goes on without having ended that session, when the store refuses for a while', async () => {
    const store = createMemoryLeaseStore();
    let asked = 0;
    world = new CoordinatorHarness({
      predecessor: 'before',
      store: {
        ...store,
        end: (session) => {
          asked += 1;
          return asked === 1 ? Promise.reject(new Error('refused')) : store.end(session);
        },
      },
    });
    await world.start();
    expect(asked).to.equal(2);
    expect(world.sessions).to.have.length(1);
  });
});
