// Lease store contract: what only the owner of a lease may write: checkpoint, release, finish.

import { expect } from 'chai';
import type { ShardRow } from '../../src/model/lease-store.ts';
import { SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import {
  ALICE,
  BOB,
  SHARD,
  EARLY,
  MIDDLE,
  LATE,
  shardRow,
  type LeaseStoreFixture,
} from './lease-store-fixture.ts';

export function ownerContract(fixture: LeaseStoreFixture): void {
  const { bumping, notBumping, refusedWith, unknown, givenShard, take, givenAlices, givenBobTookOver, mine } =
    fixture;

  describe('checkpoint', () => {
    it('applied: moves the position only', async () => {
      await givenAlices();
      for (const position of [EARLY, MIDDLE, LATE]) {
        const result = await notBumping(() => fixture.store.checkpoint(mine(position)));
        expect(result).to.deep.equal({
          applied: true,
          row: shardRow({ owner: ALICE, token: 1, position }),
        });
      }
    });

    it('applied while marked for a hand-off, which stays', async () => {
      await givenAlices();
      await fixture.store.mark({
        shardId: SHARD,
        seenOwner: ALICE,
        seenToken: 1,
        seenHandOffTo: null,
        handOffTo: BOB,
      });
      expect((await fixture.store.checkpoint(mine())).row!.handOffTo).to.equal(BOB);
    });

    it('twice: an equal position is allowed', async () => {
      await givenAlices();
      await fixture.store.checkpoint(mine(MIDDLE));
      expect((await notBumping(() => fixture.store.checkpoint(mine(MIDDLE)))).applied).to.equal(true);
    });

    it('refused: never backwards', async () => {
      await givenAlices();
      await fixture.store.checkpoint(mine(LATE));
      for (const position of [MIDDLE, EARLY, TRIM_HORIZON]) {
        await refusedWith(
          () => fixture.store.checkpoint(mine(position)),
          shardRow({ owner: ALICE, token: 1, position: LATE }),
        );
      }
    });

    it('refused: not there, another owner, another token', async () => {
      await refusedWith(() => fixture.store.checkpoint(mine()), null as ShardRow | null);
      await givenAlices();
      const row = shardRow({ owner: ALICE, token: 1 });
      await refusedWith(() => fixture.store.checkpoint({ ...mine(), me: BOB }), row);
      await refusedWith(() => fixture.store.checkpoint({ ...mine(), token: 2 }), row);
      await refusedWith(() => fixture.store.checkpoint({ ...mine(), token: 0 }), row);
    });

    it('late: refused after the next owner took', async () => {
      await givenAlices();
      const arrive = fixture.store.holdNext('checkpoint');
      const late = fixture.store.checkpoint(mine(LATE));
      const row = await givenBobTookOver();
      arrive();
      expect(await late).to.deep.equal({ applied: false, row });
    });

    it('late: refused after I took again with a new token', async () => {
      await givenAlices();
      await bumping(() => take(ALICE, 2, { owner: ALICE, token: 1 }));
      await refusedWith(() => fixture.store.checkpoint(mine(LATE)), shardRow({ owner: ALICE, token: 2 }));
    });

    it('late: my own older duplicate is refused with a row that is mine and further', async () => {
      await givenAlices();
      const arrive = fixture.store.holdNext('checkpoint');
      const late = fixture.store.checkpoint(mine(MIDDLE));
      await fixture.store.checkpoint(mine(LATE));
      arrive();
      expect(await late).to.deep.equal({
        applied: false,
        row: shardRow({ owner: ALICE, token: 1, position: LATE }),
      });
    });

    it('reply lost: written again', async () => {
      await givenAlices();
      fixture.store.failNext('checkpoint', 'lose-reply');
      await unknown(() => fixture.store.checkpoint(mine()));
      expect((await fixture.store.checkpoint(mine())).applied).to.equal(true);
    });
  });

  describe('release', () => {
    it('applied: position and freedom in one write; handOffTo stays as a reservation', async () => {
      await givenAlices();
      await fixture.store.mark({
        shardId: SHARD,
        seenOwner: ALICE,
        seenToken: 1,
        seenHandOffTo: null,
        handOffTo: BOB,
      });
      const result = await bumping(() => fixture.store.release(mine(LATE)));
      expect(result).to.deep.equal({
        applied: true,
        row: shardRow({ token: 1, position: LATE, handOffTo: BOB }),
      });
    });

    it('applied at the stored position', async () => {
      await givenAlices(LATE);
      expect((await fixture.store.release(mine(LATE))).applied).to.equal(true);
    });

    it('refused: backwards, not there, another owner, another token', async () => {
      await refusedWith(() => fixture.store.release(mine()), null as ShardRow | null);
      await givenAlices(MIDDLE);
      const row = shardRow({ owner: ALICE, token: 1, position: MIDDLE });
      await refusedWith(() => fixture.store.release(mine(EARLY)), row);
      await refusedWith(() => fixture.store.release({ ...mine(), me: BOB }), row);
      await refusedWith(() => fixture.store.release({ ...mine(), token: 2 }), row);
    });

    it('twice: refused with the free row', async () => {
      await givenAlices();
      await bumping(() => fixture.store.release(mine()));
      await refusedWith(() => fixture.store.release(mine()), shardRow({ token: 1, position: MIDDLE }));
    });

    it('late: refused after the next owner took', async () => {
      await givenAlices();
      const row = await givenBobTookOver();
      await refusedWith(() => fixture.store.release(mine(LATE)), row);
    });

    it('late: a checkpoint after the release is refused', async () => {
      await givenAlices();
      await bumping(() => fixture.store.release(mine()));
      await refusedWith(() => fixture.store.checkpoint(mine(LATE)), shardRow({ token: 1, position: MIDDLE }));
    });

    it('reply lost: repeated until answered, refused with the free row', async () => {
      await givenAlices();
      fixture.store.failNext('release', 'lose-reply');
      await bumping(() => unknown(() => fixture.store.release(mine())));
      await refusedWith(() => fixture.store.release(mine()), shardRow({ token: 1, position: MIDDLE }));
    });
  });

  describe('finish', () => {
    const finish = (changes: { me?: string; token?: number } = {}) =>
      fixture.store.finish({ shardId: SHARD, me: ALICE, token: 1, ...changes });

    it('applied: SHARD_END, free and reserved for nobody', async () => {
      await givenAlices(LATE);
      await fixture.store.mark({
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
      fixture.store.failNext('finish', 'lose-reply');
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
          fixture.store.mark({
            shardId: SHARD,
            seenOwner: null,
            seenToken: 1,
            seenHandOffTo: null,
            handOffTo: BOB,
          }),
        row,
      );
      await refusedWith(() => fixture.store.checkpoint(mine(LATE)), row);
      await refusedWith(() => fixture.store.release(mine(LATE)), row);
    });
  });
}
