// Waiting for the byte budget: first come first served, and no waiter is forgotten.

import { setMaxListeners } from 'node:events';
import { expect } from 'chai';
import { type BudgetGate, budgetGate } from '../../src/fetching/budget-gate.ts';
import { pageEstimate } from '../../src/fetching/page-estimate.ts';
import {
  budgetReleaser,
  type BudgetTaker,
  budgetTaker,
  createBudgetMemory,
} from '../../src/platform/byte-budget.ts';
import { delay } from '../../src/platform/timers.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

/** Of so many units, without an estimate of its records. */
const page = (units: number, isIdle = false) => ({ units, records: 1, isIdle });

function setUp() {
  const time = createVirtualTime();
  const state = { free: 0, abandoned: 0, looks: 0 };
  const budget: BudgetTaker = {
    totalUnits: 1_048_576,
    tryReserve(units) {
      state.looks += 1;
      if (state.free < units) return false;
      state.free -= units;
      return true;
    },
    settle: () => undefined,
    giveBack: () => undefined,
    sent: () => undefined,
    abandon() {
      state.abandoned += 1;
    },
  };
  const gate = budgetGate(budget, time.timers);
  const served: string[] = [];
  const reserve = (name: string, units: number, signal = new AbortController().signal) =>
    gate.reserve(page(units), signal).then((reserved) => {
      served.push(reserved ? name : `${name} gave up`);
    });
  return { time, state, gate, served, reserve };
}

