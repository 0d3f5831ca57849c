// The lines of the plan that this session carries out, and when.

import { expect } from 'chai';
import { plan } from '../../src/coordinator/plan.ts';
import { hash32 } from '../../src/coordinator/plan-hash.ts';
import { createPlanSteps, type Steps, type StepsInput } from '../../src/coordinator/plan-steps.ts';
import type { ShardRow } from '../../src/model/lease-store.ts';
import { SHARD_END } from '../../src/model/position.ts';
import { dealtTable, session, shardId, shardRow } from './plan-harness.ts';

const RESERVATION_MS = 5_000;
const SPREAD_MS = 8_000;
const REBALANCE_MS = 2_000;

function setUp() {
  const steps = createPlanSteps({
    isAlone: false,
    reservationTimeoutMs: RESERVATION_MS,
    rebalanceDelayMs: REBALANCE_MS,
    markTimeoutMs: 60_000,
  });
  const look = (
    now: number,
    sessions: StepsInput['sessions'],
    rows: readonly ShardRow[],
    changes: Partial<Omit<StepsInput, 'held'>> & { held?: readonly string[] } = {},
  ): Steps =>
    steps.next({
      plan: plan({ sessions, shards: rows }),
      sessions,
      rows,
      me: 'me',
      room: Infinity,
      quiet: false,
      now,
      ...changes,
      held: new Set(changes.held ?? rows.filter(({ owner }) => owner === 'me').map((row) => row.shardId)),
    });
  return { steps, look };
}

const ids = (rows: readonly ShardRow[]) => rows.map((row) => row.shardId);
const marksOf = ({ marks }: Steps) => ids(marks.map(({ row }) => row));
const cancelsOf = ({ cancels }: Steps) => ids(cancels.map(({ row }) => row));
const both = [session('me'), session('other')];

