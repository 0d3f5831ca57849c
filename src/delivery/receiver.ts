// The receiving end of the data ports, the same in main and in handler threads: inboxes, handler calls, acks.
//
// The message callbacks only enqueue. Every received batch is released exactly once, in `release`.

import type { Processor } from '../codec/processor.ts';
import type { Handler, HandlerContext } from '../model/handler.ts';
import type { Logger } from '../model/logger.ts';
import { isBefore, type Position, SHARD_END } from '../model/position.ts';
import type { BudgetReleaser } from '../platform/byte-budget.ts';
import type { Fence } from '../platform/fence.ts';
import { type Port, portOf } from '../platform/port.ts';
import type { Progress } from '../platform/progress.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type {
  AckedRow,
  CoordinatorToReceiver,
  EpochRow,
  FetcherToReceiver,
  HostId,
  ReceiverConfig,
  ReceiverToCoordinator,
  ReceiverToFetcher,
  ShardIndex,
  ThreadEvent,
} from '../protocol.ts';
import { attemptsWith } from './attempts.ts';
import type { CallsInHand } from './calls-in-hand.ts';
import type { ConcurrencyGate } from './concurrency-gate.ts';
import { FetchSource } from './fetch-source.ts';
import { type RunOutcome, runUntilDone } from './handler-runner.ts';
import type { BatchItem, LeaseAcks } from './lease-acks.ts';
import { RecordBatch } from './record-batch.ts';
import { type InboxItem, ShardInbox } from './shard-inbox.ts';
import { type StuckWatch, watchForStuck } from './stuck-watch.ts';

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

export interface ReceiverParts {
  readonly link: Port<ReceiverToCoordinator, CoordinatorToReceiver>;
  readonly config: ReceiverConfig;
  readonly processor: Pick<Processor, 'deserialize'>;
  readonly handler: Handler;
  readonly budget: BudgetReleaser;
  readonly fence: Pick<Fence, 'isValid'>;
  readonly gate: ConcurrencyGate;
  /** Of this thread, whatever coordinator gave them out. */
  readonly calls: CallsInHand;
  readonly progress: Pick<Progress, 'take'>;
  readonly timers: Timers;
  readonly random: () => number;
  readonly logger: Logger;
  readonly emit: (event: ThreadEvent) => void;
  /** Runs the function once, after what is going on now: acks of one tick travel together. */
  readonly soon: (fn: () => void) => void;
  /** A bug or the like: not a failure of the handler. */
  readonly onError: (error: unknown) => void;
  readonly onEnd: () => void;
}

const FENCE_RETRY_MS = 50;

const STUCK =
  'Nothing more is read: batches that were handled and not acked take up maxBufferedBytes or maxBufferedRecords';

/** The lease under which something is handled. */
type Under = Omit<NonNullable<ReturnType<ShardInbox['next']>>, 'item'>;

