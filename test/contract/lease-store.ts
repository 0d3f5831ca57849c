// The contract of the lease store, write by write as LEASES.md section 2 lists them; every adapter passes it.

import { expect } from 'chai';
import {
  type LeaseStore,
  LeaseStoreError,
  SCHEMA_VERSION,
  type SessionRow,
  type ShardRow,
} from '../../src/model/lease-store.ts';
import {
  latestPosition,
  type Position,
  SHARD_END,
  sequencePosition,
  TRIM_HORIZON,
} from '../../src/model/position.ts';
import { createFaultyLeaseStore, type FaultyLeaseStore } from '../fakes/faulty-lease-store.ts';

export interface LeaseStoreContractOptions {
  /** False for a store that coalesces changes of `rev`: it then has to grow soon instead of by one at once. */
  readonly exactRev?: boolean;
}

const ALICE = 'host-a/1#aaaa';
const BOB = 'host-b/2#bbbb';
const CAROL = 'host-c/3#cccc';
const SHARD = 'shardId-000000000000';

/** Of different lengths, as real ones are: compared as numbers or as plain strings they would sort wrongly. */
const EARLY = sequencePosition('999', 7);
const MIDDLE = sequencePosition('49590338271490256608559692538361571095921575989136588898', 0);
const LATE = sequencePosition('49590338271490256608559692538361571095921575989136588898', 10);

const sessionRow = (session: string, changes: Partial<SessionRow> = {}): SessionRow => ({
  session,
  beat: 0,
  state: 'live',
  maxShards: null,
  host: 'host-a',
  pid: 4711,
  version: '1.2.3',
  ...changes,
});

const shardRow = (changes: Partial<ShardRow> = {}): ShardRow => ({
  shardId: SHARD,
  parents: [],
  position: TRIM_HORIZON,
  owner: null,
  token: 0,
  handOffTo: null,
  ...changes,
});

/**
 * @param makeStore returns a store that is not opened yet and is empty, in a scope of its own; the suite opens and
 *   closes it.
 */
