// Calls the user's code until it succeeds: failures are retried with back-off, reported each time, and never skipped.

import { encodeError } from '../model/errors.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { ThreadEvent } from '../protocol.ts';

export interface RunnerParts {
  readonly timers: Timers;
  readonly random: () => number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly emit: (event: ThreadEvent) => void;
}

/**
 * Aborted: the call may still be going on in the user's code, or it ended after the signal; it does not count. Given back: it
 * failed and is not tried again here.
 */
export type RunOutcome = 'done' | 'aborted' | 'given-back';

/** `attempt` counts from 1. `retries` is aborted when what fails is not tried again: it ends the pauses, not a call. */
export async function runUntilDone(
  parts: RunnerParts,
  subject: { readonly shardId: string; readonly records: number },
  signal: AbortSignal,
  call: (attempt: number) => Promise<RunOutcome>,
  retries: AbortSignal = signal,
): Promise<RunOutcome> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      const outcome = await call(attempt);
      return signal.aborted ? 'aborted' : outcome;
    } catch (error) {
      if (signal.aborted) return 'aborted';
      const delayMs = backoffDelayMs(attempt, parts, parts.random);
      parts.emit({ name: 'handler:failed', ...subject, error: encodeError(error), attempt, delayMs });
      await delay(parts.timers, delayMs, retries);
      if (retries.aborted && !signal.aborted) return 'given-back';
    }
  }
  return 'aborted';
}