describe('the steps of the plan: takes', () => {
  it('takes what the plan gives it of the free shards, those of ended and dead sessions too', () => {
    const { look } = setUp();
    const sessions = [session('me'), session('ended', null, 'ended'), session('dead', null, 'dead')];
    const rows = dealtTable(6, [null, 'ended', 'dead']);
    expect(ids(look(0, sessions, rows).takes)).to.deep.equal(ids(rows));
  });

  it('leaves to others what the plan gives them', () => {
    const { look } = setUp();
    const rows = dealtTable(10, [null]);
    const { free } = plan({ sessions: both, shards: rows });
    const mine = free.filter(({ to }) => to === 'me').map((line) => line.shardId);
    expect(mine).to.have.length(5);
    expect(ids(look(0, both, rows).takes)).to.have.members(mine);
  });

  it('does not take from one that has no row: it has to be evicted first', () => {
    const { look } = setUp();
    const rows = [shardRow('s', 'nowhere')];
    for (const now of [0, RESERVATION_MS + SPREAD_MS]) {
      expect(look(now, [session('me')], rows)).to.deep.equal({ takes: [], marks: [], cancels: [] });
    }
  });

  it('takes what is reserved for it, although the plan has given it to another meanwhile', () => {
    const { look } = setUp();
    const rows = [shardRow('s', null, { handOffTo: 'me' })];
    const sessions = [session('me', 0), session('other')];
    expect(plan({ sessions, shards: rows }).gives).to.have.length(1);
    expect(ids(look(0, sessions, rows, { room: 1 }).takes)).to.deep.equal(['s']);
    expect(look(0, sessions, rows, { room: 0 }).takes).to.deep.equal([]);
  });

  it('takes what it owns and does not hold, before all else', () => {
    const { look } = setUp();
    const rows = [shardRow('free'), shardRow('lost', 'me')];
    expect(ids(look(0, [session('me')], rows, { held: [], room: 1 }).takes)).to.deep.equal(['lost']);
    expect(look(0, [session('me')], rows, { held: ['free', 'lost'] }).takes).to.deep.equal([]);
  });

  it('leaves a shard that is reserved for a live session until nobody has touched it for long', () => {
    const { look } = setUp();
    const rows = [shardRow('s', null, { handOffTo: 'other' })];
    const takesAt = (now: number) => look(now, both, rows).takes.length;
    let due = 0;
    for (let now = 0; now <= RESERVATION_MS + SPREAD_MS && due === 0; now += 100)
      if (takesAt(now) > 0) due = now;
    expect(due).to.be.within(RESERVATION_MS, RESERVATION_MS + SPREAD_MS);
  });

  it('the reservation of a session that is leaving or over does not count', () => {
    for (const state of ['draining', 'ended', 'dead'] as const) {
      const { look } = setUp();
      const rows = [shardRow('s', null, { handOffTo: 'other' })];
      expect(look(0, [session('me'), session('other', null, state)], rows).takes, state).to.have.length(1);
    }
  });

  it('a free shard that was touched begins its time anew', () => {
    const { look } = setUp();
    const rows = (token: number) => [shardRow('s', null, { handOffTo: 'other', token })];
    look(0, both, rows(1));
    expect(look(RESERVATION_MS + SPREAD_MS, both, rows(2)).takes).to.deep.equal([]);
    expect(look(2 * (RESERVATION_MS + SPREAD_MS), both, rows(2)).takes).to.have.length(1);
  });

  it('those who wait for the same shard do so for different times', () => {
    const rows = [shardRow('s', null, { handOffTo: 'other' })];
    const due = ['me', 'her', 'him'].map((me) => {
      const { look } = setUp();
      const sessions = [session(me), session('other')];
      let now = 0;
      while (look(now, sessions, rows, { me }).takes.length === 0) now += 50;
      return now;
    });
    expect(new Set(due).size).to.equal(3);
  });

  it('takes 64 in the first second, and twice as many in each one after it', () => {
    const { look } = setUp();
    const rows = dealtTable(1_000, [null]);
    const held: string[] = [];
    const counts = [0, 200, 1_000, 1_999, 2_000, 3_000].map((now) => {
      const { takes } = look(now, [session('me')], rows, { held });
      held.push(...ids(takes));
      return takes.length;
    });
    expect(counts).to.deep.equal([64, 0, 128, 0, 256, 512]);
    expect(new Set(held).size).to.equal(960);
  });

  it('a new session begins with few again', () => {
    const { steps, look } = setUp();
    const rows = dealtTable(100, [null]);
    look(0, [session('me')], rows);
    steps.reset();
    expect(look(60_000, [session('me')], rows).takes).to.have.length(64);
  });

  it('never more than it has room for, shards that are marked for it counted', () => {
    const { look } = setUp();
    const sessions = [session('me', 5), session('other')];
    const rows = [
      ...dealtTable(8, [null]),
      shardRow('m1', 'other', { handOffTo: 'me' }),
      shardRow('m2', 'other', { handOffTo: 'me' }),
    ];
    expect(look(0, sessions, rows, { room: 3 }).takes).to.have.length(1);
    expect(look(20_000, sessions, rows, { room: 3 }).takes).to.have.length(1);
    expect(look(20_000, sessions, rows, { room: -1 }).takes).to.have.length(0);
  });

  it('neither what is finished, nor anything while its own session is not live', () => {
    const { look } = setUp();
    expect(look(0, [session('me')], [shardRow('s', null, { position: SHARD_END })]).takes).to.deep.equal([]);
    for (const sessions of [[], [session('me', null, 'draining')], [session('me', null, 'dead')]]) {
      const rows = [shardRow('s'), shardRow('mine', 'me'), shardRow('kept', null, { handOffTo: 'me' })];
      expect(look(60_000, sessions, rows, { held: [] }).takes).to.deep.equal([]);
    }
  });

  it('nothing while the store is quiet, and that time does not count as untouched', () => {
    const { look } = setUp();
    const rows = [shardRow('s', null, { handOffTo: 'other' }), shardRow('own', 'me')];
    look(0, both, rows, { held: [] });
    expect(look(20_000, both, rows, { held: [], quiet: true }).takes).to.deep.equal([]);
    expect(ids(look(20_001, both, rows, { held: [] }).takes)).to.deep.equal(['own']);
  });
});

