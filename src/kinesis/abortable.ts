// Ends the wait for a promise as soon as a signal says so, whatever the promise itself is waiting for.

import { setMaxListeners } from 'node:events';

/**
 * Runs `start` with a signal of its own that follows the others; rejects with the reason of the first one aborted. Not
 * AbortSignal.any, which on Node 20 keeps a little memory per call for as long as the longest-lived signal lives.
 */
export async function abortable<T>(
  signals: readonly (AbortSignal | undefined)[],
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  let giveUp!: (reason: unknown) => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  const watched = signals
    .filter((signal) => signal !== undefined)
    .map((signal) => {
      const onAbort = () => {
        own.abort(signal.reason);
        giveUp(signal.reason);
      };
      return { signal, onAbort };
    });
  try {
    for (const { signal, onAbort } of watched) {
      signal.throwIfAborted();
      setMaxListeners(0, signal); // one listener a call under way is no leak, and Node 20 warns from the eleventh on
      signal.addEventListener('abort', onAbort, { once: true });
    }
    return await Promise.race([start(own.signal), aborted]);
  } finally {
    for (const { signal, onAbort } of watched) signal.removeEventListener('abort', onAbort);
  }
}
