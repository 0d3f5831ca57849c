// The receiving end of the data ports, the same in main and in handler threads: inboxes, acks, and what goes back.
//
// The message callbacks only enqueue. Every received batch is released exactly once, in `release`.

import { type Position, SHARD_END } from '../model/position.ts';
import type { BudgetReleaser } from '../platform/byte-budget.ts';
import { type Port, portOf } from '../platform/port.ts';
import { delay } from '../platform/timers.ts';
import type {
  AckedRow,
  CoordinatorToReceiver,
  EpochRow,
  FetcherToReceiver,
  HostId,
  ReceiverToCoordinator,
  ReceiverToFetcher,
  ShardIndex,
} from '../protocol.ts';
import { FetchSource } from './fetch-source.ts';
import type { BatchItem } from './lease-acks.ts';
import { type InboxItem, ShardInbox } from './shard-inbox.ts';
import { createShardWork, type ShardWork, type ShardWorkParts } from './shard-work.ts';
import { type StuckWatch, watchForStuck } from './stuck-watch.ts';

export type { DeliveryContext } from './shard-work.ts';

export interface ReceiverParts extends ShardWorkParts {
  readonly link: Port<ReceiverToCoordinator, CoordinatorToReceiver>;
  readonly budget: BudgetReleaser;
  /** Runs the function once, after what is going on now: acks of one tick travel together. */
  readonly soon: (fn: () => void) => void;
  /** A bug or the like: not a failure of the handler. */
  readonly onError: (error: unknown) => void;
  readonly onEnd: () => void;
}

const FENCE_RETRY_MS = 50;

const STUCK =
  'Nothing more is read: batches that were handled and not acked take up maxBufferedBytes or maxBufferedRecords';

export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #inboxes = new Map<ShardIndex, ShardInbox>();
  readonly #sources = new Map<HostId, FetchSource>();
  /** Shards that have ended, and their last epochs: a reader of before may still send something. */
  readonly #over = new Map<ShardIndex, number>();
  #acked = new Map<ShardIndex, AckedRow>();
  #flushing = false;
  #draining = false;
  #abandoned = false;
  readonly #work: ShardWork;
  readonly #stuck: StuckWatch;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#work = createShardWork(parts, {
      onAcked: (row) => {
        this.#acked.set(row[0], row);
        this.#flushSoon();
      },
      onOver: (item) => this.#release(item),
      onUnacked: (item) => {
        // Its bytes wait for its acks; the window of the shard does not, so that a handler can gather what it acks together.
        this.#stuck.progress();
        this.#openWindow(item);
      },
      onLastAck: (item) => {
        this.#stuck.progress();
        this.#repay(item);
        this.#lookDrained();
      },
      onAbandon: () => this.#abandon(),
    });
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
        const { host } = message;
        const source = this.#sources.get(host);
        if (source === undefined) {
          // It ended before this receiver was connected to it: nothing of it can have come.
          this.#parts.link.post({ type: 'settled', host, rows: [] });
          break;
        }
        source.gone = true;
        this.#settle(source);
        break;
      }
      case 'yield': {
        const inbox = this.#inbox(message.shard);
        for (const item of inbox.yield(message.epoch)) this.#release(item);
        this.#lookYielded(message.shard, inbox);
        break;
      }
      case 'flush':
        if (!this.#work.isPulled) this.#ackHandled();
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
    if (message.epoch <= (this.#over.get(message.shard) ?? 0)) {
      if (message.type === 'batch') {
        this.#release({ type: 'batch', epoch: message.epoch, source, message });
      }
      return;
    }
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
    if (row.reason === 'shard-end' && !inbox.busy) {
      this.#inboxes.delete(row.shard);
      this.#over.set(row.shard, row.epoch);
    }
    this.#pump(row.shard, inbox);
    this.#lookDrained();
  }

  #pump(shard: ShardIndex, inbox: ShardInbox): void {
    if (inbox.busy || inbox.next() === null) return;
    inbox.busy = true;
    this.#workOff(inbox)
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

  async #workOff(inbox: ShardInbox): Promise<void> {
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
      if (item.type === 'batch') await this.#work.batch(inbox, item, next);
      else if (item.reason === 'shard-end' && inbox.handledUpTo(row.token) !== SHARD_END)
        await this.#work.end(inbox, next);
    }
  }

  #abandon(): void {
    this.#abandoned = true;
    for (const inbox of this.#inboxes.values()) {
      inbox.abort();
      inbox.giveUpUnacked();
      this.#repayGivenUp(inbox);
    }
    this.#lookDrained();
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
