// How large the next page of a shard may be: GetRecords has no byte limit to ask with, so room is reserved by this guess.

import { BUDGET_UNIT_BYTES, budgetUnits } from '../platform/byte-budget.ts';
import type { Wanted } from './budget-gate.ts';

/** The most that one reply brings (AWS). */
const MAX_PAGE_BYTES = 10 * 2 ** 20;
const MAX_PAGE_RECORDS = 10_000;
const MIN_PAGE_BYTES = 64 * 1024;
const MIN_PAGE_RECORDS = 64;
/** What producers may write to a shard (AWS): a reader that had caught up cannot find more than arrived since. */
const WRITE_BYTES_PER_MS = 2 ** 20 / 1000;
const WRITE_RECORDS_PER_MS = 1;
const WEIGHT = 0.3;
/** Pages of a backlog are of like size, but not of the same. */
const MARGIN = 1.5;

/** What a read brought, and what became of it. */
export interface TakenPage {
  /** Of Kinesis. */
  readonly bytes: number;
  readonly records: number;
  /** Of the budget, after deaggregation, inflating and packing. */
  readonly units: number;
  readonly userRecords: number;
}

export interface PageEstimate {
  /** For a read that starts now. */
  wanted(now: number): Wanted;
  page(taken: TakenPage, lagMs: number, now: number): void;
}

type Room = Omit<Wanted, 'isIdle'>;

/** Rises at once and falls slowly. */
function peak(before: number | null, value: number): number {
  return before === null ? value : Math.max(value, before + (value - before) * WEIGHT);
}

export function pageEstimate(recordLimit: number): PageEstimate {
  let units: number | null = null;
  let userRecords: number | null = null;
  /** What a byte and a record of Kinesis cost in the budget, and how many user records a record has. */
  let unitsPerByte: number | null = null;
  let unitsPerRecord: number | null = null;
  let userPerRecord: number | null = null;
  let caughtUpAt: number | null = null;
  let isIdle = false;

  const byPages = (): Room => ({ units: (units ?? 0) * MARGIN, records: (userRecords ?? 0) * MARGIN });

  const sinceThen = (ms: number): Room => {
    const plain = budgetUnits(ms * WRITE_BYTES_PER_MS);
    // Small records cost more than their data, compressed ones much more; but both limits hold for the producers.
    const byBytes = ms * WRITE_BYTES_PER_MS * (unitsPerByte ?? 0);
    const byRecords = ms * WRITE_RECORDS_PER_MS * (unitsPerRecord ?? 0);
    return {
      units: Math.max(plain, Math.min(byBytes, byRecords)),
      records: Math.min(ms * WRITE_RECORDS_PER_MS, recordLimit) * (userPerRecord ?? 1),
    };
  };

  return {
    wanted(now) {
      const least = { units: budgetUnits(MIN_PAGE_BYTES), records: MIN_PAGE_RECORDS };
      const most = Math.ceil(MAX_PAGE_BYTES * Math.max(1 / BUDGET_UNIT_BYTES, unitsPerByte ?? 0));
      // Nothing is known yet: many shards that begin with a backlog must not overdraw the budget all at once.
      if (units === null) return { units: most, records: Math.min(recordLimit, MAX_PAGE_RECORDS), isIdle };
      const guess = caughtUpAt === null ? byPages() : sinceThen(now - caughtUpAt);
      return {
        units: Math.min(most, Math.max(least.units, Math.ceil(guess.units))),
        records: Math.max(least.records, Math.ceil(guess.records)),
        isIdle,
      };
    },
    page(taken, lagMs, now) {
      units = peak(units, taken.units);
      userRecords = peak(userRecords, taken.userRecords);
      if (taken.records > 0) {
        unitsPerByte = peak(unitsPerByte, taken.units / Math.max(BUDGET_UNIT_BYTES, taken.bytes));
        unitsPerRecord = peak(unitsPerRecord, taken.units / taken.records);
        userPerRecord = peak(userPerRecord, taken.userRecords / taken.records);
      }
      caughtUpAt = lagMs === 0 ? now : null;
      isIdle = taken.records === 0 && lagMs === 0;
    },
  };
}
