// The fetch side of the data port: user records of a shard become packed batches, within the window and the budget.
//
// At most one batch per shard is open and grows; full ones are sent while the receiver holds fewer than a window of
// them. While the window is shut the open batch goes on growing to its full size, which is how small pages become large
// batches for a slow handler.

import type { BudgetTaker } from '../platform/byte-budget.ts';
import { budgetUnits } from '../platform/byte-budget.ts';
import type { Fence } from '../platform/fence.ts';
import type { Port } from '../platform/port.ts';
import type { Timer, Timers } from '../platform/timers.ts';
import type { EndReason } from '../model/shard.ts';
import type {
  BatchMessage,
  BatchShape,
  FetcherToReceiver,
  ReceiverToFetcher,
  ShardIndex,
} from '../protocol.ts';
import { BatchBuilder } from './packed-batch.ts';

/** How many batches of one shard may be unhandled at its receiver: a hung handler cannot take the whole budget. */
export const WINDOW_BATCHES = 4;
const FENCE_RETRY_MS = 50;

export interface OutboxParts {
  readonly ports: readonly Port<FetcherToReceiver, ReceiverToFetcher>[];
  readonly budget: BudgetTaker;
  readonly fence: Pick<Fence, 'isValid'>;
  readonly shape: BatchShape;
  readonly timers: Timers;
  /** The receiver released something: whoever waits for the budget may try again. */
  readonly onRoom: () => void;
}

/** Where one reader puts what it read. */
export interface ShardOutbox {
  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    sequenceNumber: string,
    subSequenceNumber: number,
    arrivalTime: number,
    aggregated: boolean,
  ): void;
  beginPage(lagMs: number): void;
  /** The page is complete: settles what was reserved for it and sends what is due. */
  endPage(reservedUnits: number): void;
  /** True while another page may be fetched. */
  hasRoom(): boolean;
  /** Resolves when `hasRoom` is true or the outbox was closed. */
  whenRoom(): Promise<void>;
  /** Sends the rest, then the end marker behind it. */
  finish(reason: EndReason): void;
  /** Drops what was not sent and sends the end marker; it will be fetched again by whoever reads the shard next. */
  close(reason: EndReason): void;
}

export interface Outbox {
  open(shard: ShardIndex, epoch: number, generation: number, receiver: number): ShardOutbox;
}

interface Entry {
  readonly outbox: PackingOutbox;
  readonly epoch: number;
}

export function createOutbox(parts: OutboxParts): Outbox {
  const entries = new Map<ShardIndex, Entry>();
  for (const port of parts.ports) {
    port.onMessage((message) => {
      if (message.type === 'acks') {
        for (const [shard, epoch, n] of message.rows) {
          const entry = entries.get(shard);
          if (entry?.epoch === epoch) entry.outbox.acked(n);
        }
      }
      parts.onRoom();
    });
  }
  return {
    open(shard, epoch, generation, receiver) {
      const isValid = () => parts.fence.isValid(generation);
      const outbox = new PackingOutbox(shard, epoch, isValid, parts.ports[receiver]!, parts, () => {
        if (entries.get(shard)?.outbox === outbox) entries.delete(shard);
      });
      entries.set(shard, { outbox, epoch });
      return outbox;
    },
  };
}

class PackingOutbox implements ShardOutbox {
  readonly #shard: ShardIndex;
  readonly #epoch: number;
  readonly #isValid: () => boolean;
  readonly #port: Port<FetcherToReceiver, ReceiverToFetcher>;
  readonly #parts: OutboxParts;
  readonly #onGone: () => void;
  #open = new BatchBuilder();
  /** Units of sealed but unsent batches and of the open one, as taken of the budget. */
  #openUnits = 0;
  #openRecords = 0;
  readonly #sealed: BatchMessage[] = [];
  #inWindow = 0;
  #lagMs: number | null = null;
  #finishing: EndReason | null = null;
  #closed = false;
  #waiters: (() => void)[] = [];
  #waitTimer: Timer | null = null;
  #fenceTimer: Timer | null = null;
  #pageUnits = 0;
  #pageRecords = 0;
  /** The open batch has waited `maxWaitMs`. */
  #waited = false;

