// Resolved options -> what each kind of thread is started with.

import { readFileSync } from 'node:fs';
import { hostSlots } from '../coordinator/pool.ts';
import type { ResolvedConsumerOptions } from '../options.ts';
import { createBudgetMemory } from '../platform/byte-budget.ts';
import { FENCE_BYTES } from '../platform/fence.ts';
import { createProgressMemory } from '../platform/progress.ts';
import type { CoordinatorConfig, ReceiverConfig, SharedMemory } from '../protocol.ts';

const COORDINATION_INTERVAL_MS = 1_000;

export function coordinatorConfig(options: ResolvedConsumerOptions): CoordinatorConfig {
  const { stream, region, endpoint, processor, batch, recordLimit, readsPerSecond, idlePollMs } = options;
  const address = { stream, region, endpoint };
  return {
    address,
    application: options.application,
    instanceId: options.instanceId,
    version: version(),
    start: options.start,
    checkpointer: options.checkpointer,
    threads: options.threads,
    maxShards: options.maxShards,
    describe: options.describe,
    createStream: options.createStream,
    describeTimeoutMs: options.describeTimeoutMs,
    shardRefreshIntervalMs: options.shardRefreshIntervalMs,
    leaseDurationMs: options.leaseDurationMs,
    marginMs: options.marginMs,
    heartbeatIntervalMs: options.heartbeatIntervalMs,
    coordinationIntervalMs: COORDINATION_INTERVAL_MS,
    checkpointIntervalMs: options.checkpointIntervalMs,
    drainDeadlineMs: options.drainDeadlineMs,
    threadHangMs: options.threadHangMs,
    fetcher: {
      address,
      processor,
      batch,
      recordLimit,
      readsPerSecond,
      idlePollMs,
      limits: options.timeouts,
    },
  };
}

export function receiverConfig(options: ResolvedConsumerOptions): ReceiverConfig {
  const { stream, processor, concurrency, ack, onFailure } = options;
  return { stream, processor, concurrency, ack, ...onFailure };
}

export function createSharedMemory(options: ResolvedConsumerOptions): SharedMemory {
  const hosts = hostSlots(options.threads);
  const receivers = receiversOf(options);
  return {
    fence: new SharedArrayBuffer(FENCE_BYTES),
    budget: createBudgetMemory(options.maxBufferedBytes, options.maxBufferedRecords, hosts, receivers),
    progress: createProgressMemory({ hosts, receivers }),
    hosts,
  };
}

/** The main thread is one where there are no handler threads. */
export function receiversOf({ handlerThreads }: Pick<ResolvedConsumerOptions, 'handlerThreads'>): number {
  return Math.max(1, handlerThreads);
}

function version(): string {
  // Sources lie one folder less deep than what is built from them.
  const depth = import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json';
  return (JSON.parse(readFileSync(new URL(depth, import.meta.url), 'utf8')) as { version: string }).version;
}
