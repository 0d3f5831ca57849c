// Lease store contract: positions of every kind in their order, and numbers of every size.

import assert from 'node:assert/strict';
import {
  latestPosition,
  SHARD_END,
  sequencePosition,
  timestampPosition,
  TRIM_HORIZON,
} from '../../model/position.ts';
import type { CaseList } from './case-list.ts';
import {
  ALICE,
  beatWrite,
  BOB,
  newShard,
  ownerWrite,
  sessionRow,
  SHARD,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same } from './setting.ts';

const REAL = '49590338271490256608559692538361571095921575989136588898';

/** In reading order: the start positions first, then by number and not by text, then inside of an aggregate. */
const IN_ORDER = [
  timestampPosition(0),
  timestampPosition(1_700_000_000_123),
  latestPosition(9),
  latestPosition(1_700_000_000_123),
  TRIM_HORIZON,
  sequencePosition('0', 0),
  sequencePosition('9', 0),
  sequencePosition('9', 9),
  sequencePosition('9', 10),
  sequencePosition('9', 100),
  sequencePosition('10', 0),
  sequencePosition('99', 4_294_967_296),
  sequencePosition('100', 1),
  sequencePosition('9007199254740992', 0),
  sequencePosition('9007199254740993', 0),
  sequencePosition(REAL, 0),
  sequencePosition(REAL, 2),
  sequencePosition(REAL, 10),
  sequencePosition(`${REAL.slice(0, -1)}9`, 0),
  sequencePosition(`${REAL}0`, 0),
  sequencePosition('9'.repeat(128), 9_999_999_999),
  SHARD_END,
];

export const POSITION_CASES: CaseList = {
  'every kind is kept as given': async ({ store, changes }) => {
    for (const [i, position] of IN_ORDER.entries()) {
      const shardId = `shard-${i}`;
      await changes(
        () => store.createShard(newShard({ shardId, position })),
        shardRow({ shardId, position }),
      );
    }
  },

  'a checkpoint may stay or go on, and goes back to none of those before': async ({
    store,
    givenShard,
    counted,
  }) => {
    await givenShard(IN_ORDER[0]);
    await counted(() => store.take(takeWrite()));
    for (const [i, position] of IN_ORDER.entries()) {
      const row = shardRow({ owner: ALICE, token: 1, position });
      same(await store.checkpoint(ownerWrite({ position })), { applied: true, row });
      same(await store.checkpoint(ownerWrite({ position })), { applied: true, row });
      for (const earlier of IN_ORDER.slice(0, i)) {
        const back = await store.checkpoint(ownerWrite({ position: earlier }));
        assert.equal(back.applied, false, `back from ${position} to ${earlier}`);
        same(back.row, row);
      }
      same(await store.readShard(SHARD), row);
    }
  },

  'a release goes back to none of those before': async ({ store, counted }) => {
    for (const [i, position] of IN_ORDER.entries()) {
      const earlier = IN_ORDER[i - 1];
      if (earlier === undefined) continue;
      const shardId = `shard-${i}`;
      await counted(() => store.createShard(newShard({ shardId, position: earlier })));
      await counted(() => store.take(takeWrite({ shardId })));
      const write = { shardId, me: ALICE, token: 1 };
      assert.equal((await store.checkpoint({ ...write, position })).applied, true);
      const back = await store.release({ ...write, position: earlier });
      assert.equal(back.applied, false, `back from ${position} to ${earlier}`);
      const { row } = await counted(() => store.release({ ...write, position }));
      same(row, shardRow({ shardId, token: 1, position }));
    }
  },

  'salvage counts where it lies after the stored one': async ({ store, counted }) => {
    const takeable = IN_ORDER.slice(0, -1);
    for (const [i, stored] of takeable.entries()) {
      for (const salvage of [takeable[i - 1], takeable[i + 1]]) {
        if (salvage === undefined) continue;
        const shardId = `${stored} ${salvage}`;
        await counted(() => store.createShard(newShard({ shardId, position: stored })));
        await counted(() => store.take(takeWrite({ shardId })));
        const { row } = await counted(() =>
          store.take(takeWrite({ shardId, seenOwner: ALICE, seenToken: 1, me: BOB, token: 2, salvage })),
        );
        const position = takeable.indexOf(salvage) > i ? salvage : stored;
        same(row, shardRow({ shardId, owner: BOB, token: 2, position }));
      }
    }
  },

  'none but SHARD_END is the end: it can be taken, and not be deleted': async ({
    store,
    counted,
    changes,
    refuses,
    applies,
  }) => {
    for (const position of IN_ORDER.slice(0, -1)) {
      const row = shardRow({ shardId: position, position });
      const mine = { shardId: position, me: ALICE, token: 1 };
      await counted(() => store.createShard(newShard({ shardId: position, position })));
      await refuses(() => store.deleteShard(position), row);
      await changes(() => store.take(takeWrite(mine)), { ...row, owner: ALICE, token: 1 });
      await changes(() => store.finish(mine), { ...row, token: 1, position: SHARD_END });
      await applies(() => store.deleteShard(position), null);
    }
  },
};

