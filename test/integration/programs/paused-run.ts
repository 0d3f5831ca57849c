// Runs a consumer until it is told to end, and writes what its handler gets: the process is stopped and continued meanwhile.

import { writeSync } from 'node:fs';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';
import { monotonicMs } from '../../support/handler-reports.ts';

interface Input extends ConsumerOptions {
  readonly module?: string;
}

const { module, ...options } = JSON.parse(process.argv[2]!) as Input;
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const consumer = new Consumer(options);
consumer.on('session:lost', ({ cause }) => say({ lost: cause }));
const running = consumer.run(
  module === undefined
    ? (batch) =>
        say({ at: monotonicMs(), token: batch.token, numbers: batch.toArray().map(({ value }) => value) })
    : new URL(`../handlers/${module}.js`, import.meta.url),
);
process.once('SIGTERM', () => void consumer.stop());
await consumer.ready();
say({ ready: monotonicMs() });
await running;
