// The plan: by example, and what holds for every table.

import { expect } from 'chai';
import { plan, type Plan } from '../../src/coordinator/plan.ts';
import { byHash, hash32 } from '../../src/coordinator/plan-hash.ts';
import { integerFrom, type Random, seededRandom } from '../fakes/random.ts';
import {
  carriedOut,
  countsOf,
  dealtTable,
  placeOf,
  type PlanTable,
  randomTable,
  session,
  shardId,
  shardRow,
  shuffled,
} from './plan-harness.ts';

const TABLES = 1_500;

function forEachTable(check: (table: PlanTable, random: Random, seed: string) => void): void {
  for (let seed = 1; seed <= TABLES; seed += 1) {
    const random = seededRandom(seed);
    check(randomTable(random), random, `seed ${seed}`);
  }
}

const isBalanced = ({ free, gives }: Plan) => free.length === 0 && gives.length === 0;
const inHashOrder = (ids: readonly string[]) =>
  ids
    .map((id) => ({ id, hash: hash32(id) }))
    .sort(byHash)
    .map(({ id }) => id);

describe('the plan', () => {
  it('shares free shards evenly, and gives the odd one to the first by hash', () => {
    const { targets, free, gives, unassigned } = plan({
      sessions: [session('a'), session('b'), session('c')],
      shards: dealtTable(7, [null]),
    });
    const [first] = inHashOrder(['a', 'b', 'c']);
    for (const [name, target] of targets) expect(target).to.equal(name === first ? 3 : 2);
    expect(free).to.have.length(7);
    expect([gives, unassigned]).to.deep.equal([[], []]);
  });

  it('counts the shards of sessions that are ended, dead or without a row as free', () => {
    const sessions = [session('me'), session('ended', null, 'ended'), session('dead', null, 'dead')];
    const { free, gives } = plan({ sessions, shards: dealtTable(3, ['ended', 'dead', 'nowhere']) });
    expect(free.map((line) => line.to)).to.deep.equal(['me', 'me', 'me']);
    expect(gives).to.deep.equal([]);
  });

  it('gives away what a leaving session has, and nothing to it', () => {
    const sessions = [session('me'), session('leaving', null, 'draining')];
    const shards = [shardRow('a', 'leaving'), shardRow('b', 'me', { handOffTo: 'leaving' }), shardRow('c')];
    const { targets, free, gives } = plan({ sessions, shards });
    expect([...targets]).to.deep.equal([['me', 3]]);
    expect(free).to.deep.equal([{ shardId: 'c', to: 'me' }]);
    expect(gives).to.deep.equal([{ shardId: 'a', from: 'leaving', to: 'me' }]);
  });

  it('counts a marked shard for its taker, once', () => {
    const shards = [
      shardRow('a', 'old', { handOffTo: 'new' }),
      shardRow('b', null, { handOffTo: 'new' }),
      shardRow('c', 'old'),
      shardRow('d', 'old'),
    ];
    const { targets, free, gives } = plan({ sessions: [session('old'), session('new')], shards });
    expect([targets.get('old'), targets.get('new')]).to.deep.equal([2, 2]);
    expect(free).to.deep.equal([{ shardId: 'b', to: 'new' }]);
    expect(gives).to.deep.equal([]);
  });

  it('ignores a mark for a session that cannot hold shards', () => {
    const sessions = [session('a'), session('gone', null, 'ended'), session('leaving', null, 'draining')];
    for (const handOffTo of ['gone', 'leaving', 'nowhere', 'a']) {
      expect(isBalanced(plan({ sessions, shards: [shardRow('s', 'a', { handOffTo })] }))).to.equal(true);
    }
    expect(plan({ sessions, shards: [shardRow('s', null, { handOffTo: 'leaving' })] }).free).to.deep.equal([
      { shardId: 's', to: 'a' },
    ]);
  });

  it('a session with too much gives up marked shards first, then by hash, and reserved ones last', () => {
    const own = ['a', 'b', 'c', 'd'];
    const sessions = [session('full', 4), session('owner'), session('other')];
    const shards = [
      ...own.map((id) => shardRow(id, 'full')),
      shardRow('x', null, { handOffTo: 'full' }),
      shardRow('y', 'owner', { handOffTo: 'full' }),
    ];
    const { targets, gives, free } = plan({ sessions, shards });
    expect([...targets.values()]).to.deep.equal([2, 2, 2]);
    const [first, second, third] = inHashOrder(own);
    expect(gives.map((line) => line.shardId)).to.deep.equal(['y', first, second, third]);
    expect(gives[0]!.from).to.equal('owner');
    expect(gives[1]!.from).to.equal('full');
    expect(free).to.deep.equal([{ shardId: 'x', to: 'full' }]);
  });

  it('deals to those that lack most first, and free shards before those that somebody has', () => {
    const shards = [
      ...Array.from({ length: 9 }, (_, n) => shardRow(`f${n}`, 'full')),
      shardRow('b0', 'some'),
      shardRow('free1'),
      shardRow('free2'),
    ];
    const sessions = [session('full'), session('some'), session('none')];
    const { free, gives } = plan({ sessions, shards });
    expect(free.map((line) => line.to)).to.deep.equal(['none', 'none']);
    expect(gives.map((line) => line.to)).to.deep.equal(['none', 'none', 'some', 'some', 'some']);
  });

  it('says what has no place', () => {
    const sessions = [session('a', 2), session('b', 1), session('c', 0)];
    const { targets, free, unassigned } = plan({ sessions, shards: dealtTable(5, [null]) });
    expect(Object.fromEntries(targets)).to.deep.equal({ a: 2, b: 1, c: 0 });
    expect(free).to.have.length(3);
    expect(unassigned).to.have.length(2);
    expect(plan({ sessions: [], shards: dealtTable(5, ['a']) }).unassigned).to.have.length(5);
  });

  it('a session that has more than its new limit is to give the rest, to whoever has room', () => {
    const shards = dealtTable(4, ['a']);
    expect(plan({ sessions: [session('a', 1), session('b', 2)], shards })).to.deep.include({
      targets: new Map([
        ['a', 1],
        ['b', 2],
      ]),
      unassigned: [inHashOrder(shards.map((row) => row.shardId))[2]],
    });
  });

  it('the order of ties is the same for ever', () => {
    expect([hash32(''), hash32('a'), hash32(shardId(1)), hash32('worker-1#x')]).to.deep.equal([
      2_872_998_923, 444_641_715, 1_512_020_398, 3_762_438_467,
    ]);
  });
});

