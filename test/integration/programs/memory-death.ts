// Runs a consumer until it has delivered `records` different ones; some of them end a thread by using up its memory.

import { writeSync } from 'node:fs';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';
import { HandlerReports } from '../../support/handler-reports.ts';
import { until } from '../../support/until.ts';

interface Input extends ConsumerOptions {
  readonly records: number;
}

const WITHIN_MS = 40_000;
const { records, ...options } = JSON.parse(process.argv[2]!) as Input;
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const reports = new HandlerReports();
const died = new SharedArrayBuffer(4);
const processor = {
  module: new URL('../processors/mortal.js', import.meta.url),
  options: { died, deaths: 1 },
};
const consumer = new Consumer({ ...options, processor });
let diedAt = 0;
consumer.on('thread:died', ({ kind, error, shards }) => {
  diedAt = performance.now();
  say({ died: kind, code: (error as { code?: string }).code, message: error.message, shards: shards.length });
});
const handler = new URL(`../handlers/mortal.js?deaths=1&channel=${reports.channelName}`, import.meta.url);
const running = consumer.run(handler);
await until('everything is delivered', WITHIN_MS, () => reports.audit.distinct === records);
say({
  delivered: reports.audit.delivered,
  distinct: reports.audit.distinct,
  afterMs: performance.now() - diedAt,
});
await consumer.stop();
await running;
reports[Symbol.dispose]();
