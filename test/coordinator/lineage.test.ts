// Lineage as tables: which shards are created where, and which of them may be read.

import { expect } from 'chai';
import { buildLineage, eligible, newRows, obsoleteRows, seedRows } from '../../src/coordinator/lineage.ts';
import type { ShardRow } from '../../src/model/lease-store.ts';
import {
  latestPosition,
  type Position,
  SHARD_END,
  sequencePosition,
  TRIM_HORIZON,
} from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';

const START = latestPosition(1_700_000_000_000);
const MIDDLE = sequencePosition('495', 0);

/** `'c<a,b'` is the shard c with the parents a and b, `'c<,b'` one with an adjacent parent only; `!` says closed. */
function shardOf(text: string): Shard {
  const [id, parents = ''] = text.replace('!', '').split('<');
  const [parent, adjacent] = parents.split(',');
  return {
    shardId: id!,
    parentShardId: parent || null,
    adjacentParentShardId: adjacent || null,
    startingHashKey: '0',
    endingHashKey: '1',
    startingSequenceNumber: '9',
    endingSequenceNumber: text.endsWith('!') ? '2' : null,
  };
}

const listingOf = (text: string): Shard[] => text.split(' ').filter(Boolean).map(shardOf);

const POSITIONS: Record<string, Position> = {
  done: SHARD_END,
  start: START,
  horizon: TRIM_HORIZON,
  middle: MIDDLE,
};
const nameOf = (position: Position): string =>
  Object.keys(POSITIONS).find((name) => POSITIONS[name] === position) ?? position;

/** `'c<a=done'`: the row of c with the parent a, at SHARD_END. */
function rowOf(text: string): ShardRow {
  const [shard = '', position = ''] = text.split('=');
  const { shardId, parentShardId, adjacentParentShardId } = shardOf(shard);
  const parents = [parentShardId, adjacentParentShardId].filter((id) => id !== null);
  return {
    shardId,
    startsAt: '9',
    parents,
    position: POSITIONS[position]!,
    owner: null,
    token: 0,
    handOffTo: null,
  };
}

const rowsOf = (text: string): ShardRow[] => text.split(' ').filter(Boolean).map(rowOf);

const inEveryOrder = <T>(items: readonly T[]): T[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item, i) => inEveryOrder(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));

describe('buildLineage', () => {
  const lineage = buildLineage(listingOf('e<d d<b,c c<a! b<a! a! x'));

  it('knows parents and children, with both parents of a merge', () => {
    expect(lineage.parents('d')).to.deep.equal(['b', 'c']);
    expect(lineage.children('a')).to.deep.equal(['b', 'c']);
    expect(lineage.children('b')).to.deep.equal(['d']);
    expect(lineage.parents('x')).to.deep.equal([]);
    expect(lineage.children('nobody')).to.deep.equal([]);
  });

  it('lists parents before children', () => {
    expect([...lineage.shards.keys()]).to.deep.equal(['a', 'x', 'b', 'c', 'd', 'e']);
  });

  it('finds ancestors and descendants at any depth', () => {
    expect([...lineage.ancestors(['e'])].sort()).to.deep.equal(['a', 'b', 'c', 'd']);
    expect([...lineage.descendants(['b'])].sort()).to.deep.equal(['d', 'e']);
    expect([...lineage.ancestors(['a'])]).to.deep.equal([]);
  });

  it('keeps a parent that is not listed, but not among the ancestors', () => {
    const trimmed = buildLineage(listingOf('b<a'));
    expect(trimmed.parents('b')).to.deep.equal(['a']);
    expect([...trimmed.ancestors(['b'])]).to.deep.equal([]);
  });

  it('takes the closed one of a shard that is listed twice', () => {
    for (const listing of ['a a!', 'a! a']) {
      expect(buildLineage(listingOf(listing)).shards.get('a')!.endingSequenceNumber).to.equal('2');
    }
  });
});

