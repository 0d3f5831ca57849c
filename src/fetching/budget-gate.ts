// Waits for room in the shared byte budget, first come first served within this thread, but that shards with records go before
// idle ones, all but the one whose turn it is: a thousand of those, each of which might bring something, would delay the few.
//
// Who cannot have what its page may need goes on with the least amount, but only one read of the thread at a time: so a
// shard whose handler hangs cannot keep the others from reading, and such reads overdraw by one page per thread.
// Records are reserved by an estimate as well, until the page is there and has been counted.

import type { BudgetTaker } from '../platform/byte-budget.ts';
import { budgetUnits } from '../platform/byte-budget.ts';
import type { Timer, Timers } from '../platform/timers.ts';

/** A thread that gives back an unused reservation tells no other one, so a waiter also looks for itself. */
const LOOK_AGAIN_MS = 100;
const LEAST_UNITS = budgetUnits(64 * 1024);

/** What a page may need. */
export interface Wanted {
  readonly units: number;
  readonly records: number;
  /** The shard brought nothing last time: others go first. */
  readonly isIdle: boolean;
}

/** Room for one read. */
export interface Reservation {
  readonly units: number;
  /** The page was settled or there is none. Exactly once. */
  done(): void;
}

export interface BudgetGate {
  /** Null when it has to be waited for. */
  tryReserve(wanted: Wanted): Reservation | null;
  /** Null when the signal was aborted first. */
  reserve(wanted: Wanted, signal: AbortSignal): Promise<Reservation | null>;
  /** Something was released: try again. */
  wake(): void;
}

interface Waiter {
  readonly wanted: Wanted;
  readonly done: (reservation: Reservation) => void;
}

export function budgetGate(budget: BudgetTaker, timers: Timers): BudgetGate {
  const waiting: Waiter[] = [];
  let timer: Timer | null = null;
  /** A read goes on that reserved less than it may need. */
  let shortRead = false;

  const attempt = ({ units: wantedUnits, records }: Wanted): Reservation | null => {
    const units = Math.min(wantedUnits, budget.totalUnits);
    // While a short read goes on, that is what the next one waits for: holding the ticket meanwhile would keep every other
    // thread from reading.
    if (budget.tryReserve(units, !shortRead, records)) {
      const done = () => {
        budget.giveBack(0, records);
        wake();
      };
      return { units, done };
    }
    const least = Math.min(units, LEAST_UNITS);
    if (shortRead || (least === units && records <= 1) || !budget.tryReserve(least)) return null;
    shortRead = true;
    const done = () => {
      shortRead = false;
      wake();
    };
    return { units: least, done };
  };

  const placeOf = ({ isIdle }: Wanted): number => {
    const firstIdle = isIdle ? -1 : waiting.findIndex((each, place) => place > 0 && each.wanted.isIdle);
    return firstIdle === -1 ? waiting.length : firstIdle;
  };

  const wake = () => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const reservation = attempt(first.wanted);
      if (reservation === null) {
        timer ??= timers.setTimeout(again, LOOK_AGAIN_MS);
        return;
      }
      waiting.shift();
      first.done(reservation);
    }
  };
  const again = () => {
    timer = null;
    wake();
  };

  return {
    tryReserve: (wanted) => (waiting.length === 0 ? attempt(wanted) : null),
    reserve(wanted, signal) {
      if (signal.aborted) return Promise.resolve(null);
      return new Promise((resolve) => {
        const onAbort = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          if (waiting.length === 0) budget.abandon();
          resolve(null);
        };
        const waiter: Waiter = {
          wanted,
          done: (reservation) => {
            signal.removeEventListener('abort', onAbort);
            resolve(reservation);
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.splice(placeOf(wanted), 0, waiter);
        wake();
      });
    },
    wake,
  };
}
