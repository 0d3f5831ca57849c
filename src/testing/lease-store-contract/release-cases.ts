// Lease store contract: release and finish, the two ways in which an owner gives a shard away.

import { SHARD_END, TRIM_HORIZON } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import { NOT_MINE } from './checkpoint-cases.ts';
import {
  ALICE,
  BOB,
  EARLY,
  LATE,
  markWrite,
  MIDDLE,
  ownerWrite,
  SHARD,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same } from './setting.ts';

export const RELEASE_CASES: CaseList = {
  'applied: position and freedom in one write; handOffTo stays as a reservation': async ({
    store,
    givenAlices,
    counted,
    changes,
  }) => {
    await givenAlices();
    await counted(() => store.mark(markWrite()));
    await changes(
      () => store.release(ownerWrite()),
      shardRow({ token: 1, position: MIDDLE, handOffTo: BOB }),
    );
  },

  'applied at the stored position, a start position too': async ({ store, givenAlices, changes }) => {
    await givenAlices();
    await changes(() => store.release(ownerWrite({ position: TRIM_HORIZON })), shardRow({ token: 1 }));
  },

  ...forEach(
    [MIDDLE, EARLY, TRIM_HORIZON],
    (position) => `refused: never back to ${position}`,
    async ({ store, givenAlices, refuses }, position) => {
      const row = await givenAlices(LATE);
      await refuses(() => store.release(ownerWrite({ position })), row);
    },
  ),

  'refused: not there': async ({ store, refuses }) => {
    await refuses(() => store.release(ownerWrite()), null);
    same(await store.readShard(SHARD), null);
  },

  ...forEach(
    NOT_MINE,
    (write) => `refused: Alice's with token 1, and not ${JSON.stringify(write)}`,
    async ({ store, givenAlices, refuses }, write) => {
      const row = await givenAlices();
      await refuses(() => store.release(ownerWrite(write)), row);
    },
  ),

  'twice, as when the reply was lost: refused with the free row': async ({
    store,
    givenAlices,
    counted,
    refuses,
  }) => {
    await givenAlices();
    await counted(() => store.release(ownerWrite()));
    await refuses(() => store.release(ownerWrite()), shardRow({ token: 1, position: MIDDLE }));
  },

  'late: refused after the next owner took': async ({ store, givenBobs, refuses }) => {
    const row = await givenBobs();
    await refuses(() => store.release(ownerWrite()), row);
  },

  'late: refused after I took again with a new token': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.take(takeWrite({ seenOwner: ALICE, seenToken: 1, token: 2 })));
    await refuses(() => store.release(ownerWrite()), shardRow({ owner: ALICE, token: 2 }));
  },
};

export const FINISH_CASES: CaseList = {
  'applied: SHARD_END, free and reserved for nobody': async ({ store, givenAlices, counted, changes }) => {
    await givenAlices(LATE);
    await counted(() => store.mark(markWrite()));
    await changes(() => store.finish(ownerWrite()), shardRow({ token: 1, position: SHARD_END }));
  },

  'applied where the position says SHARD_END already': async ({ store, givenAlices, changes }) => {
    await givenAlices();
    await store.checkpoint(ownerWrite({ position: SHARD_END }));
    await changes(() => store.finish(ownerWrite()), shardRow({ token: 1, position: SHARD_END }));
  },

  'refused: not there': async ({ store, refuses }) => {
    await refuses(() => store.finish(ownerWrite()), null);
    same(await store.readShard(SHARD), null);
  },

  'refused: free': async ({ store, givenShard, refuses }) => {
    const row = await givenShard();
    await refuses(() => store.finish(ownerWrite({ token: 0 })), row);
  },

  ...forEach(
    NOT_MINE,
    (write) => `refused: Alice's with token 1, and not ${JSON.stringify(write)}`,
    async ({ store, givenAlices, refuses }, write) => {
      const row = await givenAlices();
      await refuses(() => store.finish(ownerWrite(write)), row);
    },
  ),

  'twice, as when the reply was lost: refused with the finished row': async ({
    store,
    givenAlices,
    counted,
    refuses,
  }) => {
    await givenAlices();
    await counted(() => store.finish(ownerWrite()));
    await refuses(() => store.finish(ownerWrite()), shardRow({ token: 1, position: SHARD_END }));
  },

  'late: refused after the next owner took': async ({ store, givenBobs, refuses }) => {
    const row = await givenBobs();
    await refuses(() => store.finish(ownerWrite()), row);
  },

  'late: refused after I released': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.release(ownerWrite()));
    await refuses(() => store.finish(ownerWrite()), shardRow({ token: 1, position: MIDDLE }));
  },

  'late: refused after I took again with a new token': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.take(takeWrite({ seenOwner: ALICE, seenToken: 1, token: 2 })));
    await refuses(() => store.finish(ownerWrite()), shardRow({ owner: ALICE, token: 2 }));
  },
};
