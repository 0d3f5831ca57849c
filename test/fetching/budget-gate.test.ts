// Waiting for the byte budget: first come first served, and no waiter is forgotten.

import { expect } from 'chai';
import { budgetGate } from '../../src/fetching/budget-gate.ts';
import { type BudgetTaker, budgetTaker, createBudgetMemory } from '../../src/platform/byte-budget.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

/** Of so many units, without an estimate of its records. */
const page = (units: number) => ({ units, records: 1 });

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

  it('is not entered with a signal that is aborted already', async () => {
    const { state, gate } = setUp();
    state.free = 1;
    expect(await gate.reserve(page(1), AbortSignal.abort())).to.equal(null);
    expect(state.free).to.equal(1);
  });

  it('without room for a whole page one read at a time goes on with 64 KiB: a hung handler stops nobody else', async () => {
    const { state, gate, served, reserve, time } = setUp();
    state.free = 100;
    const short = gate.tryReserve(page(10_240));
    expect(short?.units).to.equal(64);
    void reserve('second', 10_240);
    state.free = 100;
    gate.wake();
    await time.advance(0);
    expect(served).to.deep.equal([]);
    short?.done();
    await time.advance(0);
    expect(served).to.deep.equal(['second']);
    expect(state.free).to.equal(36);
  });

  it('does not hold the ticket while it waits for its own short read: other threads go on', async () => {
    const memory = createBudgetMemory(256 * 1024, 1_000, 2, 1);
    const time = createVirtualTime();
    const gate = budgetGate(budgetTaker(memory, 0), time.timers);
    const other = budgetTaker(memory, 1);
    const held = budgetTaker(memory, 1);
    expect(held.tryReserve(100)).to.equal(true);
    const { signal } = new AbortController();
    const short = await gate.reserve(page(200), signal);
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
});
