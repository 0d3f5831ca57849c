// One GetRecords page, built once; every reply is a copy in which only the page number inside the sequence numbers changes.

import { createHash } from 'node:crypto';
import { sequenceNumber, sequencePrefix } from './sequence-numbers.ts';

/** A counter is the page number and, in its last six digits, the place of the record in its page. */
export const RECORDS_PER_PAGE_LIMIT = 1_000_000;
const PAGE_DIGITS = 9;
const PAGE_DIGITS_OFFSET = 24;

export interface CannedPageShape {
  readonly recordsPerPage: number;
  readonly recordBytes: number;
  /** How many user records each record holds as a KPL aggregate; null for plain records. */
  readonly userRecords: number | null;
}

export class CannedPage {
  /** The array of records, brackets included. */
  readonly #records: Buffer;
  /** Where in it the page digits of each sequence number are. */
  readonly #offsets: Uint32Array;

  constructor(shape: CannedPageShape, prefix: string, createdMs: number) {
    const data = recordData(shape).toString('base64');
    const seconds = Math.floor(createdMs) / 1000;
    this.#offsets = new Uint32Array(shape.recordsPerPage);
    const parts: string[] = [];
    let length = 1;
    for (let index = 0; index < shape.recordsPerPage; index += 1) {
      const sequence = sequenceNumber(prefix, index + 1, Math.floor(createdMs));
      const before = '{"SequenceNumber":"';
      const part = `${before}${sequence}","ApproximateArrivalTimestamp":${seconds},"Data":"${data}","PartitionKey":"key-${index % 100}"}`;
      this.#offsets[index] = length + before.length + PAGE_DIGITS_OFFSET;
      length += part.length + 1;
      parts.push(part);
    }
    this.#records = Buffer.from(`[${parts.join(',')}]`, 'latin1');
  }

  /** The records of that page: the same data, with sequence numbers above those of every earlier page. */
  records(page: number): Buffer {
    const copy = Buffer.allocUnsafe(this.#records.length);
    this.#records.copy(copy);
    const digits = Buffer.from(String(page).padStart(PAGE_DIGITS, '0'), 'latin1');
    for (const offset of this.#offsets) {
      for (let index = 0; index < PAGE_DIGITS; index += 1) copy[offset + index] = digits[index] as number;
    }
    return copy;
  }
}

export function cannedPrefix(shard: number, createdMs: number): string {
  return sequencePrefix(createdMs, shard);
}

/** The data of every record: a JSON document of exactly that size, alone or several times in a KPL aggregate. */
function recordData({ recordBytes, userRecords }: CannedPageShape): Buffer {
  const document = Buffer.from(jsonOfSize(recordBytes));
  return userRecords === null ? document : kplAggregate(document, userRecords);
}

function jsonOfSize(bytes: number): string {
  const frame = '{"pad":""}';
  // Too small for an object: a number is JSON as well.
  if (bytes < frame.length) return '1'.repeat(bytes);
  return `{"pad":"${'abcdefghijklmnop'.repeat(Math.ceil(bytes / 16)).slice(0, bytes - frame.length)}"}`;
}

/** The aggregate format of the KPL: magic, protobuf, MD5 of the protobuf. All user records share one partition key. */
export function kplAggregate(document: Buffer, count: number): Buffer {
  const key = Buffer.from('key');
  const record = Buffer.concat([Buffer.from([0x08, 0x00, 0x1a]), varint(document.length), document]);
  const entry = Buffer.concat([Buffer.from([0x1a]), varint(record.length), record]);
  const message = Buffer.concat([
    Buffer.from([0x0a]),
    varint(key.length),
    key,
    ...Array.from({ length: count }, () => entry),
  ]);
  const md5 = createHash('md5').update(message).digest();
  return Buffer.concat([Buffer.from([0xf3, 0x89, 0x9a, 0xc2]), message, md5]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
