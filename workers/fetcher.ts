// Entry of a fetch thread: one long-lived piscina task that wires the host, its client and its outbox.

import { performance } from 'node:perf_hooks';
import { createProcessor } from '../src/codec/create-processor.ts';
import { createOutbox } from '../src/delivery/outbox.ts';
import { budgetGate } from '../src/fetching/budget-gate.ts';
import { createFetchHost } from '../src/fetching/host.ts';
import { pollSchedule } from '../src/fetching/poll-schedule.ts';
import { createKinesisApi } from '../src/kinesis/sdk-kinesis-api.ts';
import { budgetTaker } from '../src/platform/byte-budget.ts';
import { systemClock as clock } from '../src/platform/clock.ts';
import { fenceOn } from '../src/platform/fence.ts';
import { portOf } from '../src/platform/port.ts';
import { systemTimers as timers } from '../src/platform/timers.ts';
import type { FetcherTask } from '../src/protocol.ts';

export default async function runFetchThread(task: FetcherTask): Promise<void> {
  const { config, memory } = task;
  const processor = await createProcessor(config.processor);
  const budget = budgetTaker(memory.budget, task.host);
  const gate = budgetGate(budget, timers);
  const fence = fenceOn(memory.fence, clock.monotonic);
  const ports = task.data.map((port) => portOf(port));
  const outbox = createOutbox({ ports, budget, fence, shape: config.batch, timers, onRoom: gate.wake });
  let last = performance.eventLoopUtilization();
  const host = createFetchHost({
    control: portOf(task.control),
    timers,
    openSink: outbox.open,
    readerParts: () => ({ api, processor, gate, clock, timers, random: Math.random, recordLimit: config.recordLimit,
      schedule: pollSchedule(config.readsPerSecond, config.idlePollMs, clock.monotonic()) }),
    utilization: () => { const since = last; last = performance.eventLoopUtilization(); return performance.eventLoopUtilization(last, since).utilization; },
  });
  const api = createKinesisApi({ address: config.address, credentials: host.credentials, maxAttempts: 1, maxSockets: 256 });
  host.start();
  await host.ended;
  api.close();
  for (const port of ports) port.close();
}
