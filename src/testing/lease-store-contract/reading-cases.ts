// Lease store contract: what reads give, and how much of it there may be.

import assert from 'node:assert/strict';
import type { SessionRow, ShardRow } from '../../model/lease-store.ts';
import { SHARD_END } from '../../model/position.ts';
import type { CaseList } from './case-list.ts';
import {
  ALICE,
  BOB,
  CAROL,
  LATE,
  newShard,
  ownerWrite,
  sessionRow,
  SHARD,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same } from './setting.ts';

const bySession = (rows: readonly SessionRow[]) => [...rows].sort((a, b) => (a.session < b.session ? -1 : 1));
const byShard = (rows: readonly ShardRow[]) => [...rows].sort((a, b) => (a.shardId < b.shardId ? -1 : 1));

export const READING_CASES: CaseList = {
  'gives all rows, or only those of a tick, or one': async ({ store, counted, soon }) => {
    const sessions = [
      sessionRow(ALICE),
      sessionRow(BOB, { maxShards: 3, state: 'draining', host: '', boot: '' }),
    ];
    for (const row of sessions) await store.createSession(row);
    const shards = [shardRow({ owner: ALICE, token: 1 }), shardRow({ shardId: 'two', parents: [SHARD] })];
    for (const { shardId, parents } of shards) {
      await counted(() => store.createShard(newShard({ shardId, parents })));
    }
    await counted(() => store.take(takeWrite()));
    await soon(async () => {
      const all = await store.readAll();
      same(bySession(all.sessions), sessions);
      same(byShard(all.shards), shards);
    });
    await soon(async () => same(bySession((await store.readTick()).sessions), sessions));
    same(await store.readSession(BOB), sessions[1]);
    same(await store.readShard('two'), shards[1]);
  },

  'gives sessions in every state, a tick too': async ({ store, counted, soon }) => {
    await store.createSession(sessionRow('live'));
    await store.createSession(sessionRow('draining', { state: 'draining' }));
    await store.createSession(sessionRow('ended'));
    await store.end('ended');
    await counted(() => store.evict({ session: 'dead', beat: null }));
    const states = ['dead', 'draining', 'ended', 'live'];
    await soon(async () => {
      for (const { sessions } of [await store.readTick(), await store.readAll()]) {
        same(
          bySession(sessions).map(({ state }) => state),
          states,
        );
      }
    });
  },

  'gives null for a row that is not there': async ({ store }) => {
    same(await store.readSession(ALICE), null);
    same(await store.readShard(SHARD), null);
    await store.createSession(sessionRow(ALICE));
    same(await store.readShard(ALICE), null);
    same(await store.readSession(CAROL), null);
  },

  'is not quiet, and has a token floor that leaves room for tokens': async ({ store }) => {
    for (const { quiet, tokenFloor } of [await store.readTick(), await store.readAll()]) {
      assert.equal(quiet, false);
      assert.ok(Number.isSafeInteger(tokenFloor), `${tokenFloor} is no safe integer`);
      assert.ok(tokenFloor >= 0 && tokenFloor < 2 ** 52, `${tokenFloor} is out of range`);
    }
  },

  'gives rows that share nothing with the store nor with what was written': async ({ store }) => {
    const parents = ['parent-1'];
    await store.createShard(newShard({ parents }));
    parents.push('parent-2');
    type Writable = { owner: string | null; parents: string[] };
    const given = [
      (await store.readShard(SHARD)) as unknown as Writable,
      (await store.readAll()).shards[0] as unknown as Writable,
    ];
    for (const row of given) {
      // A frozen row throws here, which is as good.
      try {
        row.owner = BOB;
      } catch {}
      try {
        row.parents.push('parent-3');
      } catch {}
    }
    same(await store.readShard(SHARD), shardRow({ parents: ['parent-1'] }));
  },

  'gives a row as it was, though a later write changes it': async ({ store, givenShard, counted, soon }) => {
    const row = await givenShard();
    const before = await store.readShard(SHARD);
    await soon(async () => same((await store.readAll()).shards, [row]));
    const all = await store.readAll();
    await counted(() => store.take(takeWrite()));
    same(before, row);
    same(all.shards, [row]);
  },

  'rev counts every applied write of several at once': async ({ store, rev, exactRev, soon }) => {
    const before = await rev();
    const shards = Array.from({ length: 30 }, (_, i) => shardRow({ shardId: `shard-${i}` }));
    await Promise.all(shards.map(({ shardId }) => store.createShard(newShard({ shardId }))));
    if (exactRev) assert.equal(await rev(), before + shards.length);
    else await soon(async () => assert.ok((await rev()) > before));
    await soon(async () => same(byShard((await store.readAll()).shards), byShard(shards)));
  },
};

/** As many at once as a client might have in flight. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = [...items];
  const workers = Array.from({ length: 16 }, async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  });
  await Promise.all(workers);
}

const named = (i: number) => String(i).padStart(4, '0');

export const SIZE_CASES: CaseList = {
  '500 shards are read back, all of them and each once': async ({ store, soon }) => {
    // Together more than a megabyte, which is a page of some databases.
    const long = 'p'.repeat(1_200);
    const rows = Array.from({ length: 500 }, (_, i) =>
      shardRow({
        shardId: `shard-${named(i)}`,
        startsAt: `${i}`,
        parents: [`${long}-${i}`, `${long}+${i}`],
        position: LATE,
      }),
    );
    await each(rows, ({ shardId, startsAt, parents, position }) =>
      store.createShard({ shardId, startsAt, parents, position }),
    );
    await soon(async () => same(byShard((await store.readAll()).shards), rows));
    await each(rows, ({ shardId }) => store.take(takeWrite({ shardId })));
    await each(rows, ({ shardId }) => store.release(ownerWrite({ shardId, position: SHARD_END })));
    await each(rows.slice(100), ({ shardId }) => store.deleteShard(shardId));
    const left = rows.slice(0, 100).map((row) => ({ ...row, token: 1, position: SHARD_END }));
    await soon(async () => same(byShard((await store.readAll()).shards), left));
  },

  '300 sessions are read back, by a tick too': async ({ store, soon }) => {
    const rows = Array.from({ length: 300 }, (_, i) =>
      sessionRow(`session-${named(i)}`, { pid: i, host: `host-${i}.${'h'.repeat(4_000)}` }),
    );
    await each(rows, (row) => store.createSession(row));
    await soon(async () => same(bySession((await store.readTick()).sessions), rows));
    await soon(async () => same(bySession((await store.readAll()).sessions), rows));
  },

  'a row of 30 KB goes through all writes': async ({ store, changes, applies }) => {
    const parents = ['x'.repeat(15_000), '分'.repeat(5_000)];
    const row = shardRow({ parents });
    await changes(() => store.createShard(newShard({ parents })), row);
    await changes(() => store.take(takeWrite()), { ...row, owner: ALICE, token: 1 });
    await applies(() => store.checkpoint(ownerWrite()), {
      ...row,
      owner: ALICE,
      token: 1,
      position: ownerWrite().position,
    });
    const session = sessionRow(ALICE, { host: 'h'.repeat(15_000), version: '版'.repeat(5_000) });
    await applies(() => store.createSession(session), session);
  },
};
