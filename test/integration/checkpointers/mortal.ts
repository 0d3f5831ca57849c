// A memory lease store, in the coordinator's thread, that ends or hangs that thread when the test says so. It is new in every
// thread, and takes the rows of the one before from the file.

import { type DeadlyStore } from '../../support/deadly-store.ts';
import { dieBy, WAYS_TO_DIE } from '../../support/ways-to-die.ts';
import { createLeaseStore as createRecorded } from './recorded.ts';

export function createLeaseStore({ file, way }: DeadlyStore) {
  const store = createRecorded({ file });
  const cell = new Int32Array(way);
  return {
    ...store,
    readTick() {
      const number = Atomics.exchange(cell, 0, 0);
      if (number > 0) {
        Atomics.add(cell, 1, 1);
        dieBy(WAYS_TO_DIE[number - 1]!);
      }
      return store.readTick();
    },
  };
}
