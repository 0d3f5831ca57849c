// A host with clocks of its own, and the processes that live on it one after the other. A process may stand still: what is due
// meanwhile comes afterwards, in a row.

import type { Clock } from '../../src/platform/clock.ts';
import type { Timer, Timers } from '../../src/platform/timers.ts';
import type { TrueTime } from './true-time.ts';

export interface Process {
  readonly timers: Timers;
  readonly isAlive: boolean;
  readonly isStill: boolean;
  /** An answer from outside: it comes when the process runs, and never after its death. */
  io(delayMs: number, fn: () => void): void;
  kill(): void;
}

export interface Machine {
  readonly clock: Clock;
  /** Ends the process before. */
  boot(): Process;
  /** As SIGSTOP: the clocks run on. */
  pause(ms: number): void;
  /** As a virtual machine that is not scheduled: its monotonic clock stands still too. */
  freeze(ms: number): void;
  /** Goes on at once, whatever was asked for. */
  wake(): void;
}

export interface MachineOptions {
  readonly time: TrueTime;
  /** Ms of its clocks per true ms. */
  readonly rate: number;
  readonly monotonicOffset: number;
  readonly wallOffset: number;
}

interface Waiting {
  readonly fn: () => void;
  cancelled: boolean;
  /** By the monotonic clock; null for what comes from outside. */
  readonly due: number | null;
}

export function createMachine({ time, rate, monotonicOffset, wallOffset }: MachineOptions): Machine {
  let stillUntil = -1;
  let frozenSince: number | null = null;
  let frozenMs = 0;
  let current: { kill(): void } | null = null;
  let flush: () => void = () => undefined;

  const running = () => (frozenSince ?? time.now) - frozenMs;
  const clock: Clock = {
    now: () => wallOffset + time.now * rate,
    monotonic: () => monotonicOffset + running() * rate,
  };

  const wake = () => {
    if (stillUntil < 0) return;
    stillUntil = -1;
    if (frozenSince !== null) frozenMs += time.now - frozenSince;
    frozenSince = null;
    flush();
  };

  const stand = (ms: number) => {
    const until = time.now + ms;
    if (until <= stillUntil) return;
    stillUntil = until;
    time.after(ms, () => {
      if (stillUntil === until) wake();
    });
  };

  return {
    clock,
    pause: stand,
    freeze(ms) {
      frozenSince ??= time.now;
      stand(ms);
    },
    wake,
    boot() {
      current?.kill();
      let alive = true;
      let backlog: Waiting[] = [];

      const fire = (waiting: Waiting) => {
        if (!alive || waiting.cancelled) return;
        if (stillUntil >= 0) {
          backlog.push(waiting);
          return;
        }
        // It stood still, and its clock with it.
        const early = waiting.due === null ? 0 : waiting.due - clock.monotonic();
        if (early > 1e-6) time.after(early / rate, () => fire(waiting));
        else {
          waiting.cancelled = true;
          waiting.fn();
        }
      };
      const add = (ms: number, waiting: Waiting) => {
        if (alive) time.after(ms, () => fire(waiting));
      };
      const life: Process = {
        timers: {
          setTimeout(fn, ms): Timer {
            const wait = Math.max(1, ms);
            const timer: Waiting = { fn, cancelled: false, due: clock.monotonic() + wait };
            add(wait / rate, timer);
            return timer;
          },
          clearTimeout(timer) {
            (timer as Waiting).cancelled = true;
          },
        },
        get isAlive() {
          return alive;
        },
        get isStill() {
          return stillUntil >= 0;
        },
        io: (delayMs, fn) => add(delayMs, { fn, cancelled: false, due: null }),
        kill() {
          alive = false;
          backlog = [];
        },
      };
      current = life;
      flush = () => {
        const late = backlog;
        backlog = [];
        // An event loop looks at its timers first, then at its sockets.
        const isTimer = ({ due }: Waiting) => due !== null;
        for (const each of [...late.filter(isTimer), ...late.filter((one) => !isTimer(one))]) {
          time.after(0, () => fire(each));
        }
      };
      return life;
    },
  };
}
