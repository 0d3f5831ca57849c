// Counters in shared memory by which one thread sees that another still moves, without asking it.

export const COORDINATOR_CELL = 0;

export function createProgressMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + threads) * Int32Array.BYTES_PER_ELEMENT);
}

export interface Progress {
  /** Says that this thread moved. Wraps around: only a difference counts. */
  tick(cell: number): void;
  read(cell: number): number;
}

export function progressOn(memory: SharedArrayBuffer): Progress {
  const cells = new Int32Array(memory);
  return {
    tick: (cell) => {
      Atomics.add(cells, cell, 1);
    },
    read: (cell) => Atomics.load(cells, cell),
  };
}

export function threadCell(host: number): number {
  return 1 + host;
}
