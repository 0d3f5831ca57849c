// The byte budget: one account over all threads, which balances whatever they do.

import { expect } from 'chai';
import { Worker } from 'node:worker_threads';
import {
  type BudgetTaker,
  budgetKeeper,
  budgetReleaser,
  budgetTaker,
  budgetUnits,
  createBudgetMemory,
} from '../../src/platform/byte-budget.ts';
import { integerFrom, type Random, seededRandom } from '../fakes/random.ts';

const KIB = 1024;

function setUp(kib: number, { records = 1_000, threads = 2, receivers = 2 } = {}) {
  const memory = createBudgetMemory(kib * KIB, records, threads, receivers);
  const takers: BudgetTaker[] = Array.from({ length: threads }, (_, i) => budgetTaker(memory, i));
  const releaser = budgetReleaser(memory, 0);
  const keeper = budgetKeeper(memory);
  return {
    memory,
    a: takers[0]!,
    b: takers[1]!,
    takers,
    releaser,
    other: budgetReleaser(memory, 1),
    keeper,
    free: () => keeper.freeBytes() / KIB,
    freeRecords: () => new Int32Array(memory)[3]!,
  };
}

describe('byte budget', () => {
  it('counts in KiB, rounded up', () => {
    expect([0, 1, 1_024, 1_025].map(budgetUnits)).to.deep.equal([0, 1, 1, 2]);
  });

  it('reserves what fits, settles to what was needed, and is whole after the release', () => {
    const { a, releaser, keeper, free, freeRecords } = setUp(100);
    expect(a.tryReserve(60)).to.equal(true);
    expect(a.tryReserve(60)).to.equal(false);
    expect(free()).to.equal(40);
    a.settle(60, 10, 5);
    expect([free(), freeRecords()]).to.deep.equal([90, 995]);
    releaser.release(10, 5);
    expect([free(), freeRecords()]).to.deep.equal([100, 1_000]);
    expect(keeper.totalBytes()).to.equal(100 * KIB);
  });

  it('a page larger than its reservation overdraws, and nobody reserves until that is paid back', () => {
    const { a, b, releaser, free } = setUp(100);
    a.tryReserve(10);
    a.settle(10, 150, 1);
    expect(free()).to.equal(-50);
    expect(b.tryReserve(1)).to.equal(false);
    releaser.release(150, 1);
    expect(b.tryReserve(1)).to.equal(true);
  });

  it('what is larger than the whole budget passes alone, and only alone', () => {
    const { a, b, releaser, free } = setUp(100);
    expect(a.tryReserve(1)).to.equal(true);
    expect(b.tryReserve(500)).to.equal(false);
    releaser.release(1, 0);
    expect(b.tryReserve(500)).to.equal(true);
    expect(a.tryReserve(1)).to.equal(false);
    releaser.release(500, 0);
    expect(free()).to.equal(100);
  });

  it('the ticket keeps small ones from starving a big one', () => {
    const { a, b, releaser } = setUp(100);
    a.tryReserve(50);
    expect(b.tryReserve(80)).to.equal(false);
    // There is room for it, but b waits for more.
    expect(a.tryReserve(10)).to.equal(false);
    releaser.release(50, 0);
    expect(a.tryReserve(10)).to.equal(false);
    expect(b.tryReserve(80)).to.equal(true);
    expect(a.tryReserve(10)).to.equal(true);
  });

  it('abandon gives the ticket and the flag back', () => {
    const { a, b, releaser } = setUp(100);
    a.tryReserve(50);
    b.tryReserve(80);
    expect(releaser.isStarving(1)).to.equal(true);
    b.abandon();
    expect(releaser.isStarving(1)).to.equal(false);
    expect(a.tryReserve(10)).to.equal(true);
  });

  it('a thread that cannot take the ticket does not take it from its holder either', () => {
    const { a, b, takers, releaser } = setUp(100, { threads: 3 });
    a.tryReserve(100);
    b.tryReserve(80);
    expect(takers[2]!.tryReserve(1)).to.equal(false);
    takers[2]!.abandon();
    releaser.release(100, 0);
    expect(takers[2]!.tryReserve(1)).to.equal(false);
    expect(b.tryReserve(80)).to.equal(true);
  });

  it('counts records as a second dimension', () => {
    const { a, b, releaser } = setUp(100, { records: 10 });
    a.tryReserve(1);
    a.settle(1, 1, 10);
    expect(b.tryReserve(1)).to.equal(false);
    releaser.release(0, 1);
    expect(b.tryReserve(1)).to.equal(true);
  });

  it('starving: set by a failure, cleared by success, and the threads apart from each other', () => {
    const { a, b, releaser } = setUp(100);
    a.tryReserve(100);
    b.tryReserve(1);
    expect([releaser.isStarving(0), releaser.isStarving(1)]).to.deep.equal([false, true]);
    releaser.release(100, 0);
    b.tryReserve(1);
    expect(releaser.isStarving(1)).to.equal(false);
  });

  it('repays what a dead thread had taken, but for what it sent, and its ticket', () => {
    const { a, b, releaser, keeper, free, freeRecords } = setUp(100);
    a.tryReserve(30);
    a.settle(30, 30, 7);
    a.sent(0, 20, 4);
    a.tryReserve(20); // for a page that never came
    a.tryReserve(90);
    expect(b.tryReserve(1)).to.equal(false);
    expect(keeper.repayThread(0)).to.equal(30);
    expect([free(), freeRecords()]).to.deep.equal([80, 996]);
    expect(releaser.isStarving(0)).to.equal(false);
    expect(b.tryReserve(1)).to.equal(true);
    releaser.release(20, 4);
    b.giveBack(1, 0);
    expect([free(), freeRecords()]).to.deep.equal([100, 1_000]);
  });

  it('the claim of a thread that is being killed is dropped at once, and again when all of it is repaid', () => {
    const { a, b, releaser, keeper, free, freeRecords } = setUp(100);
    a.tryReserve(30);
    a.settle(30, 30, 7);
    a.tryReserve(90);
    expect(b.tryReserve(1)).to.equal(false);
    keeper.dropClaim(0);
    expect(releaser.isStarving(0)).to.equal(false);
    expect(b.tryReserve(1)).to.equal(true);
    // What it has taken stays taken: it runs on for a moment, and may send that yet.
    expect([free(), freeRecords()]).to.deep.equal([69, 993]);
    a.sent(0, 20, 4);
    a.tryReserve(90);
    expect(b.tryReserve(1)).to.equal(false);
    expect(keeper.repayThread(0)).to.equal(10);
    expect([free(), freeRecords()]).to.deep.equal([79, 996]);
    expect(releaser.isStarving(0)).to.equal(false);
    expect(b.tryReserve(1)).to.equal(true);
  });

  it('a claim is dropped by the number of its thread, and no other loses its own', () => {
    const { a, b, releaser, keeper } = setUp(100);
    a.tryReserve(50);
    b.tryReserve(80);
    keeper.dropClaim(0);
    expect(releaser.isStarving(1)).to.equal(true);
    expect(a.tryReserve(10)).to.equal(false);
  });

  it('repays what was sent to a dead receiver and not released, also by threads that are dead themselves', () => {
    const { a, b, releaser, other, keeper, free, freeRecords } = setUp(100);
    for (const [taker, units, to] of [
      [a, 30, 0],
      [b, 10, 0],
      [b, 5, 1],
    ] as const) {
      taker.tryReserve(units);
      taker.settle(units, units, 2);
      taker.sent(to, units, 2);
    }
    releaser.release(10, 2);
    expect(keeper.repayThread(0)).to.equal(0);
    expect(keeper.repayReceiver(0)).to.equal(30);
    expect([free(), freeRecords()]).to.deep.equal([95, 998]);
    other.release(5, 2);
    expect([free(), freeRecords()]).to.deep.equal([100, 1_000]);
  });

  it('the next thread and the next receiver with the same number owe nothing of what the ones before did', () => {
    const { a, releaser, keeper, free } = setUp(100);
    for (let life = 0; life < 3; life += 1) {
      a.tryReserve(40);
      a.settle(40, 40, 1);
      a.sent(0, 25, 1);
      expect(keeper.repayThread(0)).to.equal(15);
      releaser.release(5, 0);
      expect(keeper.repayReceiver(0)).to.equal(20);
      expect([keeper.repayThread(0), keeper.repayReceiver(0)]).to.deep.equal([0, 0]);
      expect(free()).to.equal(100);
    }
  });

  it('any order of reservations, settlements and releases leaves it whole', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seededRandom(seed);
      const { takers, releaser, free, freeRecords } = setUp(100, { threads: 3 });
      const held: { thread: number; units: number; records: number }[] = [];
      for (let step = 0; step < 300; step += 1) {
        const thread = integerFrom(random, 0, 2);
        const units = integerFrom(random, 0, 60);
        if (random() < 0.5 && takers[thread]!.tryReserve(units)) {
          const settled = integerFrom(random, 0, 80);
          const records = integerFrom(random, 0, 9);
          takers[thread]!.settle(units, settled, records);
          if (random() < 0.2) takers[thread]!.giveBack(settled, records);
          else held.push({ thread, units: settled, records });
        } else if (held.length > 0) {
          const [batch] = held.splice(integerFrom(random, 0, held.length - 1), 1);
          releaser.release(batch!.units, batch!.records);
        }
      }
      for (const { units, records } of held) releaser.release(units, records);
      expect([free(), freeRecords()], `seed ${seed}`).to.deep.equal([100, 1_000]);
    }
  });

  for (const wrapped of [false, true]) {
    it(`any order of deaths of fetch threads and receivers leaves it whole${wrapped ? ', also where the counts wrap around' : ''}`, () => {
      for (let seed = 1; seed <= 60; seed += 1) {
        const random = seededRandom(seed);
        const world = setUp(400, { threads: 3, receivers: 3 });
        if (wrapped) ageAll(world.memory, 3, random);
        const threads = [0, 1, 2].map(() => ({ reserved: 0, units: 0, records: 0 }));
        const receivers = [0, 1, 2].map(() => [] as { units: number; records: number }[]);
        for (let step = 0; step < 400; step += 1) {
          const thread = integerFrom(random, 0, 2);
          const receiver = integerFrom(random, 0, 2);
          const taker = world.takers[thread]!;
          const mine = threads[thread]!;
          const at = receivers[receiver]!;
          const what = random();
          if (what < 0.4) {
            const units = integerFrom(random, 1, 60);
            if (taker.tryReserve(units)) mine.reserved += units;
          } else if (what < 0.55) {
            const [units, records] = [integerFrom(random, 0, 80), integerFrom(random, 0, 9)];
            taker.settle(mine.reserved, units, records);
            Object.assign(mine, { reserved: 0, units: mine.units + units, records: mine.records + records });
          } else if (what < 0.7) {
            const { units, records } = mine;
            taker.sent(receiver, units, records);
            at.push({ units, records });
            Object.assign(mine, { units: 0, records: 0 });
          } else if (what < 0.9) {
            const batch = at.shift();
            if (batch !== undefined)
              budgetReleaser(world.memory, receiver).release(batch.units, batch.records);
          } else if (what < 0.95) {
            expect(world.keeper.repayThread(thread), `seed ${seed}`).to.equal(mine.reserved + mine.units);
            Object.assign(mine, { reserved: 0, units: 0, records: 0 });
          } else {
            const held = at.splice(0).reduce((sum, { units }) => sum + units, 0);
            expect(world.keeper.repayReceiver(receiver), `seed ${seed}`).to.equal(held);
          }
          expect(world.free(), `seed ${seed}, step ${step}`).to.equal(400 - heldBy(threads, receivers));
        }
        for (const n of [0, 1, 2]) world.keeper.repayThread(n);
        for (const n of [0, 1, 2]) world.keeper.repayReceiver(n);
        expect([world.free(), world.freeRecords()], `seed ${seed}`).to.deep.equal([400, 1_000]);
        expect(new Int32Array(world.memory)[2], 'ticket').to.equal(0);
      }
    });
  }

  it('real threads that reserve and release at random leave it whole', async () => {
    const threads = 4;
    const { memory, keeper, free, freeRecords } = setUp(256, { threads });
    const module = new URL('../../src/platform/byte-budget.js', import.meta.url).href;
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { budgetTaker, budgetReleaser, budgetKeeper } = await import(workerData.module);
      const taker = budgetTaker(workerData.memory, workerData.thread);
      const releaser = budgetReleaser(workerData.memory, 0);
      const keeper = budgetKeeper(workerData.memory);
      const held = [];
      let taken = 0;
      let lowest = Infinity;
      // Together: a thread that is done before the next one begins proves nothing.
      Atomics.add(workerData.barrier, 0, 1);
      while (Atomics.load(workerData.barrier, 0) < workerData.threads);
      const until = Date.now() + 5000;
      while (taken < 30000 && Date.now() < until) {
        const units = 1 + Math.floor(Math.random() * 100);
        if (taker.tryReserve(units)) {
          taken += 1;
          lowest = Math.min(lowest, keeper.freeBytes());
          const settled = Math.floor(Math.random() * (units + 1));
          taker.settle(units, settled, 1);
          taker.sent(0, settled, 1);
          held.push(settled);
        }
        if (held.length > 8 || Math.random() < 0.5) {
          const settled = held.pop();
          if (settled !== undefined) releaser.release(settled, 1);
        }
      }
      for (const settled of held) releaser.release(settled, 1);
      taker.abandon();
      parentPort.postMessage({ taken, lowest });
    `;
    const barrier = new Int32Array(new SharedArrayBuffer(4));
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const results = await Promise.all(
      Array.from({ length: threads }, (_, thread) => {
        const worker = new Worker(url, { workerData: { memory, module, thread, threads, barrier } });
        return new Promise<{ taken: number; lowest: number }>((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        });
      }),
    );
    for (const { taken, lowest } of results) {
      expect(taken).to.be.above(100);
      expect(lowest).to.be.at.least(0);
    }
    expect([free(), freeRecords()]).to.deep.equal([256, 1_000]);
    expect(keeper.totalBytes()).to.equal(256 * KIB);
    expect(keeper.repayReceiver(0), 'unreleased').to.equal(0);
    const cells = new Int32Array(memory);
    expect(cells[2], 'ticket').to.equal(0);
  });
});

interface Held {
  readonly units: number;
}

/** Units that are neither free nor nobody's. */
function heldBy(
  threads: readonly (Held & { readonly reserved: number })[],
  receivers: readonly (readonly Held[])[],
) {
  const inThreads = threads.reduce((sum, { reserved, units }) => sum + reserved + units, 0);
  return inThreads + receivers.flat().reduce((sum, { units }) => sum + units, 0);
}

/** Thread and receiver `n` have lived for so long that their counts are about to wrap around, where they change their sign or at 0. */
function ageAll(memory: SharedArrayBuffer, count: number, random: Random): void {
  for (let n = 0; n < count; n += 1) {
    const rounds = integerFrom(random, 1, 2);
    for (let round = 1; round <= rounds; round += 1) {
      const units = 2 ** 31 - (round === rounds ? integerFrom(random, 1, 300) : 0);
      const records = 2 ** 31 - (round === rounds ? integerFrom(random, 1, 50) : 0);
      budgetTaker(memory, n).settle(0, units, records);
      budgetTaker(memory, n).sent(n, units, records);
      budgetReleaser(memory, n).release(units, records);
    }
  }
}
