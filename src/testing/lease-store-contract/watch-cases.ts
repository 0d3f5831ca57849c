// Lease store contract: watch, for stores that can tell of changes.

import assert from 'node:assert/strict';
import type { LeaseStore } from '../../model/lease-store.ts';
import type { CaseList } from './case-list.ts';
import { newShard } from './rows.ts';
import type { Setting } from './setting.ts';

/** Starts watching; `count` says how often the store told of a change. */
function watched(store: LeaseStore): { readonly count: number } {
  assert.equal(typeof store.watch, 'function', 'The store has no `watch`');
  const told = { count: 0 };
  store.watch!(() => (told.count += 1));
  return told;
}

async function isTold(setting: Setting, told: { readonly count: number }, by: LeaseStore): Promise<void> {
  const change = () => by.createShard(newShard({ shardId: setting.newName() }));
  const isTold = (before: number) => assert.ok(told.count > before, 'nobody was told of the change');
  // Watching may take a moment to begin, so the first change may be missed; from then on none may.
  await setting.soon(async () => {
    await change();
    isTold(0);
  });
  for (let i = 0; i < 3; i += 1) {
    const before = told.count;
    await change();
    await setting.soon(() => isTold(before));
  }
}

export const WATCH_CASES: CaseList = {
  'is told of the changes of another store': async (setting) => {
    const other = await setting.connect();
    await isTold(setting, watched(setting.store), other);
  },

  'is told of its own changes': async (setting) => {
    await isTold(setting, watched(setting.store), setting.store);
  },

  'is told nothing after close': async (setting) => {
    const [closed, other] = [await setting.connect(), await setting.connect()];
    const told = watched(closed);
    await isTold(setting, told, other);
    await closed.close();
    const before = told.count;
    await isTold(setting, watched(setting.store), other);
    assert.equal(told.count, before);
  },
};

export const UNWATCHED_CASES: CaseList = {
  'is not there, as the options say': async ({ store }) => {
    assert.equal(store.watch, undefined, 'The store has `watch`: say so by the option of that name');
  },
};
