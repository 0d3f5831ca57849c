// Main's side of the handler threads: starts them, passes on what they say, starts others for those that die, ends those that
// hang, and sees to it that all end.

import { type MessagePort, Worker } from 'node:worker_threads';
import { decodeError, encodeError, ShardpoolError } from '../model/errors.ts';
import type { RawPort } from '../model/port.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { deferred, type Deferred } from '../platform/deferred.ts';
import { hangWatch } from '../platform/hang-watch.ts';
import { ofReceiver, progressView } from '../platform/progress.ts';
import { delay, settledWithin, unrefTimers as timers } from '../platform/timers.ts';
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
  readonly threads: number;
  readonly hangMs: number;
  /** A new port to the coordinator of now: one end of it goes to the thread, `join` gives the other to the coordinator. */
  readonly link: (receiver: number) => ThreadLink;
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (record: LogRecord) => void;
  readonly onFatal: (error: unknown) => void;
}

export interface ThreadLink {
  readonly memory: SharedMemory;
  readonly port: RawPort;
  readonly join: () => void;
}

export interface HandlerThreads {
  /**
   * The first time starts them, and resolves when each has imported the module and run its `setup`; rejects with what failed.
   * From then on it is a new coordinator: threads that are just being replaced join it later by themselves.
   */
  attach(memory: SharedMemory, links: readonly RawPort[]): Promise<void>;
  /** What the coordinator says about the shards of one that died. */
  shardsOf(receiver: number, shards: readonly string[]): void;
  /** A stop has begun: those that die are told of, and not replaced. */
  drain(): void;
  /** Waits until all have ended, or ends them. */
  end(graceMs: number): Promise<void>;
}

interface HandlerThread {
  readonly worker: Worker;
  readonly ready: Deferred<void>;
  readonly exited: Promise<void>;
  isReady: boolean;
}

/** The coordinator learns of a death by itself, from a port; it may be dead as well. */
const SHARDS_MS = 1_000;
const LOOKS = 10;
/** In the window; those beyond are replaced after a pause. */
const MANY_DEATHS = 20;
const DEATH_WINDOW_MS = 10_000;
const RESTART = { minDelayMs: 100, maxDelayMs: 5_000 };

