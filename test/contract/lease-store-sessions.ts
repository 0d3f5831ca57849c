// Lease store contract: createSession, beat, end, evict, deleteSession.

import { expect } from 'chai';
import type { SessionRow } from '../../src/model/lease-store.ts';
import { ALICE, BOB, CAROL, sessionRow, type LeaseStoreFixture } from './lease-store-fixture.ts';

export function sessionContract(fixture: LeaseStoreFixture): void {
  const { bumping, notBumping, refusedWith, unknown } = fixture;

  describe('createSession', () => {
    it('applied: returns the row', async () => {
      const result = await notBumping(() => fixture.store.createSession(sessionRow(ALICE, { maxShards: 5 })));
      expect(result).to.deep.equal({ applied: true, row: sessionRow(ALICE, { maxShards: 5 }) });
    });

    it('refused, and so also twice: the row is there, as it stands by now', async () => {
      await fixture.store.createSession(sessionRow(ALICE));
      await fixture.store.beat({ session: ALICE, beat: 3, state: 'live', maxShards: null });
      await refusedWith(() => fixture.store.createSession(sessionRow(ALICE)), sessionRow(ALICE, { beat: 3 }));
    });

    it('late: an evicted session cannot be created any more', async () => {
      await bumping(() => fixture.store.evict({ session: ALICE, beat: null }));
      const result = await fixture.store.createSession(sessionRow(ALICE));
      expect(result.applied).to.equal(false);
      expect(result.row!.state).to.equal('dead');
    });

    it('reply lost: put again, "exists and live" is the success', async () => {
      fixture.store.failNext('createSession', 'lose-reply');
      await unknown(() => fixture.store.createSession(sessionRow(ALICE)));
      await refusedWith(() => fixture.store.createSession(sessionRow(ALICE)), sessionRow(ALICE));
    });

    it('request lost: put again, applied', async () => {
      fixture.store.failNext('createSession', 'lose-request');
      await unknown(() => fixture.store.createSession(sessionRow(ALICE)));
      expect((await fixture.store.createSession(sessionRow(ALICE))).applied).to.equal(true);
    });
  });

  describe('beat', () => {
    const beat = (n: number, state: 'live' | 'draining' = 'live') =>
      fixture.store.beat({ session: ALICE, beat: n, state, maxShards: 8 });

    beforeEach(() => fixture.store.createSession(sessionRow(ALICE)));

    it('applied: sets beat, state and maxShards to what the client says', async () => {
      const first = await notBumping(() => beat(1));
      expect(first).to.deep.equal({ applied: true, row: sessionRow(ALICE, { beat: 1, maxShards: 8 }) });
      const later = await notBumping(() => beat(12, 'draining'));
      expect(later.row).to.deep.equal(sessionRow(ALICE, { beat: 12, maxShards: 8, state: 'draining' }));
      expect((await fixture.store.readSession(ALICE))!.beat).to.equal(12);
    });

    it('applied to a draining session', async () => {
      await beat(1, 'draining');
      expect((await beat(2, 'draining')).applied).to.equal(true);
    });

    it('can set maxShards to no limit again', async () => {
      await beat(1);
      const { row } = await fixture.store.beat({ session: ALICE, beat: 2, state: 'live', maxShards: null });
      expect(row!.maxShards).to.equal(null);
    });

    it('refused: the session is not there, ended or dead', async () => {
      await refusedWith(
        () => fixture.store.beat({ session: CAROL, beat: 1, state: 'live', maxShards: null }),
        null as SessionRow | null,
      );
      await fixture.store.end(ALICE);
      await refusedWith(() => beat(1), sessionRow(ALICE, { state: 'ended' }));
      await fixture.store.createSession(sessionRow(BOB));
      await bumping(() => fixture.store.evict({ session: BOB, beat: 0 }));
      await refusedWith(
        () => fixture.store.beat({ session: BOB, beat: 1, state: 'live', maxShards: null }),
        sessionRow(BOB, { state: 'dead' }),
      );
    });

    it('twice: the second one is refused and changes nothing', async () => {
      await beat(1);
      await refusedWith(() => beat(1), sessionRow(ALICE, { beat: 1, maxShards: 8 }));
    });

    it('late: an older beat does not undo a newer one', async () => {
      const arrive = fixture.store.holdNext('beat');
      const late = beat(1);
      await beat(2, 'draining');
      arrive();
      expect((await late).applied).to.equal(false);
      expect(await fixture.store.readSession(ALICE)).to.deep.equal(
        sessionRow(ALICE, { beat: 2, maxShards: 8, state: 'draining' }),
      );
    });

    it('reply lost: the next beat goes through', async () => {
      fixture.store.failNext('beat', 'lose-reply');
      await unknown(() => beat(1));
      expect((await beat(2)).applied).to.equal(true);
    });
  });

  describe('end', () => {
    beforeEach(() => fixture.store.createSession(sessionRow(ALICE)));

    it('applied, and applied twice', async () => {
      const ended = { applied: true, row: sessionRow(ALICE, { state: 'ended' }) };
      expect(await notBumping(() => fixture.store.end(ALICE))).to.deep.equal(ended);
      expect(await notBumping(() => fixture.store.end(ALICE))).to.deep.equal(ended);
    });

    it('applied to a draining session', async () => {
      await fixture.store.beat({ session: ALICE, beat: 1, state: 'draining', maxShards: null });
      expect((await fixture.store.end(ALICE)).row!.state).to.equal('ended');
    });

    it('refused: not there', () => refusedWith(() => fixture.store.end(BOB), null as SessionRow | null));

    it('late: a dead session stays dead', async () => {
      await bumping(() => fixture.store.evict({ session: ALICE, beat: 0 }));
      await refusedWith(() => fixture.store.end(ALICE), sessionRow(ALICE, { state: 'dead' }));
    });

    it('reply lost: repeated', async () => {
      fixture.store.failNext('end', 'lose-reply');
      await unknown(() => fixture.store.end(ALICE));
      expect((await fixture.store.end(ALICE)).applied).to.equal(true);
    });
  });

  describe('evict', () => {
    beforeEach(() => fixture.store.createSession(sessionRow(ALICE, { beat: 4 })));

    it('applied: live or draining with exactly that beat becomes dead', async () => {
      const live = await bumping(() => fixture.store.evict({ session: ALICE, beat: 4 }));
      expect(live).to.deep.equal({ applied: true, row: sessionRow(ALICE, { beat: 4, state: 'dead' }) });
      await fixture.store.createSession(sessionRow(BOB, { beat: 1, state: 'draining' }));
      const draining = await bumping(() => fixture.store.evict({ session: BOB, beat: 1 }));
      expect(draining.row!.state).to.equal('dead');
    });

    it('applied: a session that is absent gets a tombstone', async () => {
      const result = await bumping(() => fixture.store.evict({ session: BOB, beat: null }));
      expect(result.applied).to.equal(true);
      expect(result.row).to.include({ session: BOB, state: 'dead', maxShards: null });
      expect((await fixture.store.readSession(BOB))!.state).to.equal('dead');
    });

    it('refused: the beat moved, in whichever direction', async () => {
      await refusedWith(
        () => fixture.store.evict({ session: ALICE, beat: 3 }),
        sessionRow(ALICE, { beat: 4 }),
      );
      await refusedWith(
        () => fixture.store.evict({ session: ALICE, beat: 5 }),
        sessionRow(ALICE, { beat: 4 }),
      );
    });

    it('refused: thought absent but there, thought there but absent', async () => {
      await refusedWith(
        () => fixture.store.evict({ session: ALICE, beat: null }),
        sessionRow(ALICE, { beat: 4 }),
      );
      await refusedWith(() => fixture.store.evict({ session: CAROL, beat: 0 }), null as SessionRow | null);
    });

    it('refused: an ended session stays ended', async () => {
      await fixture.store.end(ALICE);
      await refusedWith(
        () => fixture.store.evict({ session: ALICE, beat: 4 }),
        sessionRow(ALICE, { beat: 4, state: 'ended' }),
      );
    });

    it('twice: the second one is refused with the dead row', async () => {
      await bumping(() => fixture.store.evict({ session: ALICE, beat: 4 }));
      await refusedWith(
        () => fixture.store.evict({ session: ALICE, beat: 4 }),
        sessionRow(ALICE, { beat: 4, state: 'dead' }),
      );
    });

    it('late: a beat came first', async () => {
      const arrive = fixture.store.holdNext('evict');
      const late = fixture.store.evict({ session: ALICE, beat: 4 });
      await fixture.store.beat({ session: ALICE, beat: 5, state: 'live', maxShards: null });
      arrive();
      expect((await late).applied).to.equal(false);
      expect((await fixture.store.readSession(ALICE))!.state).to.equal('live');
    });

    it('reply lost: the next read tells', async () => {
      fixture.store.failNext('evict', 'lose-reply');
      await bumping(() => unknown(() => fixture.store.evict({ session: ALICE, beat: 4 })));
      expect((await fixture.store.readSession(ALICE))!.state).to.equal('dead');
    });
  });

  describe('deleteSession', () => {
    it('applied: an ended or a dead one', async () => {
      await fixture.store.createSession(sessionRow(ALICE));
      await fixture.store.end(ALICE);
      await bumping(() => fixture.store.evict({ session: BOB, beat: null }));
      expect(await notBumping(() => fixture.store.deleteSession(ALICE))).to.deep.equal({
        applied: true,
        row: null,
      });
      expect(await notBumping(() => fixture.store.deleteSession(BOB))).to.deep.equal({
        applied: true,
        row: null,
      });
      expect((await fixture.store.readTick()).sessions).to.deep.equal([]);
    });

    it('refused: live or draining', async () => {
      await fixture.store.createSession(sessionRow(ALICE));
      await refusedWith(() => fixture.store.deleteSession(ALICE), sessionRow(ALICE));
      const draining = sessionRow(BOB, { state: 'draining' });
      await fixture.store.createSession(draining);
      await refusedWith(() => fixture.store.deleteSession(BOB), draining);
    });

    it('twice: nothing is left to delete', async () => {
      await fixture.store.createSession(sessionRow(ALICE));
      await fixture.store.end(ALICE);
      await fixture.store.deleteSession(ALICE);
      await refusedWith(() => fixture.store.deleteSession(ALICE), null as SessionRow | null);
    });
  });
}