export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #inboxes = new Map<ShardIndex, ShardInbox>();
  readonly #sources = new Map<HostId, FetchSource>();
  #acked = new Map<ShardIndex, AckedRow>();
  #flushing = false;
  #draining = false;
  #abandoned = false;
  /** A loop pulls, instead of a handler being called. */
  #pulled = false;
  readonly #stuck: StuckWatch;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#stuck = watchForStuck({
      timers: parts.timers,
      holds: () => [...this.#inboxes.values()].some(({ acks }) => acks?.isEmpty === false),
      isStuck: () =>
        [...this.#inboxes.values()].every(({ busy }) => !busy) &&
        [...this.#sources.values()].some(({ host }) => parts.budget.isStarving(host)),
      warn: () => parts.logger.warn({ stream: parts.config.stream }, STUCK),
    });
  }

  start(): void {
    this.#parts.link.onMessage((message) => this.#fromCoordinator(message));
    this.#parts.link.onClose(() => this.#stuck.close());
  }

  close(): void {
    this.#stuck.close();
    for (const { port } of this.#sources.values()) port.close();
    this.#parts.link.close();
  }

  /** The coordinator is gone and another one follows: nothing of this one is handed out or acked any more. */
  detach(): void {
    this.#abandoned = true;
    this.close();
    for (const inbox of this.#inboxes.values()) {
      inbox.abort();
      inbox.clear();
    }
  }

  #fromCoordinator(message: CoordinatorToReceiver): void {
    switch (message.type) {
      case 'host':
        this.#addSource(message.host, portOf(message.port));
        break;
      case 'epoch':
        for (const row of message.rows) this.#epoch(row);
        break;
      case 'hostGone': {
        const source = this.#sources.get(message.host);
        if (source !== undefined) {
          source.gone = true;
          this.#settle(source);
        }
        break;
      }
      case 'yield': {
        const inbox = this.#inbox(message.shard);
        for (const item of inbox.yield(message.epoch)) this.#release(item);
        this.#lookYielded(message.shard, inbox);
        break;
      }
      case 'flush':
        if (!this.#pulled) this.#ackHandled();
        this.#flush();
        this.#parts.link.post({ type: 'flushed', id: message.id });
        break;
      case 'drain':
        this.#draining = true;
        for (const inbox of this.#inboxes.values()) inbox.drain();
        this.#lookDrained();
        break;
      case 'abort':
        this.#abort();
        break;
      case 'end':
        this.close();
        this.#parts.onEnd();
        break;
      default:
        message satisfies never;
    }
  }

  #addSource(host: HostId, port: Port<ReceiverToFetcher, FetcherToReceiver>): void {
    const source = new FetchSource(host, port);
    this.#sources.set(host, source);
    port.onMessage((message) => this.#fromFetcher(source, message));
    port.onClose(() => {
      source.closed = true;
      this.#settle(source);
    });
    // The coordinator's thread holds the process open, not the ports of its threads.
    port.unref();
  }

  #inbox(shard: ShardIndex): ShardInbox {
    let inbox = this.#inboxes.get(shard);
    if (inbox === undefined) {
      inbox = new ShardInbox();
      this.#inboxes.set(shard, inbox);
    }
    return inbox;
  }

  #fromFetcher(source: FetchSource, message: FetcherToReceiver): void {
    const inbox = this.#inbox(message.shard);
    const { epoch } = message;
    if (message.type === 'end') {
      inbox.push({ type: 'end', epoch, reason: message.reason });
    } else {
      const item: InboxItem = { type: 'batch', epoch, source, message };
      if (!inbox.push(item)) {
        this.#release(item);
        return;
      }
      inbox.lastReceived = { host: source.host, epoch, position: message.last };
    }
    this.#pump(message.shard, inbox);
  }

  #epoch(row: EpochRow): void {
    const inbox = this.#inbox(row.shard);
    for (const item of inbox.epochRow(row)) this.#release(item);
    this.#repayGivenUp(inbox);
    // What was acked under the lost lease and not yet sent counts no more.
    if (row.reason === 'lease-lost') this.#acked.delete(row.shard);
    if (row.reason === 'shard-end' && !inbox.busy) this.#inboxes.delete(row.shard);
    this.#pump(row.shard, inbox);
    this.#lookDrained();
  }

  #pump(shard: ShardIndex, inbox: ShardInbox): void {
    if (inbox.busy || inbox.next() === null) return;
    inbox.busy = true;
    this.#work(shard, inbox)
      .catch(this.#parts.onError)
      .finally(() => {
        inbox.busy = false;
        this.#lookYielded(shard, inbox);
        this.#lookDrained();
      });
  }

  #lookYielded(shard: ShardIndex, inbox: ShardInbox): void {
    const epoch = inbox.yielding;
    if (epoch === null || inbox.busy) return;
    inbox.yielded();
    this.#repayGivenUp(inbox);
    // Behind the acks on the same port: the next receiver begins behind them.
    this.#flush();
    this.#parts.link.post({ type: 'yielded', shard, epoch });
  }

  async #work(shard: ShardIndex, inbox: ShardInbox): Promise<void> {
    for (let next = inbox.next(); next !== null; next = inbox.next()) {
      const { item, row, signal, acks } = next;
      if (signal.aborted || this.#abandoned || acks.isGivenBack) {
        inbox.shift();
        this.#release(item);
        continue;
      }
      if (!this.#parts.fence.isValid(row.generation)) {
        // The session is over: the coordinator's word that revokes this epoch is on its way.
        await delay(this.#parts.timers, FENCE_RETRY_MS, signal);
        continue;
      }
      inbox.shift();
      if (item.type === 'batch') await this.#handle(shard, inbox, item, next);
      else if (item.reason === 'shard-end' && inbox.handledUpTo(row.token) !== SHARD_END)
        await this.#shardEnd(shard, inbox, next);
    }
  }

  async #handle(
    shard: ShardIndex,
    inbox: ShardInbox,
    item: BatchItem,
    { row, signal, retries, acks }: Under,
  ): Promise<void> {
    const { config, processor, handler, logger, gate } = this.#parts;
    const { shardId, token } = row;
    const handlerShard = { shardId, token, stream: config.stream };
    const ack = (change: () => void): boolean => {
      if (!isValid() || acks.isClosed) return false;
      change();
      this.#ackDone(shard, row, acks);
      if (tracked.pending === 0 && acks.stopWaiting(item)) {
        this.#stuck.progress();
        this.#repay(item);
        this.#lookDrained();
      }
      return true;
    };
    const mode = config.ack;
    const received = new RecordBatch(
      item.message,
      { ...handlerShard, processor },
      mode === 'auto'
        ? null
        : (indexes) =>
            ack(() => (indexes === null ? tracked.ackAll() : indexes.forEach((i) => tracked.ack(i)))),
    );
    const batch = unhandled(received, inbox.handledUpTo(token));
    if (batch === null) {
      this.#release(item);
      return;
    }
    const tracked = acks.open(item, (index) => received.positionAt(index));
    // What was handled before waits for its acks, or has them, in the batches in front.
    if (batch !== received) tracked.ackTo(batch.indexes()[0]! - 1);
    const attempts = attemptsWith(received, tracked, mode);
    // A thread may have died of it before: the attempts go on from there.
    const failures = inbox.startedEpoch === row.epoch ? 0 : row.failures;
    inbox.startedEpoch = row.epoch;
    const isValid = () => !signal.aborted && this.#mayAct(inbox, row);

    const call = async (attempt: number): Promise<RunOutcome> => {
      // It may have waited for its turn, and its lease may be over since.
      if (!isValid()) return 'aborted';
      if (inbox.startedToken !== token) {
        await handler.onShardStart?.(handlerShard);
        inbox.startedToken = token;
      }
      const given = attempts.next();
      if (given === null) return 'done';
      // Synchronously before the call: a timer or a message would come too late in a process that was paused.
      if (!isValid()) return 'aborted';
      const context: DeliveryContext = {
        signal,
        shard: handlerShard,
        lagMs: batch.lagMs,
        attempt: attempt + failures,
        logger,
        isValid,
        ackTo: (index) => void ack(() => tracked.ackTo(given.indexes()[index]!)),
        awaitsAcks: () => tracked.pending > 0 && isValid() && !acks.isClosed,
        pulled: () => {
          this.#pulled = true;
        },
        abandon: () => {
          this.#abandoned = true;
          for (const each of this.#inboxes.values()) {
            each.abort();
            each.giveUpUnacked();
            this.#repayGivenUp(each);
          }
          this.#lookDrained();
        },
      };
      const handled = this.#parts.progress.take(shard);
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
        this.#ackDone(shard, row, acks);
      }
      return 'done';
    };
    const subject = {
      shardId,
      get records() {
        return attempts.left;
      },
    };
    const leave = await this.#parts.calls.enter(shardId);
    // Only the calls count, not the pauses between them: a shard that fails leaves room to the others.
    const turn = (attempt: number) => gate.run(() => call(attempt));
    const outcome = await runUntilDone({ ...this.#parts, ...config }, subject, signal, turn, retries).finally(
      leave,
    );
    if (outcome === 'given-back') acks.giveBack();
    if (outcome === 'done') inbox.handled(token, item.message.last);
    if (outcome === 'done' && tracked.pending > 0 && isValid() && !acks.isClosed) {
      // Its bytes wait for its acks; the window of the shard does not, so that a handler can gather what it acks together.
      acks.wait(item, () => void ack(() => tracked.ackAll()));
      this.#stuck.progress();
      this.#openWindow(item);
    } else {
      this.#release(item);
    }
  }

  async #shardEnd(
    shard: ShardIndex,
    inbox: ShardInbox,
    { row, signal, retries, acks }: Under,
  ): Promise<void> {
    const { handler, config } = this.#parts;
    const { shardId, token } = row;
    const handlerShard = { shardId, token, stream: config.stream };
    const call = async (): Promise<RunOutcome> => {
      // A shard without a single record starts and ends all the same.
      if (inbox.startedToken !== token) {
        await handler.onShardStart?.(handlerShard);
        inbox.startedToken = token;
      }
      await handler.onShardEnd?.(handlerShard);
      return 'done';
    };
    const parts = { ...this.#parts, ...config };
    const outcome = await runUntilDone(parts, { shardId, records: 0 }, signal, call, retries);
    if (outcome !== 'done' || !this.#mayAct(inbox, row)) return;
    inbox.handled(token, SHARD_END);
    // It is written when what was handled and is not acked yet is.
    acks.end();
    this.#ackDone(shard, row, acks);
  }

  /** Under this row's lease. Once false, it stays false: nothing later of the lease can be acked past this. */
  #mayAct(inbox: ShardInbox, row: EpochRow): boolean {
    return inbox.isCurrent(row) && this.#parts.fence.isValid(row.generation);
  }

  /** Says up to where everything is done, if that has moved. */
  #ackDone(shard: ShardIndex, row: EpochRow, acks: LeaseAcks): void {
    const upTo = acks.takeWatermark();
    if (upTo === null) return;
    this.#acked.set(shard, [shard, row.token, row.epoch, upTo]);
    this.#flushSoon();
  }

  /** Acks all that waits for it, of every shard. */
  #ackHandled(): void {
    for (const { acks } of this.#inboxes.values()) acks?.ackWaiting();
  }

  /** Gives a batch back to the budget and opens the window of its shard by one. */
  #release(item: InboxItem): void {
    if (item.type !== 'batch') return;
    this.#repay(item);
    this.#openWindow(item);
  }

  #repayGivenUp(inbox: ShardInbox): void {
    for (const item of inbox.takeGivenUp()) this.#repay(item);
  }

  #repay({ message }: BatchItem): void {
    this.#parts.budget.release(message.units, message.n);
    this.#flushSoon();
  }

  #openWindow({ message, source }: BatchItem): void {
    source.released(message);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#parts.soon(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#acked.size > 0) {
      this.#parts.link.post({ type: 'acked', rows: [...this.#acked.values()] });
      this.#acked = new Map();
    }
    for (const source of this.#sources.values()) {
      const rows = source.takeReleased();
      if (rows.length > 0) source.port.post({ type: 'acks', rows });
      else if (this.#parts.budget.isStarving(source.host)) source.port.post({ type: 'room' });
    }
  }

  /** The thread is gone and everything that it sent has arrived: says up to where, so that others go on from there. */
  #settle(source: FetchSource): void {
    const { host } = source;
    if (!source.gone || !source.closed) return;
    const rows: (readonly [ShardIndex, number, Position])[] = [];
    for (const [shard, inbox] of this.#inboxes) {
      inbox.hostGone(host);
      const last = inbox.lastReceived;
      if (last?.host === host) rows.push([shard, last.epoch, last.position]);
    }
    if (this.#sources.get(host) === source) this.#sources.delete(host);
    this.#parts.link.post({ type: 'settled', host, rows });
    this.#lookDrained();
  }

  #lookDrained(): void {
    if (!this.#draining || ![...this.#inboxes.values()].every((inbox) => inbox.isDrained)) return;
    this.#sayDrained(0);
  }

  #abort(): void {
    const inboxes = [...this.#inboxes.values()];
    const late = inboxes.filter(({ busy, acks }) => busy || acks?.isEmpty === false).length;
    this.#draining = true;
    for (const inbox of inboxes) {
      inbox.abort();
      inbox.giveUpUnacked();
      for (const item of inbox.clear()) this.#release(item);
      this.#repayGivenUp(inbox);
    }
    this.#sayDrained(late);
  }

  #sayDrained(late: number): void {
    if (!this.#draining) return;
    this.#draining = false;
    // The last acks travel on the same port, before the word that there are no more.
    this.#flush();
    this.#parts.link.post({ type: 'drained', late });
  }
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
