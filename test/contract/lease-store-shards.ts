// Lease store contract: createShard, replaceShard, take, mark, deleteShard.

import { expect } from 'chai';
import type { ShardRow } from '../../src/model/lease-store.ts';
import { latestPosition, SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import {
  ALICE,
  BOB,
  CAROL,
  SHARD,
  EARLY,
  MIDDLE,
  LATE,
  shardRow,
  type LeaseStoreFixture,
} from './lease-store-fixture.ts';

export function shardContract(fixture: LeaseStoreFixture): void {
  const { bumping, notBumping, refusedWith, unknown, givenShard, take, givenAlices, givenBobTookOver, mine } =
    fixture;

  describe('createShard', () => {
    it('applied: free, with token 0, at the given position', async () => {
      const result = await bumping(() =>
        fixture.store.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: MIDDLE }),
      );
      expect(result).to.deep.equal({ applied: true, row: shardRow({ position: MIDDLE }) });
    });

    it('keeps no, one and two parents', async () => {
      for (const parents of [[], ['p1'], ['p1', 'p2']]) {
        const shardId = `shard-${parents.length}`;
        await bumping(() =>
          fixture.store.createShard({ shardId, startsAt: '1', parents, position: TRIM_HORIZON }),
        );
        expect((await fixture.store.readShard(shardId))!.parents).to.deep.equal(parents);
      }
      await fixture.store.take({
        shardId: 'shard-2',
        seenOwner: null,
        seenToken: 0,
        me: ALICE,
        token: 1,
        salvage: null,
      });
      expect((await fixture.store.readShard('shard-2'))!.parents).to.deep.equal(['p1', 'p2']);
    });

    it('keeps every kind of position', async () => {
      for (const position of [TRIM_HORIZON, SHARD_END, EARLY, LATE, latestPosition(1_700_000_000_000)]) {
        const { row } = await fixture.store.createShard({
          shardId: `at ${position}`,
          startsAt: '1',
          parents: [],
          position,
        });
        expect(row!.position).to.equal(position);
        expect((await fixture.store.readShard(`at ${position}`))!.position).to.equal(position);
      }
    });

    it('refused, twice and late: the row is there, and stays as its owner left it', async () => {
      await givenAlices();
      await fixture.store.checkpoint(mine(LATE));
      await refusedWith(
        () =>
          fixture.store.createShard({
            shardId: SHARD,
            startsAt: '1',
            parents: ['other'],
            position: TRIM_HORIZON,
          }),
        shardRow({ owner: ALICE, token: 1, position: LATE }),
      );
    });

    it('reply lost: repeated, refused with the row', async () => {
      fixture.store.failNext('createShard', 'lose-reply');
      await bumping(() =>
        unknown(() =>
          fixture.store.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: EARLY }),
        ),
      );
      await refusedWith(
        () => fixture.store.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: EARLY }),
        shardRow({ position: EARLY }),
      );
    });
  });

  describe('replaceShard', () => {
    const replace = (seenStartsAt = '1', startsAt = '22') =>
      fixture.store.replaceShard({
        shardId: SHARD,
        seenStartsAt,
        startsAt,
        parents: ['p1', 'p2'],
        position: EARLY,
      });
    const replacedRow = (token: number) =>
      shardRow({ startsAt: '22', parents: ['p1', 'p2'], position: EARLY, token });

    it('applied: position and parents as given, also backwards; free, and the token grows', async () => {
      await givenAlices(LATE);
      await bumping(() =>
        fixture.store.mark({
          shardId: SHARD,
          seenOwner: ALICE,
          seenToken: 1,
          seenHandOffTo: null,
          handOffTo: BOB,
        }),
      );
      expect(await bumping(() => replace())).to.deep.equal({ applied: true, row: replacedRow(2) });
      expect(await fixture.store.readShard(SHARD)).to.deep.equal(replacedRow(2));
    });

    it('applied to a finished shard, which can be taken again then', async () => {
      await givenShard(SHARD_END);
      await bumping(() => replace());
      expect((await bumping(() => take(ALICE, 7, { token: 1 }))).row).to.include({ owner: ALICE, token: 7 });
    });

    it('refused: not there, or it starts elsewhere than seen', async () => {
      await refusedWith(() => replace(), null as ShardRow | null);
      await givenShard();
      await refusedWith(() => replace('2'), shardRow());
    });

    it('twice and late: refused, and whoever took the new one keeps it', async () => {
      await givenShard(LATE);
      await bumping(() => replace());
      await bumping(() => take(BOB, 2, { token: 1 }));
      await refusedWith(() => replace(), { ...replacedRow(2), owner: BOB });
    });

    it('nothing that the owner before still writes counts', async () => {
      await givenAlices();
      await bumping(() => replace());
      await refusedWith(() => fixture.store.checkpoint(mine(LATE)), replacedRow(2));
      await refusedWith(() => fixture.store.release(mine(LATE)), replacedRow(2));
      await refusedWith(() => fixture.store.finish(mine()), replacedRow(2));
      await refusedWith(() => take(ALICE, 2, { owner: ALICE, token: 1 }, LATE), replacedRow(2));
    });

    it('reply lost: repeated, refused with the row', async () => {
      await givenShard();
      fixture.store.failNext('replaceShard', 'lose-reply');
      await bumping(() => unknown(() => replace()));
      await refusedWith(() => replace(), replacedRow(1));
    });
  });

  describe('take', () => {
    it('applied: sets owner and token, clears handOffTo, returns where to start', async () => {
      await givenShard(MIDDLE);
      await bumping(() =>
        fixture.store.mark({
          shardId: SHARD,
          seenOwner: null,
          seenToken: 0,
          seenHandOffTo: null,
          handOffTo: BOB,
        }),
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
      const arrive = fixture.store.holdNext('take');
      const late = take(ALICE, 1);
      await take(BOB, 1);
      await fixture.store.release({ shardId: SHARD, me: BOB, token: 1, position: MIDDLE });
      arrive();
      expect((await late).applied).to.equal(false);
      expect(await fixture.store.readShard(SHARD)).to.deep.equal(shardRow({ token: 1, position: MIDDLE }));
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
        fixture.store.failNext('take', fault);
        await bumping(async () => {
          if (fault === 'lose-reply') await unknown(() => take(ALICE, 1));
          else expect((await take(ALICE, 1)).applied).to.equal(false);
        });
        expect(await fixture.store.readShard(SHARD)).to.include({ owner: ALICE, token: 1 });
      });
    }

    it('request lost: the read-back shows that I hold nothing', async () => {
      await givenShard();
      fixture.store.failNext('take', 'lose-request');
      await notBumping(() => unknown(() => take(ALICE, 1)));
      expect(await fixture.store.readShard(SHARD)).to.deep.equal(shardRow());
    });

    it('salvages the acked position of my own old session', async () => {
      await givenAlices(EARLY);
      const { row } = await take(BOB, 2, { owner: ALICE, token: 1 }, LATE);
      expect(row).to.deep.equal(shardRow({ owner: BOB, token: 2, position: LATE }));
    });

    it('never salvages backwards', async () => {
      await givenAlices(LATE);
      const result = await take(BOB, 2, { owner: ALICE, token: 1 }, EARLY);
      expect(result).to.deep.equal({
        applied: true,
        row: shardRow({ owner: BOB, token: 2, position: LATE }),
      });
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
      fixture.store.mark({
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
      fixture.store.failNext('mark', 'lose-reply');
      await bumping(() => unknown(() => mark(BOB)));
      expect((await fixture.store.readShard(SHARD))!.handOffTo).to.equal(BOB);
    });
  });

  describe('deleteShard', () => {
    it('applied: finished and free', async () => {
      await givenShard(SHARD_END);
      expect(await notBumping(() => fixture.store.deleteShard(SHARD))).to.deep.equal({
        applied: true,
        row: null,
      });
      expect((await fixture.store.readAll()).shards).to.deep.equal([]);
    });

    it('refused: not finished, free or not', async () => {
      await givenShard(LATE);
      await refusedWith(() => fixture.store.deleteShard(SHARD), shardRow({ position: LATE }));
      await bumping(() => take(ALICE, 1));
      await refusedWith(
        () => fixture.store.deleteShard(SHARD),
        shardRow({ owner: ALICE, token: 1, position: LATE }),
      );
    });

    it('refused: at its end but with an owner', async () => {
      await givenAlices();
      await fixture.store.checkpoint(mine(SHARD_END));
      await refusedWith(
        () => fixture.store.deleteShard(SHARD),
        shardRow({ owner: ALICE, token: 1, position: SHARD_END }),
      );
    });

    it('twice: nothing is left to delete', async () => {
      await givenShard(SHARD_END);
      await fixture.store.deleteShard(SHARD);
      await refusedWith(() => fixture.store.deleteShard(SHARD), null as ShardRow | null);
    });
  });
}
