// Writes KPL aggregates by hand, right and wrong ones, for tests.

import { createHash } from 'node:crypto';

export interface InnerRecord {
  readonly data: Uint8Array;
  /** Indices; left out of the record when undefined. */
  readonly key?: number | bigint | undefined;
  readonly hashKey?: number | bigint | undefined;
  /** Put in front of the record's fields, as they are. */
  readonly extra?: Uint8Array;
}

export interface AggregateParts {
  readonly keys?: readonly string[];
  readonly hashKeys?: readonly string[];
  readonly records?: readonly InnerRecord[];
  /** Put behind everything, inside of the protobuf. */
  readonly extra?: Uint8Array;
}

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A length-delimited field. */
export function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
}

export function message(parts: AggregateParts): Buffer {
  return Buffer.concat([
    ...(parts.keys ?? []).map((key) => field(1, Buffer.from(key))),
    ...(parts.hashKeys ?? []).map((key) => field(2, Buffer.from(key))),
    ...(parts.records ?? []).map((record) =>
      field(
        3,
        Buffer.concat([
          record.extra ?? Buffer.alloc(0),
          ...(record.key === undefined ? [] : [varint(1 << 3), varint(record.key)]),
          ...(record.hashKey === undefined ? [] : [varint(2 << 3), varint(record.hashKey)]),
          field(3, record.data),
        ]),
      ),
    ),
    parts.extra ?? Buffer.alloc(0),
  ]);
}

/** Magic, the message, and its right MD5. */
export function frame(protobuf: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from('f3899ac2', 'hex'),
    protobuf,
    createHash('md5').update(protobuf).digest(),
  ]);
}

export const aggregate = (parts: AggregateParts) => frame(message(parts));
