// Several memory stores over the same rows, by scope, as connections to one database would be: what the contract says of
// several stores is tried on these.

import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { type LeaseStore, LeaseStoreError, type LeaseStoreScope } from '../../src/model/lease-store.ts';

interface Rows {
  readonly store: LeaseStore;
  readonly watchers: Set<() => void>;
}

/** Call it with equal scopes for stores over the same rows. */
export function memoryConnections(
  create: () => LeaseStore = () => createMemoryLeaseStore(),
): (scope: LeaseStoreScope) => LeaseStore {
  const byScope = new Map<string, Rows>();
  return ({ application, stream }) => {
    const key = JSON.stringify([application, stream]);
    const rows = byScope.get(key) ?? { store: create(), watchers: new Set() };
    byScope.set(key, rows);
    return connectionTo(rows);
  };
}

function connectionTo({ store, watchers }: Rows): LeaseStore {
  const mine = new Set<() => void>();
  let closed = false;

  const call =
    <Args extends readonly unknown[], T>(method: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      if (closed) throw new LeaseStoreError('not-applied', 'The lease store is closed');
      const before = (await store.readTick()).app?.rev;
      const result = await method(...args);
      if ((await store.readTick()).app?.rev !== before) for (const tell of watchers) tell();
      return result;
    };

  return {
    ...store,
    readTick: call(store.readTick),
    readAll: call(store.readAll),
    readSession: call(store.readSession),
    readShard: call(store.readShard),
    createApp: call(store.createApp),
    createSession: call(store.createSession),
    beat: call(store.beat),
    end: call(store.end),
    evict: call(store.evict),
    deleteSession: call(store.deleteSession),
    createShard: call(store.createShard),
    replaceShard: call(store.replaceShard),
    take: call(store.take),
    mark: call(store.mark),
    checkpoint: call(store.checkpoint),
    release: call(store.release),
    finish: call(store.finish),
    deleteShard: call(store.deleteShard),
    watch(onChange) {
      mine.add(onChange);
      watchers.add(onChange);
    },
    async close() {
      closed = true;
      for (const onChange of mine) watchers.delete(onChange);
    },
  };
}
