// The audit finds each kind of violation in a history that was made up for it, and nothing in one where all went well.

import { expect } from 'chai';
import { audit } from './audit.ts';
import { type FindingKind, FINDINGS } from './findings.ts';
import { MadeUpHistory } from './made-up-history.ts';

/** a.1 reads and is killed at 1 000; b.1 goes on at 4 000 from its checkpoint. All beats are in time. */
function killed({ checkpoint = 1, handled = 3 } = {}): MadeUpHistory {
  return new MadeUpHistory()
    .shard('s0', 6)
    .beat('a.1', 0)
    .take({ by: 'a.1', token: 1, at: 10, upTo: -1 })
    .call({ by: 'a.1', token: 1, records: [0, 1], begin: 100 })
    .store('checkpoint', { by: 'a.1', token: 1, at: 500, upTo: checkpoint })
    .call({ by: 'a.1', token: 1, records: span(2, handled), begin: 900 })
    .disturbed('a.1', 1_000, Infinity, 'kill -9')
    .beat('b.1', 3_800);
}

const span = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const kinds = (made: MadeUpHistory): FindingKind[] => [
  ...new Set(audit(made.history).findings.map(({ kind }) => kind)),
];

/** The second half, as it should be. */
const goOn = (made: MadeUpHistory) =>
  made
    .take({ by: 'b.1', token: 2, at: 4_000, upTo: 1 })
    .call({ by: 'b.1', token: 2, records: [2, 3, 4, 5], begin: 4_100 });

/** s0 with two records in parts of one key, and s1, its child, that goes on with the key. */
const family = () =>
  new MadeUpHistory()
    .shard('s0', 2, [], 'k')
    .shard('s1', 2, ['s0'], 'k', 2)
    .beat('a.1', 0)
    .take({ by: 'a.1', token: 1, at: 10, upTo: -1 });

const MADE_UP: Readonly<Record<FindingKind, () => MadeUpHistory>> = {
  missing: () =>
    killed()
      .take({ by: 'b.1', token: 2, at: 4_000, upTo: 1 })
      .call({ by: 'b.1', token: 2, records: [2, 3, 4, 5], begin: 4_100, end: null }),
  unknown: () => goOn(killed()).call({ by: 'b.1', token: 2, records: [6], begin: 4_200 }),
  gap: () =>
    killed()
      .take({ by: 'b.1', token: 2, at: 4_000, upTo: 1 })
      .call({ by: 'b.1', token: 2, records: [2, 3], begin: 4_100 })
      .call({ by: 'b.1', token: 2, records: [5], begin: 4_200 }),
  repeated: () => goOn(killed()).call({ by: 'b.1', token: 2, records: [5], begin: 4_200 }),
  concurrent: () =>
    killed()
      .take({ by: 'b.1', token: 2, at: 4_000, upTo: 1 })
      .call({ by: 'b.1', token: 2, records: [2, 3], begin: 4_100 })
      .call({ by: 'b.1', token: 2, records: [4, 5], begin: 4_105 }),
  'shared-token': () => goOn(killed()).call({ by: 'c.1', token: 2, records: [5], begin: 4_200 }),
  'wrong-start': () =>
    killed()
      .take({ by: 'b.1', token: 2, at: 4_000, upTo: 1 })
      .call({ by: 'b.1', token: 2, records: [1, 2, 3, 4, 5], begin: 4_100 }),
  'checkpoint-ahead': () =>
    goOn(killed()).store('checkpoint', { by: 'b.1', token: 2, at: 4_105, upTo: 4, applied: null }),
  'position-back': () =>
    killed()
      .take({ by: 'b.1', token: 2, at: 4_000, upTo: 0 })
      .call({ by: 'b.1', token: 2, records: [1, 2, 3, 4, 5], begin: 4_100 }),
  stale: () => goOn(killed()).call({ by: 'a.1', token: 1, records: [4], begin: 4_101 }),
  fence: () => goOn(killed().call({ by: 'a.1', token: 1, records: [4], begin: 2_000 })),
  'child-early': () =>
    family()
      .call({ by: 'a.1', token: 1, records: [0, 1], begin: 100, end: 200 })
      .take({ by: 'a.1', token: 1, at: 110, shard: 's1', upTo: -1 })
      .call({ by: 'a.1', token: 1, records: [0, 1], begin: 150, shard: 's1' }),
  'key-order': () =>
    family()
      .take({ by: 'a.1', token: 1, at: 20, shard: 's1', upTo: -1 })
      .call({ by: 'a.1', token: 1, records: [0, 1], begin: 50, shard: 's1' })
      .call({ by: 'a.1', token: 1, records: [0, 1], begin: 100 }),
  'needless-repeat': () =>
    new MadeUpHistory()
      .shard('s0', 2)
      .beat('a.1', 0)
      .beat('a.1', 1_500)
      .take({ by: 'a.1', token: 1, at: 10, upTo: -1 })
      .call({ by: 'a.1', token: 1, records: [0, 1], begin: 100 })
      .disturbed('a.1', 2_700, Infinity, 'kill -9')
      .beat('b.1', 5_000)
      .take({ by: 'b.1', token: 2, at: 5_001, upTo: -1 })
      .call({ by: 'b.1', token: 2, records: [0, 1], begin: 5_100 }),
  'lost-release': () =>
    new MadeUpHistory()
      .shard('s0', 2)
      .beat('a.1', 0)
      .take({ by: 'a.1', token: 1, at: 10, upTo: -1 })
      .call({ by: 'a.1', token: 1, records: [0, 1], begin: 100 })
      .store('release', { by: 'a.1', token: 1, at: 700, upTo: 0 }),
};

