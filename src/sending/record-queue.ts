// The records that wait to be sent: a queue for each partition key, and for each shard a lane of the keys that may send.
//
// A key is in one lane, or in flight, or waiting for its retry, never in two of these. Only the first record of a key is
// ever sent, and it stays first until it is settled. That is the whole of the order guarantee: PutRecords goes on after
// a failed entry, so two records of one key in flight could swap.

import { Fifo } from './fifo.ts';
import type { FlushGroup } from './flush-groups.ts';
import type { PutLimiter } from './put-limiter.ts';
import type { CheckedRecord } from './put-record.ts';
import type { ShardMap } from './shard-map.ts';

export interface Acknowledgement {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

export interface QueuedRecord extends CheckedRecord {
  /** Grows with every accepted record. */
  readonly number: number;
  readonly group: FlushGroup;
  /** Null where nobody asked. */
  readonly acknowledged: {
    resolve(value: Acknowledgement): void;
    reject(reason: unknown): void;
  } | null;
  /** How often it failed on its own. */
  failures: number;
  /** The shard it was last expected in; `UNKNOWN_SHARD` where the map has none. */
  shardId: string;
}

export const UNKNOWN_SHARD = '';

export interface RequestLimits {
  readonly maxRecords: number;
  /** Including partition keys. */
  readonly maxBytes: number;
}

export interface NextRequest {
  readonly records: readonly QueuedRecord[];
  /** Ms until the limits let more go; Infinity when nothing is held back by them. */
  readonly waitMs: number;
}

export interface RecordQueue {
  /** Records not settled yet, in flight or not. */
  readonly size: number;
  readonly bytes: number;
  add(record: QueuedRecord): void;
  /** Takes what may be sent now, at most one record for each key. Its keys are in flight until settled or retried. */
  takeRequest(limits: RequestLimits, limiter: PutLimiter): NextRequest;
  /** Removes a record that was in flight; the next one of its key may go. */
  settle(record: QueuedRecord): void;
  /** Lets a record that was in flight go again. */
  retry(record: QueuedRecord): void;
  /** Predicts the shards anew. */
  remap(map: ShardMap): void;
  /** The shard in which the current map expects the record. */
  predict(record: CheckedRecord): string;
  /** Removes everything, also what is in flight; in the order of acceptance. */
  drain(): QueuedRecord[];
}

type KeyQueue = Fifo<QueuedRecord>;

export function createRecordQueue(): RecordQueue {
  const keys = new Map<string, KeyQueue>();
  /** By shard, only those with a key in them; in the order of their turns. */
  let lanes = new Map<string, Fifo<KeyQueue>>();
  let map: ShardMap | null = null;
  let size = 0;
  let bytes = 0;

  const predict = (record: CheckedRecord): string => map?.shardOf(record.hashKey) ?? UNKNOWN_SHARD;

  const makeReady = (key: KeyQueue): void => {
    const first = key.peek()!;
    first.shardId = predict(first);
    let lane = lanes.get(first.shardId);
    if (lane === undefined) {
      lane = new Fifo();
      lanes.set(first.shardId, lane);
    }
    lane.push(key);
  };

  /** Undefined for a record that was drained while it was in flight. */
  const keyInFlight = (record: QueuedRecord): KeyQueue | undefined => {
    const key = keys.get(record.entry.partitionKey);
    return key?.peek() === record ? key : undefined;
  };

  return {
    get size() {
      return size;
    },
    get bytes() {
      return bytes;
    },
    predict,

    add(record) {
      size += 1;
      bytes += record.bytes;
      const { partitionKey } = record.entry;
      const known = keys.get(partitionKey);
      if (known !== undefined) {
        known.push(record);
        return;
      }
      const key: KeyQueue = new Fifo();
      key.push(record);
      keys.set(partitionKey, key);
      makeReady(key);
    },

    takeRequest({ maxRecords, maxBytes }, limiter) {
      const records: QueuedRecord[] = [];
      let room = maxBytes;
      let waitMs = Number.POSITIVE_INFINITY;
      // A copy, because lanes move to its end while it is walked.
      const turns = [...lanes];
      for (const [shardId, lane] of turns) {
        if (records.length === maxRecords) break;
        // To the end of the turns, so that one busy shard cannot fill every request.
        lanes.delete(shardId);
        while (lane.size > 0 && records.length < maxRecords) {
          const first = lane.peek()!.peek()!;
          if (first.bytes > room && records.length > 0) break;
          const wait = limiter.waitMs(shardId, first.bytes);
          if (wait > 0) {
            waitMs = Math.min(waitMs, wait);
            break;
          }
          limiter.take(shardId, first.bytes);
          lane.shift();
          room -= first.bytes;
          records.push(first);
        }
        if (lane.size > 0) lanes.set(shardId, lane);
      }
      return { records, waitMs };
    },

    settle(record) {
      const key = keyInFlight(record);
      if (key === undefined) return;
      key.shift();
      size -= 1;
      bytes -= record.bytes;
      if (key.size > 0) makeReady(key);
      else keys.delete(record.entry.partitionKey);
    },

    retry(record) {
      const key = keyInFlight(record);
      if (key !== undefined) makeReady(key);
    },

    remap(next) {
      map = next;
      const ready = [...lanes.values()].flatMap((lane) => lane.toArray());
      lanes = new Map();
      for (const key of ready) makeReady(key);
    },

    drain() {
      const all = [...keys.values()].flatMap((key) => key.toArray());
      keys.clear();
      lanes.clear();
      size = 0;
      bytes = 0;
      return all.sort((a, b) => a.number - b.number);
    },
  };
}