describe('seedRows', () => {
  it('a new shard whose parent is read here continues it, though the start set tells nothing any more', () => {
    // A was counted as done at the start. C opened and closed while nobody looked.
    const rows = [
      {
        shardId: 'a',
        startsAt: '9',
        parents: [],
        position: SHARD_END,
        owner: null,
        token: 0,
        handOffTo: null,
      },
      {
        shardId: 'p',
        startsAt: '9',
        parents: [],
        position: TRIM_HORIZON,
        owner: 's',
        token: 3,
        handOffTo: null,
      },
    ];
    const listing = listingOf('a! p! c<p! d<c e<c x<a!');
    const seeds = new Map(seedRows(listing, [], START, rows).map((seed) => [seed.shardId, seed.position]));
    for (const shardId of ['c', 'd', 'e']) expect(seeds.get(shardId), shardId).to.equal(TRIM_HORIZON);
    expect(seeds.get('x')).to.equal(SHARD_END);
  });

  const cases: readonly { title: string; listing: string; startSet: string; expected: string }[] = [
    { title: 'a stream that never resharded', listing: 'a b', startSet: 'a b', expected: 'a=start b=start' },
    { title: 'an empty listing', listing: '', startSet: '', expected: '' },
    {
      title: 'a child that was open at the start: its parent counts as done',
      listing: 'a! b<a c<a',
      startSet: 'b c',
      expected: 'a=done b<a=start c<a=start',
    },
    {
      title: 'a split after the start: the children begin at their horizon',
      listing: 'a! b<a c<a',
      startSet: 'a',
      expected: 'a=start b<a=horizon c<a=horizon',
    },
    {
      title: 'a split of a split',
      listing: 'a! b<a! c<a d<b e<b',
      startSet: 'c b',
      expected: 'a=done b<a=start c<a=start d<b=horizon e<b=horizon',
    },
    {
      title: 'ancestors at any depth',
      listing: 'a! b<a! c<b! d<c',
      startSet: 'd',
      expected: 'a=done b<a=done c<b=done d<c=start',
    },
    {
      title: 'descendants at any depth',
      listing: 'a! b<a! c<b! d<c',
      startSet: 'a',
      expected: 'a=start b<a=horizon c<b=horizon d<c=horizon',
    },
    {
      title: 'a merge of one of the start set with another',
      listing: 'a! b! c<a,b',
      startSet: 'a',
      expected: 'a=start b=done c<a,b=horizon',
    },
    {
      title: 'a merge that was open at the start',
      listing: 'a! b! c<a,b',
      startSet: 'c',
      expected: 'a=done b=done c<a,b=start',
    },
    {
      title: 'an adjacent parent only',
      listing: 'b! c<,b',
      startSet: 'b',
      expected: 'b=start c<,b=horizon',
    },
    {
      title: 'parent and child both in the start set',
      listing: 'a! b<a',
      startSet: 'a b',
      expected: 'a=start b<a=start',
    },
    {
      title: 'a shard between two of the start set is read, not skipped',
      listing: 'a! b<a! c<b',
      startSet: 'a c',
      expected: 'a=start b<a=horizon c<b=start',
    },
    {
      title: 'a closed shard without relation counts as done',
      listing: 'a! b',
      startSet: 'b',
      expected: 'a=done b=start',
    },
    {
      title: 'an open shard without relation is not lost',
      listing: 'a b<trimmed',
      startSet: 'a',
      expected: 'a=start b=start',
    },
    {
      title: 'a parent that is trimmed is left out of the row',
      listing: 'b! c<gone,b',
      startSet: 'c',
      expected: 'b=done c<,b=start',
    },
    { title: 'a start set that is trimmed by now', listing: 'a', startSet: 'old a', expected: 'a=start' },
    {
      title: 'its own parent, and a cycle',
      listing: 'a<a b<c c<b d<b',
      startSet: 'a d',
      expected: 'a=start b<c=done c<b=done d<b=start',
    },
  ];
  for (const { title, listing, startSet, expected } of cases) {
    it(title, () => {
      const seeds = seedRows(listingOf(listing), startSet.split(' '), START);
      const created = new Map(seeds.map((seed) => [seed.shardId, seed]));
      const wanted = rowsOf(expected);
      expect([...created.keys()].sort()).to.deep.equal(wanted.map((row) => row.shardId).sort());
      for (const row of wanted) {
        const seed = created.get(row.shardId)!;
        expect(nameOf(seed.position), `position of ${row.shardId}`).to.equal(nameOf(row.position));
        expect(seed.parents, `parents of ${row.shardId}`).to.deep.equal(row.parents);
      }
    });
  }

  it('gives the same for every order of the listing, parents before children', () => {
    const reference = seedRows(listingOf('a! b<a! c<a d<b! e<b f<d,c'), ['b', 'c'], START);
    for (const listing of inEveryOrder(listingOf('a! b<a! c<a d<b! e<b f<d,c'))) {
      const seeds = seedRows(listing, ['c', 'b'], START);
      expect(seeds).to.deep.equal(reference);
      const created = new Set<string>();
      for (const { shardId, parents } of seeds) {
        for (const parent of parents) expect(created, `${parent} before ${shardId}`).to.include(parent);
        created.add(shardId);
      }
    }
  });
});

