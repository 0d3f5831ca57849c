// The items of a shard, one at a time: a batch through the user's handler until it is done or given back, and the hooks.

import type { Processor } from '../codec/processor.ts';
import type { Handler, HandlerContext, HandlerShard } from '../model/handler.ts';
import type { Logger } from '../model/logger.ts';
import { isBefore, type Position, SHARD_END } from '../model/position.ts';
import type { Fence } from '../platform/fence.ts';
import type { Progress } from '../platform/progress.ts';
import type { Timers } from '../platform/timers.ts';
import type { AckedRow, EpochRow, ReceiverConfig, ThreadEvent } from '../protocol.ts';
import { attemptsWith } from './attempts.ts';
import type { CallsInHand } from './calls-in-hand.ts';
import type { ConcurrencyGate } from './concurrency-gate.ts';
import { type RunOutcome, runUntilDone } from './handler-runner.ts';
import type { BatchItem, LeaseAcks } from './lease-acks.ts';
import { RecordBatch } from './record-batch.ts';
import type { ShardInbox } from './shard-inbox.ts';

/** What the built-in iterators need beyond a user's handler. */
export interface DeliveryContext extends HandlerContext {
  /** Records up to and including this index are done, before the batch as a whole is. */
  ackTo(index: number): void;
  /** False once the lease is lost or its fence has passed: hand out nothing more of it. */
  isValid(): boolean;
  /** Gives the rest of the batch and of the shard back unhandled. */
  abandon(): void;
  /** The calls are pulls of a loop, which says itself what of them is acked: a flush does not. */
  pulled(): void;
  /** False once every record is acked, or no ack can come in time any more. */
  awaitsAcks(): boolean;
}

export interface ShardWorkParts {
  readonly config: ReceiverConfig;
  readonly processor: Pick<Processor, 'deserialize'>;
  readonly handler: Handler;
  readonly fence: Pick<Fence, 'isValid'>;
  readonly gate: ConcurrencyGate;
  /** Of this thread, whatever coordinator gave them out. */
  readonly calls: CallsInHand;
  readonly progress: Pick<Progress, 'take'>;
  readonly timers: Timers;
  readonly random: () => number;
  readonly logger: Logger;
  readonly emit: (event: ThreadEvent) => void;
}

/** What the work says to the receiver that holds the items. */
export interface ShardWorkHooks {
  /** Up to where everything of a lease is done has moved. */
  readonly onAcked: (row: AckedRow) => void;
  /** The batch is out of hand, whatever became of it. */
  readonly onOver: (item: BatchItem) => void;
  /** The call with the batch has returned, and some of its acks are still to come. */
  readonly onUnacked: (item: BatchItem) => void;
  /** The last ack of a batch that was unacked. */
  readonly onLastAck: (item: BatchItem) => void;
  /** A loop was left: everything goes back, of all shards. */
  readonly onAbandon: () => void;
}

/** The lease under which something is handled. */
type Under = Omit<NonNullable<ReturnType<ShardInbox['next']>>, 'item'>;

export interface ShardWork {
  batch(inbox: ShardInbox, item: BatchItem, under: Under): Promise<void>;
  end(inbox: ShardInbox, under: Under): Promise<void>;
  /** A loop pulls, instead of a handler being called. */
  readonly isPulled: boolean;
}

