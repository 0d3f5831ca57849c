// Root of a fetch thread: wires the host, its client and its outbox. One long-lived task of the pool.

import { performance } from 'node:perf_hooks';
import { createProcessor } from '../codec/create-processor.ts';
import { createOutbox } from '../delivery/outbox.ts';
import { budgetGate } from '../fetching/budget-gate.ts';
import { createFetchHost } from '../fetching/host.ts';
import { pollSchedule } from '../fetching/poll-schedule.ts';
import { shardPresence } from '../fetching/shard-presence.ts';
import { createKinesisApi } from '../kinesis/sdk-kinesis-api.ts';
import { budgetTaker } from '../platform/byte-budget.ts';
import { systemClock as clock } from '../platform/clock.ts';
import { fenceOn } from '../platform/fence.ts';
import type { RawPort } from '../model/port.ts';
import { portOf } from '../platform/port.ts';
import { ofHost, progressOf } from '../platform/progress.ts';
import { systemTimers as timers } from '../platform/timers.ts';
import type {
  CoordinatorToFetcher,
  FetcherTask,
  FetcherToCoordinator,
  FetcherToReceiver,
  ReceiverToFetcher,
} from '../protocol.ts';

/** Reads of this many shards may wait for their replies at the same time in one thread. */
const MAX_SOCKETS = 256;

export async function runFetchThread(task: FetcherTask): Promise<void> {
  const { config, memory } = task;
  const processor = await createProcessor(config.processor);
  const budget = budgetTaker(memory.budget, task.host);
  const gate = budgetGate(budget, timers);
  const fence = fenceOn(memory.fence, clock);
  const outbox = createOutbox({ budget, fence, shape: config.batch, timers, onRoom: gate.wake });
  const connect = (receiver: number, port: RawPort) =>
    outbox.connect(receiver, portOf<FetcherToReceiver, ReceiverToFetcher>(port));
  for (const [receiver, port] of task.data) connect(receiver, port);
  const control = portOf<FetcherToCoordinator, CoordinatorToFetcher>(task.control);
  let last = performance.eventLoopUtilization();
  const host = createFetchHost({
    control,
    timers,
    openSink: outbox.open,
    connect,
    disconnect: outbox.disconnect,
    progress: progressOf(memory.progress, ofHost(task.host)),
    readerParts: () => ({
      api,
      presence,
      processor,
      gate,
      clock,
      timers,
      random: Math.random,
      recordLimit: config.recordLimit,
      schedule: pollSchedule(config.readsPerSecond, config.idlePollMs, clock.monotonic()),
    }),
    utilization() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
  });
  const api = createKinesisApi({
    address: config.address,
    credentials: host.credentials,
    maxAttempts: 1,
    maxSockets: MAX_SOCKETS,
    limits: config.limits,
  });
  const presence = shardPresence(api, clock);
  host.start();
  await host.ended;
  api.close();
  control.close();
  outbox.close();
}
