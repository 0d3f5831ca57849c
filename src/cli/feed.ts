// A steady trickle of small records, so that a first handler sees something.

import { systemClock } from '../platform/clock.ts';
import { delay, systemTimers } from '../platform/timers.ts';
import type { Simulator } from '../testing/index.ts';

const TICK_MS = 100;
const KEYS = 10;

/** Puts `{n, at}` under ten keys until the signal is aborted. */
export async function feed(
  simulator: Simulator,
  stream: string,
  perSecond: number,
  signal: AbortSignal,
): Promise<void> {
  const started = systemClock.monotonic();
  let sent = 0;
  while (!signal.aborted) {
    // By the clock and not by the tick, so that a late tick costs no records.
    const due = Math.floor(((systemClock.monotonic() - started) / 1000) * perSecond);
    if (due > sent) {
      const at = new Date(systemClock.now()).toISOString();
      const records = Array.from({ length: due - sent }, (_, i) => toRecord(sent + i + 1, at));
      await simulator.put(stream, records);
      sent = due;
    }
    await delay(systemTimers, TICK_MS, signal);
  }
}

function toRecord(n: number, at: string): { data: Uint8Array; partitionKey: string } {
  return {
    data: Buffer.from(JSON.stringify({ n, at, total: 5 + ((n * 7) % 95) })),
    partitionKey: `customer-${n % KEYS}`,
  };
}
