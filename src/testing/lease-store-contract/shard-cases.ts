// Lease store contract: createShard, replaceShard, deleteShard.

import { SHARD_END } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import {
  ALICE,
  BOB,
  EARLY,
  LATE,
  markWrite,
  MIDDLE,
  newShard,
  ownerWrite,
  SHARD,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same } from './setting.ts';

export const CREATE_SHARD_CASES: CaseList = {
  'applied: free, with token 0, at the given position': async ({ store, changes }) => {
    await changes(() => store.createShard(newShard({ position: MIDDLE })), shardRow({ position: MIDDLE }));
  },

  ...forEach(
    [[], ['p1'], ['p2', 'p1']],
    (parents) => `keeps ${parents.length} parents, in their order, also through later writes`,
    async ({ store, changes, applies }, parents) => {
      await changes(() => store.createShard(newShard({ parents })), shardRow({ parents }));
      const mine = shardRow({ parents, owner: ALICE, token: 1 });
      await changes(() => store.take(takeWrite()), mine);
      await applies(() => store.checkpoint(ownerWrite()), { ...mine, position: MIDDLE });
      await changes(() => store.finish(ownerWrite()), shardRow({ parents, token: 1, position: SHARD_END }));
    },
  ),

  'refused: there, and it stays as its owner left it': async ({ store, givenAlices, refuses }) => {
    await givenAlices();
    await store.checkpoint(ownerWrite());
    const row = shardRow({ owner: ALICE, token: 1, position: MIDDLE });
    await refuses(() => store.createShard(newShard()), row);
    await refuses(() => store.createShard(newShard({ parents: ['p1'], startsAt: '2', position: LATE })), row);
  },

  'twice, as when the reply was lost: refused with the row': async ({ store, givenShard, refuses }) => {
    await givenShard(EARLY);
    await refuses(() => store.createShard(newShard({ position: EARLY })), shardRow({ position: EARLY }));
  },

  'late: a finished shard does not begin anew': async ({ store, givenShard, refuses }) => {
    const row = await givenShard(SHARD_END);
    await refuses(() => store.createShard(newShard()), row);
  },
};

const REPLACEMENT = newShard({ startsAt: '22', parents: ['p1', 'p2'], position: EARLY });
const replacement = { seenStartsAt: '1', ...REPLACEMENT };
const replaced = (token: number) => shardRow({ ...REPLACEMENT, token });

export const REPLACE_SHARD_CASES: CaseList = {
  'applied: startsAt, parents and position as given, also backwards; free, and the token grows': async ({
    store,
    givenAlices,
    changes,
    counted,
  }) => {
    await givenAlices(LATE);
    await counted(() => store.mark(markWrite()));
    await changes(() => store.replaceShard(replacement), replaced(2));
  },

  'applied to a free one and to a finished one, which can be taken then': async ({
    store,
    givenShard,
    changes,
  }) => {
    await givenShard(SHARD_END);
    await changes(() => store.replaceShard(replacement), replaced(1));
    await changes(
      () => store.take(takeWrite({ seenToken: 1, token: 7 })),
      shardRow({ ...REPLACEMENT, owner: ALICE, token: 7 }),
    );
  },

  'refused: not there': async ({ store, refuses }) => {
    await refuses(() => store.replaceShard(replacement), null);
    same(await store.readShard(SHARD), null);
  },

  ...forEach(
    ['', '2', '01', '11'],
    (seenStartsAt) => `refused: it starts at '1' and not at '${seenStartsAt}'`,
    async ({ store, givenAlices, refuses }, seenStartsAt) => {
      const row = await givenAlices();
      await refuses(() => store.replaceShard({ ...replacement, seenStartsAt }), row);
    },
  ),

  'twice, as when the reply was lost: refused with the new row': async ({
    store,
    givenShard,
    counted,
    refuses,
  }) => {
    await givenShard();
    await counted(() => store.replaceShard(replacement));
    await refuses(() => store.replaceShard(replacement), replaced(1));
  },

  'late: whoever took the new one keeps it': async ({ store, givenShard, counted, refuses }) => {
    await givenShard(LATE);
    await counted(() => store.replaceShard(replacement));
    await counted(() => store.take(takeWrite({ seenToken: 1, me: BOB, token: 2 })));
    await refuses(() => store.replaceShard(replacement), { ...replaced(2), owner: BOB });
  },

  'nothing that the owner before still writes counts': async ({ store, givenAlices, counted, refuses }) => {
    await givenAlices();
    await counted(() => store.replaceShard(replacement));
    const row = replaced(2);
    await refuses(() => store.checkpoint(ownerWrite({ position: LATE })), row);
    await refuses(() => store.release(ownerWrite({ position: LATE })), row);
    await refuses(() => store.finish(ownerWrite()), row);
    await refuses(() => store.mark(markWrite()), row);
    await refuses(() => store.take(takeWrite({ seenOwner: ALICE, seenToken: 1, token: 2 })), row);
    // Neither does a take of one who saw the old row, free.
    await refuses(() => store.take(takeWrite({ seenToken: 1, token: 2 })), row);
  },
};

export const DELETE_SHARD_CASES: CaseList = {
  'applied: finished and free, whoever it is reserved for': async ({
    store,
    givenAlices,
    counted,
    applies,
    soon,
  }) => {
    await givenAlices();
    await counted(() => store.mark(markWrite()));
    await counted(() => store.release(ownerWrite({ position: SHARD_END })));
    await counted(() => store.createShard(newShard({ shardId: 'another', position: SHARD_END })));
    await applies(() => store.deleteShard(SHARD), null);
    same(await store.readShard(SHARD), null);
    await soon(async () =>
      same((await store.readAll()).shards, [shardRow({ shardId: 'another', position: SHARD_END })]),
    );
  },

  'refused: not there': ({ store, refuses }) => refuses(() => store.deleteShard(SHARD), null),

  'refused: free but not finished': async ({ store, givenShard, refuses }) => {
    const row = await givenShard(LATE);
    await refuses(() => store.deleteShard(SHARD), row);
  },

  'refused: neither finished nor free': async ({ store, givenAlices, refuses }) => {
    const row = await givenAlices(LATE);
    await refuses(() => store.deleteShard(SHARD), row);
  },

  'refused: finished but with an owner': async ({ store, givenAlices, refuses }) => {
    await givenAlices();
    await store.checkpoint(ownerWrite({ position: SHARD_END }));
    await refuses(() => store.deleteShard(SHARD), shardRow({ owner: ALICE, token: 1, position: SHARD_END }));
  },

  'twice, as when the reply was lost: nothing is left to delete': async ({ store, givenShard, refuses }) => {
    await givenShard(SHARD_END);
    await store.deleteShard(SHARD);
    await refuses(() => store.deleteShard(SHARD), null);
  },

  'what was deleted can be created again, with token 0': async ({
    store,
    givenAlices,
    counted,
    givenShard,
  }) => {
    await givenAlices();
    await counted(() => store.finish(ownerWrite()));
    await store.deleteShard(SHARD);
    await givenShard(EARLY);
  },
};
