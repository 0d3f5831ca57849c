// A start that takes long says what it waits for: an import or a `setup` that never ends would else look like nothing at all.

import type { Logger } from '../model/logger.ts';
import { delay, type Timers } from '../platform/timers.ts';

export interface StartWatchParts {
  readonly timers: Timers;
  readonly logger: Pick<Logger, 'warn'>;
  /** What the start waits for now. */
  readonly waitsFor: () => string;
  /** Aborted when nobody waits for the start any more. */
  readonly signal: AbortSignal;
}

const SLOW_MS = 5_000;

/**
 * Resolves when `signal` is aborted. Until then it warns after 5 s, and then each time that the start has taken twice as long. Its
 * timer keeps the process: with an import in main that never ends, nothing else would.
 */
export async function watchStart({ timers, logger, waitsFor, signal }: StartWatchParts): Promise<void> {
  let waitedMs = 0;
  for (;;) {
    const pauseMs = Math.max(SLOW_MS, waitedMs);
    await delay(timers, pauseMs, signal);
    if (signal.aborted) return;
    waitedMs += pauseMs;
    const what = waitsFor();
    logger.warn(
      { waitedMs, waitsFor: what },
      `The consumer has not started for ${waitedMs / 1_000} s: it waits for ${what}`,
    );
  }
}
