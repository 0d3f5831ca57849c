// Reads KPL aggregates: many user records in one Kinesis record, written by Amazon's producer libraries.
//
// F3 89 9A C2 · protobuf AggregatedRecord · 16 bytes MD5 of the protobuf bytes, where
//   AggregatedRecord { repeated string partition_key_table = 1; repeated string explicit_hash_key_table = 2;
//                      repeated Record records = 3; }
//   Record { required uint64 partition_key_index = 1; optional uint64 explicit_hash_key_index = 2;
//            required bytes data = 3; repeated Tag tags = 4; }

import { hash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';
import type { UserRecordSink } from './processor.ts';

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
  readonly explicitHashKeys: string[];
  /** Partition key index, explicit hash key index, start and end of the data; four numbers to a record. */
  readonly records: number[];
}

const NUMBERS_PER_RECORD = 4;

/**
 * Gives the user records of an aggregate to `sink`, each a view into `data`, its subSequenceNumber the index in the
 * aggregate. What is not a valid aggregate from end to end is one plain record, so nothing is ever lost; a valid
 * aggregate of no records gives none. A partition key index outside of its table stands for the outer partition key, such
 * an explicit hash key index for none. Never throws, unless `sink` does.
 */
export function splitKpl(data: Uint8Array, partitionKey: string, sink: UserRecordSink): void {
  const aggregate = hasFrame(data) ? parse(data) : null;
  if (aggregate === null) {
    sink.add(data, partitionKey, null, 0, false);
    return;
  }
  const { partitionKeys, explicitHashKeys, records } = aggregate;
  const { buffer, byteOffset } = data;
  for (let at = 0, index = 0; at < records.length; at += NUMBERS_PER_RECORD, index++) {
    const start = records[at + 2]!;
    const end = records[at + 3]!;
    sink.add(
      new Uint8Array(buffer, byteOffset + start, end - start),
      entry(partitionKeys, records[at]!) ?? partitionKey,
      entry(explicitHashKeys, records[at + 1]!),
      index,
      true,
    );
  }
}

function entry(table: readonly string[], index: number): string | null {
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
function parse(data: Uint8Array): Aggregate | null {
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
          found.partitionKeys.push(reader.string());
          break;
        case EXPLICIT_HASH_KEY_TABLE:
          found.explicitHashKeys.push(reader.string());
          break;
        case RECORDS:
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
