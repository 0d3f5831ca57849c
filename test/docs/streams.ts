// The streams that the snippets of the docs read, one shard each, so that what they print has an order.

import type { Simulator, SimulatorRecord } from '../../src/testing/index.ts';

const record = (partitionKey: string, data: unknown): SimulatorRecord => ({
  partitionKey,
  data: Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)),
});

export const STREAMS: Readonly<Record<string, readonly SimulatorRecord[]>> = {
  orders: [
    record('ada', { id: 1, total: 25 }),
    record('bob', { id: 2, total: 10 }),
    record('ada', { id: 3, total: 5 }),
    record('eve', { id: 4, total: 25 }),
    record('bob', { id: 5, total: 15 }),
    record('ada', { id: 6, total: 30 }),
  ],
  mixed: [record('ada', { id: 1 }), record('ada', 'not JSON'), record('ada', { id: 2 })],
  lines: [record('ada', 'first;second;third')],
};

export async function createStreams(simulator: Simulator): Promise<void> {
  for (const [name, records] of Object.entries(STREAMS)) {
    await simulator.createStream(name, { shards: 1 });
    await simulator.put(name, records);
  }
}
