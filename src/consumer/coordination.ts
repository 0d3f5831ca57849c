// The coordinator of a consumer over the lives of its thread: another one follows one that died or hangs, with a session of its
// own, and goes on from the last checkpoints.

import { MessageChannel } from 'node:worker_threads';
import { encodeError, ShardpoolError } from '../model/errors.ts';
import type { RawPort } from '../model/port.ts';
import type { ResolvedConsumerOptions } from '../options.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { deferred } from '../platform/deferred.ts';
import { hangWatch } from '../platform/hang-watch.ts';
import { COORDINATOR, progressView } from '../platform/progress.ts';
import { delay, unrefTimers as timers } from '../platform/timers.ts';
import type { CoordinatorStatus, SharedMemory } from '../protocol.ts';
import {
  type CoordinatorClient,
  type CoordinatorClientParts,
  startCoordinator,
  type StopOutcome,
} from './coordinator-client.ts';
import { rememberedRows } from './remembered.ts';
import { coordinatorConfig, createSharedMemory, receiversOf } from './thread-config.ts';

export interface CoordinationParts
  extends Pick<CoordinatorClientParts, 'credentials' | 'emit' | 'log' | 'onReceiverGone' | 'onFatal'> {
  readonly options: ResolvedConsumerOptions;
  /** Opens the receivers, or moves them to a new coordinator: one port for each. */
  readonly attach: (memory: SharedMemory, links: readonly RawPort[]) => Promise<void>;
}

export interface Coordination {
  /** Resolves once the first shards are being read. Failures go to `onFatal`. */
  start(): Promise<void>;
  status(): Promise<CoordinatorStatus>;
  checkpoint(): Promise<void>;
  /** A port to the coordinator of now for one more receiver, whose end `join` gives to the coordinator. */
  link(receiver: number): {
    readonly memory: SharedMemory;
    readonly port: RawPort;
    readonly join: () => void;
  };
  /** Null when no coordinator was started. */
  stop(drainMs: number): Promise<StopOutcome | null>;
}

/** More deaths than this within a minute: another one would not live either. */
const MAX_DEATHS = 5;
const RESTART = { minDelayMs: 1_000, maxDelayMs: 30_000 };
const DEATH_WINDOW_MS = 60_000;
const LOOKS = 5;
/** Loading its modules takes its time on a busy machine. */
const START_MS = 15_000;

export function createCoordination(parts: CoordinationParts): Coordination {
  const { options } = parts;
  const stopping = new AbortController();
  const remembered = rememberedRows();
  let client: CoordinatorClient | null = null;
  let memory: SharedMemory | null = null;
  let session: string | null = null;
  let deaths: number[] = [];
  let opening: Promise<void> = Promise.resolve();
  const firstStart = deferred();

  const open = async (follows: boolean) => {
    const given = createSharedMemory(options);
    memory = given;
    const channels = Array.from({ length: receiversOf(options) }, () => new MessageChannel());
    await parts.attach(
      given,
      channels.map(({ port1 }) => port1 as unknown as RawPort),
    );
    if (stopping.signal.aborted) return;
    const isMemory = 'name' in options.checkpointer && options.checkpointer.name === 'memory';
    let isStarted = false;
    const started = startCoordinator({
      ...parts,
      config: coordinatorConfig(options),
      memory: given,
      receivers: channels.map(({ port2 }) => port2 as unknown as RawPort),
      predecessor: follows ? { session, remembered: isMemory ? remembered.all() : null } : null,
      onSession: (id) => {
        session = id;
      },
      onRemember: remembered.add,
      onDeath: died,
      onFatal(error) {
        // The consumer ran before, and what is in its way may pass.
        const mayPass = follows && !isStarted && error instanceof ShardpoolError && error.retryable;
        if (!mayPass) {
          parts.onFatal(error);
          return;
        }
        parts.log({
          level: 'warn',
          message: 'The coordinator that follows could not start and is started again',
          fields: { error: encodeError(error) },
        });
        started.kill();
      },
    });
    client = started;
    void watch(started, given, () => isStarted);
    await started.started;
    isStarted = true;
    firstStart.resolve();
  };

  const reopen = async (death: number) => {
    if (death > 1) await delay(timers, backoffDelayMs(death - 1, RESTART, Math.random), stopping.signal);
    if (!stopping.signal.aborted) await open(true);
  };

  const died = (death: ShardpoolError) => {
    if (stopping.signal.aborted) return;
    parts.emit({
      name: 'thread:died',
      kind: 'coordinator',
      thread: 0,
      error: encodeError(death),
      shards: [],
    });
    const now = performance.now();
    deaths = [...deaths.filter((at) => now - at < DEATH_WINDOW_MS), now];
    if (session === null || deaths.length > MAX_DEATHS) {
      parts.onFatal(death);
      return;
    }
    opening = reopen(deaths.length).catch(parts.onFatal);
  };

  /**
   * Looks at a counter in shared memory and not at messages: those may wait in the queue of a main thread that was blocked. And it
   * counts looks, because a main thread that was blocked sees only one of them.
   */
  const watch = async (watched: CoordinatorClient, { progress }: SharedMemory, isStarted: () => boolean) => {
    const hangs = hangWatch(LOOKS);
    const view = progressView(progress);
    const isCurrent = () => !stopping.signal.aborted && client === watched;
    while (isCurrent()) {
      const patienceMs = isStarted() ? options.leaseDurationMs : Math.max(START_MS, options.leaseDurationMs);
      await delay(timers, patienceMs / LOOKS, stopping.signal);
      if (hangs.look([[COORDINATOR, view.read(COORDINATOR)]]).length > 0) {
        const fields = { leaseDurationMs: options.leaseDurationMs };
        parts.log({ level: 'warn', message: 'The coordinator stands still and is ended', fields });
        watched.kill();
      }
    }
  };

  const running = (): CoordinatorClient => {
    if (client === null) throw new ShardpoolError('ERR_INVALID_STATE', 'The consumer does not run');
    return client;
  };

  return {
    async start() {
      opening = open(false);
      // One that dies on the way is followed by another.
      await Promise.race([firstStart.promise, opening.then(() => firstStart.promise)]);
    },
    status: async () => running().status(),
    checkpoint: async () => running().checkpoint(),
    link(receiver) {
      const { port1, port2 } = new MessageChannel();
      const of = running();
      const join = () => of.join(receiver, port2 as unknown as RawPort);
      return { memory: memory!, port: port1 as unknown as RawPort, join };
    },
    async stop(drainMs) {
      stopping.abort();
      // One that is being opened is there a moment later; one whose start hangs is told to stop all the same.
      await Promise.race([opening.catch(() => undefined), delay(timers, 0)]);
      return (await client?.stop(drainMs)) ?? null;
    },
  };
}
