// The receiving end of the data ports, the same in main and in handler threads: inboxes, handler calls, acks.
//
// The message callbacks only enqueue. Every received batch is released exactly once, in `release`.

import type { Processor } from '../codec/processor.ts';
import type { Handler, HandlerContext } from '../model/handler.ts';
import type { Logger } from '../model/logger.ts';
import { type Position, SHARD_END } from '../model/position.ts';
import type { BudgetReleaser } from '../platform/byte-budget.ts';
import type { Fence } from '../platform/fence.ts';
import { type Port, portOf } from '../platform/port.ts';
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
import type { ConcurrencyGate } from './concurrency-gate.ts';
import { FetchSource } from './fetch-source.ts';
import { type RunOutcome, runUntilDone } from './handler-runner.ts';
import { RecordBatch } from './record-batch.ts';
import { type InboxItem, ShardInbox } from './shard-inbox.ts';

/** What the built-in iterators need beyond a user's handler. */
export interface DeliveryContext extends HandlerContext {
  /** Records up to and including this index are done, before the batch as a whole is. */
  ackTo(index: number): void;
  /** False once the lease is lost or its fence has passed: hand out nothing more of it. */
  isValid(): boolean;
  /** Gives the rest of the batch and of the shard back unhandled. */
  abandon(): void;
}

export interface ReceiverParts {
  readonly link: Port<ReceiverToCoordinator, CoordinatorToReceiver>;
  readonly config: ReceiverConfig;
  readonly processor: Pick<Processor, 'deserialize'>;
  readonly handler: Handler;
  readonly budget: BudgetReleaser;
  readonly fence: Pick<Fence, 'isValid'>;
  readonly gate: ConcurrencyGate;
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

export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #inboxes = new Map<ShardIndex, ShardInbox>();
  readonly #sources = new Map<HostId, FetchSource>();
  #acked = new Map<ShardIndex, AckedRow>();
  #flushing = false;
  #draining = false;
  #abandoned = false;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.link.onMessage((message) => this.#fromCoordinator(message));
  }

  close(): void {
    for (const { port } of this.#sources.values()) port.close();
    this.#parts.link.close();
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
      case 'flush':
        this.#flush();
        this.#parts.link.post({ type: 'flushed', id: message.id });
        break;
      case 'drain':
        this.#draining = true;
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
      source.received(message);
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
        this.#lookDrained();
      });
  }

  async #work(shard: ShardIndex, inbox: ShardInbox): Promise<void> {
    for (let next = inbox.next(); next !== null; next = inbox.next()) {
      const { item, row, signal } = next;
      if (signal.aborted || this.#abandoned) {
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
      if (item.type === 'batch') await this.#handle(shard, inbox, item, row, signal);
      else if (item.reason === 'shard-end') await this.#shardEnd(shard, inbox, row, signal);
    }
  }

  async #handle(
    shard: ShardIndex,
    inbox: ShardInbox,
    item: Extract<InboxItem, { type: 'batch' }>,
    row: EpochRow,
    signal: AbortSignal,
  ): Promise<void> {
    const { config, processor, handler, logger, gate } = this.#parts;
    const { shardId, token } = row;
    const handlerShard = { shardId, token, stream: config.stream };
    const batch = new RecordBatch(item.message, { ...handlerShard, processor });
    const isValid = () => !signal.aborted && this.#mayAct(inbox, row);

    const call = async (attempt: number): Promise<RunOutcome> => {
      // It may have waited for its turn, and its lease may be over since.
      if (!isValid()) return 'aborted';
      if (inbox.startedToken !== token) {
        await handler.onShardStart?.(handlerShard);
        inbox.startedToken = token;
      }
      // Synchronously before the call: a timer or a message would come too late in a process that was paused.
      if (!isValid()) return 'aborted';
      const context: DeliveryContext = {
        signal,
        shard: handlerShard,
        lagMs: batch.lagMs,
        attempt,
        logger,
        isValid,
        ackTo: (index) => {
          if (isValid()) this.#ack(shard, row, batch.positionAt(index));
        },
        abandon: () => {
          this.#abandoned = true;
          for (const each of this.#inboxes.values()) each.abort();
        },
      };
      await handler.handle(batch, context);
      return 'done';
    };
    const subject = { shardId, records: batch.length };
    const outcome = await runUntilDone({ ...this.#parts, ...config }, subject, signal, (attempt) =>
      // Only the calls count, not the pauses between them: a shard that fails leaves room to the others.
      gate.run(() => call(attempt)),
    );
    if (outcome === 'done' && isValid()) this.#ack(shard, row, item.message.last);
    this.#release(item);
  }

  async #shardEnd(shard: ShardIndex, inbox: ShardInbox, row: EpochRow, signal: AbortSignal): Promise<void> {
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
    const outcome = await runUntilDone({ ...this.#parts, ...config }, { shardId, records: 0 }, signal, call);
    if (outcome === 'done' && this.#mayAct(inbox, row)) this.#ack(shard, row, SHARD_END);
  }

  /** Under this row's lease. Once false, it stays false: nothing later of the lease can be acked past this. */
  #mayAct(inbox: ShardInbox, row: EpochRow): boolean {
    return inbox.isCurrent(row) && this.#parts.fence.isValid(row.generation);
  }

  #ack(shard: ShardIndex, row: EpochRow, upTo: Position): void {
    this.#acked.set(shard, [shard, row.token, row.epoch, upTo]);
    this.#flushSoon();
  }

  /** Gives a batch back to the budget and opens the window of its shard by one. */
  #release(item: InboxItem): void {
    if (item.type !== 'batch') return;
    const { message, source } = item;
    this.#parts.budget.release(message.units, message.n);
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
    const { host, receivedUnits, receivedRecords } = source;
    if (!source.gone || !source.closed) return;
    const rows: (readonly [ShardIndex, number, Position])[] = [];
    for (const [shard, inbox] of this.#inboxes) {
      inbox.hostGone(host);
      const last = inbox.lastReceived;
      if (last?.host === host) rows.push([shard, last.epoch, last.position]);
    }
    if (this.#sources.get(host) === source) this.#sources.delete(host);
    this.#parts.link.post({ type: 'settled', host, receivedUnits, receivedRecords, rows });
    this.#lookDrained();
  }

  #lookDrained(): void {
    if (!this.#draining || ![...this.#inboxes.values()].every((inbox) => inbox.isDrained)) return;
    this.#sayDrained(0);
  }

  #abort(): void {
    this.#draining = true;
    for (const inbox of this.#inboxes.values()) {
      inbox.abort();
      for (const item of inbox.clear()) this.#release(item);
    }
    this.#sayDrained([...this.#inboxes.values()].filter(({ busy }) => busy).length);
  }

  #sayDrained(late: number): void {
    if (!this.#draining) return;
    this.#draining = false;
    // The last acks travel on the same port, before the word that there are no more.
    this.#flush();
    this.#parts.link.post({ type: 'drained', late });
  }
}
