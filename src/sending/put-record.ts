// What may be put: the rules of AWS for keys and sizes, checked before a record is accepted.

import type { PutEntry } from '../kinesis/api.ts';
import { ShardpoolError } from '../model/errors.ts';
import { hashKeyOf } from './hash-key.ts';

export interface PutRecord {
  /** Kept, not copied, until the record is acknowledged. */
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
}

/** A record as it waits for its acknowledgement. */
export interface CheckedRecord {
  readonly entry: PutEntry;
  /** Data and partition key, as Kinesis counts them. */
  readonly bytes: number;
  readonly hashKey: bigint;
}

const MAX_KEY_CHARACTERS = 256;

/** Throws ERR_INVALID_OPTION. */
export function checkRecord(record: PutRecord, maxRecordBytes: number): CheckedRecord {
  const { data, partitionKey, explicitHashKey } = record;
  if (!(data instanceof Uint8Array))
    throw invalid(`Expected \`data\` to be a Uint8Array, got ${typeof data}`);
  if (typeof partitionKey !== 'string' || partitionKey === '') {
    throw invalid(
      `Expected \`partitionKey\` to be a string that is not empty, got ${JSON.stringify(partitionKey)}`,
    );
  }
  // AWS counts Unicode characters; a string has at least as many code units.
  if (partitionKey.length > MAX_KEY_CHARACTERS) {
    const characters = Array.from(partitionKey).length;
    if (characters > MAX_KEY_CHARACTERS) {
      throw invalid(
        `Expected \`partitionKey\` to have at most ${MAX_KEY_CHARACTERS} characters, got ${characters}`,
      );
    }
  }
  const bytes = data.byteLength + Buffer.byteLength(partitionKey);
  if (bytes > maxRecordBytes) {
    throw invalid(`Expected data and partition key to have at most ${maxRecordBytes} bytes, got ${bytes}`);
  }
  return {
    entry: { data, partitionKey, explicitHashKey },
    bytes,
    hashKey: hashKeyOf(partitionKey, explicitHashKey),
  };
}

function invalid(message: string): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_OPTION', message);
}
