// Lease store contract: createSession, beat, end, deleteSession.

import assert from 'node:assert/strict';
import type { SessionRow } from '../../model/lease-store.ts';
import { type CaseList, forEach } from './case-list.ts';
import { ALICE, beatWrite, BOB, CAROL, sessionRow } from './rows.ts';
import { same, type Setting } from './setting.ts';

const FINAL = ['ended', 'dead'] as const;
const STATES = ['live', 'draining', ...FINAL] as const;

/** Alice's session, brought to that state by the writes that lead there. */
async function given({ store, counted }: Setting, state: SessionRow['state']): Promise<SessionRow> {
  await store.createSession(sessionRow(ALICE));
  switch (state) {
    case 'live':
      break;
    case 'draining':
      await store.beat(beatWrite({ state }));
      break;
    case 'ended':
      await store.end(ALICE);
      break;
    case 'dead':
      await counted(() => store.evict({ session: ALICE, beat: 0 }));
      break;
    default:
      throw state satisfies never;
  }
  const row = sessionRow(ALICE, { state, beat: state === 'draining' ? 1 : 0 });
  same(await store.readSession(ALICE), row);
  return row;
}

export const CREATE_SESSION_CASES: CaseList = {
  'applied: stored as given': async ({ store, applies }) => {
    const row = sessionRow(ALICE, { maxShards: 5, host: 'a', boot: 'b', pid: 1, version: '0.0.1-rc.1' });
    await applies(() => store.createSession(row), row);
    await applies(() => store.createSession(sessionRow(BOB)), sessionRow(BOB));
  },

  ...forEach(
    STATES,
    (state) => `refused: there and ${state}; the row stays`,
    async (setting, state) => {
      const row = await given(setting, state);
      await setting.refuses(() => setting.store.createSession(sessionRow(ALICE, { pid: 2 })), row);
    },
  ),

  'twice, as when the reply was lost: refused with the live row, as it stands by now': async ({
    store,
    refuses,
  }) => {
    await store.createSession(sessionRow(ALICE));
    await refuses(() => store.createSession(sessionRow(ALICE)), sessionRow(ALICE));
    await store.beat(beatWrite({ beat: 3 }));
    await refuses(() => store.createSession(sessionRow(ALICE)), sessionRow(ALICE, { beat: 3 }));
  },

  'late: what was evicted while it was absent is never created': async ({ store, counted, refuses }) => {
    const { row } = await counted(() => store.evict({ session: ALICE, beat: null }));
    await refuses(() => store.createSession(sessionRow(ALICE)), row);
  },
};

