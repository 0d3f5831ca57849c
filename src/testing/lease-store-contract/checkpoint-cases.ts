// Lease store contract: checkpoint.

import { SHARD_END, TRIM_HORIZON } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
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

/** Each part of the condition alone; Alice holds it with token 1. Release and finish have the same. */
export const NOT_MINE = [{ me: BOB }, { token: 0 }, { token: 2 }];

export const CHECKPOINT_CASES: CaseList = {
  'applied: moves the position and nothing else': async ({ store, givenAlices, applies }) => {
    const row = await givenAlices();
    for (const position of [EARLY, MIDDLE, LATE, SHARD_END]) {
      await applies(() => store.checkpoint(ownerWrite({ position })), { ...row, position });
    }
  },

  'applied while marked for a hand-off, which stays': async ({ store, givenAlices, counted, applies }) => {
    const row = await givenAlices();
    await counted(() => store.mark(markWrite()));
    await applies(() => store.checkpoint(ownerWrite()), { ...row, position: MIDDLE, handOffTo: BOB });
  },

  'twice, as when the reply was lost: an equal position is allowed': async ({
    store,
    givenAlices,
    applies,
  }) => {
    const row = await givenAlices();
    await applies(() => store.checkpoint(ownerWrite({ position: TRIM_HORIZON })), row);
    await applies(() => store.checkpoint(ownerWrite()), { ...row, position: MIDDLE });
    await applies(() => store.checkpoint(ownerWrite()), { ...row, position: MIDDLE });
  },

  ...forEach(
    [MIDDLE, EARLY, TRIM_HORIZON],
    (position) => `refused: never back to ${position}`,
    async ({ store, givenAlices, refuses }, position) => {
      const row = await givenAlices(LATE);
      await refuses(() => store.checkpoint(ownerWrite({ position })), row);
    },
  ),

  'refused: not there': async ({ store, refuses }) => {
    await refuses(() => store.checkpoint(ownerWrite()), null);
    same(await store.readShard(SHARD), null);
  },

  'refused: free': async ({ store, givenShard, refuses }) => {
    const row = await givenShard();
    await refuses(() => store.checkpoint(ownerWrite({ token: 0 })), row);
  },

  ...forEach(
    NOT_MINE,
    (write) => `refused: Alice's with token 1, and not ${JSON.stringify(write)}`,
    async ({ store, givenAlices, refuses }, write) => {
      const row = await givenAlices();
      await refuses(() => store.checkpoint(ownerWrite(write)), row);
    },
  ),

  'late: refused after the next owner took': async ({ store, givenBobs, refuses }) => {
    const row = await givenBobs();
    await refuses(() => store.checkpoint(ownerWrite()), row);
  },

  'late: refused after I took again with a new token': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.take(takeWrite({ seenOwner: ALICE, seenToken: 1, token: 2 })));
    await refuses(() => store.checkpoint(ownerWrite()), shardRow({ owner: ALICE, token: 2 }));
  },

  'late: refused after my release': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.release(ownerWrite()));
    await refuses(
      () => store.checkpoint(ownerWrite({ position: LATE })),
      shardRow({ token: 1, position: MIDDLE }),
    );
  },

  'late: refused after I finished': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.finish(ownerWrite()));
    await refuses(() => store.checkpoint(ownerWrite()), shardRow({ token: 1, position: SHARD_END }));
  },

  'late: my own older duplicate is refused with a row that is mine and further': async ({
    store,
    givenAlices,
    refuses,
  }) => {
    const row = await givenAlices();
    await store.checkpoint(ownerWrite({ position: LATE }));
    await refuses(() => store.checkpoint(ownerWrite({ position: MIDDLE })), { ...row, position: LATE });
  },
};
