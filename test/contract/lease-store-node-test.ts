// The lease store contract with the test runner of Node, which a test of this project starts.

import { describe, it } from 'node:test';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { leaseStoreContract } from '../../src/testing/index.ts';

leaseStoreContract({ describe, it }, 'memory', () => createMemoryLeaseStore(), { shared: false });
