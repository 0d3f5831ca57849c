// A thread that comes to no end while it draws up a write.

import { parentPort, workerData } from 'node:worker_threads';
import { createLocalLeaseStore } from '../../../../src/checkpointers/local/local-lease-store.ts';
import type { LeaseStoreScope } from '../../../../src/model/lease-store.ts';

const { path, scope } = workerData as { path: string; scope: LeaseStoreScope };
const store = createLocalLeaseStore({ path }, scope);
await store.open();
await store.evict({
  session: 'nobody',
  // Read when the condition is looked at.
  get beat(): null {
    parentPort!.postMessage('drawing');
    for (;;);
  },
});
