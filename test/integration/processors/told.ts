// Reads JSON, and ends the fetch thread as soon as the handler has said so.

/** Int32. */
export const TOLD = { calm: 0, kill: 1, killed: 2, readAgain: 3 } as const;

export function createProcessor({ told }: { readonly told: SharedArrayBuffer }) {
  const cell = new Int32Array(told);
  return {
    split(data: Uint8Array, partitionKey: string, sink: { add(...record: unknown[]): void }) {
      if (Atomics.compareExchange(cell, 0, TOLD.kill, TOLD.killed) === TOLD.kill) process.exit(7);
      Atomics.compareExchange(cell, 0, TOLD.killed, TOLD.readAgain);
      sink.add(data, partitionKey);
    },
    deserialize: (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString()),
  };
}
