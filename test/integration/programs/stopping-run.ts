// Runs a consumer, stops it as told, and has nothing else to do.

import { writeSync } from 'node:fs';
import { once } from 'node:events';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';

interface Input extends ConsumerOptions {
  readonly module: string;
  readonly deadlineMs: number;
  readonly by: 'stop' | 'signal' | 'break';
}

const { module, deadlineMs, by, ...options } = JSON.parse(process.argv[2]!) as Input;
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const controller = new AbortController();
const consumer = new Consumer({ ...options, signal: controller.signal });
consumer.on('stopped', (detail) => say({ stopped: detail }));
if (by === 'break') {
  for await (const record of consumer) {
    say({ record: record.subSequenceNumber });
    break;
  }
} else {
  const running = consumer.run(new URL(`../handlers/${module}.js`, import.meta.url));
  await once(consumer, 'shard:start');
  if (by === 'signal') controller.abort();
  else await consumer.stop({ deadlineMs });
  await running;
}
