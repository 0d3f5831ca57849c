// Stops a consumer once nothing came for a while: what `idleTimeoutMs` does for iterators, for a handler.

import type { Consumer } from '../consumer.ts';
import type { ConsumerStatus } from '../consumer/status.ts';
import { systemClock } from '../platform/clock.ts';
import { delay, systemTimers } from '../platform/timers.ts';

const LOOKS_PER_TIMEOUT = 10;
const LONGEST_PAUSE_MS = 1_000;

/** Resolves when it stopped the consumer, or when the signal is aborted; never rejects. Null is no time-out. */
export async function stopWhenIdle(
  consumer: Consumer,
  idleTimeoutMs: number | null,
  signal: AbortSignal,
): Promise<void> {
  if (idleTimeoutMs === null) return;
  const pauseMs = Math.min(Math.ceil(idleTimeoutMs / LOOKS_PER_TIMEOUT), LONGEST_PAUSE_MS);
  let last = '';
  let since = systemClock.monotonic();
  while (!signal.aborted) {
    // A consumer that is not ready yet, or stops, has no status: that is not idleness.
    const now = consumer.isReady ? await consumer.status().then(progressOf, () => null) : null;
    if (now === null || now !== last) {
      last = now ?? '';
      since = systemClock.monotonic();
    } else if (systemClock.monotonic() - since >= idleTimeoutMs) {
      void consumer.stop();
      return;
    }
    await delay(systemTimers, pauseMs, signal);
  }
}

/** The same text as long as nothing came; null while something is still being handled. */
function progressOf({ bufferedBytes, shards }: ConsumerStatus): string | null {
  if (bufferedBytes > 0) return null;
  return JSON.stringify(shards.map(({ shardId, position }) => [shardId, position]));
}