describe('every plan', () => {
  it('is the same whatever the order of the rows', () => {
    forEachTable((table, random, seed) => {
      const again = plan({
        sessions: shuffled(random, table.sessions),
        shards: shuffled(random, table.shards),
      });
      // As text: the order of its lines belongs to it.
      const text = ({ targets, ...lines }: Plan) => JSON.stringify([...targets, lines]);
      expect(text(again), seed).to.equal(text(plan(table)));
    });
  });

  it('evens out under the limits, and leads to its targets', () => {
    forEachTable((table, _random, seed) => {
      const { targets, free, gives, unassigned } = plan(table);
      const live = table.sessions.filter(({ state }) => state === 'live');
      const capOf = (name: string) => live.find((each) => each.session === name)!.maxShards ?? Infinity;
      expect([...targets.keys()], seed).to.have.members(live.map((each) => each.session));
      const caps = live.reduce((sum, each) => sum + (each.maxShards ?? Infinity), 0);
      const total = [...targets.values()].reduce((sum, target) => sum + target, 0);
      expect(total, seed).to.equal(Math.min(caps, table.shards.length));
      for (const [name, target] of targets) {
        expect(target, seed).to.be.at.most(capOf(name));
        const isAtLimit = target === capOf(name);
        if (!isAtLimit) expect(Math.max(...targets.values()) - target, seed).to.be.at.most(1);
      }
      const lines = [...free, ...gives].map((line) => line.shardId).concat(unassigned);
      expect(new Set(lines).size, seed).to.equal(lines.length);
      expect(unassigned.length, seed).to.equal(table.shards.length - total);

      const after = carriedOut(table, { free, gives }, 'handed-off');
      const placed = after.shards.filter((shard) => !unassigned.includes(shard.shardId));
      const counts = countsOf({ ...after, shards: placed });
      for (const [name, target] of targets) expect(counts.get(name) ?? 0, seed).to.equal(target);
    });
  });

  it('leaves a balanced table alone, whether its shards were handed off or are only marked', () => {
    forEachTable((table, _random, seed) => {
      const first = plan(table);
      for (const gift of ['handed-off', 'marked'] as const) {
        const then = plan(carriedOut(table, first, gift));
        expect(then.gives, seed).to.deep.equal([]);
        expect(then.targets, seed).to.deep.equal(first.targets);
        expect(then.unassigned.length, seed).to.equal(first.unassigned.length);
        // A session with more than its limit may be told to take another one of those that have no place.
        const settled = gift === 'handed-off' && first.unassigned.length === 0;
        if (settled) expect(then.free, seed).to.deep.equal([]);
      }
    });
  });

  it('moves as few shards as any even share of them would', () => {
    forEachTable((table, _random, seed) => {
      const { targets, gives } = plan(table);
      const counts = countsOf(table);
      const surplus = (shares: ReadonlyMap<string, number>) =>
        [...shares].reduce((sum, [name, share]) => sum + Math.max(0, (counts.get(name) ?? 0) - share), 0);
      const least = Math.min(...evenShares(table, targets).map(surplus));
      expect(surplus(targets), seed).to.equal(least);
      const ofLeaving = table.shards.filter((shard) => {
        const place = placeOf(table, shard);
        return place !== null && !targets.has(place);
      });
      expect(gives.length, seed).to.be.at.most(least + ofLeaving.length);
    });
  });

  it('needs one move less after each one, whichever come first', () => {
    forEachTable((table, random, seed) => {
      let now = table;
      let open = plan(now);
      const before = open.gives.length;
      let moved = 0;
      while (!isBalanced(open)) {
        const part = {
          free: open.free.filter(() => random() < 0.5),
          gives: open.gives.filter(() => random() < 0.5),
        };
        now = carriedOut(now, part, random() < 0.5 ? 'marked' : 'handed-off');
        moved += part.gives.length;
        open = plan(now);
        // Marked shards are no lines any more, reserved ones are.
        expect(moved + open.gives.length, seed).to.equal(before);
      }
    });
  });

  it('when a session joins a balanced table, moves its share and nothing else', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const { sessions, shards } = balanced(random);
      const { gives, free } = plan({ sessions: [...sessions, session('new')], shards });
      expect(free).to.deep.equal([]);
      expect(gives.length).to.equal(Math.floor(shards.length / (sessions.length + 1)));
      expect(gives.every((line) => line.to === 'new')).to.equal(true);
    }
  });

  it('when a session leaves or dies, moves its shards and nothing else', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const { sessions, shards } = balanced(random);
      const gone = sessions[0]!.session;
      const its = shards.filter((shard) => shard.owner === gone).map((shard) => shard.shardId);
      if (sessions.length === 1) continue;
      for (const state of ['dead', 'draining'] as const) {
        const { free, gives, unassigned } = plan({
          sessions: [session(gone, null, state), ...sessions.slice(1)],
          shards,
        });
        const lines = state === 'dead' ? free : gives;
        expect(lines.map((line) => line.shardId)).to.have.members(its);
        expect(free.length + gives.length).to.equal(its.length);
        expect(unassigned).to.deep.equal([]);
      }
    }
  });
});

