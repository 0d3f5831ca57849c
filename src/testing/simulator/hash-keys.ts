// Hash keys: 128-bit numbers that decide which shard a record goes to.
//
// Next to the numbers we keep 32 hexadecimal digits: they sort like the numbers, and a put then compares two strings
// instead of building a BigInt from its MD5.

import { hash } from 'node:crypto';

export const HASH_KEY_COUNT = 2n ** 128n;
export const MAX_HASH_KEY = HASH_KEY_COUNT - 1n;

/** Both bounds are inclusive. */
export interface HashKeyRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The hash key of a record as 32 hexadecimal digits: the explicit one, else the MD5 of the UTF-8 partition key. */
export function hashKeyOf(partitionKey: string, explicitHashKey: string | null): string {
  if (explicitHashKey !== null) return toHex(BigInt(explicitHashKey));
  return hash('md5', partitionKey, 'hex');
}

export function toHex(hashKey: bigint): string {
  return hashKey.toString(16).padStart(32, '0');
}

/** `count` ranges of equal size that cover all hash keys; the last one takes the remainder, as AWS does it. */
export function uniformRanges(count: number): HashKeyRange[] {
  const size = HASH_KEY_COUNT / BigInt(count);
  return Array.from({ length: count }, (_, index) => ({
    start: BigInt(index) * size,
    end: index === count - 1 ? MAX_HASH_KEY : BigInt(index + 1) * size - 1n,
  }));
}

/** Where a shard is cut when the caller does not say. */
export function middleOf(range: HashKeyRange): bigint {
  return (range.start + range.end + 1n) / 2n;
}

/** True for a decimal number without leading zeros from 0 to 2^128 - 1. */
export function isHashKey(text: string): boolean {
  return /^(0|[1-9]\d{0,38})$/.test(text) && BigInt(text) <= MAX_HASH_KEY;
}
