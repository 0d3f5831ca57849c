// A clock and timers that a test moves: time passes only where something waits for it.

import type { Clock } from '../../src/platform/clock.ts';
import type { Timer, Timers } from '../../src/platform/timers.ts';

export interface VirtualTime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Runs what is due, in order, until the condition holds; throws when nothing is left to wait for, or after `limitMs`. */
  until(condition: () => boolean, limitMs?: number): Promise<void>;
  /** Runs until the promise is settled and gives its outcome. */
  settled<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
  advance(ms: number): Promise<void>;
  pending(): number;
}

interface Scheduled {
  readonly at: number;
  readonly fn: () => void;
}

export function createVirtualTime(): VirtualTime {
  let now = 0;
  const scheduled = new Set<Scheduled>();

  const earliest = (): Scheduled | undefined => {
    let first: Scheduled | undefined;
    for (const timer of scheduled) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  };

  // A turn of the event loop: every promise that can go on has gone on.
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  const step = async (limit: number): Promise<boolean> => {
    const next = earliest();
    if (next === undefined || next.at > limit) return false;
    scheduled.delete(next);
    now = Math.max(now, next.at);
    next.fn();
    await turn();
    return true;
  };

  const until: VirtualTime['until'] = async (condition, limitMs = 600_000) => {
    const limit = now + limitMs;
    await turn();
    while (!condition()) {
      if (!(await step(limit))) {
        throw new Error(`Waited in vain until ${now} ms, with ${scheduled.size} timers pending`);
      }
    }
  };

  return {
    clock: { now: () => 1_700_000_000_000 + now, monotonic: () => now },
    timers: {
      setTimeout(fn, ms): Timer {
        const timer: Scheduled = { at: now + ms, fn };
        scheduled.add(timer);
        return timer;
      },
      clearTimeout: (timer) => {
        scheduled.delete(timer as Scheduled);
      },
    },
    until,
    async settled(promise, limitMs) {
      let done = false;
      const finish = () => {
        done = true;
      };
      promise.then(finish, finish);
      await until(() => done, limitMs);
      return promise;
    },
    async advance(ms) {
      const limit = now + ms;
      await turn();
      while (await step(limit)) {}
      now = limit;
    },
    pending: () => scheduled.size,
  };
}
