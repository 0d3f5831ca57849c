// How large the next page of a shard may be, and how many records to ask for: GetRecords has no byte limit to ask with, so the limit
// is as many records as fit into what was reserved, by what the last ones cost.
//
// Large pages gain nothing. AWS gives 2 MiB a second and shard, so a reader of 10 MiB rests for five seconds; and everything that
// holds a page for a moment, compressed, as text and taken apart, is as large as it.

import { BUDGET_UNIT_BYTES, budgetUnits } from '../platform/byte-budget.ts';
import type { Reservation, Wanted } from './budget-gate.ts';

/** The most that one reply brings (AWS). */
const MAX_PAGE_BYTES = 10 * 2 ** 20;
const MAX_PAGE_RECORDS = 10_000;
const MIN_PAGE_BYTES = 64 * 1024;
const MIN_PAGE_RECORDS = 64;
/** A page that is asked for takes no more than this of the budget, nor more than this part of it: several shards have to find room. */
const TARGET_PAGE_BYTES = 2 * 2 ** 20;
const SHARE_OF_BUDGET = 4;
/** Of a shard of which nothing is known yet: to see how large they are. */
const FIRST_RECORDS = 100;
/** What producers may write to a shard (AWS): a reader that had caught up cannot find more than arrived since. */
const WRITE_BYTES_PER_MS = 2 ** 20 / 1000;
const WRITE_RECORDS_PER_MS = 1;
const WEIGHT = 0.3;
/** Where records became small, a reader that asks for a few of them must not go on so for long. */
const RECORD_WEIGHT = 0.5;
/** Pages of a backlog are of like size, but not of the same. */
const MARGIN = 1.5;
/** Records are of like size, but not of the same. */
const RECORD_MARGIN = 1.25;

/** What a read brought, and what became of it. */
export interface TakenPage {
  /** As many records were asked for. */
  readonly limit: number;
  /** Of Kinesis. */
  readonly bytes: number;
  readonly records: number;
  /** The largest record of Kinesis, bytes. */
  readonly largest: number;
  /** Of the budget, after deaggregation, inflating and packing. */
  readonly units: number;
  readonly userRecords: number;
}

export interface PageEstimate {
  /** For a read that starts now. */
  wanted(now: number): Wanted;
  /** How many records to ask for with so much reserved, one at least. */
  limit(reserved: Pick<Reservation, 'units' | 'records'>): number;
  page(taken: TakenPage, lagMs: number, now: number): void;
}

type Room = Omit<Wanted, 'isIdle'>;

/** Rises at once and falls slowly. */
function peak(before: number | null, value: number, weight = WEIGHT): number {
  return before === null ? value : Math.max(value, before + (value - before) * weight);
}

export function pageEstimate(recordLimit: number, budgetTotalUnits: number): PageEstimate {
  const least = { units: budgetUnits(MIN_PAGE_BYTES), records: MIN_PAGE_RECORDS };
  const share = Math.floor(budgetTotalUnits / SHARE_OF_BUDGET);
  const target = Math.max(least.units, Math.min(budgetUnits(TARGET_PAGE_BYTES), share));
  let units: number | null = null;
  let userRecords: number | null = null;
  /** What a byte and a record of Kinesis cost in the budget, and how many user records a record has. */
  let unitsPerByte: number | null = null;
  let unitsPerRecord: number | null = null;
  let userPerRecord: number | null = null;
  let largest = 0;
  let caughtUpAt: number | null = null;
  let isIdle = false;
  /** The last page brought all that was asked for: there may be any amount more. */
  let isFull = false;

  const atTarget = (): Room => ({
    units: target,
    records: Math.min(recordLimit, target / (unitsPerRecord ?? 1)) * (userPerRecord ?? 1),
  });

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

  /** The largest one left out: that is reserved for by itself, and a few like it must not make all the others come one by one. */
  const perRecord = ({ bytes, records, largest: most, units: all }: TakenPage): number => {
    if (records > 1) {
      const ordinary = bytes === 0 ? all : all * (1 - most / bytes);
      return peak(unitsPerRecord, ordinary / (records - 1), RECORD_WEIGHT);
    }
    return unitsPerRecord === null ? all : Math.min(unitsPerRecord, peak(unitsPerRecord, all, RECORD_WEIGHT));
  };

  const guess = (now: number): Room => {
    if (caughtUpAt !== null) return sinceThen(now - caughtUpAt);
    return isFull ? atTarget() : byPages();
  };

  return {
    wanted(now) {
      const most = Math.ceil(MAX_PAGE_BYTES * Math.max(1 / BUDGET_UNIT_BYTES, unitsPerByte ?? 0));
      // Nothing is known yet: many shards that begin with a backlog must not overdraw the budget all at once.
      if (units === null) return { units: most, records: Math.min(recordLimit, FIRST_RECORDS), isIdle };
      // One that is larger than a page ought to be came along before, and another one may.
      const oneLarge = largest * (unitsPerByte ?? 0);
      const room = guess(now);
      const ordinary = Math.min(target, Math.max(least.units, Math.ceil(room.units)));
      const cap = Math.min(recordLimit, target / (unitsPerRecord ?? 0)) * (userPerRecord ?? 1);
      return {
        units: Math.min(most, oneLarge > target / 2 ? Math.ceil(ordinary + oneLarge) : ordinary),
        records: Math.max(least.records, Math.ceil(Math.min(room.records, cap))),
        isIdle,
      };
    },
    limit(reserved) {
      const most = Math.min(recordLimit, MAX_PAGE_RECORDS);
      if (unitsPerRecord === null) {
        const isShort = units === null && reserved.units <= least.units;
        return isShort ? 1 : Math.min(most, FIRST_RECORDS);
      }
      const byUnits = Math.min(reserved.units, target) / (unitsPerRecord * RECORD_MARGIN);
      const byRecords = reserved.records / (userPerRecord ?? 1);
      return Math.max(1, Math.floor(Math.min(most, byUnits, byRecords)));
    },
    page(taken, lagMs, now) {
      units = peak(units, taken.units);
      userRecords = peak(userRecords, taken.userRecords);
      if (taken.records > 0) {
        unitsPerByte = peak(unitsPerByte, taken.units / Math.max(BUDGET_UNIT_BYTES, taken.bytes));
        unitsPerRecord = perRecord(taken);
        userPerRecord = peak(userPerRecord, taken.userRecords / taken.records);
        largest = peak(largest, taken.largest);
      }
      caughtUpAt = lagMs === 0 ? now : null;
      isIdle = taken.records === 0 && lagMs === 0;
      isFull = taken.records >= taken.limit;
    },
  };
}