describe('the audit of a fleet', () => {
  it('finds nothing where a process was killed and another one went on at its checkpoint', () => {
    const { findings, figures } = audit(goOn(killed()).history);
    expect(findings).to.deep.equal([]);
    expect(figures).to.include({
      records: 6,
      calls: 3,
      leases: 2,
      moves: 1,
      repeatedDone: 2,
      repeatedUnfinished: 0,
    });
    expect(figures.takeOverMs).to.deep.equal({ median: 3_001, longest: 3_001 });
  });

  for (const [kind, made] of Object.entries(MADE_UP) as [FindingKind, () => MadeUpHistory][]) {
    it(`finds: ${FINDINGS[kind]}`, () => {
      expect(kinds(made())).to.include(kind);
    });
  }

  it('names a violation and nothing else, but for what follows from it', () => {
    for (const kind of [
      'missing',
      'gap',
      'concurrent',
      'wrong-start',
      'position-back',
      'needless-repeat',
    ] as const) {
      const follows: FindingKind[] = kind === 'gap' ? ['missing'] : [];
      expect(kinds(MADE_UP[kind]()), kind).to.have.members([kind, ...follows]);
    }
  });

  it('takes a call that was under way when the next owner began for what it is', () => {
    const made = goOn(killed({ handled: 2 })).call({
      by: 'a.1',
      token: 1,
      records: [3],
      begin: 950,
      end: 4_500,
    });
    const { findings, figures } = audit(made.disturbed('a.1', 960, 4_450).history);
    expect(findings).to.deep.equal([]);
    expect(figures).to.include({ overlaps: 1, repeatedUnfinished: 1, repeatedDone: 1 });
  });

  it('finds an end of a shard that was written before its last record was done', () => {
    const made = (at: number) =>
      goOn(killed()).store('finish', { by: 'b.1', token: 2, at, upTo: 5, applied: null });
    expect(kinds(made(4_109))).to.deep.equal(['checkpoint-ahead']);
    expect(kinds(made(4_111))).to.deep.equal([]);
  });

  it('knows a lease whose take was read back', () => {
    const made = (upTo: number) =>
      killed()
        .take({ by: 'b.1', token: 2, at: 4_000, upTo: 1, applied: null })
        .readBack({ by: 'b.1', token: 2, at: 4_050, upTo })
        .call({ by: 'b.1', token: 2, records: [2, 3, 4, 5], begin: 4_100 });
    expect(kinds(made(1))).to.deep.equal([]);
    expect(kinds(made(2))).to.include('wrong-start');
  });

  it('lets a session act until its last confirmed beat, from its start, plus the lease less the margin', () => {
    const made = () => killed().call({ by: 'a.1', token: 1, records: [4], begin: 1_790 });
    expect(kinds(goOn(made()))).not.to.include('fence');
    const unconfirmed = () =>
      killed()
        .beat('a.1', 800, 2_050)
        .call({ by: 'a.1', token: 1, records: [4], begin: 2_000 });
    expect(kinds(goOn(unconfirmed()))).to.include('fence');
    const confirmed = () =>
      killed()
        .beat('a.1', 800)
        .call({ by: 'a.1', token: 1, records: [4], begin: 2_000 });
    expect(kinds(goOn(confirmed()))).not.to.include('fence');
  });

  it('calls no repetition needless that a broken line to the store of that instance explains', () => {
    const made = () => MADE_UP['needless-repeat']();
    expect(kinds(made().disturbed('a', 300, 2_800, 'cut'))).to.deep.equal([]);
    expect(kinds(made().disturbed(null, 300, 2_800, 'cut'))).to.deep.equal([]);
    expect(kinds(made().disturbed('b', 300, 2_800, 'cut'))).to.deep.equal(['needless-repeat']);
    expect(kinds(made().disturbed('a.11', 300, 2_800))).to.deep.equal(['needless-repeat']);
  });
});