describe('the steps of the plan: marks', () => {
  it('asks for its share after the plan wanted it for a while', () => {
    const { look } = setUp();
    const rows = dealtTable(10, ['other']);
    expect(look(0, both, rows).marks).to.deep.equal([]);
    expect(look(REBALANCE_MS - 1, both, rows).marks).to.deep.equal([]);
    const { marks } = look(REBALANCE_MS, both, rows);
    expect(marks).to.have.length(5);
    expect(marks.every((mark) => mark.handOffTo === 'me')).to.equal(true);
  });

  it('what was not wanted for a moment waits anew', () => {
    const { look } = setUp();
    const rows = dealtTable(10, ['other']);
    look(0, both, rows);
    look(1_000, both, dealtTable(10, ['other', 'me']));
    expect(look(REBALANCE_MS, both, rows).marks).to.deep.equal([]);
    expect(look(2 * REBALANCE_MS, both, rows).marks).to.have.length(5);
  });

  it('waits for the shard to be wanted away, whoever was to get it at first', () => {
    const { look } = setUp();
    const rows = dealtTable(9, ['other']);
    const three = [...both, session('third')];
    look(0, three, rows);
    const now = look(REBALANCE_MS, both, rows);
    // The third one has left: what it was to get is among these.
    expect(now.marks).to.have.length(4);
  });

  it('has 16 outstanding at most', () => {
    const { look } = setUp();
    const rows = dealtTable(100, ['other']);
    look(0, both, rows);
    const { marks } = look(REBALANCE_MS, both, rows);
    expect(marks).to.have.length(16);
    const marked = new Set(marksOf({ marks, takes: [], cancels: [] }).slice(0, 10));
    const then = rows.map((row) => (marked.has(row.shardId) ? { ...row, handOffTo: 'me' } : row));
    expect(look(REBALANCE_MS, both, then).marks).to.have.length(6);
  });

  it('never asks for more than it has room for', () => {
    const { look } = setUp();
    const sessions = [session('me', 4), session('other')];
    const rows = [shardRow('m', 'other', { handOffTo: 'me' }), shardRow('f'), ...dealtTable(20, ['other'])];
    look(0, sessions, rows, { room: 4 });
    const { takes, marks } = look(REBALANCE_MS, sessions, rows, { room: 4 });
    expect(1 + takes.length + marks.length).to.equal(4);
    expect(takes).to.have.length(1);
  });

  it('nor than it has room for when its own session row still says that there is more', () => {
    const { look } = setUp();
    const rows = dealtTable(20, ['other']);
    look(0, both, rows, { room: 3 });
    expect(look(REBALANCE_MS, both, rows, { room: 3 }).marks).to.have.length(3);
  });

  it('asks no session that is leaving, is over or has no row, nor for a shard that is finished', () => {
    for (const other of [
      session('other', null, 'draining'),
      session('other', null, 'dead'),
      session('third'),
    ]) {
      const { look } = setUp();
      const rows = dealtTable(4, ['other']);
      look(0, [session('me'), other], rows);
      expect(look(REBALANCE_MS, [session('me'), other], rows).marks).to.deep.equal([]);
    }
    const { look } = setUp();
    const rows = dealtTable(4, ['other']).map((row) => ({ ...row, position: SHARD_END }) as const);
    look(0, both, rows);
    expect(look(REBALANCE_MS, both, rows).marks).to.deep.equal([]);
  });

  it('nothing while the store is quiet', () => {
    const { look } = setUp();
    const rows = dealtTable(4, ['other']);
    look(0, both, rows);
    expect(look(REBALANCE_MS, both, rows, { quiet: true }).marks).to.deep.equal([]);
  });

  it('asks over the mark of a session that the plan does not want the shard for any more', () => {
    const { look } = setUp();
    const sessions = [session('me'), session('owner'), session('full', 0)];
    const rows = [
      ...dealtTable(2, ['owner']),
      shardRow('m', 'owner', { handOffTo: 'full' }),
      ...[3, 4, 5].map((n) => shardRow(shardId(n), 'owner')),
    ];
    look(0, sessions, rows);
    expect(marksOf(look(REBALANCE_MS, sessions, rows))).to.include('m');
  });
});

