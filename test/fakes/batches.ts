// Short ways to packed batches and back, for the tests of the delivery path.

import { BatchBuilder } from '../../src/delivery/packed-batch.ts';
import { type Position, sequencePosition } from '../../src/model/position.ts';
import { budgetUnits } from '../../src/platform/byte-budget.ts';
import type { BatchMessage } from '../../src/protocol.ts';

/** A packed batch with the records `first` to `last`: the sequence number is the number, the data its text. */
export function batchOf(shard: number, epoch: number, first: number, last = first): BatchMessage {
  const builder = new BatchBuilder();
  for (let n = first; n <= last; n += 1) {
    builder.add(Buffer.from(String(n)), `key-${n}`, null, String(n), 0, 1_700_000_000_000 + n, false);
  }
  return builder.seal(shard, epoch, budgetUnits(builder.costBytes), 0);
}

export function at(n: number, sub = 0): Position {
  return sequencePosition(String(n), sub);
}

/** The numbers of the records in a batch. */
export function numbersOf(batch: Iterable<{ readonly sequenceNumber: string }>): number[] {
  return [...batch].map(({ sequenceNumber }) => Number(sequenceNumber));
}