/** A number that was a float or a text with fewer digits on its way comes back as another one. */
const LARGE = [
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 1,
  1_700_000_000_123,
  1_700_000_000_123_457,
  4_503_599_627_370_497,
  Number.MAX_SAFE_INTEGER - 1,
];

export const NUMBER_CASES: CaseList = {
  'tokens are exact up to 2^53 - 1, and compared as numbers': async ({
    store,
    givenShard,
    counted,
    refuses,
  }) => {
    await givenShard();
    let seenToken = 0;
    for (const token of [9, 10, ...LARGE, Number.MAX_SAFE_INTEGER]) {
      for (const wrong of [seenToken - 1, seenToken + 1]) {
        const { applied } = await store.take(takeWrite({ seenToken: wrong, token }));
        assert.equal(applied, false, `seen ${seenToken}, taken as ${wrong}`);
      }
      const { row } = await counted(() => store.take(takeWrite({ seenToken, token })));
      const mine = shardRow({ owner: ALICE, token });
      same(row, mine);
      same(await store.readShard(SHARD), mine);
      for (const wrong of token === Number.MAX_SAFE_INTEGER ? [token - 1] : [token - 1, token + 1]) {
        await refuses(() => store.checkpoint(ownerWrite({ token: wrong, position: TRIM_HORIZON })), mine);
      }
      await counted(() => store.release(ownerWrite({ token, position: TRIM_HORIZON })));
      seenToken = token;
    }
  },

  'replaceShard adds exactly 1 to a large token': async ({ store, givenShard, counted, changes }) => {
    await givenShard();
    let row = shardRow();
    for (const [i, token] of LARGE.entries()) {
      await counted(() => store.take(takeWrite({ seenToken: row.token, token })));
      const next = newShard({ startsAt: `${i + 2}` });
      row = shardRow({ ...next, token: token + 1 });
      await changes(() => store.replaceShard({ ...next, seenStartsAt: `${i + 1}` }), row);
    }
  },

  'beats are exact up to 2^53 - 1': async ({ store, changes, refuses, applies }) => {
    await store.createSession(sessionRow(ALICE));
    for (const beat of [...LARGE, Number.MAX_SAFE_INTEGER]) {
      const row = sessionRow(ALICE, { beat });
      await applies(() => store.beat(beatWrite({ beat })), row);
      await refuses(() => store.beat(beatWrite({ beat })), row);
      await refuses(() => store.evict({ session: ALICE, beat: beat - 1 }), row);
    }
    const beat = Number.MAX_SAFE_INTEGER;
    await changes(() => store.evict({ session: ALICE, beat }), sessionRow(ALICE, { beat, state: 'dead' }));
  },

  'maxShards and pid of every size are kept': async ({ store, applies }) => {
    for (const [i, maxShards] of [null, 0, 1, ...LARGE, Number.MAX_SAFE_INTEGER].entries()) {
      const row = sessionRow(`${i}`, { maxShards, pid: i === 0 ? 0 : 2 ** 22 });
      await applies(() => store.createSession(row), row);
      await applies(() => store.beat(beatWrite({ session: row.session, maxShards: 3 })), {
        ...row,
        beat: 1,
        maxShards: 3,
      });
      await applies(() => store.beat(beatWrite({ session: row.session, beat: 2, maxShards })), {
        ...row,
        beat: 2,
      });
    }
  },
};
