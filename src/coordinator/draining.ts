// Who has still to answer `drained`; an answer before the question counts too.

import { deferred } from '../platform/deferred.ts';

export interface Draining {
  expect(who: readonly number[]): void;
  drained(who: number, late: number): void;
  /** Nobody is left that could answer for it. */
  gone(who: number): void;
  /** Those that were expected and have not answered. */
  readonly missing: readonly number[];
  /** Resolves once all that were expected have answered. */
  readonly done: Promise<void>;
  /** How many handlers had not finished, over all answers; at least one for each that is still expected. */
  readonly late: number;
}

export function draining(): Draining {
  const finished = deferred();
  const answered = new Set<number>();
  let expected: readonly number[] | null = null;
  let late = 0;
  const look = () => {
    if (expected?.every((who) => answered.has(who)) === true) finished.resolve();
  };
  const answer = (who: number) => {
    answered.add(who);
    look();
  };
  return {
    expect(who) {
      expected = who;
      look();
    },
    drained(who, lateHandlers) {
      late += lateHandlers;
      answer(who);
    },
    gone(who) {
      // Before the question it says nothing about whoever has the same number by then.
      if (expected !== null) answer(who);
    },
    get missing() {
      return expected?.filter((who) => !answered.has(who)) ?? [];
    },
    done: finished.promise,
    get late() {
      // Who has not answered is in a call that has not given its thread back.
      return late + this.missing.length;
    },
  };
}
