// Reads JSON, and ends the fetch thread at records that say so. Each of them does it `deaths` times, however many threads there are.

import { dieBy, type Deadly } from '../../support/ways-to-die.ts';

export interface MortalMemory {
  /** Int32, one cell for each number of a deadly record: how many threads it has ended. */
  readonly died: SharedArrayBuffer;
  readonly deaths: number;
}

export function createProcessor({ died, deaths }: MortalMemory) {
  const cells = new Int32Array(died);
  return {
    split(data: Uint8Array, partitionKey: string, sink: { add(...record: unknown[]): void }) {
      const text = Buffer.from(data).toString();
      if (text.includes('"kind":"fetch"')) {
        const { deadly, cell } = JSON.parse(text) as { deadly: Deadly; cell: number };
        if (Atomics.load(cells, cell) < deaths) {
          Atomics.add(cells, cell, 1);
          dieBy(deadly.way);
        }
      }
      sink.add(data, partitionKey);
    },
    deserialize: (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString()),
  };
}
