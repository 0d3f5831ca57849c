// The host task of one fetch thread: carries out what the coordinator says, one reader per assigned shard.

import type { Processor } from '../codec/processor.ts';
import { splitWithin } from '../codec/shard-range.ts';
import { KinesisError } from '../kinesis/errors.ts';
import { encodeError } from '../model/errors.ts';
import type { PageSink } from '../model/page-sink.ts';
import type { EndReason } from '../model/shard.ts';
import { deferred } from '../platform/deferred.ts';
import type { RawPort } from '../model/port.ts';
import type { Port } from '../platform/port.ts';
import type { Progress } from '../platform/progress.ts';
import type { Timer, Timers } from '../platform/timers.ts';
import type {
  CoordinatorToFetcher,
  FetcherToCoordinator,
  PlainCredentials,
  ShardIndex,
} from '../protocol.ts';
import { pendingReplies } from '../platform/pending-replies.ts';
import type { PageWork, ReaderParts, ReaderStatus } from './shard-reader.ts';
import { ShardReader } from './shard-reader.ts';

export interface HostParts {
  readonly control: Port<FetcherToCoordinator, CoordinatorToFetcher>;
  readonly timers: Timers;
  /** Opens the way to the receiver of one reader. */
  readonly openSink: (shard: ShardIndex, epoch: number, generation: number, receiver: number) => PageSink;
  readonly connect: (receiver: number, port: RawPort) => void;
  readonly disconnect: (receiver: number) => void;
  readonly progress: Progress;
  /** Everything else a reader needs. */
  readonly readerParts: () => Omit<
    ReaderParts,
    'shardId' | 'from' | 'sink' | 'events' | 'onWork' | 'isolate' | 'processor'
  > & { readonly processor: Pick<Processor, 'split' | 'hasInnerKeys'> };
  /** Share of the time that the event loop of this thread was busy since the last call, 0 to 1. */
  readonly utilization: () => number;
}

export interface FetchHost {
  /** Asks the coordinator for credentials; `renew` when those it gave were refused as too old. */
  credentials(renew?: boolean): Promise<PlainCredentials>;
  start(): void;
  /** Resolves when the coordinator said `end`. */
  readonly ended: Promise<void>;
}

interface Assigned {
  readonly epoch: number;
  readonly reader: ShardReader;
}

/** Lags change with every page; the coordinator needs them for the status only. */
const STATE_INTERVAL_MS = 250;

export function createFetchHost(parts: HostParts): FetchHost {
  const { control, timers } = parts;
  const assigned = new Map<ShardIndex, Assigned>();
  const pending = pendingReplies<PlainCredentials>();
  const ended = deferred();
  const states = new Map<ShardIndex, { epoch: number; status: ReaderStatus }>();
  let stateTimer: Timer | null = null;

  const flushStates = () => {
    stateTimer = null;
    for (const [shard, { epoch, status }] of states) control.post({ type: 'state', shard, epoch, ...status });
    states.clear();
  };

  const assign = (message: Extract<CoordinatorToFetcher, { type: 'assign' }>) => {
    const { shard, shardId, epoch } = message;
    assigned.get(shard)?.reader.stop('requested');
    const readerParts = parts.readerParts();
    const { processor } = readerParts;
    const reader = new ShardReader({
      ...readerParts,
      processor: { split: message.range === null ? processor.split : splitWithin(message.range, processor) },
      shardId,
      from: message.from,
      isolate: message.isolate,
      onWork: pageWork(shard),
      sink: parts.openSink(shard, epoch, message.generation, message.receiver),
      events: {
        onState(status) {
          states.set(shard, { epoch, status });
          stateTimer ??= timers.setTimeout(flushStates, STATE_INTERVAL_MS);
        },
        onEnd: (children) => control.post({ type: 'shardEnd', shard, epoch, children }),
        onRetry: (error, attempt, delayMs) =>
          control.post({ type: 'shardRetry', shard, epoch, error: encodeError(error), attempt, delayMs }),
        onFailed: (error) => control.post({ type: 'shardFailed', shard, epoch, error: encodeError(error) }),
      },
    });
    assigned.set(shard, { epoch, reader });
    void reader.run();
  };

  const pageWork = (shard: ShardIndex): PageWork => {
    let end = () => {};
    return {
      begin: () => {
        end = parts.progress.take(shard);
      },
      record: parts.progress.tick,
      end: () => end(),
    };
  };

  const stopAll = (reason: EndReason) => {
    for (const { reader } of assigned.values()) reader.stop(reason);
    assigned.clear();
  };

  const receive = (message: CoordinatorToFetcher): void => {
    // Pings come every second: a thread whose event loop stands still ticks no more.
    parts.progress.tick();
    switch (message.type) {
      case 'assign':
        assign(message);
        break;
      case 'revoke': {
        const entry = assigned.get(message.shard);
        if (entry !== undefined && entry.epoch <= message.epoch) {
          entry.reader.stop(message.reason);
          assigned.delete(message.shard);
        }
        control.post({ type: 'revoked', shard: message.shard, epoch: message.epoch });
        break;
      }
      case 'receiver':
        parts.connect(message.receiver, message.port);
        break;
      case 'receiverGone':
        parts.disconnect(message.receiver);
        control.post(message);
        break;
      case 'credentials':
        pending.settle(message.id, message.value, message.error);
        break;
      case 'ping':
        control.post({ type: 'pong', id: message.id, utilization: parts.utilization() });
        break;
      case 'drain':
        stopAll('requested');
        flushStates();
        control.post({ type: 'drained' });
        break;
      case 'end':
        stopAll('requested');
        if (stateTimer !== null) timers.clearTimeout(stateTimer);
        pending.rejectAll(new KinesisError('aborted', 'The fetch thread was stopped'));
        ended.resolve();
        break;
      default:
        message satisfies never;
    }
  };

  return {
    credentials: (renew = false) => pending.ask((id) => control.post({ type: 'credentials?', id, renew })),
    start() {
      control.onMessage(receive);
      control.post({ type: 'ready' });
    },
    ended: ended.promise,
  };
}