export function createShardWork(parts: ShardWorkParts, hooks: ShardWorkHooks): ShardWork {
  const { config, processor, handler, logger } = parts;
  const { ack: mode, stream } = config;
  const runner = { ...parts, ...config };
  let isPulled = false;

  /** Under this row's lease. Once false, it stays false: nothing later of the lease can be acked past this. */
  const mayAct = (inbox: ShardInbox, row: EpochRow) =>
    inbox.isCurrent(row) && parts.fence.isValid(row.generation);

  /** Says up to where everything is done, if that has moved. */
  const ackDone = ({ shard, token, epoch }: EpochRow, acks: LeaseAcks) => {
    const upTo = acks.takeWatermark();
    if (upTo !== null) hooks.onAcked([shard, token, epoch, upTo]);
  };

  const startShard = async (inbox: ShardInbox, shard: HandlerShard) => {
    await handler.onShardStart?.(shard);
    inbox.startedToken = shard.token;
  };

  return {
    get isPulled() {
      return isPulled;
    },

    async batch(inbox, item, { row, signal, retries, acks }) {
      const { shardId, token } = row;
      const shard: HandlerShard = { shardId, token, stream };
      const isValid = () => !signal.aborted && mayAct(inbox, row);
      const ack = (change: () => void): boolean => {
        if (!isValid() || acks.isClosed) return false;
        change();
        ackDone(row, acks);
        if (tracked.pending === 0 && acks.stopWaiting(item)) hooks.onLastAck(item);
        return true;
      };
      const received = new RecordBatch(
        item.message,
        { ...shard, processor },
        mode === 'auto'
          ? null
          : (indexes) =>
              ack(() => (indexes === null ? tracked.ackAll() : indexes.forEach((i) => tracked.ack(i)))),
      );
      const batch = unhandled(received, inbox.handledUpTo(token));
      if (batch === null) {
        hooks.onOver(item);
        return;
      }
      const tracked = acks.open(item, (index) => received.positionAt(index));
      // What was handled before waits for its acks, or has them, in the batches in front.
      if (batch !== received) tracked.ackTo(batch.indexes()[0]! - 1);
      const attempts = attemptsWith(received, tracked, mode);
      // A thread may have died of it before: the attempts go on from there.
      const failures = inbox.startedEpoch === row.epoch ? 0 : row.failures;
      inbox.startedEpoch = row.epoch;

      const contextOf = (given: RecordBatch, attempt: number): DeliveryContext => ({
        signal,
        shard,
        lagMs: batch.lagMs,
        attempt,
        logger,
        isValid,
        ackTo: (index) => void ack(() => tracked.ackTo(given.indexes()[index]!)),
        awaitsAcks: () => tracked.pending > 0 && isValid() && !acks.isClosed,
        pulled: () => {
          isPulled = true;
        },
        abandon: hooks.onAbandon,
      });

      const call = async (attempt: number): Promise<RunOutcome> => {
        // It may have waited for its turn, and its lease may be over since.
        if (!isValid()) return 'aborted';
        if (inbox.startedToken !== token) await startShard(inbox, shard);
        const given = attempts.next();
        if (given === null) return 'done';
        // Synchronously before the call: a timer or a message would come too late in a process that was paused.
        if (!isValid()) return 'aborted';
        const context = contextOf(given, attempt + failures);
        const handled = parts.progress.take(row.shard);
        let result: unknown;
        try {
          result = await handler.handle(given, context);
        } finally {
          handled();
        }
        if (!isValid()) return 'aborted';
        try {
          attempts.returned(given, result);
        } finally {
          ackDone(row, acks);
        }
        return 'done';
      };

      const subject = {
        shardId,
        get records() {
          return attempts.left;
        },
      };
      const leave = await parts.calls.enter(shardId);
      // Only the calls count, not the pauses between them: a shard that fails leaves room to the others.
      const turn = (attempt: number) => parts.gate.run(() => call(attempt));
      const outcome = await runUntilDone(runner, subject, signal, turn, retries).finally(leave);
      if (outcome === 'given-back') acks.giveBack();
      if (outcome === 'done') inbox.handled(token, item.message.last);
      if (outcome === 'done' && tracked.pending > 0 && isValid() && !acks.isClosed) {
        acks.wait(item, () => void ack(() => tracked.ackAll()));
        hooks.onUnacked(item);
      } else {
        hooks.onOver(item);
      }
    },

    async end(inbox, { row, signal, retries, acks }) {
      const { shardId, token } = row;
      const shard: HandlerShard = { shardId, token, stream };
      const call = async (): Promise<RunOutcome> => {
        // A shard without a single record starts and ends all the same.
        if (inbox.startedToken !== token) await startShard(inbox, shard);
        await handler.onShardEnd?.(shard);
        return 'done';
      };
      const outcome = await runUntilDone(runner, { shardId, records: 0 }, signal, call, retries);
      if (outcome !== 'done' || !mayAct(inbox, row)) return;
      inbox.handled(token, SHARD_END);
      // It is written when what was handled and is not acked yet is.
      acks.end();
      ackDone(row, acks);
    },
  };
}

/** The records behind `handledUpTo`; null when there are none. A later reader may bring again what an earlier one brought. */
function unhandled(batch: RecordBatch, handledUpTo: Position | null): RecordBatch | null {
  if (handledUpTo === null) return batch;
  const { length } = batch;
  let skip = 0;
  while (skip < length && !isBefore(handledUpTo, batch.positionAt(skip))) skip += 1;
  if (skip === 0) return batch;
  return skip === length ? null : batch.only(Array.from({ length: length - skip }, (_, i) => skip + i));
}
