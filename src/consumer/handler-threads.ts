// Main's side of the handler threads: starts them, passes on what they say, and sees to it that they end.

import { type MessagePort, Worker } from 'node:worker_threads';
import { decodeError, encodeError, ShardpoolError } from '../model/errors.ts';
import type { RawPort } from '../model/port.ts';
import { deferred, type Deferred } from '../platform/deferred.ts';
import { settledWithin, unrefTimers as timers } from '../platform/timers.ts';
import type {
  HandlerThreadToMain,
  LogRecord,
  MainToHandlerThread,
  ReceiverConfig,
  SharedMemory,
  ThreadEvent,
} from '../protocol.ts';
import { threadFlags, workerFile } from './worker-file.ts';

export interface HandlerThreadsParts {
  readonly module: string;
  readonly config: ReceiverConfig;
  readonly memory: SharedMemory;
  /** One per thread: the thread's end of its port to the coordinator. */
  readonly links: readonly RawPort[];
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (record: LogRecord) => void;
  readonly onFatal: (error: unknown) => void;
}

export interface HandlerThreads {
  /** Resolves when each has imported the module and run its `setup`; rejects with what failed. */
  readonly ready: Promise<void>;
  /** Waits until all have ended, or ends them. */
  end(graceMs: number): Promise<void>;
}

export function startHandlerThreads(parts: HandlerThreadsParts): HandlerThreads {
  let ending = false;
  const threads = parts.links.map((link, thread) => startThread(parts, link, thread, () => ending));
  return {
    ready: Promise.all(threads.map(({ ready }) => ready.promise)).then(() => undefined),
    async end(graceMs) {
      ending = true;
      // For those that never got as far as having a coordinator to tell them.
      const end: MainToHandlerThread = { type: 'end' };
      for (const { worker } of threads) worker.postMessage(end);
      await settledWithin(timers, Promise.all(threads.map(({ exited }) => exited)), graceMs);
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

interface HandlerThread {
  readonly worker: Worker;
  readonly ready: Deferred<void>;
  readonly exited: Promise<void>;
}

function startThread(
  parts: HandlerThreadsParts,
  link: RawPort,
  thread: number,
  isEnding: () => boolean,
): HandlerThread {
  const { config, memory, module } = parts;
  const worker = new Worker(workerFile('handler'), {
    name: `shardpool handler ${thread}`,
    ...threadFlags(),
  });
  const ready = deferred();
  // Nobody waits for it any more once all are ready; a failure after that is the consumer's.
  ready.promise.catch(() => undefined);
  const exited = deferred();
  /** The thread said that it ends: its exit is no death. */
  let endsItself = false;
  let reported = false;
  let isReady = false;
  const died = (error: ShardpoolError) => {
    if (endsItself || reported || isEnding()) return;
    parts.emit({ name: 'thread:died', kind: 'handler', thread, error: encodeError(error), shards: [] });
    failed(error);
  };
  const failed = (error: unknown) => {
    ready.reject(error);
    // Until it is ready, whoever waits for that gets the error.
    const first = !reported;
    reported = true;
    if (first && isReady && !isEnding()) parts.onFatal(error);
  };
  worker.on('message', (message: HandlerThreadToMain) => {
    switch (message.type) {
      case 'ready':
        isReady = true;
        ready.resolve();
        break;
      case 'event':
        parts.emit(message.event);
        break;
      case 'log':
        parts.log(message.record);
        break;
      case 'fatal':
        failed(decodeError(message.error));
        break;
      case 'ended':
        endsItself = true;
        break;
      default:
        message satisfies never;
    }
  });
  worker.on('error', (cause) => {
    died(new ShardpoolError('ERR_THREAD_DIED', `Handler thread ${thread} died: ${String(cause)}`, { cause }));
  });
  worker.on('exit', (code) => {
    exited.resolve();
    died(new ShardpoolError('ERR_THREAD_DIED', `Handler thread ${thread} ended by itself with code ${code}`));
  });
  const start: MainToHandlerThread = { type: 'start', thread, module, config, memory, coordinator: link };
  worker.postMessage(start, [link as unknown as MessagePort]);
  return { worker, ready, exited: exited.promise };
}
