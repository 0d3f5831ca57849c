// Lease store contract: the rows of one application and stream are nobody else's, however the names are built.

import assert from 'node:assert/strict';
import type { FullRead, LeaseStore, LeaseStoreScope } from '../../model/lease-store.ts';
import { latestPosition, SHARD_END, TRIM_HORIZON } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import {
  ALICE,
  beatWrite,
  BOB,
  CAROL,
  LATE,
  markWrite,
  newShard,
  ownerWrite,
  sessionRow,
  takeWrite,
} from './rows.ts';
import { same, type Setting } from './setting.ts';

/** Applications and streams that become one text when they are joined carelessly, or that begin alike. */
const ALIKE: Readonly<Record<string, readonly (readonly [application: string, stream: string])[]>> = {
  'another application, another stream': [
    ['a', 's'],
    ['b', 's'],
    ['a', 't'],
  ],
  'joined by :': [
    ['a:b', 'c'],
    ['a', 'b:c'],
    ['a', 'b'],
    ['a:b', 'c:shard'],
  ],
  'joined by #': [
    ['a#b', 'c'],
    ['a', 'b#c'],
    ['a#', 'b'],
    ['a', '#b'],
  ],
  'joined by / | . - _ or nothing': [
    ...['/', '|', '.', '-', '_', ''].map((by) => [`a${by}b`, 'c'] as const),
    ...['/', '|', '.', '-', '_', ''].map((by) => ['a', `b${by}c`] as const),
  ],
  'one begins like the other': [
    ['a', 's'],
    ['a', 'ss'],
    ['aa', 's'],
    ['a', 's0'],
    ['a', 's~'],
    ['a', 's '],
  ],
  'patterns and hash tags': [
    ['a', 's'],
    ['a*', '*'],
    ['?', 's'],
    ['a', '[s]'],
    ['%', '_'],
    ['{a}', 's'],
    ['{a', 's}'],
    ['a}{', 's'],
  ],
  'case, spaces, Unicode': [
    ['a', 's'],
    ['A', 's'],
    ['a', 'S'],
    ['a ', 's'],
    [' a', 's'],
    ['\u00E4', 's'],
    ['a\u0308', 's'],
    ['__proto__', 's'],
    ['n'.repeat(128), 's'.repeat(128)],
    ['n'.repeat(128), `${'s'.repeat(127)}t`],
  ],
};

/** The same rows in each, but for the lease duration and a name that say whose they are. */
async function fill(store: LeaseStore, i: number): Promise<void> {
  const app = await store.createApp({
    schemaVersion: 1,
    leaseDurationMs: 1_000 + i,
    start: latestPosition(i),
  });
  assert.equal(app.applied, true, 'the app row was there');
  for (const session of [ALICE, BOB]) {
    const { applied } = await store.createSession(sessionRow(session, { host: `host-${i}` }));
    assert.equal(applied, true, 'a session was there');
  }
  for (const shardId of ['one', 'two']) {
    const { applied } = await store.createShard(newShard({ shardId, startsAt: `${i}` }));
    assert.equal(applied, true, 'a shard was there');
  }
}

/** Whatever can be written, and rows of all kinds deleted. */
async function writeEverything(store: LeaseStore, i: number): Promise<void> {
  const shardId = 'one';
  await store.createSession(sessionRow(CAROL));
  await store.beat(beatWrite());
  await store.end(CAROL);
  await store.deleteSession(CAROL);
  await store.evict({ session: BOB, beat: 0 });
  await store.deleteSession(BOB);
  await store.evict({ session: CAROL, beat: null });
  await store.createShard(newShard({ shardId: 'three' }));
  await store.take(takeWrite({ shardId, token: 5 }));
  await store.mark(markWrite({ shardId, seenToken: 5 }));
  await store.checkpoint(ownerWrite({ shardId, token: 5 }));
  await store.release(ownerWrite({ shardId, token: 5, position: LATE }));
  await store.take(takeWrite({ shardId, seenToken: 5, token: 6 }));
  await store.finish({ shardId, me: ALICE, token: 6 });
  const { applied } = await store.deleteShard(shardId);
  assert.equal(applied, true);
  await store.replaceShard({
    ...newShard({ shardId: 'two', startsAt: '99', position: SHARD_END }),
    seenStartsAt: `${i}`,
  });
}

/** Whatever can be read of it, as one value to compare. `rev` only where it does not change later on its own. */
async function snapshot(store: LeaseStore, exactRev: boolean): Promise<unknown> {
  const { app, sessions, shards } = await store.readAll();
  const one = await Promise.all([store.readSession(BOB), store.readShard('one'), store.readShard('two')]);
  return {
    app: exactRev ? app : { ...app, rev: null },
    sessions: [...sessions].sort((a, b) => (a.session < b.session ? -1 : 1)),
    shards: [...shards].sort((a, b) => (a.shardId < b.shardId ? -1 : 1)),
    one,
  };
}

/** The names as they are, but with an application in front of them that nobody else has. */
const scopesOf = ({ newName }: Setting, names: readonly (readonly [string, string])[]): LeaseStoreScope[] => {
  const own = newName();
  return names.map(([application, stream]) => ({ application: `${own}${application}`, stream }));
};

/** Its rows, and none of another, are in the read. */
function isOwn({ app, sessions, shards }: FullRead, i: number): void {
  assert.equal(app?.leaseDurationMs, 1_000 + i);
  same([...new Set(sessions.map(({ host }) => host))], [`host-${i}`]);
  same([...new Set(shards.map(({ startsAt }) => startsAt))], [`${i}`]);
  same([sessions.length, shards.length], [2, 2]);
}

export const SCOPE_CASES: CaseList = forEach(
  Object.keys(ALIKE),
  (title) => `never touch each other: ${title}`,
  async (setting, title) => {
    const scopes = scopesOf(setting, ALIKE[title]!);
    const stores: LeaseStore[] = [];
    for (const scope of scopes) stores.push(await setting.connect(scope));
    for (const [i, store] of stores.entries()) await fill(store, i);
    for (const [i, store] of stores.entries()) {
      await setting.soon(async () => isOwn(await store.readAll(), i));
    }
    for (const [i, store] of stores.entries()) {
      const others = stores.filter((other) => other !== store);
      const ofOthers = () => Promise.all(others.map((other) => snapshot(other, setting.exactRev)));
      const before = await ofOthers();
      await writeEverything(store, i);
      same(await ofOthers(), before);
    }
  },
);

export const SHARED_SCOPE_CASES: CaseList = {
  'a store with an equal scope has the same rows, one with another scope has not': async ({
    scope,
    store,
    connect,
    newScope,
    soon,
  }) => {
    await store.createSession(sessionRow(ALICE));
    const equal = await connect({ ...scope });
    const hint = 'Two stores made for one scope see different rows. Where they must, pass `shared: false`';
    assert.ok((await equal.readSession(ALICE)) !== null, hint);
    same(await equal.readSession(ALICE), sessionRow(ALICE));
    await soon(async () => assert.equal((await equal.readTick()).app?.start, TRIM_HORIZON));
    for (const other of [
      { ...scope, stream: 'other' },
      { ...newScope(), stream: scope.stream },
    ]) {
      const read = await (await connect(other)).readAll();
      same([read.app, read.sessions, read.shards], [null, [], []]);
    }
  },
};
