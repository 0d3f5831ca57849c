// The handler of the trials, for main and for handler threads: counts what it gets, at a pace of its own.

import { setTimeout as sleep } from 'node:timers/promises';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { defineHandler } from '../../src/index.ts';
import { Tally } from './tally.ts';

export interface Pace {
  /** Of one handler thread; null for as fast as they come. */
  readonly bytesPerSecond: number | null;
  /** Nothing is handled for so long after the first batch came, ms. */
  readonly pauseMs: number;
}

interface Given extends Pace {
  readonly tally: SharedArrayBuffer;
  /** Ms since the epoch. */
  readonly startedAt: number;
}

const KEY = 'shardpool-trial';
/** Above it a record counts as large. */
const LARGE_BYTES = 2 ** 20;

/** For the threads that are started from now on: a handler module gets no arguments. */
export function giveToHandlers(pace: Pace, tally: Tally): void {
  const given: Given = { ...pace, tally: tally.memory, startedAt: Date.now() };
  setEnvironmentData(KEY, given);
}

/** In the thread that it is called in. */
export function pacedHandler() {
  const { tally: memory, bytesPerSecond, pauseMs, startedAt } = getEnvironmentData(KEY) as unknown as Given;
  const tally = new Tally(memory);
  let freeAt = 0;
  return defineHandler<Uint8Array>(async (batch) => {
    let bytes = 0;
    let small = 0;
    let large = 0;
    for (const { data, partitionKey } of batch) {
      bytes += data.byteLength;
      if (partitionKey === 'timed') {
        const delayMs = Math.max(
          0,
          Date.now() - Number(Buffer.from(data.buffer, data.byteOffset, 13).toString()),
        );
        tally.add('timed', 1);
        tally.add('delayMs', delayMs);
        tally.raise('maxDelayMs', delayMs);
      } else if (data.byteLength >= LARGE_BYTES) large += 1;
      else small += 1;
    }
    const now = Date.now();
    if (freeAt === 0) freeAt = now + pauseMs;
    if (bytesPerSecond !== null) {
      freeAt = Math.max(freeAt, now) + (bytes * 1000) / bytesPerSecond;
      // Timers take whole ms, and a debt below that is paid with the next one.
      if (freeAt - now >= 2) await sleep(freeAt - now);
    }
    const nowMs = Date.now() - startedAt;
    if (small > 0) tally.seen('small', small, nowMs);
    if (large > 0) tally.seen('large', large, nowMs);
  });
}
