// Runs a consumer of which one thread hangs, stops it once it does, and has nothing else to do.

import { writeSync } from 'node:fs';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';
import { DeadlyCheckpointer } from '../../support/deadly-store.ts';
import { until } from '../../support/until.ts';

export type Hang = 'none' | 'fetch' | 'handler' | 'handler-loop' | 'coordinator';

interface Input extends ConsumerOptions {
  readonly hang: Hang;
  readonly deadlineMs: number;
}

const WITHIN_MS = 15_000;
const { hang, deadlineMs, ...options } = JSON.parse(process.argv[2]!) as Input;
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const died = new SharedArrayBuffer(4);
const store = new DeadlyCheckpointer();
const processor = {
  module: new URL('../processors/mortal.js', import.meta.url).href,
  options: { died, deaths: hang === 'fetch' ? 1 : 0 },
};
const consumer = new Consumer({
  ...options,
  processor,
  ...(hang === 'coordinator' ? { checkpointer: store.checkpointer } : {}),
});
consumer.on('stopped', (detail) => say({ stopped: detail }));
const module = {
  none: 'audited',
  fetch: 'audited',
  coordinator: 'audited',
  handler: 'hanging',
  'handler-loop': 'mortal',
};
const handler = new URL(`../handlers/${module[hang]}.js?deaths=1&channel=hanging-stop`, import.meta.url);
const channel = new BroadcastChannel('hanging-stop');
let notes = 0;
channel.onmessage = ({ data }) => {
  if ((data as { type: string }).type === 'note') notes += 1;
};
const running = consumer.run(handler);
await consumer.ready();
if (hang === 'coordinator') store.kill('loop');
await until('it hangs', WITHIN_MS, () => {
  if (hang === 'none') return true;
  if (hang === 'fetch') return Atomics.load(new Int32Array(died), 0) === 1;
  return hang === 'coordinator' ? store.killed === 1 : notes > 0;
});
const startedAt = performance.now();
await consumer.stop({ deadlineMs });
say({ tookMs: performance.now() - startedAt });
await running;
channel.close();
store[Symbol.dispose]();
