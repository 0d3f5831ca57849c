// Finds the user records of aggregates whose hash key is none of their shard's: a producer with a shard map from before a
// reshard put them into the wrong aggregate. Amazon's library drops the whole aggregate then; here they are only marked.

import { hash } from 'node:crypto';
import type { SplitSink } from './processor.ts';
import { OUT_OF_SHARD_RANGE } from './record-marks.ts';

/** Decimal, both ends included, as ListShards has it. */
export interface HashKeyRange {
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** Hash keys as 32 hexadecimal digits sort as the numbers do, and that is how an MD5 comes. */
const HEX_DIGITS = 32;
/** Producers come back to the same keys; a stream of ever new ones must not fill the memory. */
const MAX_REMEMBERED = 10_000;

/** Whether a record belongs to the shard, by its explicit hash key or the MD5 of its partition key. */
export function shardRange(
  range: HashKeyRange,
): (partitionKey: string, explicitHashKey: string | null) => boolean {
  const start = toHex(range.startingHashKey);
  const end = toHex(range.endingHashKey);
  // More digits than 128 bits have: no hash key at all.
  const isInside = (hex: string) => hex.length === HEX_DIGITS && hex >= start && hex <= end;
  const byPartitionKey = remembered((key) => isInside(hash('md5', key, 'hex')));
  const byExplicitHashKey = remembered((key) => isInside(toHex(key)));
  return (partitionKey, explicitHashKey) =>
    explicitHashKey === null ? byPartitionKey(partitionKey) : byExplicitHashKey(explicitHashKey);
}

/**
 * Marks what does not belong to the shard on its way to `next`. For KPL aggregates, and only for records of them: Kinesis
 * itself put the others where they are, by an explicit hash key perhaps, which it does not tell.
 */
export function markOutOfRange(range: HashKeyRange, next: SplitSink): SplitSink {
  const isInside = shardRange(range);
  return {
    add(data, partitionKey, explicitHashKey, subSequenceNumber, aggregated, marks = 0) {
      const isOutside = aggregated && !isInside(partitionKey, explicitHashKey);
      const all = isOutside ? marks | OUT_OF_SHARD_RANGE : marks;
      next.add(data, partitionKey, explicitHashKey, subSequenceNumber, aggregated, all);
    },
  };
}

function remembered(decide: (key: string) => boolean): (key: string) => boolean {
  const known = new Map<string, boolean>();
  return (key) => {
    let answer = known.get(key);
    if (answer === undefined) {
      if (known.size >= MAX_REMEMBERED) known.clear();
      answer = decide(key);
      known.set(key, answer);
    }
    return answer;
  };
}

function toHex(decimal: string): string {
  return BigInt(decimal).toString(16).padStart(HEX_DIGITS, '0');
}
