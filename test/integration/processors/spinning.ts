// Reads JSON, and spins the fetch thread for `spinMs` at the first record that says `spin`.

export interface SpinMemory {
  /** Int32: 0 not yet, 1 spinning, 2 done. */
  readonly state: SharedArrayBuffer;
  readonly spinMs: number;
}

export function createProcessor({ state, spinMs }: SpinMemory) {
  const cell = new Int32Array(state);
  return {
    split(data: Uint8Array, partitionKey: string, sink: { add(...record: unknown[]): void }) {
      const marked = Buffer.from(data).includes('"key":"spin"');
      if (marked && Atomics.compareExchange(cell, 0, 0, 1) === 0) {
        const end = performance.now() + spinMs;
        while (performance.now() < end);
        Atomics.store(cell, 0, 2);
      }
      sink.add(data, partitionKey, null, 0, false);
    },
    deserialize: (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString()),
  };
}
