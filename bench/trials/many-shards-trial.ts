// One consumer of very many shards, few of which are busy: what the idle ones cost.

import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer } from '../../src/index.ts';
import type { Source } from '../sides/job.ts';
import { giveToHandlers, pacedHandler } from './paced-handler.ts';
import { peakRssBytes } from './process-memory.ts';
import { TRIAL_STREAM } from './stream.ts';
import { Tally } from './tally.ts';

export interface ManyShardsTrial {
  readonly kind: 'many-shards';
  readonly source: Source;
  readonly shards: number;
  readonly threads: number;
  readonly idlePollMs: number;
  /** How long is measured once all shards are read and the pauses have grown, ms. */
  readonly measureMs: number;
}

export interface ManyShardsFigures {
  /** From `run()`. */
  readonly firstRecordMs: number;
  readonly allReadMs: number;
  readonly startCpuMs: number;
  /** CPU of the process, ms a second. */
  readonly cpuMsPerSecond: number;
  readonly readsPerSecond: number;
  readonly rssMiB: number;
  readonly peakRssMiB: number;
  readonly records: number;
  readonly meanDelayMs: number;
  readonly maxDelayMs: number;
}

const LOOK_EVERY_MS = 250;

export async function runManyShardsTrial(trial: ManyShardsTrial): Promise<ManyShardsFigures> {
  const { source, shards, threads, idlePollMs, measureMs } = trial;
  const tally = new Tally();
  giveToHandlers({ bytesPerSecond: null, pauseMs: 0 }, tally);
  const consumer = new Consumer<Uint8Array>({
    stream: TRIAL_STREAM,
    ...source,
    processor: 'bytes',
    threads,
    idlePollMs,
  });
  let firstRecordMs = 0;
  const startedAt = performance.now();
  const cpuAtStart = process.cpuUsage();
  const sinceStart = () => performance.now() - startedAt;
  const failures: unknown[] = [];
  const { handle } = pacedHandler();
  const running = consumer
    .run((batch, context) => {
      if (firstRecordMs === 0) firstRecordMs = sinceStart();
      return handle(batch, context);
    })
    .catch((error: unknown) => {
      failures.push(error);
    });
  const reads = async () => (await consumer.status()).shards.reduce((sum, { reads: each }) => sum + each, 0);
  const until = async (isSo: () => Promise<boolean>) => {
    while (failures.length === 0 && !(await isSo())) await sleep(LOOK_EVERY_MS);
    if (failures.length > 0) throw failures[0];
  };
  await consumer.ready();
  await until(async () => {
    const { shards: rows } = await consumer.status();
    return rows.length === shards && rows.every(({ reads: each }) => each > 0);
  });
  const allReadMs = sinceStart();
  const startCpu = process.cpuUsage(cpuAtStart);
  // The pause between two reads doubles up to idlePollMs.
  await sleep(2 * idlePollMs);
  const counted = { timed: tally.get('timed'), delayMs: tally.get('delayMs') };
  const readsBefore = await reads();
  const cpuBefore = process.cpuUsage();
  const from = performance.now();
  await sleep(measureMs);
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - from) / 1000;
  const readsPerSecond = ((await reads()) - readsBefore) / seconds;
  const records = tally.get('timed') - counted.timed;
  const rssMiB = process.memoryUsage.rss() / 2 ** 20;
  await consumer.stop();
  await running;
  return {
    firstRecordMs,
    allReadMs,
    startCpuMs: (startCpu.user + startCpu.system) / 1000,
    cpuMsPerSecond: (cpu.user + cpu.system) / 1000 / seconds,
    readsPerSecond,
    rssMiB,
    peakRssMiB: peakRssBytes() / 2 ** 20,
    records,
    meanDelayMs: (tally.get('delayMs') - counted.delayMs) / Math.max(1, records),
    maxDelayMs: tally.get('maxDelayMs'),
  };
}