export function leaseStoreContract(
  name: string,
  makeStore: () => LeaseStore | Promise<LeaseStore>,
  { exactRev = true }: LeaseStoreContractOptions = {},
): void {
  describe(`lease store contract: ${name}`, () => {
    let store: FaultyLeaseStore;

    beforeEach(async () => {
      store = createFaultyLeaseStore(await makeStore());
      await store.open();
      await store.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start: TRIM_HORIZON });
    });

    afterEach(() => store.close());

    const rev = async (): Promise<number> => (await store.readTick()).app!.rev;

    /** Runs a write that changes an allocation. */
    const bumping = async <T>(write: () => Promise<T>): Promise<T> => {
      const before = await rev();
      const result = await write();
      const deadline = Date.now() + 5_000;
      while (!exactRev && (await rev()) === before && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const after = await rev();
      if (exactRev) expect(after, 'rev').to.equal(before + 1);
      else expect(after, 'rev').to.be.above(before);
      return result;
    };

    /** Runs a write, or a refused one, that changes none. */
    const notBumping = async <T>(write: () => Promise<T>): Promise<T> => {
      const before = await rev();
      const result = await write();
      expect(await rev(), 'rev').to.equal(before);
      return result;
    };

    const refusedWith = async <Row>(
      write: () => Promise<{ applied: boolean; row: Row | null }>,
      row: Row | null,
    ): Promise<void> => {
      const result = await notBumping(write);
      expect(result).to.deep.equal({ applied: false, row });
    };

    const unknown = async (write: () => Promise<unknown>): Promise<void> => {
      const error: unknown = await write().then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(LeaseStoreError);
      expect((error as LeaseStoreError).outcome).to.equal('unknown');
    };

    const givenShard = (position: Position = TRIM_HORIZON, parents: readonly string[] = []) =>
      bumping(() => store.createShard({ shardId: SHARD, parents, position }));

    const take = (me: string, token: number, seen: Partial<ShardRow> = {}, salvage: Position | null = null) =>
      store.take({
        shardId: SHARD,
        seenOwner: seen.owner ?? null,
        seenToken: seen.token ?? 0,
        me,
        token,
        salvage,
      });

    /** A shard that Alice holds with token 1. */
    const givenAlices = async (position: Position = TRIM_HORIZON): Promise<void> => {
      await givenShard(position);
      await bumping(() => take(ALICE, 1));
    };

    /** Alice was evicted and Bob took over: her next write arrives late. */
    const givenBobTookOver = async (): Promise<ShardRow> => {
      const { row } = await bumping(() => take(BOB, 2, { owner: ALICE, token: 1 }));
      return row!;
    };

    const mine = (position: Position = MIDDLE) => ({ shardId: SHARD, me: ALICE, token: 1, position });

    describe('app', () => {
      it('is created once: the first one wins and the others get its row', async () => {
        await refusedWith(
          () => store.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs: 500, start: latestPosition(1) }),
          { schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start: TRIM_HORIZON, rev: 0 },
        );
      });

      it('has one winner when many create it at once', async () => {
        const fresh = await makeStore();
        await fresh.open();
        const starts = Array.from({ length: 10 }, (_, i) => latestPosition(1_700_000_000_000 + i));
        const results = await Promise.all(
          starts.map((start) => fresh.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start })),
        );
        expect(results.filter((result) => result.applied)).to.have.length(1);
        expect(new Set(results.map((result) => result.row!.start)).size).to.equal(1);
        await fresh.close();
      });

      it('is null before it is created', async () => {
        const fresh = await makeStore();
        await fresh.open();
        expect(await fresh.readAll()).to.deep.equal({ app: null, sessions: [], shards: [] });
        await fresh.close();
      });
    });

    describe('reading', () => {
      it('gives all rows, or only those of a tick, or one', async () => {
        await store.createSession(sessionRow(ALICE));
        await store.createSession(sessionRow(BOB, { maxShards: 3 }));
        await givenShard();
        const all = await store.readAll();
        const { sessions } = await store.readTick();
        const byId = (a: SessionRow, b: SessionRow) => a.session.localeCompare(b.session);
        expect([...all.sessions].sort(byId)).to.deep.equal([sessionRow(ALICE), sessionRow(BOB, { maxShards: 3 })]);
        expect([...sessions].sort(byId)).to.deep.equal([...all.sessions].sort(byId));
        expect(all.shards).to.deep.equal([shardRow()]);
        expect(await store.readSession(BOB)).to.deep.equal(sessionRow(BOB, { maxShards: 3 }));
        expect(await store.readShard(SHARD)).to.deep.equal(shardRow());
      });

      it('gives null for a row that is not there', async () => {
        expect(await store.readSession(ALICE)).to.equal(null);
        expect(await store.readShard(SHARD)).to.equal(null);
      });

      it('gives rows that share nothing with the store nor with what was written', async () => {
        const parents = ['parent-1'];
        await store.createShard({ shardId: SHARD, parents, position: TRIM_HORIZON });
        parents.push('parent-2');
        const row = (await store.readShard(SHARD))! as { owner: string | null; parents: string[] };
        // A frozen row throws here, which is as good.
        try {
          row.owner = BOB;
        } catch {}
        try {
          row.parents.push('parent-3');
        } catch {}
        expect(await store.readShard(SHARD)).to.deep.equal(shardRow({ parents: ['parent-1'] }));
      });

      it('gives a row as it was, though a later write changes it', async () => {
        await givenShard();
        const before = await store.readShard(SHARD);
        const all = await store.readAll();
        await take(ALICE, 1);
        expect(before).to.deep.equal(shardRow());
        expect(all.shards).to.deep.equal([shardRow()]);
      });
    });

    describe('createSession', () => {
      it('applied: returns the row', async () => {
        const result = await notBumping(() => store.createSession(sessionRow(ALICE, { maxShards: 5 })));
        expect(result).to.deep.equal({ applied: true, row: sessionRow(ALICE, { maxShards: 5 }) });
      });

      it('refused, and so also twice: the row is there, as it stands by now', async () => {
        await store.createSession(sessionRow(ALICE));
        await store.beat({ session: ALICE, beat: 3, state: 'live', maxShards: null });
        await refusedWith(() => store.createSession(sessionRow(ALICE)), sessionRow(ALICE, { beat: 3 }));
      });

      it('late: an evicted session cannot be created any more', async () => {
        await bumping(() => store.evict({ session: ALICE, beat: null }));
        const result = await store.createSession(sessionRow(ALICE));
        expect(result.applied).to.equal(false);
        expect(result.row!.state).to.equal('dead');
      });

      it('reply lost: put again, "exists and live" is the success', async () => {
        store.failNext('createSession', 'lose-reply');
        await unknown(() => store.createSession(sessionRow(ALICE)));
        await refusedWith(() => store.createSession(sessionRow(ALICE)), sessionRow(ALICE));
      });

      it('request lost: put again, applied', async () => {
        store.failNext('createSession', 'lose-request');
        await unknown(() => store.createSession(sessionRow(ALICE)));
        expect((await store.createSession(sessionRow(ALICE))).applied).to.equal(true);
      });
    });

    describe('beat', () => {
      const beat = (n: number, state: 'live' | 'draining' = 'live') =>
        store.beat({ session: ALICE, beat: n, state, maxShards: 8 });

      beforeEach(() => store.createSession(sessionRow(ALICE)));

      it('applied: sets beat, state and maxShards to what the client says', async () => {
        const first = await notBumping(() => beat(1));
        expect(first).to.deep.equal({ applied: true, row: sessionRow(ALICE, { beat: 1, maxShards: 8 }) });
        const later = await notBumping(() => beat(12, 'draining'));
        expect(later.row).to.deep.equal(sessionRow(ALICE, { beat: 12, maxShards: 8, state: 'draining' }));
        expect((await store.readSession(ALICE))!.beat).to.equal(12);
      });

      it('applied to a draining session', async () => {
        await beat(1, 'draining');
        expect((await beat(2, 'draining')).applied).to.equal(true);
      });

      it('can set maxShards to no limit again', async () => {
        await beat(1);
        const { row } = await store.beat({ session: ALICE, beat: 2, state: 'live', maxShards: null });
        expect(row!.maxShards).to.equal(null);
      });

      it('refused: the session is not there, ended or dead', async () => {
        await refusedWith(
          () => store.beat({ session: CAROL, beat: 1, state: 'live', maxShards: null }),
          null as SessionRow | null,
        );
        await store.end(ALICE);
        await refusedWith(() => beat(1), sessionRow(ALICE, { state: 'ended' }));
        await store.createSession(sessionRow(BOB));
        await bumping(() => store.evict({ session: BOB, beat: 0 }));
        await refusedWith(
          () => store.beat({ session: BOB, beat: 1, state: 'live', maxShards: null }),
          sessionRow(BOB, { state: 'dead' }),
        );
      });

      it('twice: the second one is refused and changes nothing', async () => {
        await beat(1);
        await refusedWith(() => beat(1), sessionRow(ALICE, { beat: 1, maxShards: 8 }));
      });

      it('late: an older beat does not undo a newer one', async () => {
        const arrive = store.holdNext('beat');
        const late = beat(1);
        await beat(2, 'draining');
        arrive();
        expect((await late).applied).to.equal(false);
        expect(await store.readSession(ALICE)).to.deep.equal(
          sessionRow(ALICE, { beat: 2, maxShards: 8, state: 'draining' }),
        );
      });

      it('reply lost: the next beat goes through', async () => {
        store.failNext('beat', 'lose-reply');
        await unknown(() => beat(1));
        expect((await beat(2)).applied).to.equal(true);
      });
    });

    describe('end', () => {
      beforeEach(() => store.createSession(sessionRow(ALICE)));

      it('applied, and applied twice', async () => {
        const ended = { applied: true, row: sessionRow(ALICE, { state: 'ended' }) };
        expect(await notBumping(() => store.end(ALICE))).to.deep.equal(ended);
        expect(await notBumping(() => store.end(ALICE))).to.deep.equal(ended);
      });

      it('applied to a draining session', async () => {
        await store.beat({ session: ALICE, beat: 1, state: 'draining', maxShards: null });
        expect((await store.end(ALICE)).row!.state).to.equal('ended');
      });

      it('refused: not there', () => refusedWith(() => store.end(BOB), null as SessionRow | null));

      it('late: a dead session stays dead', async () => {
        await bumping(() => store.evict({ session: ALICE, beat: 0 }));
        await refusedWith(() => store.end(ALICE), sessionRow(ALICE, { state: 'dead' }));
      });

      it('reply lost: repeated', async () => {
        store.failNext('end', 'lose-reply');
        await unknown(() => store.end(ALICE));
        expect((await store.end(ALICE)).applied).to.equal(true);
      });
    });

    describe('evict', () => {
      beforeEach(() => store.createSession(sessionRow(ALICE, { beat: 4 })));

      it('applied: live or draining with exactly that beat becomes dead', async () => {
        const live = await bumping(() => store.evict({ session: ALICE, beat: 4 }));
        expect(live).to.deep.equal({ applied: true, row: sessionRow(ALICE, { beat: 4, state: 'dead' }) });
        await store.createSession(sessionRow(BOB, { beat: 1, state: 'draining' }));
        const draining = await bumping(() => store.evict({ session: BOB, beat: 1 }));
        expect(draining.row!.state).to.equal('dead');
      });

      it('applied: a session that is absent gets a tombstone', async () => {
        const result = await bumping(() => store.evict({ session: BOB, beat: null }));
        expect(result.applied).to.equal(true);
        expect(result.row).to.include({ session: BOB, state: 'dead', maxShards: null });
        expect((await store.readSession(BOB))!.state).to.equal('dead');
      });

      it('refused: the beat moved, in whichever direction', async () => {
        await refusedWith(() => store.evict({ session: ALICE, beat: 3 }), sessionRow(ALICE, { beat: 4 }));
        await refusedWith(() => store.evict({ session: ALICE, beat: 5 }), sessionRow(ALICE, { beat: 4 }));
      });

      it('refused: thought absent but there, thought there but absent', async () => {
        await refusedWith(() => store.evict({ session: ALICE, beat: null }), sessionRow(ALICE, { beat: 4 }));
        await refusedWith(() => store.evict({ session: CAROL, beat: 0 }), null as SessionRow | null);
      });

      it('refused: an ended session stays ended', async () => {
        await store.end(ALICE);
        await refusedWith(
          () => store.evict({ session: ALICE, beat: 4 }),
          sessionRow(ALICE, { beat: 4, state: 'ended' }),
        );
      });

      it('twice: the second one is refused with the dead row', async () => {
        await bumping(() => store.evict({ session: ALICE, beat: 4 }));
        await refusedWith(
          () => store.evict({ session: ALICE, beat: 4 }),
          sessionRow(ALICE, { beat: 4, state: 'dead' }),
        );
      });

      it('late: a beat came first', async () => {
        const arrive = store.holdNext('evict');
        const late = store.evict({ session: ALICE, beat: 4 });
        await store.beat({ session: ALICE, beat: 5, state: 'live', maxShards: null });
        arrive();
        expect((await late).applied).to.equal(false);
        expect((await store.readSession(ALICE))!.state).to.equal('live');
      });

      it('reply lost: the next read tells', async () => {
        store.failNext('evict', 'lose-reply');
        await bumping(() => unknown(() => store.evict({ session: ALICE, beat: 4 })));
        expect((await store.readSession(ALICE))!.state).to.equal('dead');
      });
    });

    describe('deleteSession', () => {
      it('applied: an ended or a dead one', async () => {
        await store.createSession(sessionRow(ALICE));
        await store.end(ALICE);
        await bumping(() => store.evict({ session: BOB, beat: null }));
        expect(await notBumping(() => store.deleteSession(ALICE))).to.deep.equal({ applied: true, row: null });
        expect(await notBumping(() => store.deleteSession(BOB))).to.deep.equal({ applied: true, row: null });
        expect((await store.readTick()).sessions).to.deep.equal([]);
      });

      it('refused: live or draining', async () => {
        await store.createSession(sessionRow(ALICE));
        await refusedWith(() => store.deleteSession(ALICE), sessionRow(ALICE));
        const draining = sessionRow(BOB, { state: 'draining' });
        await store.createSession(draining);
        await refusedWith(() => store.deleteSession(BOB), draining);
      });

      it('twice: nothing is left to delete', async () => {
        await store.createSession(sessionRow(ALICE));
        await store.end(ALICE);
        await store.deleteSession(ALICE);
        await refusedWith(() => store.deleteSession(ALICE), null as SessionRow | null);
      });
    });

    describe('createShard', () => {
      it('applied: free, with token 0, at the given position', async () => {
        const result = await bumping(() => store.createShard({ shardId: SHARD, parents: [], position: MIDDLE }));
        expect(result).to.deep.equal({ applied: true, row: shardRow({ position: MIDDLE }) });
      });

      it('keeps no, one and two parents', async () => {
        for (const parents of [[], ['p1'], ['p1', 'p2']]) {
          const shardId = `shard-${parents.length}`;
          await bumping(() => store.createShard({ shardId, parents, position: TRIM_HORIZON }));
          expect((await store.readShard(shardId))!.parents).to.deep.equal(parents);
        }
        await store.take({
          shardId: 'shard-2',
          seenOwner: null,
          seenToken: 0,
          me: ALICE,
          token: 1,
          salvage: null,
        });
        expect((await store.readShard('shard-2'))!.parents).to.deep.equal(['p1', 'p2']);
      });

      it('keeps every kind of position', async () => {
        for (const position of [TRIM_HORIZON, SHARD_END, EARLY, LATE, latestPosition(1_700_000_000_000)]) {
          const { row } = await store.createShard({ shardId: `at ${position}`, parents: [], position });
          expect(row!.position).to.equal(position);
          expect((await store.readShard(`at ${position}`))!.position).to.equal(position);
        }
      });

      it('refused, twice and late: the row is there, and stays as its owner left it', async () => {
        await givenAlices();
        await store.checkpoint(mine(LATE));
        await refusedWith(
          () => store.createShard({ shardId: SHARD, parents: ['other'], position: TRIM_HORIZON }),
          shardRow({ owner: ALICE, token: 1, position: LATE }),
        );
      });

      it('reply lost: repeated, refused with the row', async () => {
        store.failNext('createShard', 'lose-reply');
        await bumping(() => unknown(() => store.createShard({ shardId: SHARD, parents: [], position: EARLY })));
        await refusedWith(
          () => store.createShard({ shardId: SHARD, parents: [], position: EARLY }),
          shardRow({ position: EARLY }),
        );
      });
    });

    describe('take', () => {
      it('applied: sets owner and token, clears handOffTo, returns where to start', async () => {
        await givenShard(MIDDLE);
        await bumping(() =>
          store.mark({ shardId: SHARD, seenOwner: null, seenToken: 0, seenHandOffTo: null, handOffTo: BOB }),
        );
        const result = await bumping(() => take(ALICE, 1));
        expect(result).to.deep.equal({
          applied: true,
          row: shardRow({ owner: ALICE, token: 1, position: MIDDLE }),
        });
      });

      it('uses the token that the taker chose, far above the seen one too', async () => {
        await givenShard();
        expect((await take(ALICE, 1_700_000_000_123)).row!.token).to.equal(1_700_000_000_123);
      });

      it('applied to one that another owner held as seen', async () => {
        await givenAlices();
        const row = await givenBobTookOver();
        expect(row).to.deep.equal(shardRow({ owner: BOB, token: 2 }));
      });

      it('refused: not there', async () => {
        await refusedWith(() => take(ALICE, 1), null as ShardRow | null);
      });

      it('refused: another owner or another token than seen', async () => {
        await givenAlices();
        const row = shardRow({ owner: ALICE, token: 1 });
        await refusedWith(() => take(BOB, 2), row);
        await refusedWith(() => take(BOB, 2, { token: 1 }), row);
        await refusedWith(() => take(BOB, 2, { owner: CAROL, token: 1 }), row);
        await refusedWith(() => take(BOB, 2, { owner: ALICE, token: 0 }), row);
      });

      it('refused: a finished shard', async () => {
        await givenShard(SHARD_END);
        await refusedWith(() => take(ALICE, 1), shardRow({ position: SHARD_END }));
      });

      it('twice: refused, and the row names me with that token', async () => {
        await givenShard();
        await bumping(() => take(ALICE, 1));
        await refusedWith(() => take(ALICE, 1), shardRow({ owner: ALICE, token: 1 }));
      });

      it('late: refused after the next owner took and released', async () => {
        await givenShard();
        const arrive = store.holdNext('take');
        const late = take(ALICE, 1);
        await take(BOB, 1);
        await store.release({ shardId: SHARD, me: BOB, token: 1, position: MIDDLE });
        arrive();
        expect((await late).applied).to.equal(false);
        expect(await store.readShard(SHARD)).to.deep.equal(shardRow({ token: 1, position: MIDDLE }));
      });

      it('has one winner among many at once', async () => {
        await givenShard();
        const sessions = Array.from({ length: 20 }, (_, i) => `racer#${i}`);
        const results = await bumping(() => Promise.all(sessions.map((session) => take(session, 1))));
        const winners = results.filter((result) => result.applied);
        expect(winners).to.have.length(1);
        for (const { row } of results) expect(row).to.deep.equal(winners[0]!.row);
      });

      for (const fault of ['lose-reply', 'duplicate'] as const) {
        it(`${fault}: the read-back names me with that token`, async () => {
          await givenShard();
          store.failNext('take', fault);
          await bumping(async () => {
            if (fault === 'lose-reply') await unknown(() => take(ALICE, 1));
            else expect((await take(ALICE, 1)).applied).to.equal(false);
          });
          expect(await store.readShard(SHARD)).to.include({ owner: ALICE, token: 1 });
        });
      }

      it('request lost: the read-back shows that I hold nothing', async () => {
        await givenShard();
        store.failNext('take', 'lose-request');
        await notBumping(() => unknown(() => take(ALICE, 1)));
        expect(await store.readShard(SHARD)).to.deep.equal(shardRow());
      });

      it('salvages the acked position of my own old session', async () => {
        await givenAlices(EARLY);
        const { row } = await take(BOB, 2, { owner: ALICE, token: 1 }, LATE);
        expect(row).to.deep.equal(shardRow({ owner: BOB, token: 2, position: LATE }));
      });

      it('never salvages backwards', async () => {
        await givenAlices(LATE);
        const result = await take(BOB, 2, { owner: ALICE, token: 1 }, EARLY);
        expect(result).to.deep.equal({ applied: true, row: shardRow({ owner: BOB, token: 2, position: LATE }) });
      });

      it('does not salvage when refused', async () => {
        await givenAlices(EARLY);
        const row = await givenBobTookOver();
        await refusedWith(() => take(CAROL, 2, { owner: ALICE, token: 1 }, LATE), row);
      });
    });

    describe('mark', () => {
      const mark = (
        handOffTo: string | null,
        seenHandOffTo: string | null = null,
        seen: Partial<ShardRow> = { owner: ALICE, token: 1 },
      ) =>
        store.mark({
          shardId: SHARD,
          seenOwner: seen.owner ?? null,
          seenToken: seen.token ?? 0,
          seenHandOffTo,
          handOffTo,
        });

      it('applied: sets handOffTo and nothing else; null cancels', async () => {
        await givenAlices(MIDDLE);
        const marked = await bumping(() => mark(BOB));
        expect(marked).to.deep.equal({
          applied: true,
          row: shardRow({ owner: ALICE, token: 1, position: MIDDLE, handOffTo: BOB }),
        });
        const cancelled = await bumping(() => mark(null, BOB));
        expect(cancelled.row!.handOffTo).to.equal(null);
      });

      it('refused: not there, or owner, token or handOffTo are not as seen', async () => {
        await refusedWith(() => mark(BOB), null as ShardRow | null);
        await givenAlices();
        await bumping(() => mark(CAROL));
        const row = shardRow({ owner: ALICE, token: 1, handOffTo: CAROL });
        await refusedWith(() => mark(BOB, CAROL, { owner: BOB, token: 1 }), row);
        await refusedWith(() => mark(BOB, CAROL, { token: 1 }), row);
        await refusedWith(() => mark(BOB, CAROL, { owner: ALICE, token: 2 }), row);
        await refusedWith(() => mark(BOB, null), row);
        await refusedWith(() => mark(null, BOB), row);
      });

      it('refused: a finished shard', async () => {
        await givenShard(SHARD_END);
        await refusedWith(() => mark(BOB, null, {}), shardRow({ position: SHARD_END }));
      });

      it('twice: the second one is refused with the marked row', async () => {
        await givenAlices();
        await bumping(() => mark(BOB));
        await refusedWith(() => mark(BOB), shardRow({ owner: ALICE, token: 1, handOffTo: BOB }));
      });

      it('late: refused after the next owner took', async () => {
        await givenAlices();
        const row = await givenBobTookOver();
        await refusedWith(() => mark(CAROL), row);
      });

      it('reply lost: the next read tells', async () => {
        await givenAlices();
        store.failNext('mark', 'lose-reply');
        await bumping(() => unknown(() => mark(BOB)));
        expect((await store.readShard(SHARD))!.handOffTo).to.equal(BOB);
      });
    });

    describe('checkpoint', () => {
      it('applied: moves the position only', async () => {
        await givenAlices();
        for (const position of [EARLY, MIDDLE, LATE]) {
          const result = await notBumping(() => store.checkpoint(mine(position)));
          expect(result).to.deep.equal({ applied: true, row: shardRow({ owner: ALICE, token: 1, position }) });
        }
      });

      it('applied while marked for a hand-off, which stays', async () => {
        await givenAlices();
        await store.mark({
          shardId: SHARD,
          seenOwner: ALICE,
          seenToken: 1,
          seenHandOffTo: null,
          handOffTo: BOB,
        });
        expect((await store.checkpoint(mine())).row!.handOffTo).to.equal(BOB);
      });

      it('twice: an equal position is allowed', async () => {
        await givenAlices();
        await store.checkpoint(mine(MIDDLE));
        expect((await notBumping(() => store.checkpoint(mine(MIDDLE)))).applied).to.equal(true);
      });

      it('refused: never backwards', async () => {
        await givenAlices();
        await store.checkpoint(mine(LATE));
        for (const position of [MIDDLE, EARLY, TRIM_HORIZON]) {
          await refusedWith(
            () => store.checkpoint(mine(position)),
            shardRow({ owner: ALICE, token: 1, position: LATE }),
          );
        }
      });

      it('refused: not there, another owner, another token', async () => {
        await refusedWith(() => store.checkpoint(mine()), null as ShardRow | null);
        await givenAlices();
        const row = shardRow({ owner: ALICE, token: 1 });
        await refusedWith(() => store.checkpoint({ ...mine(), me: BOB }), row);
        await refusedWith(() => store.checkpoint({ ...mine(), token: 2 }), row);
        await refusedWith(() => store.checkpoint({ ...mine(), token: 0 }), row);
      });

      it('late: refused after the next owner took', async () => {
        await givenAlices();
        const arrive = store.holdNext('checkpoint');
        const late = store.checkpoint(mine(LATE));
        const row = await givenBobTookOver();
        arrive();
        expect(await late).to.deep.equal({ applied: false, row });
      });

      it('late: refused after I took again with a new token', async () => {
        await givenAlices();
        await bumping(() => take(ALICE, 2, { owner: ALICE, token: 1 }));
        await refusedWith(() => store.checkpoint(mine(LATE)), shardRow({ owner: ALICE, token: 2 }));
      });

      it('late: my own older duplicate is refused with a row that is mine and further', async () => {
        await givenAlices();
        const arrive = store.holdNext('checkpoint');
        const late = store.checkpoint(mine(MIDDLE));
        await store.checkpoint(mine(LATE));
        arrive();
        expect(await late).to.deep.equal({
          applied: false,
          row: shardRow({ owner: ALICE, token: 1, position: LATE }),
        });
      });

      it('reply lost: written again', async () => {
        await givenAlices();
        store.failNext('checkpoint', 'lose-reply');
        await unknown(() => store.checkpoint(mine()));
        expect((await store.checkpoint(mine())).applied).to.equal(true);
      });
    });

    describe('release', () => {
      it('applied: position and freedom in one write; handOffTo stays as a reservation', async () => {
        await givenAlices();
        await store.mark({
          shardId: SHARD,
          seenOwner: ALICE,
          seenToken: 1,
          seenHandOffTo: null,
          handOffTo: BOB,
        });
        const result = await bumping(() => store.release(mine(LATE)));
        expect(result).to.deep.equal({
          applied: true,
          row: shardRow({ token: 1, position: LATE, handOffTo: BOB }),
        });
      });

      it('applied at the stored position', async () => {
        await givenAlices(LATE);
        expect((await store.release(mine(LATE))).applied).to.equal(true);
      });

      it('refused: backwards, not there, another owner, another token', async () => {
        await refusedWith(() => store.release(mine()), null as ShardRow | null);
        await givenAlices(MIDDLE);
        const row = shardRow({ owner: ALICE, token: 1, position: MIDDLE });
        await refusedWith(() => store.release(mine(EARLY)), row);
        await refusedWith(() => store.release({ ...mine(), me: BOB }), row);
        await refusedWith(() => store.release({ ...mine(), token: 2 }), row);
      });

      it('twice: refused with the free row', async () => {
        await givenAlices();
        await bumping(() => store.release(mine()));
        await refusedWith(() => store.release(mine()), shardRow({ token: 1, position: MIDDLE }));
      });

      it('late: refused after the next owner took', async () => {
        await givenAlices();
        const row = await givenBobTookOver();
        await refusedWith(() => store.release(mine(LATE)), row);
      });

      it('late: a checkpoint after the release is refused', async () => {
        await givenAlices();
        await bumping(() => store.release(mine()));
        await refusedWith(() => store.checkpoint(mine(LATE)), shardRow({ token: 1, position: MIDDLE }));
      });

      it('reply lost: repeated until answered, refused with the free row', async () => {
        await givenAlices();
        store.failNext('release', 'lose-reply');
        await bumping(() => unknown(() => store.release(mine())));
        await refusedWith(() => store.release(mine()), shardRow({ token: 1, position: MIDDLE }));
      });
    });

    describe('finish', () => {
      const finish = (changes: { me?: string; token?: number } = {}) =>
        store.finish({ shardId: SHARD, me: ALICE, token: 1, ...changes });

      it('applied: SHARD_END, free and reserved for nobody', async () => {
        await givenAlices(LATE);
        await store.mark({
          shardId: SHARD,
          seenOwner: ALICE,
          seenToken: 1,
          seenHandOffTo: null,
          handOffTo: BOB,
        });
        const result = await bumping(() => finish());
        expect(result).to.deep.equal({ applied: true, row: shardRow({ token: 1, position: SHARD_END }) });
      });

      it('refused: only by the owner, and only with its token', async () => {
        await refusedWith(() => finish(), null as ShardRow | null);
        await givenShard();
        await refusedWith(() => finish({ token: 0 }), shardRow());
        await bumping(() => take(ALICE, 1));
        const row = shardRow({ owner: ALICE, token: 1 });
        await refusedWith(() => finish({ me: BOB }), row);
        await refusedWith(() => finish({ token: 2 }), row);
      });

      it('twice: refused with the finished row', async () => {
        await givenAlices();
        await bumping(() => finish());
        await refusedWith(() => finish(), shardRow({ token: 1, position: SHARD_END }));
      });

      it('late: refused after the next owner took', async () => {
        await givenAlices();
        const row = await givenBobTookOver();
        await refusedWith(() => finish(), row);
      });

      it('reply lost: repeated, refused with the finished row', async () => {
        await givenAlices();
        store.failNext('finish', 'lose-reply');
        await bumping(() => unknown(() => finish()));
        await refusedWith(() => finish(), shardRow({ token: 1, position: SHARD_END }));
      });

      it('is final: no take, mark, checkpoint or release moves a finished shard', async () => {
        await givenAlices();
        await bumping(() => finish());
        const row = shardRow({ token: 1, position: SHARD_END });
        await refusedWith(() => take(BOB, 2, { token: 1 }), row);
        await refusedWith(
          () =>
            store.mark({ shardId: SHARD, seenOwner: null, seenToken: 1, seenHandOffTo: null, handOffTo: BOB }),
          row,
        );
        await refusedWith(() => store.checkpoint(mine(LATE)), row);
        await refusedWith(() => store.release(mine(LATE)), row);
      });
    });

    describe('deleteShard', () => {
      it('applied: finished and free', async () => {
        await givenShard(SHARD_END);
        expect(await notBumping(() => store.deleteShard(SHARD))).to.deep.equal({ applied: true, row: null });
        expect((await store.readAll()).shards).to.deep.equal([]);
      });

      it('refused: not finished, free or not', async () => {
        await givenShard(LATE);
        await refusedWith(() => store.deleteShard(SHARD), shardRow({ position: LATE }));
        await bumping(() => take(ALICE, 1));
        await refusedWith(
          () => store.deleteShard(SHARD),
          shardRow({ owner: ALICE, token: 1, position: LATE }),
        );
      });

      it('refused: at its end but with an owner', async () => {
        await givenAlices();
        await store.checkpoint(mine(SHARD_END));
        await refusedWith(
          () => store.deleteShard(SHARD),
          shardRow({ owner: ALICE, token: 1, position: SHARD_END }),
        );
      });

      it('twice: nothing is left to delete', async () => {
        await givenShard(SHARD_END);
        await store.deleteShard(SHARD);
        await refusedWith(() => store.deleteShard(SHARD), null as ShardRow | null);
      });
    });

    it('counts one change per applied write when several run at once', async () => {
      const before = await rev();
      const ids = Array.from({ length: 30 }, (_, i) => `shard-${i}`);
      await Promise.all(
        ids.map((shardId) => store.createShard({ shardId, parents: [], position: TRIM_HORIZON })),
      );
      if (exactRev) expect(await rev()).to.equal(before + ids.length);
      expect((await store.readAll()).shards.map((row) => row.shardId).sort()).to.deep.equal([...ids].sort());
    });

    it('can be closed twice; a call after that rejects with a LeaseStoreError', async () => {
      await store.close();
      await store.close();
      const error: unknown = await store.readTick().then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(LeaseStoreError);
    });
  });
}
