// Lease store contract: evict.

import assert from 'node:assert/strict';
import { type CaseList, forEach } from './case-list.ts';
import { ALICE, beatWrite, BOB, CAROL, sessionRow } from './rows.ts';
import { same } from './setting.ts';

export const EVICT_CASES: CaseList = {
  ...forEach(
    ['live', 'draining'] as const,
    (state) => `applied: ${state} with exactly that beat becomes dead`,
    async ({ store, changes }, state) => {
      await store.createSession(sessionRow(ALICE, { beat: 4, state, maxShards: 2 }));
      await changes(
        () => store.evict({ session: ALICE, beat: 4 }),
        sessionRow(ALICE, { beat: 4, state: 'dead', maxShards: 2 }),
      );
    },
  ),

  'applied at beat 0': async ({ store, changes }) => {
    await store.createSession(sessionRow(ALICE));
    await changes(() => store.evict({ session: ALICE, beat: 0 }), sessionRow(ALICE, { state: 'dead' }));
  },

  'applied: what is absent gets a tombstone, a row with every field': async ({ store, counted, soon }) => {
    const { applied, row } = await counted(() => store.evict({ session: BOB, beat: null }));
    assert.equal(applied, true);
    assert.ok(row !== null, 'no tombstone');
    const { host, boot, pid, version, ...rest } = row;
    same(rest, { session: BOB, beat: 0, state: 'dead', maxShards: null });
    same(
      [host, boot, pid, version].map((value) => typeof value),
      ['string', 'string', 'number', 'string'],
    );
    same(await store.readSession(BOB), row);
    await soon(async () => same((await store.readTick()).sessions, [row]));
  },

  ...forEach(
    [0, 3, 5, 40],
    (beat) => `refused: it is at beat 4 and not at ${beat}`,
    async ({ store, refuses }, beat) => {
      await store.createSession(sessionRow(ALICE, { beat: 4 }));
      await refuses(() => store.evict({ session: ALICE, beat }), sessionRow(ALICE, { beat: 4 }));
    },
  ),

  ...forEach(
    ['live', 'draining', 'ended'] as const,
    (state) => `refused: thought absent, but there and ${state}`,
    async ({ store, refuses }, state) => {
      for (const row of [sessionRow(ALICE, { state }), sessionRow(BOB, { state, beat: 4 })]) {
        await store.createSession(row);
        await refuses(() => store.evict({ session: row.session, beat: null }), row);
      }
    },
  ),

  'refused: thought there, but absent': async ({ store, refuses }) => {
    for (const beat of [0, 4]) await refuses(() => store.evict({ session: CAROL, beat }), null);
    assert.equal(await store.readSession(CAROL), null);
  },

  'refused: an ended session stays ended': async ({ store, refuses }) => {
    await store.createSession(sessionRow(ALICE, { beat: 4 }));
    await store.end(ALICE);
    await refuses(
      () => store.evict({ session: ALICE, beat: 4 }),
      sessionRow(ALICE, { beat: 4, state: 'ended' }),
    );
  },

  'twice, as when the reply was lost: refused with the dead row': async ({ store, counted, refuses }) => {
    await store.createSession(sessionRow(ALICE, { beat: 4 }));
    await counted(() => store.evict({ session: ALICE, beat: 4 }));
    const row = sessionRow(ALICE, { beat: 4, state: 'dead' });
    await refuses(() => store.evict({ session: ALICE, beat: 4 }), row);
    await refuses(() => store.evict({ session: ALICE, beat: null }), row);
    const tombstone = await counted(() => store.evict({ session: BOB, beat: null }));
    await refuses(() => store.evict({ session: BOB, beat: null }), tombstone.row);
    await refuses(() => store.evict({ session: BOB, beat: 0 }), tombstone.row);
  },

  'late: a beat came first': async ({ store, refuses }) => {
    await store.createSession(sessionRow(ALICE, { beat: 4 }));
    await store.beat(beatWrite({ beat: 5 }));
    await refuses(() => store.evict({ session: ALICE, beat: 4 }), sessionRow(ALICE, { beat: 5 }));
  },
};