describe('budget gate', () => {
  it('serves at once what there is room for', async () => {
    const { state, gate, time } = setUp();
    state.free = 5;
    expect(gate.tryReserve(page(3))?.units).to.equal(3);
    expect(gate.tryReserve(page(3))).to.equal(null);
    expect((await gate.reserve(page(2), new AbortController().signal))?.units).to.equal(2);
    expect(state.free).to.equal(0);
    expect(time.pending()).to.equal(0);
  });

  it('first come first served: a small one does not overtake a big one', async () => {
    const { state, gate, served, reserve, time } = setUp();
    void reserve('big', 10);
    void reserve('small', 1);
    state.free = 9;
    gate.wake();
    await time.advance(0);
    expect(served).to.deep.equal([]);
    expect(gate.tryReserve(page(1))).to.equal(null);
    state.free = 11;
    gate.wake();
    await time.advance(0);
    expect(served).to.deep.equal(['big', 'small']);
    expect(state.free).to.equal(0);
  });

  it('looks again by itself: who gives back a reservation tells nobody', async () => {
    const { state, served, reserve, time } = setUp();
    void reserve('a', 1);
    state.free = 1;
    await time.advance(100);
    expect(served).to.deep.equal(['a']);
    expect(time.pending()).to.equal(0);
  });

  it('does not look in a tight loop', async () => {
    const { state, reserve, time } = setUp();
    void reserve('a', 1);
    void reserve('b', 1);
    await time.advance(10_000);
    expect(state.looks).to.be.at.most(110);
  });

  it('an abort gives up the place and the claim; the next one moves up', async () => {
    const { state, gate, served, reserve, time } = setUp();
    const [first, second] = [new AbortController(), new AbortController()];
    void reserve('first', 10, first.signal);
    void reserve('second', 1, second.signal);
    void reserve('third', 1);
    state.free = 2;
    first.abort();
    expect(state.abandoned).to.equal(0);
    await time.advance(100);
    expect(served).to.deep.equal(['first gave up', 'second', 'third']);
    second.abort();
    await time.advance(0);
    expect(served).to.have.length(3);

    const last = new AbortController();
    void reserve('last', 1, last.signal);
    last.abort();
    await time.advance(0);
    expect(state.abandoned).to.equal(1);
    state.free = 1;
    gate.wake();
    expect(state.free).to.equal(1);
  });

  it('shards with records go before idle ones, all but the one whose turn it is', async () => {
    const { state, gate, served, time } = setUp();
    const { signal } = new AbortController();
    const idle = (name: string) => gate.reserve(page(10, true), signal).then(() => served.push(name));
    const busy = (name: string) => gate.reserve(page(10), signal).then(() => served.push(name));
    void Promise.all([idle('idle 1'), idle('idle 2'), busy('busy 1'), idle('idle 3'), busy('busy 2')]);
    state.free = 50;
    gate.wake();
    await time.advance(0);
    expect(served).to.deep.equal(['idle 1', 'busy 1', 'busy 2', 'idle 2', 'idle 3']);
  });

  it('is not entered with a signal that is aborted already', async () => {
    const { state, gate } = setUp();
    state.free = 1;
    expect(await gate.reserve(page(1), AbortSignal.abort())).to.equal(null);
    expect(state.free).to.equal(1);
  });

  it('who waited without room for a whole page goes on with a part of it, one read at a time: a hung handler stops nobody else', async () => {
    const { state, gate, served, reserve, time } = setUp();
    const { signal } = new AbortController();
    state.free = 100;
    expect(gate.tryReserve(page(10_240))).to.equal(null);
    const waiting = gate.reserve(page(10_240), signal);
    gate.wake();
    expect(state.free).to.equal(100);
    await time.advance(100);
    const short = await waiting;
    expect(short?.units).to.equal(64);
    void reserve('second', 10_240);
    state.free = 100;
    gate.wake();
    await time.advance(0);
    expect(served).to.deep.equal([]);
    await time.advance(1_000);
    expect(served).to.deep.equal([]);
    short?.done();
    await time.advance(100);
    expect(served).to.deep.equal(['second']);
    expect(state.free).to.equal(36);
  });

  it('four large reads of a thread go on at once, whatever room there is; small ones and those of idle shards beside them', async () => {
    const { state, gate, served, reserve, time } = setUp();
    const { signal } = new AbortController();
    state.free = 1_000_000;
    const large = await Promise.all([1, 2, 3, 4].map(() => gate.reserve(page(2_048), signal)));
    expect(gate.tryReserve(page(2_048))).to.equal(null);
    expect(gate.tryReserve(page(1_024))?.units).to.equal(1_024);
    expect(gate.tryReserve(page(2_048, true))?.units).to.equal(2_048);
    void reserve('fifth', 2_048);
    await time.advance(1_000);
    expect(served).to.deep.equal([]);
    large[0]?.done();
    await time.advance(0);
    expect(served).to.deep.equal(['fifth']);
    expect(gate.tryReserve(page(2_048))).to.equal(null);
  });

  it('a part of a page is a quarter of it, where there is room for that', async () => {
    const { state, gate, time } = setUp();
    state.free = 600;
    const waiting = gate.reserve(page(2_048), new AbortController().signal);
    await time.advance(100);
    expect((await waiting)?.units).to.equal(512);
  });

  it('does not hold the ticket while it waits for its own short read: other threads go on', async () => {
    const memory = createBudgetMemory(256 * 1024, 1_000, 2, 1);
    const time = createVirtualTime();
    const gate = budgetGate(budgetTaker(memory, 0), time.timers);
    const other = budgetTaker(memory, 1);
    const held = budgetTaker(memory, 1);
    expect(held.tryReserve(100)).to.equal(true);
    const { signal } = new AbortController();
    const first = gate.reserve(page(200), signal);
    await time.advance(100);
    const short = await first;
    expect(short?.units).to.equal(64);
    const waiting = gate.reserve(page(200), signal);
    await time.advance(500);
    expect(other.tryReserve(64)).to.equal(true);
    short?.done();
    expect(await Promise.race([waiting, time.advance(1).then(() => null)])).to.equal(null);
    other.giveBack(64, 0);
    await time.advance(200);
    (await waiting)?.done();
  });

  it('reserves records too, until the page has been counted; what waits for them goes on at once', async () => {
    const memory = createBudgetMemory(64 * 1024 * 1024, 1_000, 1, 1);
    const time = createVirtualTime();
    const budget = budgetTaker(memory, 0);
    const gate = budgetGate(budget, time.timers);
    const freeRecords = () => new Int32Array(memory)[3]!;
    const first = gate.tryReserve({ units: 64, records: 900, isIdle: false })!;
    expect(freeRecords()).to.equal(100);
    // One read of a thread goes on all the same, and no other one.
    const second = gate.reserve({ units: 64, records: 900, isIdle: false }, new AbortController().signal);
    await time.advance(100);
    const short = await second;
    expect(short).to.include({ units: 64, records: 64 });
    let served = false;
    void gate
      .reserve({ units: 64, records: 900, isIdle: false }, new AbortController().signal)
      .then(() => (served = true));
    await time.advance(1_000);
    expect(served).to.equal(false);
    budget.settle(64, 10, 50);
    first.done();
    await time.advance(0);
    expect(served).to.equal(true);
    expect(freeRecords()).to.equal(1_000 - 50 - 900);
    short!.done();
    expect(freeRecords()).to.equal(1_000 - 50 - 900);
  });

  it('a hundred shards of tiny records overdraw the record limit by a short read for each thread at most', async function () {
    const [most, threads, shards] = [20_000, 2, 100];
    const memory = createBudgetMemory(64 * 1024 * 1024, most, threads, 1);
    const releaser = budgetReleaser(memory, 0);
    const time = createVirtualTime();
    const random = seededRandom(11);
    const queue: (readonly [units: number, records: number])[] = [];
    /** Read and not released. */
    const held = { records: 0, mostRecords: 0, units: 0, mostUnits: 0 };
    let read = 0;
    const over = new AbortController();
    setMaxListeners(0, over.signal);
    const reader = async (gate: BudgetGate, budget: BudgetTaker) => {
      const estimate = pageEstimate(10_000, budget.totalUnits);
      while (!over.signal.aborted) {
        const reservation = await gate.reserve(estimate.wanted(time.clock.monotonic()), over.signal);
        if (reservation === null) return;
        await delay(time.timers, integerFrom(random, 5, 50), over.signal);
        const limit = estimate.limit(reservation);
        const records = Math.min(limit, integerFrom(random, 5_000, 10_000));
        const units = Math.ceil((records * 92) / 1024);
        budget.settle(reservation.units, units, records);
        held.mostRecords = Math.max(held.mostRecords, (held.records += records));
        held.mostUnits = Math.max(held.mostUnits, (held.units += units));
        reservation.done();
        estimate.page(
          { limit, bytes: records * 10, records, largest: 10, units, userRecords: records },
          1_000,
          time.clock.monotonic(),
        );
        budget.sent(0, units, records);
        queue.push([units, records]);
        read += 1;
        await delay(time.timers, 200, over.signal);
      }
    };
    const gates: BudgetGate[] = [];
    const running = Array.from({ length: threads }, (_, thread) => {
      const budget = budgetTaker(memory, thread);
      const gate = budgetGate(budget, time.timers);
      gates.push(gate);
      return Array.from({ length: shards / threads }, () => reader(gate, budget));
    });
    for (let step = 0; step < 600; step += 1) {
      const [handled] = queue.splice(0, 1);
      if (handled !== undefined) {
        releaser.release(...handled);
        held.units -= handled[0];
        held.records -= handled[1];
      }
      for (const gate of gates) gate.wake();
      await time.advance(20);
    }
    over.abort();
    await time.advance(100);
    await Promise.all(running.flat());
    this.test!.title +=
      ` (${read} pages, ${held.mostRecords} records of ${most} at most, ${held.mostUnits} KiB of ${64 * 1024})`;
    expect(read).to.be.above(100);
    expect(held.mostRecords).to.be.at.most(most + threads * 64);
  });
});
