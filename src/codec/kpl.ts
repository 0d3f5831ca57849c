// Reads KPL aggregates: many user records in one Kinesis record, written by Amazon's producer libraries.
//
// F3 89 9A C2 · protobuf AggregatedRecord · 16 bytes MD5 of the protobuf bytes, where
//   AggregatedRecord { repeated string partition_key_table = 1; repeated string explicit_hash_key_table = 2;
//                      repeated Record records = 3; }
//   Record { required uint64 partition_key_index = 1; optional uint64 explicit_hash_key_index = 2;
//            required bytes data = 3; repeated Tag tags = 4; }

import { hash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';
import type { Frames } from './processor.ts';
import { undecodableMark } from './record-marks.ts';
import { view } from './view.ts';

const MAGIC_BYTES = 4;
const DIGEST_BYTES = 16;
const WIRE_VARINT = 0;
const WIRE_BYTES = 2;

/** Field number and wire type as one number, as they stand on the wire. */
const tag = (field: number, wireType: number) => (field << 3) | wireType;
const PARTITION_KEY_TABLE = tag(1, WIRE_BYTES);
const EXPLICIT_HASH_KEY_TABLE = tag(2, WIRE_BYTES);
const RECORDS = tag(3, WIRE_BYTES);
const PARTITION_KEY_INDEX = tag(1, WIRE_VARINT);
const EXPLICIT_HASH_KEY_INDEX = tag(2, WIRE_VARINT);
const DATA = tag(3, WIRE_BYTES);

/** Where an index is missing or too large for any table. */
const NO_INDEX = -1;
const OUT_OF_RANGE = -2;

/** What was found, before any of it is delivered. */
interface Aggregate {
  readonly partitionKeys: string[];
  /** Null for what is no hash key. */
  readonly explicitHashKeys: (string | null)[];
  /** Partition key index, explicit hash key index, start and end of the data; four numbers to a record. */
  readonly records: number[];
}

const NUMBERS_PER_RECORD = 4;

const TOO_MANY = undecodableMark('too-many-records');
/** Four times what Kinesis allows: a long key in one aggregate of many records would become gigabytes of batches. */
const MAX_KEY_LENGTH = 1024;
/** Decimal, at most 2^128 - 1. */
const EXPLICIT_HASH_KEY = /^\d{1,39}$/;

/**
 * Gives the user records of an aggregate to `sink`, each a view into `data`, its subSequenceNumber the index in the
 * aggregate. What is not a valid aggregate from end to end is one plain record, so nothing is ever lost; a valid
 * aggregate of no records gives none, one of more than `maxRecords` is one record. A partition key index outside of its
 * table stands for the outer partition key, such an explicit hash key index, or a key that is no number, for none. Never
 * throws, unless `sink` does.
 */
export const splitKpl: Frames = (data, partitionKey, sink, maxRecords) => {
  const aggregate = hasFrame(data) ? parse(data, maxRecords) : null;
  if (aggregate === null || aggregate === 'too-many') {
    sink.add(data, partitionKey, null, 0, false, aggregate === null ? 0 : TOO_MANY);
    return;
  }
  const { partitionKeys, explicitHashKeys, records } = aggregate;
  for (let at = 0, index = 0; at < records.length; at += NUMBERS_PER_RECORD, index++) {
    sink.add(
      view(data, records[at + 2]!, records[at + 3]!),
      entry(partitionKeys, records[at]!) ?? partitionKey,
      entry(explicitHashKeys, records[at + 1]!),
      index,
      true,
    );
  }
};

function entry(table: readonly (string | null)[], index: number): string | null {
  return index >= 0 && index < table.length ? table[index]! : null;
}

function hasFrame(data: Uint8Array): boolean {
  return (
    data.length >= MAGIC_BYTES + DIGEST_BYTES &&
    data[0] === 0xf3 &&
    data[1] === 0x89 &&
    data[2] === 0x9a &&
    data[3] === 0xc2 &&
    isDigestRight(data)
  );
}

function isDigestRight(data: Uint8Array): boolean {
  const end = data.length - DIGEST_BYTES;
  const digest = md5(data.subarray(MAGIC_BYTES, end));
  // A host in FIPS mode has no MD5; there the magic and the protobuf have to do, for plain records they would be worse.
  if (digest === null) return true;
  for (let i = 0; i < DIGEST_BYTES; i++) if (digest[i] !== data[end + i]) return false;
  return true;
}

function md5(bytes: Uint8Array): Uint8Array | null {
  try {
    return hash('md5', bytes, 'buffer');
  } catch {
    return null;
  }
}

/** Null when the bytes are not an AggregatedRecord. */
function parse(data: Uint8Array, maxRecords: number): Aggregate | 'too-many' | null {
  const found: Aggregate = { partitionKeys: [], explicitHashKeys: [], records: [] };
  // A Buffer over the same memory: only for those does protobufjs decode strings natively.
  const reader = protobuf.Reader.create(
    Buffer.from(data.buffer, data.byteOffset, data.length - DIGEST_BYTES),
  );
  reader.pos = MAGIC_BYTES;
  const end = reader.len;
  try {
    while (reader.pos < end) {
      const field = reader.tag();
      switch (field) {
        case PARTITION_KEY_TABLE:
          found.partitionKeys.push(partitionKey(reader.string()));
          break;
        case EXPLICIT_HASH_KEY_TABLE:
          found.explicitHashKeys.push(explicitHashKey(reader.string()));
          break;
        case RECORDS:
          if (found.records.length === maxRecords * NUMBERS_PER_RECORD) return 'too-many';
          parseRecord(reader, found.records);
          break;
        default:
          reader.skipType(field & 7, 0, field >>> 3);
      }
    }
  } catch {
    return null;
  }
  return found;
}

function partitionKey(key: string): string {
  if (key.length > MAX_KEY_LENGTH) throw new RangeError('A partition key is too long');
  return key;
}

function explicitHashKey(key: string): string | null {
  return EXPLICIT_HASH_KEY.test(key) ? key : null;
}

function parseRecord(reader: protobuf.Reader, records: number[]): void {
  const outerEnd = reader.len;
  const length = reader.size();
  const end = reader.pos + length;
  if (end > outerEnd) throw new RangeError('The record is longer than its aggregate');
  reader.len = end; // the reader's own checks now keep it inside of the record
  let partitionKeyIndex = NO_INDEX;
  let explicitHashKeyIndex = NO_INDEX;
  let dataStart = NO_INDEX;
  let dataEnd = NO_INDEX;
  while (reader.pos < end) {
    const field = reader.tag();
    switch (field) {
      case PARTITION_KEY_INDEX:
        partitionKeyIndex = readIndex(reader);
        break;
      case EXPLICIT_HASH_KEY_INDEX:
        explicitHashKeyIndex = readIndex(reader);
        break;
      case DATA: {
        const size = reader.size();
        dataStart = reader.pos;
        dataEnd = dataStart + size;
        reader.skip(size);
        break;
      }
      default:
        reader.skipType(field & 7, 0, field >>> 3);
    }
  }
  reader.len = outerEnd;
  if (partitionKeyIndex === NO_INDEX || dataStart === NO_INDEX)
    throw new RangeError('A required field is missing');
  records.push(partitionKeyIndex, explicitHashKeyIndex, dataStart, dataEnd);
}

/** Indices are uint64; one of five bytes or more lies beyond any table, and would lose its high bits as a uint32. */
function readIndex(reader: protobuf.Reader): number {
  const start = reader.pos;
  const index = reader.uint32();
  return reader.pos - start < 5 ? index : OUT_OF_RANGE;
}
