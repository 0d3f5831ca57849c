// Every write of a lease store once, with what must be there for it to be applied.

import type { LeaseStore, WriteResult } from '../../../src/model/lease-store.ts';
import { SHARD_END, TRIM_HORIZON } from '../../../src/model/position.ts';
import { ALICE, BOB, LATE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';

export interface Write {
  readonly name: string;
  /** Whether it can change who should read what. */
  readonly isCounted: boolean;
  readonly given: (store: LeaseStore) => Promise<unknown>;
  readonly write: (store: LeaseStore) => Promise<WriteResult<object>>;
}

export const APP = { schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON };

const newShard = { shardId: SHARD, startsAt: '1', parents: [], position: TRIM_HORIZON };
const nothing = async () => undefined;
const app = (store: LeaseStore) => store.createApp(APP);
const session = (store: LeaseStore) => store.createSession(sessionRow(ALICE));
const shard = async (store: LeaseStore) => {
  await app(store);
  await store.createShard(newShard);
};
const take = (store: LeaseStore) =>
  store.take({ shardId: SHARD, seenOwner: null, seenToken: 0, me: ALICE, token: 1, salvage: null });
const alices = async (store: LeaseStore) => {
  await shard(store);
  await take(store);
};
const mine = { shardId: SHARD, me: ALICE, token: 1 };

export const WRITES: readonly Write[] = [
  { name: 'createApp', isCounted: false, given: nothing, write: app },
  { name: 'createSession', isCounted: false, given: nothing, write: session },
  {
    name: 'beat',
    isCounted: false,
    given: session,
    write: (store) => store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null }),
  },
  { name: 'end', isCounted: false, given: session, write: (store) => store.end(ALICE) },
  {
    name: 'evict',
    isCounted: true,
    given: async (store) => {
      await app(store);
      await session(store);
    },
    write: (store) => store.evict({ session: ALICE, beat: 0 }),
  },
  {
    name: 'deleteSession',
    isCounted: false,
    given: async (store) => {
      await session(store);
      await store.end(ALICE);
    },
    write: (store) => store.deleteSession(ALICE),
  },
  { name: 'createShard', isCounted: true, given: app, write: (store) => store.createShard(newShard) },
  {
    name: 'replaceShard',
    isCounted: true,
    given: shard,
    write: (store) => store.replaceShard({ ...newShard, seenStartsAt: '1', startsAt: '2' }),
  },
  { name: 'take', isCounted: true, given: shard, write: take },
  {
    name: 'mark',
    isCounted: true,
    given: alices,
    write: (store) =>
      store.mark({ shardId: SHARD, seenOwner: ALICE, seenToken: 1, seenHandOffTo: null, handOffTo: BOB }),
  },
  {
    name: 'checkpoint',
    isCounted: false,
    given: alices,
    write: (store) => store.checkpoint({ ...mine, position: LATE }),
  },
  {
    name: 'release',
    isCounted: true,
    given: alices,
    write: (store) => store.release({ ...mine, position: LATE }),
  },
  { name: 'finish', isCounted: true, given: alices, write: (store) => store.finish(mine) },
  {
    name: 'deleteShard',
    isCounted: false,
    given: (store) => store.createShard({ ...newShard, position: SHARD_END }),
    write: (store) => store.deleteShard(SHARD),
  },
];
