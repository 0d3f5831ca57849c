// Runs a consumer until somebody kills it; its handler takes `delayMs`, and then writes a line about its batch.

import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';
import type { AuditedValue } from '../../support/audited-handler.ts';
import { monotonicMs } from '../../support/handler-reports.ts';

interface Input extends ConsumerOptions {
  readonly delayMs: number;
}

const { delayMs, ...options } = JSON.parse(process.argv[2]!) as Input;
const consumer = new Consumer(options);
await consumer.run(async (batch) => {
  const startedAt = monotonicMs();
  await sleep(delayMs);
  const rows = batch.toArray().map(({ value, id }) => {
    const { key, n } = value as AuditedValue;
    return [key, n, id] as const;
  });
  const { shardId } = batch;
  writeSync(1, `${JSON.stringify({ shardId, startedAt, endedAt: monotonicMs(), rows })}\n`);
});
