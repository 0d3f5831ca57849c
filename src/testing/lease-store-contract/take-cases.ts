// Lease store contract: take.

import {
  latestPosition,
  type Position,
  SHARD_END,
  timestampPosition,
  TRIM_HORIZON,
} from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import {
  ALICE,
  BOB,
  CAROL,
  EARLY,
  LATE,
  markWrite,
  MIDDLE,
  ownerWrite,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same } from './setting.ts';

const fromAlice = { seenOwner: ALICE, seenToken: 1, token: 2 };

/** Stored and salvaged positions, and which of them counts. */
const SALVAGES: readonly (readonly [Position, Position, 'salvaged' | 'stored'])[] = [
  [EARLY, LATE, 'salvaged'],
  [EARLY, MIDDLE, 'salvaged'],
  [TRIM_HORIZON, EARLY, 'salvaged'],
  [latestPosition(5), EARLY, 'salvaged'],
  [timestampPosition(5), LATE, 'salvaged'],
  [LATE, EARLY, 'stored'],
  [LATE, MIDDLE, 'stored'],
  [MIDDLE, TRIM_HORIZON, 'stored'],
  [LATE, LATE, 'stored'],
];

export const TAKE_CASES: CaseList = {
  'applied: sets owner and token, clears handOffTo, returns where to start': async ({
    store,
    givenShard,
    counted,
    changes,
  }) => {
    await givenShard(MIDDLE);
    await counted(() => store.mark(markWrite({ seenOwner: null, seenToken: 0 })));
    await changes(() => store.take(takeWrite()), shardRow({ owner: ALICE, token: 1, position: MIDDLE }));
  },

  'applied: from another session that is still named': async ({ givenBobs }) => {
    await givenBobs(MIDDLE);
  },

  'applied: again what is mine, with a new token': async ({ store, givenAlices, changes }) => {
    await givenAlices();
    await changes(() => store.take(takeWrite(fromAlice)), shardRow({ owner: ALICE, token: 2 }));
  },

  'applied: at once after a release, at the position of the release': async ({
    store,
    givenAlices,
    counted,
    changes,
  }) => {
    await givenAlices();
    await counted(() => store.release(ownerWrite()));
    await changes(
      () => store.take(takeWrite({ seenToken: 1, me: BOB, token: 2 })),
      shardRow({ owner: BOB, token: 2, position: MIDDLE }),
    );
  },

  'the token is the one that the taker chose, far above the seen one too': async ({
    store,
    givenShard,
    changes,
  }) => {
    await givenShard();
    const token = 1_700_000_000_123;
    await changes(() => store.take(takeWrite({ token })), shardRow({ owner: ALICE, token }));
  },

  'refused: not there': async ({ store, refuses }) => {
    await refuses(() => store.take(takeWrite()), null);
    await refuses(() => store.take(takeWrite(fromAlice)), null);
  },

  ...forEach(
    [
      { seenOwner: null, seenToken: 0 },
      { seenOwner: null, seenToken: 1 },
      { seenOwner: CAROL, seenToken: 1 },
      { seenOwner: ALICE, seenToken: 0 },
      { seenOwner: ALICE, seenToken: 2 },
    ],
    ({ seenOwner, seenToken }) =>
      `refused: Alice's with token 1, seen as ${JSON.stringify(seenOwner)}'s with ${seenToken}`,
    async ({ store, givenAlices, refuses }, seen) => {
      const row = await givenAlices();
      await refuses(() => store.take(takeWrite({ ...seen, me: BOB, token: 3 })), row);
      // One that owns it is told no as well.
      await refuses(() => store.take(takeWrite({ ...seen, token: 3 })), row);
    },
  ),

  ...forEach(
    [
      { seenOwner: ALICE, seenToken: 0 },
      { seenOwner: null, seenToken: 1 },
    ],
    ({ seenOwner, seenToken }) =>
      `refused: free with token 0, seen as ${JSON.stringify(seenOwner)}'s with ${seenToken}`,
    async ({ store, givenShard, refuses }, seen) => {
      const row = await givenShard();
      await refuses(() => store.take(takeWrite({ ...seen, token: 3 })), row);
    },
  ),

  'refused: finished, free or not': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await store.checkpoint(ownerWrite({ position: SHARD_END }));
    await refuses(
      () => store.take(takeWrite({ ...fromAlice, me: BOB })),
      shardRow({ owner: ALICE, token: 1, position: SHARD_END }),
    );
    await counted(() => store.finish(ownerWrite()));
    const finished = shardRow({ token: 1, position: SHARD_END });
    await refuses(() => store.take(takeWrite({ seenToken: 1, token: 2 })), finished);
    await refuses(() => store.take(takeWrite({ seenToken: 1, token: 2, salvage: LATE })), finished);
  },

  'twice, as when the reply was lost: refused, and the row names me with that token': async ({
    store,
    givenAlices,
    refuses,
  }) => {
    const row = await givenAlices();
    await refuses(() => store.take(takeWrite()), row);
  },

  'twice at once: applied once': async ({ store, givenShard, counted }) => {
    await givenShard();
    const row = shardRow({ owner: ALICE, token: 1 });
    const results = await counted(() => Promise.all([store.take(takeWrite()), store.take(takeWrite())]));
    const other = { applied: false, row };
    same(
      results.sort((a, b) => Number(b.applied) - Number(a.applied)),
      [{ applied: true, row }, other],
    );
  },

  'late: refused after the next owner took': async ({ store, givenBobs, refuses }) => {
    const row = await givenBobs();
    await refuses(() => store.take(takeWrite()), row);
    await refuses(() => store.take(takeWrite({ ...fromAlice, me: CAROL })), row);
  },

  'late: refused after the next owner took and released': async ({ store, givenShard, counted, refuses }) => {
    await givenShard();
    await counted(() => store.take(takeWrite({ me: BOB })));
    await counted(() => store.release(ownerWrite({ me: BOB })));
    await refuses(() => store.take(takeWrite()), shardRow({ token: 1, position: MIDDLE }));
  },

  ...forEach(
    SALVAGES,
    ([stored, salvage]) => `salvage: stored at ${stored}, acked at ${salvage}`,
    async ({ store, givenAlices, changes }, [stored, salvage, wins]) => {
      await givenAlices(stored);
      await changes(
        () => store.take(takeWrite({ ...fromAlice, me: BOB, salvage })),
        shardRow({ owner: BOB, token: 2, position: wins === 'salvaged' ? salvage : stored }),
      );
    },
  ),

  'salvage: nothing when refused': async ({ store, givenBobs, refuses }) => {
    const row = await givenBobs(EARLY);
    await refuses(() => store.take(takeWrite({ ...fromAlice, me: CAROL, salvage: LATE })), row);
  },
};
