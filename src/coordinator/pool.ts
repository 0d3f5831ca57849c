// The pool of fetch threads: piscina, nested in the coordinator's thread, one long-lived host task per thread.
//
// The pool lives here and not in main, because a main thread that is blocked in a handler cannot restart a thread.
// `atomics: 'disabled'` is needed: piscina's default freezes the event loop of a thread on which no task runs.

import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { ShardpoolError } from '../model/errors.ts';
import type { RawPort } from '../model/port.ts';
import { type Port, portOf } from '../platform/port.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type {
  CoordinatorToFetcher,
  FetcherConfig,
  FetcherTask,
  FetcherToCoordinator,
  HostId,
  SharedMemory,
} from '../protocol.ts';

export interface FetchPoolParts {
  readonly workerFile: string;
  readonly threads: number;
  readonly receivers: number;
  readonly config: FetcherConfig;
  readonly memory: SharedMemory;
  readonly timers: Timers;
  /** The receivers' ends of the data ports of a new thread, by receiver. */
  readonly onHost: (host: HostId, ports: readonly RawPort[]) => void;
  readonly onMessage: (host: HostId, message: FetcherToCoordinator) => void;
  /** The thread ended without being told to; its slot stays taken until `forget`. */
  readonly onDeath: (host: HostId, error: unknown) => void;
  /** A thread could not be started at all. */
  readonly onError: (error: unknown) => void;
}

export interface FetchPool {
  /** Starts all threads and waits until each has said that it is ready. */
  start(timeoutMs: number): Promise<void>;
  /** The threads that take shards. */
  readonly ready: readonly HostId[];
  post(host: HostId, message: CoordinatorToFetcher): void;
  broadcast(message: CoordinatorToFetcher): void;
  /** Starts one more thread, in place of one that died. */
  replace(): void;
  /** Nothing refers to a dead thread any more: its slot may be used again. */
  forget(host: HostId): void;
  /** Ends one thread, whatever it does. */
  kill(host: HostId): void;
  /** Waits for threads that were told to end, then takes down those that did not. */
  destroy(graceMs: number): Promise<void>;
}

interface Host {
  readonly control: Port<CoordinatorToFetcher, FetcherToCoordinator>;
  readonly kill: AbortController;
  readonly done: Promise<void>;
  ready: boolean;
}

/** Slots of the byte budget and of the progress counters: a dead thread keeps its own until it is settled. */
export function hostSlots(threads: number): number {
  return threads * 2 + 2;
}

export function createFetchPool(parts: FetchPoolParts): FetchPool {
  const pool = new Piscina({
    filename: parts.workerFile,
    minThreads: parts.threads,
    maxThreads: parts.threads,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    recordTiming: false,
    maxQueue: 'auto',
    idleTimeout: Infinity,
  });
  pool.on('error', parts.onError);
  const hosts = new Map<HostId, Host>();
  const slots = new Set(Array.from({ length: hostSlots(parts.threads) }, (_, slot) => slot));
  const starting = new Map<HostId, { resolve: () => void; reject: (error: unknown) => void }>();
  let destroying = false;
  /** Threads that wait for a slot: those of the dead are free once every receiver has settled. */
  let owed = 0;

  const startHost = (): Promise<void> => {
    const slot = slots.values().next();
    if (slot.done) throw new ShardpoolError('ERR_INTERNAL', 'No slot is left for another fetch thread');
    const host = slot.value;
    slots.delete(host);
    const controlChannel = new MessageChannel();
    const dataChannels = Array.from({ length: parts.receivers }, () => new MessageChannel());
    const control = portOf<CoordinatorToFetcher, FetcherToCoordinator>(
      controlChannel.port1 as unknown as RawPort,
    );
    const near = dataChannels.map(({ port1 }) => port1);
    const task: FetcherTask = {
      host,
      config: parts.config,
      memory: parts.memory,
      control: controlChannel.port2 as unknown as RawPort,
      data: near as unknown as RawPort[],
    };
    const kill = new AbortController();
    const run = pool.run(task, { transferList: [controlChannel.port2, ...near], signal: kill.signal });
    const died = (error: unknown) => {
      hosts.delete(host);
      starting.get(host)?.reject(error);
      if (!destroying) parts.onDeath(host, error);
    };
    const done = run.then(
      () => died(new ShardpoolError('ERR_THREAD_DIED', `Fetch thread ${host} ended by itself`)),
      (error: unknown) => died(error),
    );
    const entry: Host = { control, kill, done, ready: false };
    hosts.set(host, entry);
    control.onMessage((message) => {
      if (message.type === 'ready') {
        entry.ready = true;
        starting.get(host)?.resolve();
      }
      parts.onMessage(host, message);
    });
    parts.onHost(
      host,
      dataChannels.map(({ port2 }) => port2 as unknown as RawPort),
    );
    return new Promise<void>((resolve, reject) => starting.set(host, { resolve, reject })).finally(() =>
      starting.delete(host),
    );
  };

  return {
    async start(timeoutMs) {
      const given = new AbortController();
      const late = delay(parts.timers, timeoutMs, given.signal).then(() => {
        if (given.signal.aborted) return;
        // piscina never settles a task whose worker file failed to load after another one did: do not wait for ever.
        throw new ShardpoolError(
          'ERR_THREAD_DIED',
          `The fetch threads were not ready within ${timeoutMs} ms`,
        );
      });
      try {
        await Promise.race([Promise.all(Array.from({ length: parts.threads }, startHost)), late]);
      } finally {
        given.abort();
      }
    },
    get ready() {
      return [...hosts].filter(([, { ready }]) => ready).map(([host]) => host);
    },
    post: (host, message) => hosts.get(host)?.control.post(message),
    broadcast(message) {
      for (const { control } of hosts.values()) control.post(message);
    },
    replace() {
      if (slots.size === 0) owed += 1;
      // One that dies before it is ready is reported by `onDeath`, as any other.
      else startHost().catch(() => undefined);
    },
    forget(host) {
      slots.add(host);
      if (owed === 0 || destroying) return;
      owed -= 1;
      this.replace();
    },
    kill: (host) => hosts.get(host)?.kill.abort(),
    async destroy(graceMs) {
      destroying = true;
      const given = new AbortController();
      await Promise.race([
        Promise.all([...hosts.values()].map(({ done }) => done)),
        delay(parts.timers, graceMs, given.signal),
      ]);
      given.abort();
      await pool.destroy();
      for (const { control } of hosts.values()) control.close();
    },
  };
}
