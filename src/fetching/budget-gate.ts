// Waits for room in the shared byte budget, first come first served within this thread, but that shards with records go before
// idle ones, all but the one whose turn it is: a thousand of those, each of which might bring something, would delay the few.
//
// Who waited and still cannot have what its page may need goes on with less, but only one read of the thread at a time: so a shard
// whose handler hangs cannot keep the others from reading. It asks for fewer records then. Not at once, because with a handler that
// is only slow there will be room for a whole page in a moment, and many small ones cost more.
// Of large reads a few go on at once, which is as much as a thread can decode: any of them may bring more than it reserved.
// Records are reserved by an estimate as well, until the page is there and has been counted.

import type { BudgetTaker } from '../platform/byte-budget.ts';
import { budgetUnits } from '../platform/byte-budget.ts';
import type { Timer, Timers } from '../platform/timers.ts';

/** A thread that gives back an unused reservation tells no other one, so a waiter also looks for itself. */
const LOOK_AGAIN_MS = 100;
const LEAST_UNITS = budgetUnits(64 * 1024);
/** A short read takes this part of what was wanted, or the least. */
const SOME_OF_UNITS = 4;
/** Of user records, which it overdraws by. */
const SHORT_RECORDS = 64;

/** A read that may bring more than this is a large one, and so many of a thread may be under way. */
const LARGE_UNITS = budgetUnits(2 ** 20);
const MOST_LARGE_READS = 4;

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
  /** User records that there is room for. */
  readonly records: number;
  /** The page was settled or there is none. Exactly once. */
  done(): void;
}

export interface BudgetGate {
  /** Of the whole budget. */
  readonly totalUnits: number;
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
  let largeReads = 0;

  const attempt = (wanted: Wanted, mayBeShort: boolean): Reservation | null => {
    const { records } = wanted;
    const units = Math.min(wanted.units, budget.totalUnits);
    const isLarge = !wanted.isIdle && wanted.units > LARGE_UNITS;
    if (isLarge && largeReads >= MOST_LARGE_READS) return null;
    // While a short read goes on, that is what the next one waits for: holding the ticket meanwhile would keep every other
    // thread from reading.
    if (budget.tryReserve(units, !shortRead, records)) {
      if (isLarge) largeReads += 1;
      const done = () => {
        if (isLarge) largeReads -= 1;
        budget.giveBack(0, records);
        wake();
      };
      return { units, records, done };
    }
    const least = Math.min(units, LEAST_UNITS);
    if (!mayBeShort || shortRead || (least === units && records <= 1)) return null;
    const some = Math.max(least, Math.floor(units / SOME_OF_UNITS));
    const short = [some, least].find((each) => budget.tryReserve(each));
    if (short === undefined) return null;
    shortRead = true;
    const done = () => {
      shortRead = false;
      wake();
    };
    return { units: short, records: Math.min(records, SHORT_RECORDS), done };
  };

  const placeOf = ({ isIdle }: Wanted): number => {
    const firstIdle = isIdle ? -1 : waiting.findIndex((each, place) => place > 0 && each.wanted.isIdle);
    return firstIdle === -1 ? waiting.length : firstIdle;
  };

  const serve = (mayBeShort: boolean) => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const reservation = attempt(first.wanted, mayBeShort);
      if (reservation === null) {
        timer ??= timers.setTimeout(again, LOOK_AGAIN_MS);
        return;
      }
      waiting.shift();
      first.done(reservation);
    }
  };
  const wake = () => serve(false);
  const again = () => {
    timer = null;
    serve(true);
  };

  return {
    totalUnits: budget.totalUnits,
    tryReserve: (wanted) => (waiting.length === 0 ? attempt(wanted, false) : null),
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
