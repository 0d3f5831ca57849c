// Sends the blocks of the demo as records, in their order, as fast as the limits of the shards allow.

import { loadCredentials } from '../../kinesis/credentials.ts';
import { createKinesisApi } from '../../kinesis/sdk-kinesis-api.ts';
import { CALL_LIMITS } from '../../model/call-limits.ts';
import { systemClock } from '../../platform/clock.ts';
import { systemTimers } from '../../platform/timers.ts';
import { createRecordWriter, type RecordWriterStats } from '../../sending/record-writer.ts';
import type { Simulator } from '../../testing/index.ts';
import type { Block, BlockRecord } from './blocks.ts';
import { STREAM } from './stream.ts';

export interface Sender extends AsyncDisposable {
  /** Resolves when Kinesis has acknowledged all of them; rejects with what made that impossible. */
  send(blocks: readonly Block[]): Promise<void>;
  stats(): RecordWriterStats;
}

const REQUESTS_AT_ONCE = 4;
const ATTEMPTS = 2;

export function openSender(simulator: Simulator, signal: AbortSignal): Sender {
  const { region, endpoint, credentials } = simulator;
  const api = createKinesisApi({
    address: { stream: STREAM, region, endpoint },
    credentials: loadCredentials(credentials, systemClock),
    maxAttempts: ATTEMPTS,
    // The requests, and the listing of the shards.
    maxSockets: REQUESTS_AT_ONCE + 1,
    limits: CALL_LIMITS,
  });
  const writer = createRecordWriter({
    api,
    clock: systemClock,
    timers: systemTimers,
    maxInFlight: REQUESTS_AT_ONCE,
    signal,
  });
  return {
    async send(blocks) {
      for (const { path, offset, length, key } of blocks) {
        const record: BlockRecord = { path, offset, length };
        const data = Buffer.from(JSON.stringify(record));
        // Waits where the queue is full.
        await writer.put({ data, partitionKey: key, explicitHashKey: null });
      }
      await writer.flush();
    },
    stats: () => writer.stats(),
    async [Symbol.asyncDispose]() {
      await writer.close({ deadlineMs: 0 });
      api.close();
    },
  };
}