describe('newRows', () => {
  const cases: readonly { title: string; listing: string; rows: string; expected: string }[] = [
    { title: 'nothing new', listing: 'a b', rows: 'a=start b=middle', expected: '' },
    { title: 'a child', listing: 'a! b<a', rows: 'a=middle', expected: 'b<a=horizon' },
    {
      title: 'a child and its child at once',
      listing: 'c<b b<a! a!',
      rows: 'a=done',
      expected: 'b<a=horizon c<b=horizon',
    },
    { title: 'a merge', listing: 'a! b! c<a,b', rows: 'a=middle b=done', expected: 'c<a,b=horizon' },
    {
      title: 'the row of a parent that is not listed any more still counts',
      listing: 'b<a',
      rows: 'a=middle',
      expected: 'b<a=horizon',
    },
    {
      title: 'a parent without listing and row is left out',
      listing: 'b<a',
      rows: '',
      expected: 'b=horizon',
    },
    { title: 'rows of trimmed shards are no matter', listing: 'b', rows: 'a=done b=start', expected: '' },
  ];
  for (const { title, listing, rows, expected } of cases) {
    it(title, () => {
      const wanted = rowsOf(expected).map(({ shardId, startsAt, parents, position }) => ({
        shardId,
        startsAt,
        parents,
        position,
      }));
      for (const order of inEveryOrder(listingOf(listing))) {
        expect(newRows(order, rowsOf(rows))).to.deep.equal(wanted);
      }
    });
  }
});

describe('eligible', () => {
  const cases: readonly {
    title: string;
    listing: string;
    rows: string;
    ready: string;
    waiting?: Record<string, string[]>;
  }[] = [
    { title: 'shards without parents', listing: 'a b', rows: 'a=start b=middle', ready: 'a b' },
    { title: 'a finished shard is not', listing: 'a! b', rows: 'a=done b=start', ready: 'b' },
    {
      title: 'children wait for their parent',
      listing: 'a! b<a c<a',
      rows: 'a=middle b<a=horizon c<a=horizon',
      ready: 'a',
      waiting: { b: ['a'], c: ['a'] },
    },
    {
      title: 'children of a finished parent',
      listing: 'a! b<a c<a',
      rows: 'a=done b<a=horizon c<a=horizon',
      ready: 'b c',
    },
    {
      title: 'a merge waits for its slow parent',
      listing: 'a! b! c<a,b',
      rows: 'a=done b=middle c<a,b=horizon',
      ready: 'b',
      waiting: { c: ['b'] },
    },
    {
      title: 'a merge waits for both',
      listing: 'a! b! c<a,b',
      rows: 'a=start b=middle c<a,b=horizon',
      ready: 'a b',
      waiting: { c: ['a', 'b'] },
    },
    {
      title: 'an adjacent parent alone holds back too',
      listing: 'b! c<,b',
      rows: 'b=middle c<,b=horizon',
      ready: 'b',
      waiting: { c: ['b'] },
    },
    {
      title: 'a split of a split, from the middle on',
      listing: 'a! b<a! c<a d<b e<b',
      rows: 'a=done b<a=middle c<a=middle d<b=horizon e<b=horizon',
      ready: 'b c',
      waiting: { d: ['b'], e: ['b'] },
    },
    {
      title: 'a grandchild that appears before the child is started',
      listing: 'a! b<a! c<b',
      rows: 'a=middle b<a=horizon c<b=horizon',
      ready: 'a',
      waiting: { b: ['a'], c: ['b'] },
    },
    {
      title: 'a grandchild does not skip an unstarted child of a finished parent',
      listing: 'a! b<a! c<b',
      rows: 'a=done b<a=horizon c<b=horizon',
      ready: 'b',
      waiting: { c: ['b'] },
    },
    {
      title: 'a parent gone from a listing that has the child',
      listing: 'b<a',
      rows: 'b<a=horizon',
      ready: 'b',
    },
    {
      title: 'a parent gone from the stream before its row was finished',
      listing: 'b<a',
      rows: 'a=middle b<a=horizon',
      ready: 'a b',
    },
    {
      title: 'one parent gone, the other slow',
      listing: 'b! c<a,b',
      rows: 'a=middle b=middle c<a,b=horizon',
      ready: 'a b',
      waiting: { c: ['b'] },
    },
    {
      title: 'a listing older than the reshard says nothing about the parent of the child',
      listing: '',
      rows: 'a=middle b<a=horizon',
      ready: 'a',
      waiting: { b: ['a'] },
    },
    {
      title: 'an old listing and a torn read without the parent row',
      listing: 'x',
      rows: 'b<a=horizon',
      ready: '',
      waiting: { b: ['a'] },
    },
    {
      title: 'an old listing, but the parent row is finished',
      listing: 'a',
      rows: 'a=done b<a=horizon',
      ready: 'b',
    },
    {
      title: 'a listed parent whose row is not created yet',
      listing: 'a! b<a',
      rows: 'b<a=horizon',
      ready: '',
      waiting: { b: ['a'] },
    },
    { title: 'its own parent', listing: 'a<a', rows: 'a<a=start', ready: 'a' },
    { title: 'its own parent, not listed', listing: '', rows: 'a<a=start', ready: 'a' },
    {
      title: 'a cycle waits for itself, and ends',
      listing: 'b<c c<b d<b',
      rows: 'b<c=horizon c<b=horizon d<b=horizon',
      ready: '',
      waiting: { b: ['c'], c: ['b'], d: ['b'] },
    },
  ];
  for (const { title, listing, rows, ready, waiting = {} } of cases) {
    it(title, () => {
      for (const listed of inEveryOrder(listingOf(listing))) {
        for (const given of [rowsOf(rows), rowsOf(rows).toReversed()]) {
          const result = eligible(given, listed);
          expect(result.eligible).to.deep.equal(ready.split(' ').filter(Boolean));
          expect(Object.fromEntries(result.waiting)).to.deep.equal(waiting);
        }
      }
    });
  }
});

