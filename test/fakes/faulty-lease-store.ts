// A lease store with fault switches in front of a real one: lost requests, lost replies, held writes, outages.

import { type LeaseStore, LeaseStoreError } from '../../src/model/lease-store.ts';
import { deferred } from '../../src/platform/deferred.ts';

export type LeaseStoreMethod = Exclude<keyof LeaseStore, 'open' | 'close' | 'isAlone' | 'isLocal' | 'watch'>;

/**
 * - `lose-request`: never reaches the store; the caller cannot tell (outcome unknown).
 * - `lose-reply`: applied, but the caller cannot tell (outcome unknown).
 * - `duplicate`: applied twice; the caller gets the second answer, as from a retry inside a client library.
 * - `refuse-connection`: the caller knows that nothing happened (outcome not-applied).
 */
export type LeaseStoreFault = 'lose-request' | 'lose-reply' | 'duplicate' | 'refuse-connection';

type PlannedFault = LeaseStoreFault | { readonly heldBy: Promise<void> };

export interface FaultyLeaseStore extends LeaseStore {
  /** The next call of the method meets the fault; several calls queue several faults. */
  failNext(method: LeaseStoreMethod, fault: LeaseStoreFault): void;
  /** The next call of the method reaches the store only when the returned function is called. */
  holdNext(method: LeaseStoreMethod): () => void;
  /** Every call meets the fault until `outage(null)`. */
  outage(fault: LeaseStoreFault | null): void;
  /** How often each method was called. */
  calls(method: LeaseStoreMethod): number;
}

export function createFaultyLeaseStore(inner: LeaseStore): FaultyLeaseStore {
  const planned = new Map<LeaseStoreMethod, PlannedFault[]>();
  const counts = new Map<LeaseStoreMethod, number>();
  let standing: LeaseStoreFault | null = null;

  const plan = (method: LeaseStoreMethod, fault: PlannedFault): void => {
    planned.set(method, [...(planned.get(method) ?? []), fault]);
  };

  const call = async <T>(method: LeaseStoreMethod, run: () => Promise<T>): Promise<T> => {
    counts.set(method, (counts.get(method) ?? 0) + 1);
    const fault = planned.get(method)?.shift() ?? standing;
    if (typeof fault === 'object' && fault !== null) {
      await fault.heldBy;
      return run();
    }
    switch (fault) {
      case null:
        return run();
      case 'duplicate':
        await run();
        return run();
      case 'lose-request':
        throw new LeaseStoreError('unknown', `${method}: timed out`, { retryable: true });
      case 'lose-reply':
        await run();
        throw new LeaseStoreError('unknown', `${method}: timed out`, { retryable: true });
      case 'refuse-connection':
        throw new LeaseStoreError('not-applied', `${method}: connection refused`, { retryable: true });
      default:
        throw fault satisfies never;
    }
  };

  return {
    failNext: plan,
    holdNext(method) {
      const gate = deferred();
      plan(method, { heldBy: gate.promise });
      return () => gate.resolve();
    },
    outage(fault) {
      standing = fault;
    },
    calls: (method) => counts.get(method) ?? 0,

    isAlone: inner.isAlone === true,
    isLocal: inner.isLocal === true,
    watch: (onChange) => inner.watch?.(onChange),
    open: () => inner.open(),
    close: () => inner.close(),
    readTick: () => call('readTick', () => inner.readTick()),
    readAll: () => call('readAll', () => inner.readAll()),
    readSession: (session) => call('readSession', () => inner.readSession(session)),
    readShard: (shardId) => call('readShard', () => inner.readShard(shardId)),
    createApp: (row) => call('createApp', () => inner.createApp(row)),
    createSession: (row) => call('createSession', () => inner.createSession(row)),
    beat: (write) => call('beat', () => inner.beat(write)),
    end: (session) => call('end', () => inner.end(session)),
    evict: (write) => call('evict', () => inner.evict(write)),
    deleteSession: (session) => call('deleteSession', () => inner.deleteSession(session)),
    createShard: (write) => call('createShard', () => inner.createShard(write)),
    replaceShard: (write) => call('replaceShard', () => inner.replaceShard(write)),
    take: (write) => call('take', () => inner.take(write)),
    mark: (write) => call('mark', () => inner.mark(write)),
    checkpoint: (write) => call('checkpoint', () => inner.checkpoint(write)),
    release: (write) => call('release', () => inner.release(write)),
    finish: (write) => call('finish', () => inner.finish(write)),
    deleteShard: (shardId) => call('deleteShard', () => inner.deleteShard(shardId)),
  };
}
