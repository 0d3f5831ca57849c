// The rows that the lease store contract works with, for tests of a store's own.

export {
  ALICE,
  BOB,
  CAROL,
  EARLY,
  LATE,
  MIDDLE,
  sessionRow,
  SHARD,
  shardRow,
} from '../../src/testing/lease-store-contract/rows.ts';
export type { MakeLeaseStore as MakeStore } from '../../src/testing/lease-store-contract/contract.ts';
