// What the calls of the handler with one batch get: all of it, then what is left after acks and failures.

import { ShardpoolError } from '../model/errors.ts';
import type { AckMode } from '../protocol.ts';
import type { TrackedBatch } from './ack-tracker.ts';
import type { RecordBatch } from './record-batch.ts';

export interface Attempts {
  /** Records that the next call would get. */
  readonly left: number;
  /** What the next call gets; null when nothing is left to do. */
  next(): RecordBatch | null;
  /** Takes what a call has returned: with `ack: 'auto'` acks what did not fail. Throws when something did. */
  returned(given: RecordBatch, result: unknown): void;
}

export function attemptsWith(batch: RecordBatch, tracked: TrackedBatch, mode: AckMode): Attempts {
  /** Null: all of it. */
  let rest: readonly number[] | null = null;

  /** Acks may have come at any time, also during the pause before this call. */
  const dropAcked = () => {
    if (tracked.pending === tracked.length) return;
    rest = (rest ?? batch.indexes()).filter((index) => !tracked.isAcked(index));
  };

  return {
    get left() {
      dropAcked();
      return rest?.length ?? batch.length;
    },
    next() {
      dropAcked();
      if (rest === null) return batch;
      return rest.length === 0 ? null : batch.only(rest);
    },
    returned(given, result) {
      const failed = failedOf(result, given);
      if (mode === 'auto') {
        if (failed.size === 0) tracked.ackAll();
        else for (const index of given.indexes()) if (!failed.has(index)) tracked.ack(index);
      }
      if (failed.size === 0) return;
      rest = [...failed].toSorted((a, b) => a - b);
      throw new Error(`The handler returned ${failed.size} of ${given.length} records as failed`);
    },
  };
}

const NONE: ReadonlySet<number> = new Set();

/** The indexes of `{ failed: [...] }`; anything else that a handler returns says nothing. */
function failedOf(result: unknown, given: RecordBatch): ReadonlySet<number> {
  if (typeof result !== 'object' || result === null || !('failed' in result)) return NONE;
  const { failed } = result;
  if (failed === undefined || failed === null) return NONE;
  if (!Array.isArray(failed)) throw unfit(`an array of records, got a value of type ${typeof failed}`);
  if (failed.length === 0) return NONE;
  const own = new Set(given.indexes());
  return new Set(
    failed.map((record: unknown) => {
      const index = given.indexOf(record);
      if (index === null || !own.has(index)) throw unfit('records of the batch of this call only');
      return index;
    }),
  );
}

function unfit(expected: string): ShardpoolError {
  return new ShardpoolError(
    'ERR_INVALID_HANDLER',
    `Expected \`failed\` in what the handler returned to be ${expected}`,
  );
}
