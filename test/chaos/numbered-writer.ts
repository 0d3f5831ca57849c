// Writes records with numbered keys, and keeps what was written where: the truth that an audit compares with.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulator, SimulatorRecord } from '../../src/testing/index.ts';
import { integerFrom, oneOf, seededRandom } from '../fakes/random.ts';
import type { WrittenRecord } from './history.ts';

const PAUSE_MS = 100;
const KEYS = 120;
const MOST_LINES = 4;

export class NumberedWriter {
  readonly written: WrittenRecord[] = [];
  readonly #numbers = new Map<string, number>();
  #running: Promise<void> | null = null;
  #isStopped = false;

  /** User records a second, about. */
  start(simulator: Simulator, stream: string, rate: number, seed: number): void {
    this.#running = this.#write(simulator, stream, rate, seed);
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #write(simulator: Simulator, stream: string, rate: number, seed: number): Promise<void> {
    const random = seededRandom(seed ^ 0x5eed);
    const keys = Array.from({ length: KEYS }, (_, i) => `key-${i}`);
    const count = Math.max(1, Math.round((rate * PAUSE_MS) / 1000 / ((1 + MOST_LINES) / 2)));
    while (!this.#isStopped) {
      const batch = Array.from({ length: count }, () => {
        const key = oneOf(random, keys);
        const lines = Array.from({ length: integerFrom(random, 1, MOST_LINES) }, () => this.#next(key));
        return { key, lines };
      });
      const records = batch.map(
        ({ key, lines }): SimulatorRecord => ({
          partitionKey: key,
          data: Buffer.from(lines.map((n) => `${JSON.stringify({ key, n })}\n`).join('')),
        }),
      );
      const results = await simulator.put(stream, records);
      for (const [i, { key, lines }] of batch.entries()) {
        const { shardId, sequenceNumber } = results[i]!;
        for (const [sub, n] of lines.entries()) {
          this.written.push({ shardId, sequenceNumber, subSequenceNumber: sub, key, n });
        }
      }
      await sleep(PAUSE_MS);
    }
  }

  #next(key: string): number {
    const n = this.#numbers.get(key) ?? 0;
    this.#numbers.set(key, n + 1);
    return n;
  }
}