export const BEAT_CASES: CaseList = {
  'applied: sets beat, state and maxShards to what the client says, and nothing else': async ({
    store,
    applies,
  }) => {
    await store.createSession(sessionRow(ALICE));
    await applies(
      () => store.beat(beatWrite({ maxShards: 8 })),
      sessionRow(ALICE, { beat: 1, maxShards: 8 }),
    );
    await applies(
      () => store.beat(beatWrite({ beat: 12, state: 'draining', maxShards: 8 })),
      sessionRow(ALICE, { beat: 12, state: 'draining', maxShards: 8 }),
    );
    await applies(
      () => store.beat(beatWrite({ beat: 13, state: 'draining', maxShards: 7 })),
      sessionRow(ALICE, { beat: 13, state: 'draining', maxShards: 7 }),
    );
    await applies(() => store.beat(beatWrite({ beat: 14 })), sessionRow(ALICE, { beat: 14 }));
  },

  'applied: beats are compared as numbers, 9 before 10 before 100': async ({ store, applies, refuses }) => {
    await store.createSession(sessionRow(ALICE));
    const row = (beat: number) => sessionRow(ALICE, { beat });
    for (const beat of [9, 10, 99, 100]) await applies(() => store.beat(beatWrite({ beat })), row(beat));
    for (const beat of [9, 99]) await refuses(() => store.beat(beatWrite({ beat })), row(100));
  },

  'refused: not there': async ({ store, refuses }) => {
    await store.createSession(sessionRow(ALICE));
    await refuses(() => store.beat(beatWrite({ session: CAROL })), null);
    assert.equal(await store.readSession(CAROL), null);
  },

  ...forEach(
    FINAL,
    (state) => `refused: ${state}, which is final`,
    async (setting, state) => {
      const row = await given(setting, state);
      await setting.refuses(() => setting.store.beat(beatWrite({ beat: 9 })), row);
    },
  ),

  'twice, as when the reply was lost: the second one is refused and changes nothing': async ({
    store,
    refuses,
    applies,
  }) => {
    await store.createSession(sessionRow(ALICE));
    await store.beat(beatWrite({ maxShards: 8 }));
    const row = sessionRow(ALICE, { beat: 1, maxShards: 8 });
    await refuses(() => store.beat(beatWrite({ maxShards: 8 })), row);
    await refuses(() => store.beat(beatWrite({ state: 'draining' })), row);
    await applies(() => store.beat(beatWrite({ beat: 2 })), sessionRow(ALICE, { beat: 2 }));
  },

  'twice at once: applied once': async ({ store }) => {
    await store.createSession(sessionRow(ALICE));
    const results = await Promise.all([1, 1, 1].map((beat) => store.beat(beatWrite({ beat }))));
    assert.equal(results.filter(({ applied }) => applied).length, 1);
    for (const { row } of results) same(row, sessionRow(ALICE, { beat: 1 }));
  },

  'late: an older beat does not undo a newer one': async ({ store, refuses }) => {
    await store.createSession(sessionRow(ALICE));
    await store.beat(beatWrite({ beat: 2, state: 'draining' }));
    await refuses(
      () => store.beat(beatWrite({ maxShards: 1 })),
      sessionRow(ALICE, { beat: 2, state: 'draining' }),
    );
  },
};

export const END_CASES: CaseList = {
  ...forEach(
    ['live', 'draining'] as const,
    (state) => `applied: ${state}; and twice, as when the reply was lost`,
    async (setting, state) => {
      const row = { ...(await given(setting, state)), state: 'ended' as const };
      await setting.applies(() => setting.store.end(ALICE), row);
      await setting.applies(() => setting.store.end(ALICE), row);
    },
  ),

  'refused: not there': async ({ store, refuses }) => {
    await store.createSession(sessionRow(ALICE));
    await refuses(() => store.end(BOB), null);
    assert.equal(await store.readSession(BOB), null);
  },

  'late: a dead session stays dead': async (setting) => {
    const row = await given(setting, 'dead');
    await setting.refuses(() => setting.store.end(ALICE), row);
  },
};

export const DELETE_SESSION_CASES: CaseList = {
  ...forEach(
    FINAL,
    (state) => `applied: ${state}`,
    async (setting, state) => {
      const { store } = setting;
      await given(setting, state);
      await store.createSession(sessionRow(BOB));
      await setting.applies(() => store.deleteSession(ALICE), null);
      assert.equal(await store.readSession(ALICE), null);
      await setting.soon(async () => same((await store.readTick()).sessions, [sessionRow(BOB)]));
    },
  ),

  ...forEach(
    ['live', 'draining'] as const,
    (state) => `refused: ${state}`,
    async (setting, state) => {
      const row = await given(setting, state);
      await setting.refuses(() => setting.store.deleteSession(ALICE), row);
    },
  ),

  'twice, as when the reply was lost: nothing is left to delete': async (setting) => {
    await given(setting, 'ended');
    await setting.store.deleteSession(ALICE);
    await setting.refuses(() => setting.store.deleteSession(ALICE), null);
  },

  'a tombstone goes too, and the name is free again': async ({ store, counted, applies }) => {
    await counted(() => store.evict({ session: ALICE, beat: null }));
    await applies(() => store.deleteSession(ALICE), null);
    await applies(() => store.createSession(sessionRow(ALICE)), sessionRow(ALICE));
  },
};
