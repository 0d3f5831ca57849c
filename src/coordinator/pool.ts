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
  /** Those that there are now. */
  readonly receivers: () => readonly number[];
  readonly config: FetcherConfig;
  readonly memory: SharedMemory;
  readonly timers: Timers;
  /** The receiver's end of the data port between a thread and a receiver, one of which is new. */
  readonly onDataPort: (receiver: number, host: HostId, port: RawPort) => void;
  readonly onMessage: (host: HostId, message: FetcherToCoordinator) => void;
  /** The thread has ended, or is about to after a kill; its slot stays taken until `forget`. */
  readonly onDeath: (death: HostDeath) => void;
  /** A thread could not be started at all. */
  readonly onError: (error: unknown) => void;
}

export interface HostDeath {
  readonly host: HostId;
  readonly role: HostRole;
  /** False when it died of its start. */
  readonly wasReady: boolean;
  /** It was told to end. */
  readonly wasTold: boolean;
  readonly error: unknown;
}

export interface FetchPool {
  /** Starts all threads and waits until each has said that it is ready. */
  start(timeoutMs: number): Promise<void>;
  /** All threads that were started and have not died. */
  readonly all: readonly HostId[];
  /** Those of them that are ready. */
  readonly running: readonly HostId[];
  /** The threads that take shards. */
  readonly ready: readonly HostId[];
  /** The thread apart, for shards that end threads; null until it is ready. Starts it where there is none. */
  isolation(): HostId | null;
  /** Ends the thread apart, which nothing needs any more. */
  endIsolation(): void;
  /** Connects a new receiver to every thread. */
  connect(receiver: number): void;
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

export type HostRole = 'shared' | 'isolation';

interface Host {
  readonly role: HostRole;
  readonly control: Port<CoordinatorToFetcher, FetcherToCoordinator>;
  readonly kill: AbortController;
  readonly done: Promise<void>;
  ready: boolean;
  /** It was told to end. */
  ending: boolean;
}

/** Slots of the byte budget and of the progress counters: a dead thread keeps its own until it is settled. */
export function hostSlots(threads: number): number {
  return threads * 2 + 4;
}

export function createFetchPool(parts: FetchPoolParts): FetchPool {
  const pool = new Piscina({
    filename: parts.workerFile,
    minThreads: parts.threads,
    // One more for the thread apart.
    maxThreads: parts.threads + 1,
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
  const owed: HostRole[] = [];

  const startHost = (role: HostRole): Promise<void> => {
    const slot = slots.values().next();
    if (slot.done) throw new ShardpoolError('ERR_INTERNAL', 'No slot is left for another fetch thread');
    const host = slot.value;
    slots.delete(host);
    const controlChannel = new MessageChannel();
    const data = parts.receivers().map((receiver) => ({ receiver, channel: new MessageChannel() }));
    const control = portOf<CoordinatorToFetcher, FetcherToCoordinator>(
      controlChannel.port1 as unknown as RawPort,
    );
    const task: FetcherTask = {
      host,
      config: parts.config,
      memory: parts.memory,
      control: controlChannel.port2 as unknown as RawPort,
      data: data.map(({ receiver, channel }) => [receiver, channel.port1 as unknown as RawPort]),
    };
    const kill = new AbortController();
    const transferList = [controlChannel.port2, ...data.map(({ channel }) => channel.port1)];
    const run = pool.run(task, { transferList, signal: kill.signal });
    const died = (error: unknown) => {
      hosts.delete(host);
      starting.get(host)?.reject(error);
      control.close();
      if (!destroying) parts.onDeath({ host, role, wasReady: entry.ready, wasTold: entry.ending, error });
    };
    const done = run.then(
      () => died(new ShardpoolError('ERR_THREAD_DIED', `Fetch thread ${host} ended by itself`)),
      (error: unknown) => died(error),
    );
    const entry: Host = { role, control, kill, done, ready: false, ending: false };
    hosts.set(host, entry);
    control.onMessage((message) => {
      if (message.type === 'ready') {
        entry.ready = true;
        starting.get(host)?.resolve();
      }
      parts.onMessage(host, message);
    });
    for (const { receiver, channel } of data) {
      parts.onDataPort(receiver, host, channel.port2 as unknown as RawPort);
    }
    return new Promise<void>((resolve, reject) => starting.set(host, { resolve, reject })).finally(() =>
      starting.delete(host),
    );
  };

  const start = (role: HostRole) => {
    if (destroying) return;
    if (slots.size === 0) owed.push(role);
    // One that dies before it is ready is reported by `onDeath`, as any other.
    else startHost(role).catch(() => undefined);
  };

  const apart = () => [...hosts].find(([, { role, ending }]) => role === 'isolation' && !ending);

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
        await Promise.race([
          Promise.all(Array.from({ length: parts.threads }, () => startHost('shared'))),
          late,
        ]);
      } finally {
        given.abort();
      }
    },
    get all() {
      return [...hosts.keys()];
    },
    get running() {
      return [...hosts].filter(([, { ready }]) => ready).map(([host]) => host);
    },
    get ready() {
      return [...hosts].filter(([, { ready, role }]) => ready && role === 'shared').map(([host]) => host);
    },
    isolation() {
      const found = apart();
      if (found === undefined && !owed.includes('isolation')) start('isolation');
      return found?.[1].ready === true ? found[0] : null;
    },
    endIsolation() {
      const found = apart();
      if (found === undefined) return;
      found[1].ending = true;
      found[1].control.post({ type: 'end' });
    },
    connect(receiver) {
      for (const [host, { control, ending }] of hosts) {
        if (ending) continue;
        const { port1, port2 } = new MessageChannel();
        const near = port1 as unknown as RawPort;
        control.post({ type: 'receiver', receiver, port: near }, [near]);
        parts.onDataPort(receiver, host, port2 as unknown as RawPort);
      }
    },
    post: (host, message) => hosts.get(host)?.control.post(message),
    broadcast(message) {
      for (const { control } of hosts.values()) control.post(message);
    },
    replace: () => start('shared'),
    forget(host) {
      slots.add(host);
      const role = owed.shift();
      if (role !== undefined) start(role);
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
