// Notes each record with all its fields, as JSON.

import { BroadcastChannel } from 'node:worker_threads';
import { defineHandler } from '../../../src/index.ts';
import { type HandlerReport, monotonicMs } from '../../support/handler-reports.ts';

export interface DescribedRecord {
  readonly id: string;
  readonly value: unknown;
  /** Of the first kilobyte. */
  readonly hex: string;
  readonly bytes: number;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly shardId: string;
  readonly aggregated: boolean;
}

const channel = new BroadcastChannel(new URL(import.meta.url).searchParams.get('channel') ?? 'unnamed');
channel.unref();

export default defineHandler(
  (batch) => {
    const described = batch.toArray().map((record): DescribedRecord => {
      const { id, value, data, partitionKey, explicitHashKey, sequenceNumber } = record;
      return {
        id,
        value: value instanceof Uint8Array ? null : value,
        hex: data.subarray(0, 1024).toString('hex'),
        bytes: data.length,
        partitionKey,
        explicitHashKey,
        sequenceNumber,
        subSequenceNumber: record.subSequenceNumber,
        shardId: record.shardId,
        aggregated: record.aggregated,
      };
    });
    for (const each of described) {
      const note: HandlerReport = { type: 'note', thread: 0, at: monotonicMs(), text: JSON.stringify(each) };
      channel.postMessage(note);
    }
  },
  { teardown: () => channel.close() },
);
