// The 128-bit hash key by which Kinesis routes a record to a shard.

import { hash } from 'node:crypto';
import { ShardpoolError } from '../model/errors.ts';

export const MAX_HASH_KEY = 2n ** 128n - 1n;

/** The pattern of AWS: decimal, no sign, no leading zeros. */
const DECIMAL = /^(?:0|[1-9]\d{0,38})$/;

/** The explicit hash key if there is one, else the MD5 of the partition key in UTF-8 as a big-endian number. */
export function hashKeyOf(partitionKey: string, explicitHashKey: string | null): bigint {
  return explicitHashKey === null
    ? BigInt(`0x${hash('md5', partitionKey, 'hex')}`)
    : parseHashKey(explicitHashKey);
}

/** Throws ERR_INVALID_OPTION unless the text is a decimal number from 0 to 2^128 - 1. */
export function parseHashKey(text: string): bigint {
  const value = typeof text === 'string' && DECIMAL.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > MAX_HASH_KEY) {
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `Expected \`explicitHashKey\` to be a decimal number from 0 to 2^128 - 1, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}
