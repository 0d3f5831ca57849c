// Placement and allocation as tables.

import { expect } from 'chai';
import { claims } from '../../src/coordinator/allocation.ts';
import { leastLoaded, place, surplus } from '../../src/coordinator/placement.ts';
import type { SessionRow, SessionState, ShardRow } from '../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
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

describe('claims', () => {
  const session = (name: string, state: SessionState): SessionRow => ({
    session: name,
    beat: 1,
    state,
    maxShards: null,
    host: 'h',
    pid: 1,
    version: '0',
  });
  const sessions = [
    session('me', 'live'),
    session('other', 'live'),
    session('leaving', 'draining'),
    session('ended', 'ended'),
    session('dead', 'dead'),
  ];
  const row = (shardId: string, owner: string | null): ShardRow => ({
    shardId,
    startsAt: '1',
    parents: [],
    position: TRIM_HORIZON,
    owner,
    token: 1,
    handOffTo: null,
  });
  const claimed = (owner: string | null, held: string[] = []): boolean =>
    claims([row('s', owner)], ['s'], sessions, 'me', new Set(held), null).length === 1;

  for (const [owner, expected] of [
    [null, true],
    ['me', true],
    ['ended', true],
    ['dead', true],
    ['other', false],
    ['leaving', false],
    ['without a row', false],
  ] as const) {
    it(`${expected ? 'takes' : 'leaves'} a shard whose owner is ${owner}`, () => {
      expect(claimed(owner)).to.equal(expected);
    });
  }

  it('leaves what it holds, what is not eligible and what has no row', () => {
    expect(claimed('me', ['s'])).to.equal(false);
    expect(claims([row('s', null)], [], sessions, 'me', new Set(), null)).to.deep.equal([]);
    expect(claims([], ['s'], sessions, 'me', new Set(), null)).to.deep.equal([]);
  });

  it('takes at most maxShards, those that it holds counted', () => {
    const rows = ['a', 'b', 'c', 'd'].map((id) => row(id, null));
    const ids = (max: number | null, held: string[] = []) =>
      claims(rows, ['a', 'b', 'c', 'd'], sessions, 'me', new Set(held), max).map(({ shardId }) => shardId);
    expect(ids(null)).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(ids(2)).to.deep.equal(['a', 'b']);
    expect(ids(2, ['a'])).to.deep.equal(['b']);
    expect(ids(1, ['x', 'y'])).to.deep.equal([]);
  });
});
