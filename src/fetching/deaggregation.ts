// Takes the records of a page apart into user records, in steps: what they inflate to may be far more than was reserved.

import type { Processor } from '../codec/processor.ts';
import { OUT_OF_SHARD_RANGE } from '../codec/record-marks.ts';
import type { Page } from '../kinesis/api.ts';
import { isBefore, type Position, sequencePosition } from '../model/position.ts';
import type { PageSink } from '../model/page-sink.ts';

/** About what a user record takes beside its data. */
const RECORD_OVERHEAD_BYTES = 64;

export interface DeaggregationParts {
  readonly processor: Pick<Processor, 'split'>;
  readonly sink: Pick<PageSink, 'add' | 'flush'>;
  /** The next record of Kinesis is about to be taken apart. */
  readonly onRecord: () => void;
  /** Send after every record. */
  readonly isolate: boolean;
}

export interface Deaggregation {
  /** Goes on with the page until it is done, which is true, or more than about `maxBytes` came out. A step has one record at least. */
  next(maxBytes: number): boolean;
  /** Lets go of the page: nothing more is taken out of it. `next` does so when it is done. */
  drop(): void;
  readonly userRecords: number;
  readonly outOfRange: number;
  /** The last user record of the page, once it is done; null for an empty page. */
  readonly last: Position | null;
}

/** What is at or before `skipUpTo` is left out. */
export function deaggregation(given: Page, skipUpTo: Position, parts: DeaggregationParts): Deaggregation {
  const { processor, sink, onRecord, isolate } = parts;
  // Processors keep the sink that they were given last, and with it whatever its closure sees.
  let page: Page | null = given;
  const { count } = given;
  let done = 0;
  let userRecords = 0;
  let outOfRange = 0;
  let bytes = 0;
  let sequenceNumber = '';
  let arrivalTime = 0;
  let lastSub = 0;
  // Only a reader that started from a position, or had to make its iterator again, can meet what it already has, and
  // only at the beginning of a page: sequence numbers rise.
  let skipping = count > 0;
  const sinkOfSplit = {
    add: (
      data: Uint8Array,
      key: string,
      hashKey: string | null,
      sub: number,
      aggregated: boolean,
      marks = 0,
    ) => {
      lastSub = sub;
      if (skipping && !isBefore(skipUpTo, sequencePosition(sequenceNumber, sub))) return;
      if ((marks & OUT_OF_SHARD_RANGE) !== 0) outOfRange += 1;
      userRecords += 1;
      bytes += data.byteLength + RECORD_OVERHEAD_BYTES;
      sink.add(data, key, hashKey, sequenceNumber, sub, arrivalTime, aggregated, marks);
    },
  };
  return {
    next(maxBytes) {
      bytes = 0;
      const from = page;
      if (from === null) return done === count;
      while (done < count) {
        const i = done;
        onRecord();
        sequenceNumber = from.sequenceNumbers[i]!;
        arrivalTime = from.arrivalTimes[i]!;
        skipping &&= !isBefore(skipUpTo, sequencePosition(sequenceNumber, 0));
        lastSub = 0;
        const data = from.slab.subarray(from.offsets[i], from.offsets[i + 1]);
        processor.split(data, from.partitionKeys[i]!, sinkOfSplit, sequenceNumber);
        if (isolate) sink.flush();
        done += 1;
        if (bytes > maxBytes) break;
      }
      if (done === count) page = null;
      return done === count;
    },
    drop() {
      page = null;
    },
    get userRecords() {
      return userRecords;
    },
    get outOfRange() {
      return outOfRange;
    },
    get last() {
      return count === 0 ? null : sequencePosition(sequenceNumber, lastSub);
    },
  };
}
