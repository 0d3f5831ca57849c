// The byte budget: one account over all threads, which balances whatever they do.

import { expect } from 'chai';
import { Worker } from 'node:worker_threads';
import {
  type BudgetTaker,
  budgetReleaser,
  budgetTaker,
  budgetUnits,
  createBudgetMemory,
} from '../../src/platform/byte-budget.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';

const KIB = 1024;

function setUp(kib: number, { records = 1_000, threads = 2 } = {}) {
  const memory = createBudgetMemory(kib * KIB, records, threads);
  const takers: BudgetTaker[] = Array.from({ length: threads }, (_, i) => budgetTaker(memory, i));
  const releaser = budgetReleaser(memory);
  return {
    memory,
    a: takers[0]!,
    b: takers[1]!,
    takers,
    releaser,
    free: () => releaser.freeBytes() / KIB,
    freeRecords: () => new Int32Array(memory)[3]!,
  };
}

describe('byte budget', () => {
  it('counts in KiB, rounded up', () => {
    expect([0, 1, 1_024, 1_025].map(budgetUnits)).to.deep.equal([0, 1, 1, 2]);
  });

  it('reserves what fits, settles to what was needed, and is whole after the release', () => {
    const { a, releaser, free, freeRecords } = setUp(100);
    expect(a.tryReserve(60)).to.equal(true);
    expect(a.tryReserve(60)).to.equal(false);
    expect(free()).to.equal(40);
    a.settle(60, 10, 5);
    expect([free(), freeRecords()]).to.deep.equal([90, 995]);
    releaser.release(10, 5);
    expect([free(), freeRecords()]).to.deep.equal([100, 1_000]);
    expect(releaser.totalBytes()).to.equal(100 * KIB);
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

  it('repays what a dead thread had taken, but for what receivers hold, and its ticket', () => {
    const { a, b, releaser, free, freeRecords } = setUp(100);
    a.tryReserve(30);
    a.settle(30, 30, 7);
    a.tryReserve(20); // for a page that never came
    a.tryReserve(90);
    expect(b.tryReserve(1)).to.equal(false);
    expect(releaser.repay(0, 30, 7)).to.equal(20);
    expect([free(), freeRecords()]).to.deep.equal([70, 993]);
    expect(releaser.isStarving(0)).to.equal(false);
    expect(b.tryReserve(1)).to.equal(true);
    releaser.release(30, 7);
    releaser.release(1, 0);
    expect([free(), freeRecords()]).to.deep.equal([100, 1_000]);
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

  it('real threads that reserve and release at random leave it whole', async () => {
    const threads = 4;
    const { memory, releaser, free, freeRecords } = setUp(256, { threads });
    const module = new URL('../../src/platform/byte-budget.js', import.meta.url).href;
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { budgetTaker, budgetReleaser } = await import(workerData.module);
      const taker = budgetTaker(workerData.memory, workerData.thread);
      const releaser = budgetReleaser(workerData.memory);
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
          lowest = Math.min(lowest, releaser.freeBytes());
          const settled = Math.floor(Math.random() * (units + 1));
          taker.settle(units, settled, 1);
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
    expect(releaser.totalBytes()).to.equal(256 * KIB);
    const cells = new Int32Array(memory);
    expect(cells[2], 'ticket').to.equal(0);
  });
});
