// Waiting that can be cut short: a ring is never lost, whether it comes before the wait or during it.

import type { Timer, Timers } from './timers.ts';

export interface Bell {
  ring(): void;
  /** Resolves after `ms`, or at once when it rings or has rung since the last wait. One waiter at a time. */
  wait(ms: number): Promise<void>;
}

export function createBell(timers: Timers): Bell {
  let rung = false;
  let waiter: (() => void) | null = null;
  return {
    ring() {
      if (waiter === null) rung = true;
      else waiter();
    },
    wait(ms) {
      if (rung) {
        rung = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer: Timer = timers.setTimeout(() => waiter?.(), ms);
        waiter = () => {
          timers.clearTimeout(timer);
          waiter = null;
          resolve();
        };
      });
    },
  };
}
