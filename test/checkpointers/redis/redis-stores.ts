// Stores on a server of the test, each in a scope of its own.

import { createRedisLeaseStore } from '../../../src/checkpointers/redis/redis-lease-store.ts';
import { resolveRedisOptions } from '../../../src/checkpointers/redis/redis-options.ts';
import type { LeaseStore, LeaseStoreScope } from '../../../src/model/lease-store.ts';
import type { SpecOptions } from '../../../src/model/specs.ts';

let scopes = 0;

export function newScope(): LeaseStoreScope {
  scopes += 1;
  return { application: `app-${scopes}`, stream: `stream-${scopes}` };
}

/** A server of a test is young and has no rows: here that means that it is new. */
export function redisStore(options: SpecOptions, scope: LeaseStoreScope = newScope()): LeaseStore {
  return createRedisLeaseStore(resolveRedisOptions({ trustEmpty: true, ...options }, {}), scope);
}
