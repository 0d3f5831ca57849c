// The contract of the lease store, write by write as LEASES.md section 2 lists them; every adapter passes it.

import { leaseStoreFixture, type MakeStore } from './lease-store-fixture.ts';
import { ownerContract } from './lease-store-owner.ts';
import { readingContract } from './lease-store-reading.ts';
import { sessionContract } from './lease-store-sessions.ts';
import { shardContract } from './lease-store-shards.ts';

export interface LeaseStoreContractOptions {
  /** False for a store that coalesces changes of `rev`: it then has to grow soon instead of by one at once. */
  readonly exactRev?: boolean;
}

/**
 * @param makeStore returns a store that is not opened yet and is empty, in a scope of its own; the suite opens and
 *   closes it.
 */
export function leaseStoreContract(
  name: string,
  makeStore: MakeStore,
  { exactRev = true }: LeaseStoreContractOptions = {},
): void {
  describe(`lease store contract: ${name}`, () => {
    const fixture = leaseStoreFixture(makeStore, exactRev);
    readingContract(fixture);
    sessionContract(fixture);
    shardContract(fixture);
    ownerContract(fixture);
  });
}
