// `rev` in DynamoDB is a write of its own that follows those that change an allocation: at most one under way and one to
// come, however many there were. Each begins after the writes that it stands for, so who sees the new `rev` sees them too.

import { delay, type Timers } from '../../platform/timers.ts';

export interface RevUpdatesParts {
  /** Adds 1 to `rev`. */
  readonly update: () => Promise<void>;
  readonly timers: Timers;
}

export interface RevUpdates {
  /** A write that changes an allocation was applied, or may have been. */
  changed(): void;
  /** What is to come comes at once, and once only; resolves when nothing is under way. */
  finish(): Promise<void>;
}

/** One item takes 1 000 writes a second from all instances together. */
const SPACING_MS = 100;
/** After that many failures in a row it is given up: others read everything every 10 s. */
const MOST_ATTEMPTS = 6;
const LONGEST_PAUSE_MS = 3_000;

export function createRevUpdates({ update, timers }: RevUpdatesParts): RevUpdates {
  const finishing = new AbortController();
  let isWanted = false;
  let running: Promise<void> | null = null;

  const run = async () => {
    let failures = 0;
    while (isWanted) {
      isWanted = false;
      try {
        await update();
        failures = 0;
      } catch {
        failures += 1;
        isWanted ||= failures < MOST_ATTEMPTS && !finishing.signal.aborted;
      }
      if (isWanted) {
        const pauseMs = Math.min(SPACING_MS * 2 ** failures, LONGEST_PAUSE_MS);
        await delay(timers, pauseMs, finishing.signal);
      }
    }
  };

  return {
    changed() {
      isWanted = true;
      running ??= run().finally(() => {
        running = null;
      });
    },
    async finish() {
      finishing.abort();
      await running;
    },
  };
}
