// Sorts the reply to a PutRecords by what has to happen to each of its records. Pure.

import type { PutOutcome } from '../kinesis/api.ts';
import { ShardpoolError } from '../model/errors.ts';
import type { Acknowledgement, QueuedRecord } from './record-queue.ts';

export interface SortedOutcomes {
  readonly acknowledged: readonly { readonly record: QueuedRecord; readonly by: Acknowledgement }[];
  /** The shard is over its limit: it needs time, the record does not. */
  readonly throttled: readonly QueuedRecord[];
  /** Kinesis failed; the record may go again after a while. */
  readonly transient: readonly QueuedRecord[];
  /** Sending it again would not mend it. */
  readonly refused: readonly { readonly record: QueuedRecord; readonly error: ShardpoolError }[];
}

/** Throws ERR_AWS where the reply does not match the request. */
export function sortOutcomes(
  records: readonly QueuedRecord[],
  outcomes: readonly PutOutcome[],
): SortedOutcomes {
  if (outcomes.length !== records.length) {
    throw new ShardpoolError(
      'ERR_AWS',
      `PutRecords answered with ${outcomes.length} results for ${records.length} records`,
    );
  }
  const acknowledged: SortedOutcomes['acknowledged'][number][] = [];
  const throttled: QueuedRecord[] = [];
  const transient: QueuedRecord[] = [];
  const refused: SortedOutcomes['refused'][number][] = [];
  outcomes.forEach((outcome, i) => {
    const record = records[i]!;
    if (outcome.ok) {
      const { shardId, sequenceNumber } = outcome;
      acknowledged.push({ record, by: { shardId, sequenceNumber } });
      return;
    }
    switch (outcome.errorCode) {
      case 'ProvisionedThroughputExceededException':
        throttled.push(record);
        break;
      case 'InternalFailure':
      case 'InternalFailureException':
      case 'ServiceUnavailable':
      case 'KMSThrottlingException':
        transient.push(record);
        break;
      // AWS documents only the first two; what nobody thought of is reported rather than sent for ever.
      default: {
        const message = `Kinesis refused the record: ${outcome.errorCode}: ${outcome.message}`;
        refused.push({ record, error: new ShardpoolError('ERR_PUT_FAILED', message) });
      }
    }
  });
  return { acknowledged, throttled, transient, refused };
}
