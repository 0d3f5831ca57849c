// shardpool as its users have it: default options, apart from where the stream is.

import { BroadcastChannel, setEnvironmentData } from 'node:worker_threads';
import type { Run } from '../figures.ts';
import { Consumer } from '../../src/index.ts';
import { type Job, STREAM } from './job.ts';
import { type Mark, Meter } from './meter.ts';
import { MARKS_CHANNEL, PLAN_KEY } from './shardpool-marks.ts';
import { Stopwatch } from './stopwatch.ts';

export async function runShardpool(job: Job, handlerThreads: 0 | 1): Promise<Run> {
  const { source, variant, plan } = job;
  const watch = new Stopwatch();
  const consumer = new Consumer({
    stream: STREAM,
    ...source,
    processor: variant.processor,
    handlerThreads,
  });
  const onMark = (mark: Mark) => {
    watch.take(mark);
    if (mark.name === 'finished') void consumer.stop();
  };
  if (handlerThreads === 0) {
    const meter = new Meter(plan, onMark);
    await consumer.run((batch) => {
      for (const { value, partitionKey, sequenceNumber, subSequenceNumber } of batch) {
        meter.add(value, partitionKey, sequenceNumber, subSequenceNumber);
      }
      meter.lookForMark();
    });
  } else {
    await runInHandlerThread(consumer, job, onMark);
  }
  return watch.result();
}

async function runInHandlerThread(consumer: Consumer, job: Job, onMark: (mark: Mark) => void): Promise<void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  // New threads inherit it; a handler module gets no arguments.
  setEnvironmentData(PLAN_KEY, job.plan);
  const marks = new BroadcastChannel(MARKS_CHANNEL);
  marks.onmessage = (event) => onMark((event as { readonly data: Mark }).data);
  try {
    await consumer.run(new URL(`./shardpool-handler.${extension}`, import.meta.url));
  } finally {
    marks.close();
  }
}
