// Random user records for the round trips through packed batches.

import { integerFrom, oneOf, type Random } from './random.ts';

export interface PlainRecord {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly arrivalTime: number;
  readonly aggregated: boolean;
}

const KEYS = [
  '',
  'a',
  'käse',
  '😀',
  '😀😀👩‍👩‍👧',
  'ключ',
  '\u0000',
  'x,y',
  'k'.repeat(256),
  '\ud83d',
  '日本',
];

/**
 * In order of their positions; some are user records of one aggregate. Their data are views into `slabs` slabs, one
 * behind the other, or stand alone when `slabs` is 0.
 */
export function randomRecords(random: Random, count: number, slabs: number): PlainRecord[] {
  const sizes = Array.from({ length: count }, () =>
    random() < 0.25 ? 0 : integerFrom(random, 1, random() < 0.1 ? 5_000 : 40),
  );
  const data = slabs === 0 ? sizes.map((size) => filled(random, size)) : sliced(random, sizes, slabs);
  const hashKeys = random() < 0.5 ? [null] : [null, '0', '340282366920938463463374607431768211455', '17'];
  let sequence = 495_000_000_000_000_000n + BigInt(integerFrom(random, 0, 1_000_000));
  let sub = 0;
  return data.map((bytes) => {
    const aggregated = random() < 0.5;
    if (aggregated) sub += 1;
    else {
      sequence += BigInt(integerFrom(random, 1, 5));
      sub = 0;
    }
    return {
      data: bytes,
      partitionKey: oneOf(random, KEYS),
      explicitHashKey: oneOf(random, hashKeys),
      sequenceNumber: String(sequence),
      subSequenceNumber: sub,
      arrivalTime: 1_700_000_000_000 + integerFrom(random, 0, 1e9) + 0.5,
      aggregated,
    };
  });
}

function filled(random: Random, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => integerFrom(random, 0, 255));
}

function sliced(random: Random, sizes: readonly number[], slabs: number): Uint8Array[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  // A slab that is itself a view: offsets into its memory are not offsets into it.
  const memories = Array.from({ length: slabs }, () => filled(random, total + 16).subarray(9));
  let offset = 0;
  return sizes.map((size, i) => {
    const slab = memories[Math.floor((i * slabs) / sizes.length)]!;
    const view = slab.subarray(offset, offset + size);
    offset += size;
    return view;
  });
}
