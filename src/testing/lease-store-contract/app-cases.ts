// Lease store contract: the app row.

import assert from 'node:assert/strict';
import { type AppRow, SCHEMA_VERSION } from '../../model/lease-store.ts';
import { latestPosition, type Position, timestampPosition, TRIM_HORIZON } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import { newShard } from './rows.ts';
import { same } from './setting.ts';

const app = (start: Position = TRIM_HORIZON): Omit<AppRow, 'rev'> => ({
  schemaVersion: SCHEMA_VERSION,
  leaseDurationMs: 10_000,
  start,
});

const STARTS = [
  TRIM_HORIZON,
  latestPosition(1_700_000_000_123),
  timestampPosition(0),
  timestampPosition(99_999_999_999_999),
];

export const APP_CASES: CaseList = {
  'is null before it is created, and nothing else is there': async ({ connect, newScope }) => {
    const fresh = await connect(newScope());
    const { app, sessions, shards } = await fresh.readAll();
    same({ app, sessions, shards }, { app: null, sessions: [], shards: [] });
    assert.equal((await fresh.readTick()).app, null);
  },

  ...forEach(
    STARTS,
    (start) => `applied: stored as given, with rev 0 and start ${start}`,
    async ({ connect, newScope, soon }, start) => {
      const fresh = await connect(newScope());
      const row = { schemaVersion: 7, leaseDurationMs: 86_400_000, start, rev: 0 };
      same(await fresh.createApp({ schemaVersion: 7, leaseDurationMs: 86_400_000, start }), {
        applied: true,
        row,
      });
      await soon(async () => same((await fresh.readTick()).app, row));
      await soon(async () => same((await fresh.readAll()).app, row));
    },
  ),

  'refused: the first one wins, and the others get its row as it is by now': async ({
    store,
    counted,
    soon,
  }) => {
    const other = { schemaVersion: 2, leaseDurationMs: 500, start: latestPosition(1) };
    same(await store.createApp(other), { applied: false, row: { ...app(), rev: 0 } });
    await counted(() => store.createShard(newShard()));
    await soon(async () => {
      const { applied, row } = await store.createApp(other);
      same({ applied, row }, { applied: false, row: { ...app(), rev: row?.rev } });
      assert.ok(row!.rev > 0, 'rev is that of before');
    });
  },

  'twice, as when the reply was lost: refused with the row as given': async ({ connect, newScope }) => {
    const fresh = await connect(newScope());
    await fresh.createApp(app());
    same(await fresh.createApp(app()), { applied: false, row: { ...app(), rev: 0 } });
  },

  'has one winner when many create it at once': async ({ connect, newScope }) => {
    const fresh = await connect(newScope());
    const starts = Array.from({ length: 10 }, (_, i) => latestPosition(1_700_000_000_000 + i));
    const results = await Promise.all(starts.map((start) => fresh.createApp(app(start))));
    const winners = results.filter((result) => result.applied);
    assert.equal(winners.length, 1);
    for (const { row } of results) same(row, winners[0]!.row);
    assert.equal(winners[0]!.row!.start, starts[results.indexOf(winners[0]!)]);
  },
};
