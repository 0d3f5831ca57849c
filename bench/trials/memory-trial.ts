// One consumer whose handler is slower than its stream: how much memory it takes meanwhile.

import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import type { Source } from '../sides/job.ts';
import { giveToHandlers, type Pace, pacedHandler } from './paced-handler.ts';
import { peakRssBytes } from './process-memory.ts';
import { type StreamContents, TRIAL_STREAM } from './stream.ts';
import { Tally } from './tally.ts';

export interface MemoryTrial {
  readonly kind: 'memory';
  readonly source: Source;
  readonly options: Pick<
    ConsumerOptions,
    'maxBufferedBytes' | 'maxBufferedRecords' | 'handlerThreads' | 'threads' | 'processor' | 'batch'
  >;
  readonly pace: Pace;
  readonly contents: StreamContents;
}

export interface MemoryFigures {
  readonly peakRssMiB: number;
  /** Largest in the second sixth of the records, and in the last. */
  readonly earlyRssMiB: number;
  readonly lateRssMiB: number;
  /** As `status()` says it, at most. */
  readonly bufferedMiB: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly small: number;
  readonly large: number;
  readonly smallGapMs: number;
  readonly largeGapMs: number;
  readonly lastLargeMs: number;
  /** How often a look found a shard in that state. */
  readonly waitingForBudget: number;
  readonly waitingForHandler: number;
  readonly polling: number;
}

const LOOK_EVERY_MS = 25;
const SIXTHS = 6;

export async function runMemoryTrial({
  source,
  options,
  pace,
  contents,
}: MemoryTrial): Promise<MemoryFigures> {
  const tally = new Tally();
  giveToHandlers(pace, tally);
  const startedAt = performance.now();
  const consumer = new Consumer<Uint8Array>({ stream: TRIAL_STREAM, ...source, ...options });
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const target =
    (options.handlerThreads ?? 0) === 0
      ? pacedHandler()
      : new URL(`./paced-handler-module.${extension}`, import.meta.url);
  const failures: unknown[] = [];
  const running = consumer.run(target).catch((error: unknown) => {
    failures.push(error);
  });
  await consumer.ready();
  const total = contents.small + contents.large;
  const states = { 'waiting-for-budget': 0, 'waiting-for-handler': 0, polling: 0 };
  let [earlyRss, lateRss, buffered] = [0, 0, 0];
  for (let handled = 0; handled < total && failures.length === 0; ) {
    handled = tally.get('small') + tally.get('large');
    const rss = process.memoryUsage.rss();
    const sixth = Math.floor((handled / total) * SIXTHS);
    if (sixth === 1) earlyRss = Math.max(earlyRss, rss);
    if (sixth === SIXTHS - 1) lateRss = Math.max(lateRss, rss);
    const { bufferedBytes, shards } = await consumer.status();
    buffered = Math.max(buffered, bufferedBytes);
    for (const { state } of shards) if (state !== null && state in states) states[state as 'polling'] += 1;
    await sleep(LOOK_EVERY_MS);
  }
  const wallMs = performance.now() - startedAt;
  await consumer.stop();
  await running;
  if (failures.length > 0) throw failures[0];
  const { user, system } = process.cpuUsage();
  const mib = (bytes: number) => bytes / 2 ** 20;
  return {
    peakRssMiB: mib(peakRssBytes()),
    earlyRssMiB: mib(earlyRss),
    lateRssMiB: mib(lateRss),
    bufferedMiB: mib(buffered),
    cpuMs: (user + system) / 1000,
    wallMs,
    small: tally.get('small'),
    large: tally.get('large'),
    smallGapMs: tally.get('smallGapMs'),
    largeGapMs: tally.get('largeGapMs'),
    lastLargeMs: tally.get('largeAtMs'),
    waitingForBudget: states['waiting-for-budget'],
    waitingForHandler: states['waiting-for-handler'],
    polling: states.polling,
  };
}
