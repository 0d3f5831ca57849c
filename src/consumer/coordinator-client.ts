// Main's side of the coordinator's thread: asks it, passes on what it says, and sees to it that it ends.

import { type MessagePort, Worker } from 'node:worker_threads';
import { decodeError, encodeError, ShardpoolError } from '../model/errors.ts';
import type { RawPort } from '../model/port.ts';
import type { Position } from '../model/position.ts';
import { deferred } from '../platform/deferred.ts';
import { pendingReplies } from '../platform/pending-replies.ts';
import { settledWithin, unrefTimers as timers } from '../platform/timers.ts';
import type {
  CoordinatorConfig,
  CoordinatorStatus,
  CoordinatorToMain,
  LogRecord,
  MainToCoordinator,
  PlainCredentials,
  Predecessor,
  Remembered,
  SharedMemory,
  ThreadEvent,
} from '../protocol.ts';
import { threadFlags, workerFile } from './worker-file.ts';

export interface CoordinatorClientParts {
  readonly config: CoordinatorConfig;
  readonly memory: SharedMemory;
  /** The coordinator's ends of its ports to the receivers. */
  readonly receivers: readonly RawPort[];
  readonly credentials: (renew: boolean) => Promise<PlainCredentials>;
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (record: LogRecord) => void;
  readonly predecessor: Predecessor | null;
  readonly onSession: (session: string) => void;
  readonly onRemember: (change: Remembered) => void;
  readonly onReceiverGone: (receiver: number, shards: readonly string[]) => void;
  readonly onFatal: (error: unknown) => void;
  /** The thread is dead, and nobody had told it to end. */
  readonly onDeath: (error: ShardpoolError) => void;
}

export interface CoordinatorClient {
  /** Resolves with the number of shards once reading has begun. A failed start goes to `onFatal`. */
  readonly started: Promise<number>;
  /** A receiver that follows one that died; the port is the coordinator's end. */
  join(receiver: number, port: RawPort): void;
  /** Ends the thread, whatever it does; `onDeath` follows. */
  kill(): void;
  status(): Promise<CoordinatorStatus>;
  checkpoint(): Promise<void>;
  /** Resolves when the thread has ended: by itself, or because it did not within the deadline. */
  stop(drainMs: number): Promise<StopOutcome>;
}

export interface StopOutcome {
  /** Handlers that had not finished at the deadline. */
  readonly late: number;
  readonly positions: readonly (readonly [shardId: string, position: Position])[];
  /** False: the thread had to be ended; its leases run out by themselves. */
  readonly clean: boolean;
}

/** What the coordinator itself may take beyond the drain deadline: two rounds over its threads and the last writes. */
const STOP_SLACK_MS = 5_000;
const EXIT_MS = 1_000;
/** It answers `stop` at once, unless its thread stands still. */
const STOP_ANSWER_MS = 2_000;
/** One that is still loading its modules cannot. */
const START_ANSWER_MS = 500;

export function startCoordinator(parts: CoordinatorClientParts): CoordinatorClient {
  const worker = new Worker(workerFile('coordinator'), {
    name: 'shardpool coordinator',
    ...threadFlags(),
  });
  const started = deferred<number>();
  const exited = deferred();
  const bye = deferred();
  const stopping = deferred();
  let told = false;
  /** Before that it holds nothing that it would have to give back. */
  let hasSession = false;
  let answered = false;
  const statuses = pendingReplies<CoordinatorStatus>();
  const checkpoints = pendingReplies<void>();
  let positions: StopOutcome['positions'] = [];
  let late = 0;
  let clean = false;
  let ended = false;

  const post = (message: MainToCoordinator) => worker.postMessage(message);

  const gone = (error: ShardpoolError) => {
    if (ended) return;
    ended = true;
    statuses.rejectAll(error);
    checkpoints.rejectAll(error);
    bye.resolve();
    stopping.resolve();
    if (!clean && !told) parts.onDeath(error);
  };

  worker.on('message', (message: CoordinatorToMain) => {
    switch (message.type) {
      case 'started':
        started.resolve(message.shards);
        break;
      case 'session':
        hasSession = true;
        parts.onSession(message.session);
        break;
      case 'remember':
        parts.onRemember(message);
        break;
      case 'receiverGone':
        parts.onReceiverGone(message.receiver, message.shards);
        break;
      case 'stopping':
        answered = true;
        stopping.resolve();
        break;
      case 'credentials?':
        parts.credentials(message.renew).then(
          (value) => post({ type: 'credentials', id: message.id, value, error: null }),
          (error: unknown) =>
            post({ type: 'credentials', id: message.id, value: null, error: encodeError(error) }),
        );
        break;
      case 'event':
        parts.emit(message.event);
        break;
      case 'log':
        parts.log(message.record);
        break;
      case 'status':
        statuses.settle(message.id, message.status, null);
        break;
      case 'checkpointed':
        checkpoints.settle(message.id, undefined, message.error);
        break;
      case 'drained':
        late = message.late;
        break;
      case 'bye':
        positions = message.positions;
        clean = true;
        bye.resolve();
        break;
      case 'fatal':
        parts.onFatal(decodeError(message.error));
        break;
      default:
        message satisfies never;
    }
  });
  worker.on('error', (cause) => {
    gone(new ShardpoolError('ERR_THREAD_DIED', `The coordinator's thread died: ${String(cause)}`, { cause }));
  });
  worker.on('exit', (code) => {
    exited.resolve();
    gone(new ShardpoolError('ERR_THREAD_DIED', `The coordinator's thread ended with code ${code}`));
  });

  const { config, memory, receivers, predecessor } = parts;
  const start: MainToCoordinator = { type: 'start', config, memory, receivers, predecessor };
  worker.postMessage(start, receivers as unknown as MessagePort[]);

  return {
    started: started.promise,
    status: () => statuses.ask((id) => post({ type: 'status', id })),
    checkpoint: () => checkpoints.ask((id) => post({ type: 'checkpoint', id })),
    join: (receiver, port) =>
      worker.postMessage({ type: 'receiver', receiver, port } satisfies MainToCoordinator, [
        port as unknown as MessagePort,
      ]),
    kill: () => void worker.terminate(),
    async stop(drainMs) {
      told = true;
      post({ type: 'stop', drainMs });
      await settledWithin(timers, stopping.promise, hasSession ? STOP_ANSWER_MS : START_ANSWER_MS);
      // Main may have been blocked over that time: the answer is then in its queue, behind this timer.
      if (!answered) await oneTurn();
      if (answered) await settledWithin(timers, bye.promise, drainMs + STOP_SLACK_MS);
      if (!clean || !(await settledWithin(timers, exited.promise, EXIT_MS))) await worker.terminate();
      return { late, positions, clean: clean || !hasSession };
    },
  };
}

/** Long enough for every message that waits to be read. */
async function oneTurn(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
