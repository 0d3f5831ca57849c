// Lease store contract: mark.

import { SHARD_END } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import { ALICE, BOB, CAROL, markWrite, MIDDLE, ownerWrite, shardRow, takeWrite } from './rows.ts';

const marked = shardRow({ owner: ALICE, token: 1, handOffTo: BOB });

/** Each part of the condition alone; the row is {@link marked}. */
const NOT_AS_SEEN = [
  { seenOwner: CAROL },
  { seenOwner: null },
  { seenToken: 0 },
  { seenToken: 2 },
  { seenHandOffTo: null },
  { seenHandOffTo: CAROL },
  { seenHandOffTo: ALICE },
];

export const MARK_CASES: CaseList = {
  'applied: sets handOffTo and nothing else': async ({ store, givenAlices, changes }) => {
    const row = await givenAlices(MIDDLE);
    await changes(() => store.mark(markWrite()), { ...row, handOffTo: BOB });
  },

  'applied: from one to another, and null cancels': async ({ store, givenAlices, changes }) => {
    const row = await givenAlices();
    await changes(() => store.mark(markWrite()), { ...row, handOffTo: BOB });
    await changes(() => store.mark(markWrite({ seenHandOffTo: BOB, handOffTo: CAROL })), {
      ...row,
      handOffTo: CAROL,
    });
    await changes(() => store.mark(markWrite({ seenHandOffTo: CAROL, handOffTo: null })), row);
  },

  'applied: a free one, and a reservation that a release left': async ({
    store,
    givenShard,
    counted,
    changes,
  }) => {
    const free = { seenOwner: null, seenToken: 0 };
    await givenShard();
    await changes(() => store.mark(markWrite(free)), shardRow({ handOffTo: BOB }));
    await changes(() => store.mark(markWrite({ ...free, seenHandOffTo: BOB, handOffTo: null })), shardRow());
    await counted(() => store.take(takeWrite()));
    await counted(() => store.mark(markWrite()));
    await counted(() => store.release(ownerWrite()));
    await changes(
      () => store.mark(markWrite({ seenOwner: null, seenHandOffTo: BOB, handOffTo: null })),
      shardRow({ token: 1, position: MIDDLE }),
    );
  },

  'refused: not there': ({ store, refuses }) => refuses(() => store.mark(markWrite()), null),

  ...forEach(
    NOT_AS_SEEN,
    (seen) => `refused: not as seen, ${JSON.stringify(seen)}`,
    async ({ store, givenAlices, changes, refuses }, seen) => {
      await givenAlices();
      await changes(() => store.mark(markWrite()), marked);
      const right = { seenHandOffTo: BOB };
      await refuses(() => store.mark(markWrite({ ...right, ...seen, handOffTo: CAROL })), marked);
      await refuses(() => store.mark(markWrite({ ...right, ...seen, handOffTo: null })), marked);
    },
  ),

  'refused: an unmarked one that was seen as marked': async ({ store, givenAlices, refuses }) => {
    const row = await givenAlices();
    await refuses(() => store.mark(markWrite({ seenHandOffTo: CAROL })), row);
  },

  'refused: finished, with an owner or free': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await store.checkpoint(ownerWrite({ position: SHARD_END }));
    const atEnd = shardRow({ token: 1, position: SHARD_END });
    await refuses(() => store.mark(markWrite()), { ...atEnd, owner: ALICE });
    await counted(() => store.finish(ownerWrite()));
    await refuses(() => store.mark(markWrite({ seenOwner: null })), atEnd);
  },

  'twice, as when the reply was lost: refused with the marked row': async ({
    store,
    givenAlices,
    counted,
    refuses,
  }) => {
    await givenAlices();
    await counted(() => store.mark(markWrite()));
    await refuses(() => store.mark(markWrite()), marked);
  },

  'late: refused after the next owner took': async ({ store, givenBobs, refuses }) => {
    const row = await givenBobs();
    await refuses(() => store.mark(markWrite({ handOffTo: CAROL })), row);
  },

  'late: refused after the owner released': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.release(ownerWrite()));
    await refuses(() => store.mark(markWrite()), shardRow({ token: 1, position: MIDDLE }));
  },

  'late: refused after the same owner took again': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.take(takeWrite({ seenOwner: ALICE, seenToken: 1, token: 2 })));
    await refuses(() => store.mark(markWrite()), shardRow({ owner: ALICE, token: 2 }));
  },
};
