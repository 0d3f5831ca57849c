// Placement as tables.

import { expect } from 'chai';
import { leastLoaded, place, surplus } from '../../src/coordinator/placement.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';

describe('placement', () => {
  it('takes the least loaded, and the lowest number among equals', () => {
    expect(leastLoaded([3, 1, 2], new Map())).to.equal(1);
    expect(
      leastLoaded(
        [0, 1, 2],
        new Map([
          [0, 2],
          [1, 1],
          [2, 1],
        ]),
      ),
    ).to.equal(1);
    expect(leastLoaded([0, 5], new Map([[0, 1]]))).to.equal(5);
    expect(leastLoaded([], new Map())).to.equal(null);
  });

  it('places on thread and receiver apart from each other, and nowhere without a thread', () => {
    const placed = [
      { host: 0, receiver: 1 },
      { host: 1, receiver: 1 },
      { host: 1, receiver: 0 },
    ];
    expect(place(placed, [0, 1], [0, 1])).to.deep.equal({ host: 0, receiver: 0 });
    expect(place(placed, [0, 1], [1])).to.deep.equal({ host: 0, receiver: 1 });
    expect(place(placed, [], [0])).to.equal(null);
  });
});

describe('surplus', () => {
  const placed = (...loads: number[]) =>
    loads.flatMap((load, thread) =>
      Array.from({ length: load }, (_, n) => [`${thread}/${n}`, thread] as const),
    );

  it('takes nothing where no two differ by more than one', () => {
    expect(surplus(placed(2, 1, 2), [0, 1, 2])).to.deep.equal([]);
    expect(surplus(placed(1, 0), [0, 1])).to.deep.equal([]);
    expect(surplus([], [])).to.deep.equal([]);
  });

  it('takes only what is too much, and nothing from a thread that is no candidate', () => {
    expect(surplus(placed(4, 0), [0, 1])).to.deep.equal(['0/2', '0/3']);
    expect(surplus(placed(4, 0, 9), [0, 1])).to.deep.equal(['0/2', '0/3']);
    expect(surplus(placed(4, 0, 9), [2])).to.deep.equal([]);
  });

  it('placing what it takes with the least loaded evens out, with as few moves as possible', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const loads = Array.from({ length: integerFrom(random, 1, 6) }, () => integerFrom(random, 0, 9));
      const threads = loads.map((_, thread) => thread);
      const leaving = new Set(surplus(placed(...loads), threads));
      const total = loads.reduce((sum, load) => sum + load, 0);
      const [least, odd] = [Math.floor(total / loads.length), total % loads.length];
      const targets = loads
        .toSorted((a, b) => b - a)
        .map((load, rank) => Math.max(0, load - (rank < odd ? least + 1 : least)));
      expect(leaving.size, `seed ${seed}`).to.equal(targets.reduce((sum, each) => sum + each, 0));
      for (const [shard, thread] of placed(...loads)) if (leaving.has(shard)) loads[thread]! -= 1;
      for (let n = 0; n < leaving.size; n += 1) loads[loads.indexOf(Math.min(...loads))]! += 1;
      expect(Math.max(...loads) - Math.min(...loads), `seed ${seed}`).to.be.at.most(1);
    }
  });
});