describe('the steps of the plan: cancels', () => {
  const pending = shardRow('p', 'other', { handOffTo: 'me' });
  const more = dealtTable(3, ['other']);

  it('a mark that the owner does not answer to for a minute, and does not ask again soon', () => {
    const { look } = setUp();
    // The only one that the plan ever moves, because its hash comes first.
    const [first, second] = dealtTable(2, ['other']).sort((a, b) => hash32(a.shardId) - hash32(b.shardId));
    const asked = [{ ...first!, handOffTo: 'me' }, second!];
    expect(cancelsOf(look(0, both, asked))).to.deep.equal([]);
    expect(cancelsOf(look(59_999, both, asked))).to.deep.equal([]);
    // Until the row shows that it was written.
    for (const now of [60_000, 61_000]) {
      expect(cancelsOf(look(now, both, asked))).to.deep.equal([first!.shardId]);
    }
    const back = [first!, second!];
    for (let now = 62_000; now < 661_000; now += 1_000)
      expect(marksOf(look(now, both, back))).to.deep.equal([]);
    expect(marksOf(look(662_000, both, back))).to.deep.equal([first!.shardId]);
  });

  it('a mark that was renewed begins its minute anew', () => {
    const { look } = setUp();
    look(0, both, [pending, ...more]);
    expect(cancelsOf(look(60_000, both, [{ ...pending, token: 2 }, ...more]))).to.deep.equal([]);
  });

  it('a mark that the plan has had no need of for a while, because its owner is to keep the shard', () => {
    const { look } = setUp();
    const mine = dealtTable(2, ['me']);
    const rows = [pending, ...mine];
    expect(plan({ sessions: both, shards: rows }).gives[0]).to.deep.include({ from: 'other', to: 'other' });
    expect(cancelsOf(look(0, both, rows))).to.deep.equal([]);
    expect(cancelsOf(look(REBALANCE_MS - 1, both, rows))).to.deep.equal([]);
    expect(cancelsOf(look(REBALANCE_MS, both, rows))).to.deep.equal(['p']);
  });

  it('a mark that it has no room for', () => {
    const { look } = setUp();
    const sessions = [session('me', 1), session('other', 0)];
    const rows = [pending, ...dealtTable(1, ['me'])];
    look(0, sessions, rows, { room: 0 });
    expect(cancelsOf(look(REBALANCE_MS, sessions, rows, { room: 0 }))).to.deep.equal(['p']);
  });

  it('not one that a third is to get: it asks over it', () => {
    const { look } = setUp();
    const sessions = [...both, session('third')];
    const rows = [pending, ...dealtTable(1, ['me']), shardRow('o', 'other')];
    expect(plan({ sessions, shards: rows }).gives[0]).to.deep.include({ shardId: 'p', to: 'third' });
    look(0, sessions, rows);
    expect(cancelsOf(look(2 * REBALANCE_MS, sessions, rows))).to.deep.equal([]);
  });

  it('all of its marks at once when it leaves itself', () => {
    const { look } = setUp();
    const sessions = [session('me', null, 'draining'), session('other')];
    expect(cancelsOf(look(0, sessions, [pending, ...more]))).to.deep.equal(['p']);
  });

  it('none on a row whose owner has no session row: it may be a reservation soon', () => {
    const { look } = setUp();
    look(0, [session('me')], [pending]);
    expect(look(60_000, [session('me')], [pending]).cancels).to.deep.equal([]);
  });

  it('the mark of a session that is over, on a shard of its own', () => {
    for (const [state, expected] of [
      ['ended', ['s']],
      ['dead', ['s']],
      ['draining', []],
      ['live', []],
    ] as const) {
      const { look } = setUp();
      const rows = [shardRow('s', 'me', { handOffTo: 'other' })];
      expect(cancelsOf(look(0, [session('me'), session('other', null, state)], rows))).to.deep.equal(
        expected,
      );
    }
  });

  it('a new session begins all of its times anew', () => {
    const { steps, look } = setUp();
    look(0, both, [pending, ...dealtTable(10, ['other'])]);
    steps.reset();
    const { marks, cancels } = look(60_000, both, [pending, ...dealtTable(10, ['other'])]);
    expect([marks, cancels]).to.deep.equal([[], []]);
  });
});