export function startHandlerThreads(parts: HandlerThreadsParts): HandlerThreads {
  const threads = new Map<number, HandlerThread>();
  const shardsOfDead = new Map<number, Deferred<readonly string[]>>();
  let deaths: number[] = [];
  const ended = new AbortController();
  const hangs = hangWatch(LOOKS);
  const replacing = new Set<number>();
  let draining = false;
  let memory: SharedMemory | null = null;

  const startThread = (thread: number, link: Pick<ThreadLink, 'memory' | 'port'>): HandlerThread => {
    const worker = new Worker(workerFile('handler'), {
      name: `shardpool handler ${thread}`,
      ...threadFlags(),
    });
    const ready = deferred();
    ready.promise.catch(() => undefined);
    const exited = deferred();
    const entry: HandlerThread = { worker, ready, exited: exited.promise, isReady: false };
    threads.set(thread, entry);
    let cause: Error | null = null;
    /** The thread said that it ends, or why it cannot go on: its exit is no death. */
    let said = false;
    const fatal = (error: unknown) => {
      said = true;
      ready.reject(error);
      if (entry.isReady && !ended.signal.aborted) parts.onFatal(error);
    };
    worker.on('message', (message: HandlerThreadToMain) => {
      switch (message.type) {
        case 'ready':
          entry.isReady = true;
          ready.resolve();
          break;
        case 'event':
          parts.emit(message.event);
          break;
        case 'log':
          parts.log(message.record);
          break;
        case 'fatal':
          fatal(decodeError(message.error));
          break;
        case 'ended':
          said = true;
          break;
        default:
          message satisfies never;
      }
    });
    worker.on('error', (error: unknown) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => {
      exited.resolve();
      if (said || ended.signal.aborted) return;
      const what = cause === null ? `ended by itself with code ${code}` : `died: ${String(cause)}`;
      const error = new ShardpoolError('ERR_THREAD_DIED', `Handler thread ${thread} ${what}`, { cause });
      // Before the first start is through, whoever waits for it gets the error.
      const wasReady = entry.isReady;
      ready.reject(error);
      if (!wasReady && !replacing.has(thread)) return;
      if (draining) tell(thread, error, []);
      else void replace(thread, error).catch(parts.onFatal);
    });
    const start: MainToHandlerThread = {
      type: 'start',
      thread,
      module: parts.module,
      config: parts.config,
      memory: link.memory,
      coordinator: link.port,
    };
    worker.postMessage(start, [link.port as unknown as MessagePort]);
    return entry;
  };

  const tell = (thread: number, error: ShardpoolError, shards: readonly string[]) =>
    parts.emit({ name: 'thread:died', kind: 'handler', thread, error: encodeError(error), shards });

  const replace = async (thread: number, error: ShardpoolError): Promise<void> => {
    threads.delete(thread);
    replacing.add(thread);
    const shards = shardsOfDead.get(thread) ?? deferred<readonly string[]>();
    shardsOfDead.set(thread, shards);
    const known = await Promise.race([shards.promise, delay(timers, SHARDS_MS).then(() => [])]);
    shardsOfDead.delete(thread);
    tell(thread, error, known);
    if (draining) return;
    const now = performance.now();
    deaths = [...deaths.filter((at) => now - at < DEATH_WINDOW_MS), now];
    const many = deaths.length - MANY_DEATHS;
    if (many > 0) await delay(timers, backoffDelayMs(many, RESTART, Math.random), ended.signal);
    if (ended.signal.aborted) return;
    const link = parts.link(thread);
    const entry = startThread(thread, link);
    try {
      await entry.ready.promise;
    } catch (failure) {
      // One that died is replaced in its turn; one that said why it cannot start ends the consumer.
      if (failure instanceof ShardpoolError && failure.code === 'ERR_THREAD_DIED') return;
      throw failure;
    }
    replacing.delete(thread);
    if (link.memory === memory) {
      link.join();
      return;
    }
    // The coordinator has changed meanwhile.
    const next = parts.link(thread);
    attachThread(entry, next);
    next.join();
  };

  const attachThread = ({ worker }: HandlerThread, link: Pick<ThreadLink, 'memory' | 'port'>) => {
    const attach: MainToHandlerThread = { type: 'attach', memory: link.memory, coordinator: link.port };
    worker.postMessage(attach, [link.port as unknown as MessagePort]);
  };

  const watch = async () => {
    if (parts.hangMs === Infinity) return;
    while (!ended.signal.aborted) {
      await delay(timers, parts.hangMs / LOOKS, ended.signal);
      if (memory === null) continue;
      const { hosts, progress } = memory;
      const view = progressView(progress);
      const running = [...threads].filter(([, { isReady }]) => isReady);
      const counters = running.map(([thread]) => [thread, view.read(ofReceiver(thread, hosts))] as const);
      for (const thread of hangs.look(counters)) {
        const message = `Handler thread ${thread} has not moved for ${parts.hangMs} ms and is ended`;
        parts.log({ level: 'warn', message, fields: { thread } });
        void threads.get(thread)?.worker.terminate();
      }
    }
  };

  return {
    async attach(given, links) {
      const isFirst = memory === null;
      memory = given;
      if (isFirst) {
        const started = links.map((port, thread) => startThread(thread, { memory: given, port }));
        await Promise.all(started.map(({ ready }) => ready.promise));
        void watch();
        return;
      }
      links.forEach((port, thread) => {
        const entry = threads.get(thread);
        // One that is being replaced has a port of its own; this one closes, which the coordinator sees.
        if (entry?.isReady !== true) port.close?.();
        else attachThread(entry, { memory: given, port });
      });
    },
    shardsOf(receiver, shards) {
      // Of one whose death was reported without waiting for this any longer.
      if (replacing.has(receiver) && !shardsOfDead.has(receiver)) return;
      const waiting = shardsOfDead.get(receiver) ?? deferred<readonly string[]>();
      shardsOfDead.set(receiver, waiting);
      waiting.resolve(shards);
    },
    drain() {
      draining = true;
    },
    async end(graceMs) {
      ended.abort();
      // For those that never got as far as having a coordinator to tell them.
      const end: MainToHandlerThread = { type: 'end' };
      const all = [...threads.values()];
      for (const { worker } of all) worker.postMessage(end);
      await settledWithin(timers, Promise.all(all.map(({ exited }) => exited)), graceMs);
      await Promise.all(all.map(({ worker }) => worker.terminate()));
    },
  };
}
