// The memory adapter against the contract of every lease store.

import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { leaseStoreContract } from '../contract/lease-store.ts';

leaseStoreContract('memory', createMemoryLeaseStore);
