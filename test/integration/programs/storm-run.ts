// Runs a consumer until somebody kills it, and writes a line about every batch before its handler returns.

import { writeSync } from 'node:fs';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';
import type { AuditedValue } from '../../support/audited-handler.ts';
import { monotonicMs } from '../../support/handler-reports.ts';

const consumer = new Consumer(JSON.parse(process.argv[2]!) as ConsumerOptions);
await consumer.run((batch) => {
  const startedAt = monotonicMs();
  const rows = batch.toArray().map(({ value, id }) => {
    const { key, n } = value as AuditedValue;
    return [key, n, id] as const;
  });
  const { shardId } = batch;
  writeSync(1, `${JSON.stringify({ shardId, startedAt, endedAt: monotonicMs(), rows })}\n`);
});
