// Lease store contract: close.

import assert from 'node:assert/strict';
import { type LeaseStore, LeaseStoreError } from '../../model/lease-store.ts';
import { TRIM_HORIZON } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import { ALICE, beatWrite, markWrite, newShard, ownerWrite, sessionRow, SHARD, takeWrite } from './rows.ts';

type Method = Exclude<keyof LeaseStore, 'open' | 'close' | 'isAlone' | 'isLocal' | 'watch'>;

/** A table rather than a list, so that a method added to the port cannot be forgotten here. */
const CALLS: Readonly<Record<Method, (store: LeaseStore) => Promise<unknown>>> = {
  readTick: (store) => store.readTick(),
  readAll: (store) => store.readAll(),
  readSession: (store) => store.readSession(ALICE),
  readShard: (store) => store.readShard(SHARD),
  createApp: (store) => store.createApp({ schemaVersion: 1, leaseDurationMs: 1_000, start: TRIM_HORIZON }),
  createSession: (store) => store.createSession(sessionRow(ALICE)),
  beat: (store) => store.beat(beatWrite()),
  end: (store) => store.end(ALICE),
  evict: (store) => store.evict({ session: ALICE, beat: null }),
  deleteSession: (store) => store.deleteSession(ALICE),
  createShard: (store) => store.createShard(newShard()),
  replaceShard: (store) => store.replaceShard({ ...newShard(), seenStartsAt: '0' }),
  take: (store) => store.take(takeWrite()),
  mark: (store) => store.mark(markWrite()),
  checkpoint: (store) => store.checkpoint(ownerWrite()),
  release: (store) => store.release(ownerWrite()),
  finish: (store) => store.finish(ownerWrite()),
  deleteShard: (store) => store.deleteShard(SHARD),
};

async function thrownBy(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'A closed store answered' });
}

export const CLOSING_CASES: CaseList = {
  'twice is as good as once': async ({ store }) => {
    await Promise.all([store.close(), store.close()]);
    await store.close();
  },

  ...forEach(
    Object.keys(CALLS) as Method[],
    (method) => `${method} is refused afterwards, as not applied`,
    async ({ store }, method) => {
      await store.close();
      const error = await thrownBy(() => CALLS[method](store));
      assert.ok(error instanceof LeaseStoreError, `not a LeaseStoreError: ${String(error)}`);
      assert.equal(error.outcome, 'not-applied');
    },
  ),

  'calls in flight come to an end': async ({ store, givenAlices }) => {
    await givenAlices();
    const calls = [store.readAll(), store.checkpoint(ownerWrite()), store.readShard(SHARD), store.readTick()];
    await store.close();
    await Promise.allSettled(calls);
  },
};
