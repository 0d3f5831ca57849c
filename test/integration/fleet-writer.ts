// Writes to every shard of a stream at a steady pace, each shard with a key of its own, and keeps what was written where.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulator } from '../../src/testing/index.ts';
import type { WrittenRecord } from '../chaos/history.ts';

export class FleetWriter {
  readonly written: WrittenRecord[] = [];
  readonly #simulator: Simulator;
  readonly #stream: string;
  #running: Promise<void> | null = null;
  #isStopped = false;
  #n = 0;

  constructor(simulator: Simulator, stream: string) {
    this.#simulator = simulator;
    this.#stream = stream;
  }

  /** One record to each shard. */
  async round(): Promise<void> {
    const n = this.#n;
    this.#n += 1;
    const shards = await this.#simulator.shards(this.#stream);
    const results = await this.#simulator.put(
      this.#stream,
      shards.map(({ shardId, startingHashKey }) => ({
        partitionKey: shardId,
        explicitHashKey: startingHashKey,
        data: Buffer.from(`${JSON.stringify({ key: shardId, n })}\n`),
      })),
    );
    for (const [i, { shardId, sequenceNumber }] of results.entries()) {
      this.written.push({ shardId, sequenceNumber, subSequenceNumber: 0, key: shards[i]!.shardId, n });
    }
  }

  start(everyMs: number): void {
    this.#isStopped = false;
    this.#running = this.#write(everyMs);
    // Whoever stops it sees it.
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#running = null;
  }

  async #write(everyMs: number): Promise<void> {
    while (!this.#isStopped) {
      await this.round();
      await sleep(everyMs);
    }
  }
}
