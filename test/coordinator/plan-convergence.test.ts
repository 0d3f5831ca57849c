// Instances that each carry out only their own lines, on a table that they share: they settle, with as few moves as there can be.

import { expect } from 'chai';
import { plan } from '../../src/coordinator/plan.ts';
import { integerFrom, oneOf, seededRandom } from '../fakes/random.ts';
import { SharedTable } from './shared-table.ts';

describe('instances that share a table', () => {
  it('from one to eight with 64 shards: 56 moves, and then none in 1 000 ticks', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const table = new SharedTable({ shards: 64, random: seededRandom(seed) });
      table.join();
      table.run(3);
      expect(table.counts()).to.deep.equal([64]);
      const { moves: before } = table;
      for (let n = 0; n < 7; n += 1) table.join();
      const settledAfter = table.settle();
      expect(table.counts()).to.deep.equal([8, 8, 8, 8, 8, 8, 8, 8]);
      expect(table.moves - before, `seed ${seed}`).to.equal(56);
      expect(settledAfter, `seed ${seed}`).to.be.at.most(6);
      const { writes } = table;
      table.run(1_000);
      expect(table.writes, `seed ${seed}`).to.equal(writes);
    }
  });

  it('eight that start at once take their shares, and nothing is moved', () => {
    const table = new SharedTable({ shards: 64, random: seededRandom(1) });
    for (let n = 0; n < 8; n += 1) table.join();
    expect(table.settle()).to.be.at.most(1);
    expect([table.counts(), table.moves]).to.deep.equal([[8, 8, 8, 8, 8, 8, 8, 8], 64]);
  });

  it('one that starts a moment before the others does not grab everything', () => {
    const table = new SharedTable({ shards: 1_000, random: seededRandom(1) });
    table.join();
    table.run(1);
    for (let n = 0; n < 7; n += 1) table.join();
    table.settle();
    expect(table.counts()).to.deep.equal(Array.from({ length: 8 }, () => 125));
    expect(table.moves).to.equal(1_000);
  });

  it('one that leaves, and one that dies, cost exactly their shards', () => {
    for (const goes of ['leave', 'die'] as const) {
      const table = new SharedTable({ shards: 64, random: seededRandom(1) });
      for (let n = 0; n < 8; n += 1) table.join();
      table.settle();
      const { moves } = table;
      table[goes](table.live()[3]!);
      table.settle();
      expect(table.counts()).to.deep.equal([9, 9, 9, 9, 9, 9, 10]);
      expect(table.moves - moves, goes).to.equal(8);
    }
  });

  it('an owner that does not answer to marks is left alone, and asked seldom', () => {
    const table = new SharedTable({ shards: 8, random: seededRandom(1) });
    const deaf = table.join({ isDeaf: true });
    table.run(1);
    table.join();
    table.run(300);
    expect(table.counts()).to.deep.equal([0, 8]);
    // Four marks and their ends.
    expect(table.writes - 8).to.equal(8);
    expect(table.rows.every((row) => row.owner === deaf && row.handOffTo === null)).to.equal(true);
  });

  it('a taker that never comes is replaced', () => {
    const table = new SharedTable({ shards: 8, random: seededRandom(1) });
    table.join();
    const stuck = table.join({ isStuck: true });
    table.run(20);
    expect(plan(table.planned()).targets.get(stuck)).to.equal(4);
    expect(table.counts()).to.deep.equal([0, 8]);
  });

  it('whatever joins, leaves and dies, with stale reads as well: settles, evenly, within the limits', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = seededRandom(seed);
      const table = new SharedTable({
        shards: integerFrom(random, 0, 50),
        random,
        staleness: seed % 2 === 0 ? 0 : 0.4,
        drainTicks: integerFrom(random, 0, 4),
      });
      table.join();
      for (let tick = 0; tick < 60; tick += 1) {
        if (random() < 0.15) table.join({ maxShards: random() < 0.7 ? null : integerFrom(random, 0, 9) });
        const live = table.live();
        if (live.length > 1 && random() < 0.1)
          table[oneOf(random, ['leave', 'die'] as const)](oneOf(random, live));
        table.run(1);
      }
      table.settle();
      const { free, gives, unassigned, targets } = plan(table.planned());
      expect([free, gives], `seed ${seed}`).to.deep.equal([[], []]);
      expect(table.counts(), `seed ${seed}`).to.deep.equal([...targets.values()].toSorted((a, b) => a - b));
      expect(table.rows.filter((row) => row.owner === null).length).to.equal(unassigned.length);
      const { writes } = table;
      table.run(100);
      expect(table.writes, `seed ${seed}`).to.equal(writes);
    }
  });
});
