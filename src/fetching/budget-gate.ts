// Waits for room in the shared byte budget, first come first served within this thread.

import type { BudgetTaker } from '../platform/byte-budget.ts';
import type { Timer, Timers } from '../platform/timers.ts';

/** A thread that gives back an unused reservation has nobody to tell, so a waiter also looks for itself. */
const LOOK_AGAIN_MS = 100;

export interface BudgetGate {
  tryReserve(units: number): boolean;
  /** True once reserved; false when the signal was aborted first. */
  reserve(units: number, signal: AbortSignal): Promise<boolean>;
  /** Something was released: try again. */
  wake(): void;
}

interface Waiter {
  readonly units: number;
  readonly done: (reserved: boolean) => void;
}

export function budgetGate(budget: BudgetTaker, timers: Timers): BudgetGate {
  const waiting: Waiter[] = [];
  let timer: Timer | null = null;

  const wake = () => {
    while (waiting.length > 0 && budget.tryReserve(waiting[0]!.units)) waiting.shift()!.done(true);
    if (waiting.length > 0) timer ??= timers.setTimeout(again, LOOK_AGAIN_MS);
  };
  const again = () => {
    timer = null;
    wake();
  };

  return {
    tryReserve: (units) => waiting.length === 0 && budget.tryReserve(units),
    reserve(units, signal) {
      if (signal.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const onAbort = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          if (waiting.length === 0) budget.abandon();
          resolve(false);
        };
        const waiter: Waiter = {
          units,
          done: (reserved) => {
            signal.removeEventListener('abort', onAbort);
            resolve(reserved);
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.push(waiter);
        wake();
      });
    },
    wake,
  };
}
