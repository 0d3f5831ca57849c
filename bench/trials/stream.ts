// What a trial's stream holds before it begins, and what is written to it meanwhile. Plain data: it crosses a process boundary.

import { kplAggregate } from '../../src/testing/simulator/canned-page.ts';
import type { SimulatorRecord } from '../../src/testing/index.ts';

export interface StreamSpec {
  readonly shards: number;
  /** Of all small user records together. */
  readonly smallBytes: number;
  /** Of one user record. */
  readonly recordBytes: number;
  /** User records in each KPL aggregate; null for plain records. */
  readonly userRecordsPerRecord: number | null;
  /** Large records among them: so many in each of the first `shards` shards, evenly spread. */
  readonly large: { readonly shards: number; readonly each: number; readonly bytes: number } | null;
  /** Every reply is late by so much, as over a network, ms. */
  readonly latencyMs: number;
  /** Written as long as the trial goes on; null for nothing. */
  readonly writes: WriteSpec | null;
}

export interface WriteSpec {
  /** To the first so many shards. */
  readonly shards: number;
  readonly everyMs: number;
  readonly recordBytes: number;
}

/** What is there to be read. */
export interface StreamContents {
  readonly small: number;
  readonly large: number;
}

export const TRIAL_STREAM = 'trial';
const KEYS = 2n ** 128n;

/** A hash key that lies in that shard of a new stream. */
export function hashKeyOf(shard: number, shards: number): string {
  return String((KEYS / BigInt(shards)) * BigInt(shard) + 1n);
}

export function contentsOf(spec: StreamSpec): StreamContents {
  const perRecord = spec.userRecordsPerRecord ?? 1;
  return {
    small: recordsPerShard(spec) * spec.shards * perRecord,
    large: spec.large === null ? 0 : spec.large.shards * spec.large.each,
  };
}

/** Of the stored records, in pieces of a size that is easy to send. */
export function* storedRecords(spec: StreamSpec): Generator<SimulatorRecord[]> {
  const { shards, large } = spec;
  const data = smallData(spec);
  const each = recordsPerShard(spec);
  const perPiece = Math.max(1, Math.floor(PIECE_BYTES / data.byteLength));
  for (let shard = 0; shard < shards; shard += 1) {
    const explicitHashKey = hashKeyOf(shard, shards);
    const largeHere = large !== null && shard < large.shards ? large.each : 0;
    let largeDone = 0;
    for (let done = 0; done < each || largeDone < largeHere; done += perPiece) {
      const count = Math.max(0, Math.min(perPiece, each - done));
      const piece = Array.from({ length: count }, () => ({ data, partitionKey: 'small', explicitHashKey }));
      if (piece.length > 0) yield piece;
      const due = each === 0 ? largeHere : Math.ceil((largeHere * (done + count)) / each);
      for (; largeDone < due; largeDone += 1) {
        yield [{ data: Buffer.alloc(large!.bytes, 'L'), partitionKey: 'large', explicitHashKey }];
      }
    }
  }
}

/** A record that says when it was written. */
export function timedRecord(shard: number, shards: number, bytes: number): SimulatorRecord {
  const text = `${Date.now()}`.padEnd(bytes, ' ');
  return { data: Buffer.from(text), partitionKey: 'timed', explicitHashKey: hashKeyOf(shard, shards) };
}

const PIECE_BYTES = 2 ** 20;

function recordsPerShard({ smallBytes, recordBytes, userRecordsPerRecord, shards }: StreamSpec): number {
  return Math.ceil(smallBytes / (recordBytes * (userRecordsPerRecord ?? 1) * shards));
}

function smallData({ recordBytes, userRecordsPerRecord }: StreamSpec): Buffer {
  const user = Buffer.alloc(recordBytes, 's');
  return userRecordsPerRecord === null ? user : kplAggregate(user, userRecordsPerRecord);
}
