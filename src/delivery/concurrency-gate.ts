// At most so many handler calls at once, over all shards of a receiver.

import PQueue from 'p-queue';

export interface ConcurrencyGate {
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** Null: no limit. */
export function concurrencyGate(limit: number | null): ConcurrencyGate {
  if (limit === null) return { run: (task) => task() };
  const queue = new PQueue({ concurrency: limit });
  return { run: (task) => queue.add(task) };
}