  constructor(
    shard: ShardIndex,
    epoch: number,
    isValid: () => boolean,
    port: Port<FetcherToReceiver, ReceiverToFetcher>,
    parts: OutboxParts,
    onGone: () => void,
  ) {
    this.#shard = shard;
    this.#epoch = epoch;
    this.#isValid = isValid;
    this.#port = port;
    this.#parts = parts;
    this.#onGone = onGone;
  }

  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    sequenceNumber: string,
    subSequenceNumber: number,
    arrivalTime: number,
    aggregated: boolean,
  ): void {
    if (this.#closed) return;
    const { shape } = this.#parts;
    // A single record larger than maxBytes makes a batch of its own: records are never split.
    const full =
      this.#open.length >= shape.maxRecords ||
      (this.#open.length > 0 && this.#open.payloadBytes + data.byteLength > shape.maxBytes);
    if (full) this.#seal();
    this.#open.add(
      data,
      partitionKey,
      explicitHashKey,
      sequenceNumber,
      subSequenceNumber,
      arrivalTime,
      aggregated,
    );
  }

  beginPage(lagMs: number): void {
    this.#lagMs = lagMs;
  }

  endPage(reservedUnits: number): void {
    if (this.#closed) {
      this.#parts.budget.settle(reservedUnits, 0, 0);
      return;
    }
    const units = budgetUnits(this.#open.costBytes);
    const records = this.#open.length;
    const addedUnits = this.#pageUnits + units - this.#openUnits;
    const addedRecords = this.#pageRecords + records - this.#openRecords;
    this.#parts.budget.settle(reservedUnits, addedUnits, addedRecords);
    this.#openUnits = units;
    this.#openRecords = records;
    this.#pageUnits = 0;
    this.#pageRecords = 0;
    this.#send();
    this.#armWait();
  }

  hasRoom(): boolean {
    return this.#closed || (this.#sealed.length === 0 && !this.#openIsFull() && !this.#mustWait());
  }

  whenRoom(): Promise<void> {
    if (this.hasRoom()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  acked(n: number): void {
    this.#inWindow -= n;
    this.#send();
  }

  finish(reason: EndReason): void {
    if (this.#closed) return;
    this.#finishing = reason;
    this.#send();
  }

  close(reason: EndReason): void {
    if (this.#closed) return;
    this.#closed = true;
    let units = this.#openUnits;
    let records = this.#openRecords;
    for (const message of this.#sealed) {
      units += message.units;
      records += message.n;
    }
    this.#parts.budget.giveBack(units, records);
    this.#sealed.length = 0;
    this.#end(reason);
  }

  #openIsFull(): boolean {
    const { shape } = this.#parts;
    return this.#open.length >= shape.maxRecords || this.#open.payloadBytes >= shape.maxBytes;
  }

  /** The window is shut and half a batch waits already: more would only be held here. */
  #mustWait(): boolean {
    return this.#inWindow >= WINDOW_BATCHES && this.#open.payloadBytes * 2 >= this.#parts.shape.maxBytes;
  }

  #seal(): void {
    const units = budgetUnits(this.#open.costBytes);
    const message = this.#open.seal(this.#shard, this.#epoch, units, this.#lagMs);
    this.#pageUnits += units;
    this.#pageRecords += message.n;
    this.#sealed.push(message);
    this.#open = new BatchBuilder();
  }

  #send(): void {
    if (this.#closed) return;
    if (!this.#isValid()) {
      // Neither lost nor sent: the coordinator either proves the lease again or revokes this reader.
      this.#fenceTimer ??= this.#parts.timers.setTimeout(() => {
        this.#fenceTimer = null;
        this.#send();
      }, FENCE_RETRY_MS);
      return;
    }
    while (this.#inWindow < WINDOW_BATCHES) {
      const next = this.#sealed.shift() ?? this.#takeOpen();
      if (next === null) break;
      this.#inWindow += 1;
      this.#port.post(next, [next.ab]);
    }
    if (this.#finishing !== null && this.#sealed.length === 0 && this.#open.length === 0) {
      this.#closed = true;
      this.#end(this.#finishing);
      return;
    }
    if (this.hasRoom()) this.#wake();
  }

  /** The open batch, when it is due: full, waited long enough, or the last one. */
  #takeOpen(): BatchMessage | null {
    if (this.#open.length === 0) return null;
    const due =
      this.#parts.shape.maxWaitMs === 0 || this.#openIsFull() || this.#finishing !== null || this.#waited;
    if (!due) return null;
    this.#waited = false;
    const units = this.#openUnits;
    const message = this.#open.seal(this.#shard, this.#epoch, units, this.#lagMs);
    this.#open = new BatchBuilder();
    this.#openUnits = 0;
    this.#openRecords = 0;
    return message;
  }

  #armWait(): void {
    const { shape, timers } = this.#parts;
    if (shape.maxWaitMs === 0 || this.#open.length === 0 || this.#waitTimer !== null) return;
    this.#waitTimer = timers.setTimeout(() => {
      this.#waitTimer = null;
      this.#waited = true;
      this.#send();
    }, shape.maxWaitMs);
  }

  #end(reason: EndReason): void {
    if (this.#waitTimer !== null) this.#parts.timers.clearTimeout(this.#waitTimer);
    if (this.#fenceTimer !== null) this.#parts.timers.clearTimeout(this.#fenceTimer);
    this.#port.post({ type: 'end', shard: this.#shard, epoch: this.#epoch, reason });
    this.#onGone();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
