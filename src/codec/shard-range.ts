// Finds the user records of aggregates whose hash key is none of their shard's: a producer with a shard map from before a
// reshard put them into the wrong aggregate. Amazon's library drops the whole aggregate then; here they are only marked.

import { hash } from 'node:crypto';
import type { HashKeyRange } from '../model/shard.ts';
import type { Processor, SplitSink } from './processor.ts';
import { OUT_OF_SHARD_RANGE } from './record-marks.ts';

/** Hash keys as 32 hexadecimal digits sort as the numbers do, and that is how an MD5 comes. */
const HEX_DIGITS = 32;
/** Producers come back to the same keys; a stream of ever new ones must not fill the memory. For all shards of a thread. */
const MAX_REMEMBERED = 20_000;

/** Whether a record belongs to the shard, by its explicit hash key or the MD5 of its partition key. */
export function shardRange(
  range: HashKeyRange,
): (partitionKey: string, explicitHashKey: string | null) => boolean {
  const start = toHex(range.startingHashKey);
  const end = toHex(range.endingHashKey);
  // More digits than 128 bits have: no hash key at all.
  const isInside = (hex: string) => hex.length === HEX_DIGITS && hex >= start && hex <= end;
  const look = (partitionKey: string, explicitHashKey: string | null): boolean => {
    if (explicitHashKey !== null) return isInside(hexOfHashKey(explicitHashKey));
    const digest = digestOf(partitionKey);
    return digest === '' || isInside(digest);
  };
  // Records of one key often come one after the other, with the very same string: their aggregate has a table of its keys.
  let lastKey: string | null = null;
  let lastHashKey: string | null = null;
  let isLastInside = false;
  return (partitionKey, explicitHashKey) => {
    if (partitionKey !== lastKey || explicitHashKey !== lastHashKey) {
      isLastInside = look(partitionKey, explicitHashKey);
      lastKey = partitionKey;
      lastHashKey = explicitHashKey;
    }
    return isLastInside;
  };
}

/** The sink that the mark is made on the way to, and the mark's own; a page asks for the same one many times. */
interface Marking {
  readonly next: SplitSink;
  readonly sink: SplitSink;
}

/**
 * The processor's `split` for one shard, which marks what does not belong to it. Only records of KPL aggregates: Kinesis itself put
 * the others where they are, by an explicit hash key perhaps, which it does not tell.
 */
export function splitWithin(
  range: HashKeyRange,
  processor: Pick<Processor, 'split' | 'hasInnerKeys'>,
): Processor['split'] {
  if (!processor.hasInnerKeys) return processor.split;
  const isInside = shardRange(range);
  let marking: Marking | null = null;
  return (data, partitionKey, next, sequenceNumber) => {
    if (marking?.next !== next) marking = { next, sink: markOutOfRange(isInside, next) };
    processor.split(data, partitionKey, marking.sink, sequenceNumber);
  };
}

function markOutOfRange(isInside: ReturnType<typeof shardRange>, next: SplitSink): SplitSink {
  return {
    add(data, partitionKey, explicitHashKey, subSequenceNumber, aggregated, marks = 0) {
      const isOutside = aggregated && !isInside(partitionKey, explicitHashKey);
      const all = isOutside ? marks | OUT_OF_SHARD_RANGE : marks;
      next.add(data, partitionKey, explicitHashKey, subSequenceNumber, aggregated, all);
    },
  };
}

function remembered(make: (key: string) => string): (key: string) => string {
  const known = new Map<string, string>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      if (known.size >= MAX_REMEMBERED) known.clear();
      value = make(key);
      known.set(key, value);
    }
    return value;
  };
}

const hexOfHashKey = remembered(toHex);

/** Empty on a host in FIPS mode, which has no MD5. */
const digestOf = remembered((partitionKey) => {
  try {
    return hash('md5', partitionKey, 'hex');
  } catch {
    return '';
  }
});

function toHex(decimal: string): string {
  return BigInt(decimal).toString(16).padStart(HEX_DIGITS, '0');
}
