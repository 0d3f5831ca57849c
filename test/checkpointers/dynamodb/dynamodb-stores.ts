// Stores on a server of the tests, each in a scope of its own unless it is told another one.

import { createDynamodbLeaseStore } from '../../../src/checkpointers/dynamodb/dynamodb-lease-store.ts';
import { resolveDynamodbOptions } from '../../../src/checkpointers/dynamodb/dynamodb-options.ts';
import type { LeaseStore, LeaseStoreScope } from '../../../src/model/lease-store.ts';
import type { SpecOptions } from '../../../src/model/specs.ts';
import type { FaultProxy } from '../../fakes/fault-proxy.ts';
import type { DynamodbServer } from '../../support/dynamodb-server.ts';
import { until } from '../../support/until.ts';

let scopes = 0;

export function freshScope(): LeaseStoreScope {
  scopes += 1;
  return { application: `app-${scopes}`, stream: 'orders' };
}

export function storeAt(
  { region, credentials, endpoint }: Pick<DynamodbServer, 'region' | 'credentials' | 'endpoint'>,
  scope: LeaseStoreScope = freshScope(),
  options: SpecOptions = {},
): LeaseStore {
  return createDynamodbLeaseStore(
    resolveDynamodbOptions({ region, credentials, endpoint, ...options }, {}),
    scope,
  );
}

const NOTICED_WITHIN_MS = 500;

/**
 * After its stores are closed. A connection that is reset while it is being ended keeps Node 20 from exiting, so the proxy has to
 * notice first that its clients have gone. Those that a fault keeps silent notice nothing, and are not being ended either.
 */
export async function endProxy(proxy: FaultProxy): Promise<void> {
  await until('all are closed', NOTICED_WITHIN_MS, () => proxy.connections.open === 0).catch(() => undefined);
  await proxy[Symbol.asyncDispose]();
}
