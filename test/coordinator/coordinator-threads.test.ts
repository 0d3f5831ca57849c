// The coordinator and threads that are dead or being killed: what is repaid when, and whom a stop waits for.

import { expect } from 'chai';
import { type BudgetTaker, budgetReleaser, budgetTaker } from '../../src/platform/byte-budget.ts';
import type { CoordinatorToReceiver, ReceiverToCoordinator } from '../../src/protocol.ts';
import { at } from '../fakes/batches.ts';
import { createFakePort } from '../fakes/ports.ts';
import { until } from '../support/until.ts';
import { CoordinatorHarness } from './coordinator-harness.ts';

const KIB = 1_024;
const APART = 3;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('coordinator, the budget of a fetch thread that died', () => {
  let world: CoordinatorHarness;
  let dead: BudgetTaker;
  beforeEach(async () => {
    world = await new CoordinatorHarness().start();
    dead = budgetTaker(world.memory, 0);
    world.hosts = [0, 1];
  });
  afterEach(() => world.stop());

  const taken = () => (world.budget.totalBytes() - world.budget.freeBytes()) / KIB;
  const settle = (host: number) => world.links[0]!.far.deliver({ type: 'settled', host, rows: [] });

  it('is repaid when its receivers have settled: one that was killed may run on until then, and send what it holds', () => {
    dead.tryReserve(100);
    dead.settle(100, 80, 10);
    world.die(0);
    expect(taken()).to.equal(80);
    dead.sent(0, 30, 4);
    settle(0);
    expect(taken(), 'what the receiver holds').to.equal(30);
    expect(world.forgotten).to.deep.equal([0]);
    budgetReleaser(world.memory, 0).release(30, 4);
    expect(taken()).to.equal(0);
    expect(world.budget.repayThread(0)).to.equal(0);
  });

  it('its ticket is free at its death: nobody waits for a reservation that it will never make', () => {
    const other = budgetTaker(world.memory, 1);
    dead.tryReserve(500);
    expect(dead.tryReserve(900)).to.equal(false);
    expect(other.tryReserve(1)).to.equal(false);
    world.die(0);
    expect(other.tryReserve(1)).to.equal(true);
    // Still running, it waits again: what it claims then is dropped when it is settled.
    expect(dead.tryReserve(900)).to.equal(false);
    expect(other.tryReserve(1)).to.equal(false);
    settle(0);
    expect(other.tryReserve(1)).to.equal(true);
  });

  it('what it took in hand after its death is not taken for what its successor has', () => {
    world.handsOfHosts.set(0, [0]);
    const asked: number[] = [];
    const { get } = world.handsOfHosts;
    world.handsOfHosts.get = (host) => {
      asked.push(host);
      return get.call(world.handsOfHosts, host);
    };
    world.die(0);
    settle(0);
    expect(asked).to.deep.equal([0, 0]);
  });
});

describe('coordinator, a thread apart that was told to end', () => {
  let world: CoordinatorHarness;
  beforeEach(async () => {
    world = new CoordinatorHarness();
    world.hosts = [0, APART];
    await world.start();
  });
  afterEach(() => world.stop());

  const end = () => world.die(APART, { role: 'isolation', wasTold: true });

  it('is repaid and let go of as any other; no death is told, and none follows it', () => {
    budgetTaker(world.memory, APART).tryReserve(40);
    end();
    expect(world.forgotten).to.deep.equal([]);
    world.links[0]!.far.deliver({ type: 'settled', host: APART, rows: [] });
    expect(world.budget.freeBytes()).to.equal(world.budget.totalBytes());
    expect(world.forgotten).to.deep.equal([APART]);
    expect(world.eventsOf('thread:died')).to.deep.equal([]);
    expect(world.replaced).to.equal(0);
  });

  it('counts as having let go of a dead receiver, whose number is free then', () => {
    world.links[0]!.far.closeFromAfar();
    const next = createFakePort<CoordinatorToReceiver, ReceiverToCoordinator>();
    world.coordinator.join(0, next.port);
    world.hooks.onMessage(0, { type: 'receiverGone', receiver: 0 });
    expect(world.connected).to.deep.equal([0]);
    end();
    expect(world.connected).to.deep.equal([0, 0]);
    world.links[0] = next;
  });

  it('is not waited for by a stop that began before', async () => {
    // Whoever is asked to drain and ends instead does not answer.
    world.mutes.add(APART);
    const stopped = world.coordinator.stop(60_000);
    await turn();
    end();
    await turn();
    world.links[0]!.far.deliver({ type: 'drained', late: 0 });
    await stopped;
    expect(world.killed).to.deep.equal([]);
  });
});

describe('coordinator, a stop after a receiver was replaced', () => {
  it('waits for the handler of the one that has the number of the dead one, and counts its acks', async () => {
    const world = await new CoordinatorHarness().start();
    world.links[0]!.far.closeFromAfar();
    world.hooks.onMessage(0, { type: 'receiverGone', receiver: 0 });
    const next = createFakePort<CoordinatorToReceiver, ReceiverToCoordinator>();
    world.coordinator.join(0, next.port);
    const { shard, token, epoch } = world.assigned.at(-1)!;
    let isOver = false;
    const stopped = world.coordinator.stop(10_000).finally(() => (isOver = true));
    await until('it is asked', 5_000, () => next.far.sentOf('drain').length > 0);
    // Every write of an early end would have been made by now: the store is in memory.
    for (let n = 0; n < 50; n += 1) await turn();
    expect(isOver, 'the leases are given back before the handler is done').to.equal(false);
    next.far.deliver({ type: 'acked', rows: [[shard, token, epoch, at(9)]] });
    next.far.deliver({ type: 'drained', late: 0 });
    expect((await stopped).positions).to.deep.equal([['a', at(9)]]);
  });
});
