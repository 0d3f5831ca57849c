// Lease store contract: several stores over the same rows, as several instances have them.

import assert from 'node:assert/strict';
import type { LeaseStore } from '../../model/lease-store.ts';
import { latestPosition, SHARD_END } from '../../model/position.ts';
import type { CaseList } from './case-list.ts';
import * as races from './race-cases.ts';
import {
  ALICE,
  beatWrite,
  BOB,
  markWrite,
  MIDDLE,
  newShard,
  ownerWrite,
  sessionRow,
  SHARD,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same, type Setting } from './setting.ts';

/** The store at hand and four more. */
async function five({ store, connect }: Setting): Promise<readonly LeaseStore[]> {
  return [store, ...(await Promise.all([connect(), connect(), connect(), connect()]))];
}

export const SHARING_CASES: CaseList = {
  'see each others writes': async (setting) => {
    const { store, connect, rev, counted, soon } = setting;
    const other = await connect();
    const before = await rev();
    await counted(() => other.createShard(newShard()));
    assert.ok((await rev()) > before);
    same(await store.readShard(SHARD), shardRow());
    await store.take(takeWrite());
    await other.createSession(sessionRow(BOB));
    same(await store.readSession(BOB), sessionRow(BOB));
    await other.mark(markWrite());
    const row = shardRow({ owner: ALICE, token: 1, handOffTo: BOB });
    same(await store.checkpoint(ownerWrite()), { applied: true, row: { ...row, position: MIDDLE } });
    await store.release(ownerWrite());
    await other.take(takeWrite({ seenToken: 1, me: BOB, token: 2 }));
    const bobs = shardRow({ owner: BOB, token: 2, position: MIDDLE });
    same(await store.checkpoint(ownerWrite({ position: SHARD_END })), { applied: false, row: bobs });
    for (const each of [store, other]) {
      await soon(async () => same((await each.readAll()).shards, [bobs]));
      await soon(async () => same((await each.readTick()).sessions, [sessionRow(BOB)]));
    }
    await soon(async () => same((await store.readTick()).app, (await other.readTick()).app));
  },

  'rev counts what all of them write': async (setting) => {
    const stores = await five(setting);
    const before = await setting.rev();
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        stores[i % stores.length]!.createShard(newShard({ shardId: `shard-${i}` })),
      ),
    );
    for (const store of stores) {
      const revOf = async () => (await store.readTick()).app!.rev;
      if (setting.exactRev) assert.equal(await revOf(), before + 40);
      else await setting.soon(async () => assert.ok((await revOf()) > before));
    }
  },

  'open at once where nothing is yet, and one creates the app row': async ({ connect, newScope }) => {
    const scope = newScope();
    const stores = await Promise.all(Array.from({ length: 5 }, () => connect({ ...scope })));
    const results = await Promise.all(
      stores.map((store, i) =>
        store.createApp({ schemaVersion: 1, leaseDurationMs: 10_000, start: latestPosition(i) }),
      ),
    );
    races.hasOneWinner(results);
  },

  'ten takers at once: one wins': async (setting) => races.takeRace(await five(setting)),
  'ten marks at once: one wins': async (setting) => races.markRace(await five(setting)),
  'ten that create or replace at once: one wins': async (setting) => races.creationRace(await five(setting)),
  'a beat and an eviction at once: one of them': async (setting) => races.beatRace(await five(setting)),
  'a take and the owner before at once: nothing is written after the take': async (setting) =>
    races.ownerRace(await five(setting)),
  'forty checkpoints at once: the last position stays': async (setting) =>
    races.checkpointRace(await five(setting)),

  'go on when one of them is closed': async ({ store, connect, counted }) => {
    const other = await connect();
    await other.createSession(sessionRow(ALICE));
    await other.close();
    same(await store.readSession(ALICE), sessionRow(ALICE));
    same((await store.beat(beatWrite())).applied, true);
    await counted(() => store.createShard(newShard()));
    same(await (await connect()).readShard(SHARD), shardRow());
  },

  'leave their rows behind when all of them are closed': async ({
    store,
    connect,
    givenAlices,
    rev,
    soon,
  }) => {
    await givenAlices(MIDDLE);
    await store.createSession(sessionRow(ALICE));
    const [before, last] = [await store.readAll(), await rev()];
    await store.close();
    const next = await connect();
    same(await next.readShard(SHARD), shardRow({ owner: ALICE, token: 1, position: MIDDLE }));
    await soon(async () => {
      const { app, sessions, shards } = await next.readAll();
      same([sessions, shards], [before.sessions, before.shards]);
      assert.ok(app!.rev >= last, 'rev went back');
    });
  },
};
