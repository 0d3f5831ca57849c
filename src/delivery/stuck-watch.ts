// Says when reading has come to a stand because everything that may be buffered was handled and not acked.

import type { Timer, Timers } from '../platform/timers.ts';

/** So long without an ack or a call, with a thread waiting for room. */
const STUCK_MS = 5_000;

export interface StuckWatch {
  /** A batch began to wait for its acks, or does not wait any more. */
  progress(): void;
  close(): void;
}

export interface StuckWatchParts {
  readonly timers: Timers;
  /** Batches wait for their acks here. */
  readonly holds: () => boolean;
  /** No call goes on, and some fetch thread waits for room. */
  readonly isStuck: () => boolean;
  /** Called once, until there is progress again. */
  readonly warn: () => void;
}

export function watchForStuck({ timers, holds, isStuck, warn }: StuckWatchParts): StuckWatch {
  let timer: Timer | null = null;
  let moved = false;

  const look = () => {
    timer = null;
    if (!holds()) return;
    if (moved || !isStuck()) arm();
    else warn();
  };
  const arm = () => {
    moved = false;
    timer = timers.setTimeout(look, STUCK_MS);
  };
  return {
    progress() {
      moved = true;
      if (timer === null) arm();
    },
    close() {
      if (timer !== null) timers.clearTimeout(timer);
      timer = null;
    },
  };
}