describe('10 000 shards', () => {
  const id = (n: number) => `shardId-${String(n).padStart(12, '0')}`;
  const chain = Array.from({ length: 10_000 }, (_, n) => shardOf(n === 0 ? id(0) : `${id(n)}<${id(n - 1)}`));
  // A binary tree of splits.
  const tree = chain.map((_, n) => shardOf(n === 0 ? id(0) : `${id(n)}<${id((n - 1) >> 1)}`));

  for (const [shape, listing] of Object.entries({ chain, tree })) {
    it(`as a ${shape}: seeds, new rows and eligibility in time that grows with the shards`, () => {
      const shuffled = listing.toSorted((a, b) => hash(a.shardId) - hash(b.shardId));
      const startedAt = performance.now();
      const seeds = seedRows(shuffled, [id(5_000)], START);
      const rows = seeds.map((seed) => ({ ...seed, owner: null, token: 0, handOffTo: null }));
      expect(newRows(shuffled, rows)).to.deep.equal([]);
      const { eligible: ready, waiting } = eligible(rows, shuffled);
      // Measured at about 60 ms; a quadratic walk takes many seconds.
      expect(performance.now() - startedAt).to.be.below(1_500);
      expect(seeds).to.have.length(10_000);
      expect(ready).to.include(id(5_000));
      expect(waiting.size + ready.length + rows.filter((row) => row.position === SHARD_END).length).to.equal(
        10_000,
      );
    });
  }
});

function hash(text: string): number {
  let value = 7;
  for (const character of text) value = (value * 31 + character.charCodeAt(0)) % 1_000_003;
  return value;
}

describe('a stream that was created again under its name', () => {
  /** The shards of the second stream, whose numbers are longer: compared as text they would sort first. */
  const again = (text: string): Shard[] =>
    listingOf(text).map((shard) => ({ ...shard, startingSequenceNumber: '10' }));
  const newer = (text: string): ShardRow[] => rowsOf(text).map((row) => ({ ...row, startsAt: '10' }));

  it('its rows are obsolete, and those of shards that it does not have are not', () => {
    const rows = rowsOf('a=done b=middle z=middle');
    expect(obsoleteRows(rows, again('a b c')).map(({ shardId }) => shardId)).to.deep.equal(['a', 'b']);
    expect(obsoleteRows(rows, listingOf('a b c'))).to.deep.equal([]);
  });

  it('an old listing makes no newer row obsolete', () => {
    expect(obsoleteRows(newer('a=middle'), listingOf('a'))).to.deep.equal([]);
  });

  it('obsolete rows are neither read nor count as finished parents', () => {
    const { eligible: ready, waiting } = eligible(
      [...rowsOf('a=done'), ...newer('b<a=horizon c=horizon')],
      again('a! b<a c'),
    );
    expect(ready).to.deep.equal(['c']);
    expect(waiting.get('b')).to.deep.equal(['a']);
  });

  it('a shard of the old stream does not wait for one of the new stream that has the id of its parent', () => {
    const rows = [...rowsOf('b<a=middle'), ...newer('a=middle')];
    expect(eligible(rows, again('a')).eligible).to.deep.equal(['a', 'b']);
  });

  it('a row that is newer than the listing waits for the next one', () => {
    expect(eligible(newer('a=horizon'), listingOf('a')).eligible).to.deep.equal([]);
  });

  it('seeds carry where their shard starts', () => {
    expect(newRows(again('a'), []).map(({ startsAt }) => startsAt)).to.deep.equal(['10']);
    expect(seedRows(again('a'), ['a'], START).map(({ startsAt }) => startsAt)).to.deep.equal(['10']);
  });
});
