// A lease store whose calls all come to an end: one that is never answered must not stop the instance for good.

import { LeaseStoreError, type LeaseStore } from '../model/lease-store.ts';
import type { Timers } from '../platform/timers.ts';

/** What a store need not say that never loses a write. */
const FORGETS_NOTHING = { quiet: false, tokenFloor: 0 };

/**
 * The same store, but each call is given up after `ms`: a read as failed, a write as of unknown outcome, because it may
 * still be applied. `open` may take as long as it needs.
 */
export function boundedLeaseStore(store: LeaseStore, ms: number, timers: Timers): LeaseStore {
  const within = <T>(
    name: keyof LeaseStore,
    outcome: LeaseStoreError['outcome'],
    call: Promise<T>,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = timers.setTimeout(() => {
        const message = `The lease store did not answer \`${name}\` within ${ms} ms`;
        reject(new LeaseStoreError(outcome, message, { retryable: true }));
      }, ms);
      call.then(resolve, reject).finally(() => timers.clearTimeout(timer));
    });
  const read = <T>(name: keyof LeaseStore, call: () => Promise<T>) =>
    within(name, 'not-applied', settled(call));
  const write = <T>(name: keyof LeaseStore, call: () => Promise<T>) => within(name, 'unknown', settled(call));
  return {
    isAlone: store.isAlone === true,
    isLocal: store.isLocal === true,
    ...(store.watch === undefined ? {} : { watch: (onChange: () => void) => store.watch!(onChange) }),
    open: () => store.open(),
    close: () => write('close', () => store.close()),
    readTick: async () => ({ ...FORGETS_NOTHING, ...(await read('readTick', () => store.readTick())) }),
    readAll: async () => ({ ...FORGETS_NOTHING, ...(await read('readAll', () => store.readAll())) }),
    readSession: (session) => read('readSession', () => store.readSession(session)),
    readShard: (shardId) => read('readShard', () => store.readShard(shardId)),
    createApp: (row) => write('createApp', () => store.createApp(row)),
    createSession: (row) => write('createSession', () => store.createSession(row)),
    beat: (row) => write('beat', () => store.beat(row)),
    end: (session) => write('end', () => store.end(session)),
    evict: (row) => write('evict', () => store.evict(row)),
    deleteSession: (session) => write('deleteSession', () => store.deleteSession(session)),
    createShard: (row) => write('createShard', () => store.createShard(row)),
    replaceShard: (row) => write('replaceShard', () => store.replaceShard(row)),
    take: (row) => write('take', () => store.take(row)),
    mark: (row) => write('mark', () => store.mark(row)),
    checkpoint: (row) => write('checkpoint', () => store.checkpoint(row)),
    release: (row) => write('release', () => store.release(row)),
    finish: (row) => write('finish', () => store.finish(row)),
    deleteShard: (shardId) => write('deleteShard', () => store.deleteShard(shardId)),
  };
}

/** A user's store may throw where it should reject. */
async function settled<T>(call: () => Promise<T>): Promise<T> {
  return call();
}
