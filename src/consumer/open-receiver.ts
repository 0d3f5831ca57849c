// A receiver with its parts, the same in the main thread and in handler threads.

import { createProcessor } from '../codec/create-processor.ts';
import type { CallsInHand } from '../delivery/calls-in-hand.ts';
import { concurrencyGate } from '../delivery/concurrency-gate.ts';
import { Receiver } from '../delivery/receiver.ts';
import type { Handler } from '../model/handler.ts';
import type { Logger } from '../model/logger.ts';
import type { RawPort } from '../model/port.ts';
import { budgetReleaser } from '../platform/byte-budget.ts';
import { systemClock as clock } from '../platform/clock.ts';
import { fenceOn } from '../platform/fence.ts';
import { portOf } from '../platform/port.ts';
import { ofReceiver, progressOf } from '../platform/progress.ts';
import { systemTimers as timers } from '../platform/timers.ts';
import type { ReceiverConfig, SharedMemory, ThreadEvent } from '../protocol.ts';

export interface ReceiverSettings {
  readonly link: RawPort;
  readonly config: ReceiverConfig;
  readonly memory: SharedMemory;
  readonly handler: Handler;
  readonly logger: Logger;
  readonly emit: (event: ThreadEvent) => void;
  readonly onError: (error: unknown) => void;
  readonly onEnd: () => void;
}

/** The handler calls and the number of one thread that receives, over all coordinators that it has. */
export interface ReceivingThread {
  readonly receiver: number;
  readonly calls: CallsInHand;
  /** Its thread may die alone: what is acked leaves it before the next call, which may be the last. */
  readonly mayDie: boolean;
}

/** It has started. */
export async function openReceiver(
  settings: ReceiverSettings,
  { receiver: number, calls, mayDie }: ReceivingThread,
): Promise<Receiver> {
  const { config, memory } = settings;
  const receiver = new Receiver({
    ...settings,
    link: portOf(settings.link),
    processor: await createProcessor(config.processor),
    budget: budgetReleaser(memory.budget, number),
    calls,
    progress: progressOf(memory.progress, ofReceiver(number, memory.hosts)),
    fence: fenceOn(memory.fence, clock),
    gate: concurrencyGate(config.concurrency),
    timers,
    random: Math.random,
    soon: mayDie ? queueMicrotask : (fn) => void setImmediate(fn),
  });
  receiver.start();
  return receiver;
}