/** A few sessions without limits, their shards shared by the plan itself. */
function balanced(random: Random): PlanTable {
  const sessions = Array.from({ length: integerFrom(random, 1, 9) }, (_, n) =>
    session(`s${n}#${integerFrom(random, 0, 99)}`),
  );
  const table = { sessions, shards: dealtTable(integerFrom(random, 0, 80), [null]) };
  return carriedOut(table, plan(table), 'handed-off');
}

/** Every way to give the odd shards to sessions that have room for one more. */
function evenShares(
  { sessions }: PlanTable,
  targets: ReadonlyMap<string, number>,
): ReadonlyMap<string, number>[] {
  const limits = new Map(sessions.map((each) => [each.session, each.maxShards ?? Infinity]));
  const level = Math.min(...[...targets].filter(([name, n]) => n < limits.get(name)!).map(([, n]) => n));
  // All are at their limits, or none has more than another.
  const open = [...targets].filter(([name]) => limits.get(name)! > level).map(([name]) => name);
  const odd = open.filter((name) => targets.get(name)! > level).length;
  if (odd === 0) return [targets];
  return subsets(open, odd).map((chosen) => {
    const shares = new Map(targets);
    for (const name of open) shares.set(name, chosen.includes(name) ? level + 1 : level);
    return shares;
  });
}

function subsets(names: readonly string[], size: number): string[][] {
  if (size === 0) return [[]];
  return names.flatMap((name, at) => subsets(names.slice(at + 1), size - 1).map((rest) => [name, ...rest]));
}
