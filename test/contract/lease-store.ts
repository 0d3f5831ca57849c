// The contract of the lease store, which every adapter passes, in the words of this project's test runner.

import {
  leaseStoreContract as contract,
  type LeaseStoreContractOptions,
  type MakeLeaseStore,
} from '../../src/testing/index.ts';

export type { LeaseStoreContractOptions };

/**
 * @param makeStore returns a store that is not opened yet, over the rows of the scope: none at first, and the same when it
 *   is called with an equal scope again. The suite opens and closes it.
 */
export function leaseStoreContract(
  name: string,
  makeStore: MakeLeaseStore,
  options: LeaseStoreContractOptions = {},
): void {
  contract({ describe, it }, name, makeStore, options);
}
