// The fetch side of the data port: user records of a shard become packed batches, within the window and the budget.
//
// At most one batch per shard is open and grows; full ones are sent while the receiver holds fewer than a window of
// them. While the window is shut the open batch goes on growing to its full size, which is how small pages become large
// batches for a slow handler.

import type { BudgetTaker } from '../platform/byte-budget.ts';
import type { Fence } from '../platform/fence.ts';
import type { Port } from '../platform/port.ts';
import type { Timer, Timers } from '../platform/timers.ts';
import type { PageSink } from '../model/page-sink.ts';
import type { EndReason } from '../model/shard.ts';
import type {
  BatchMessage,
  BatchShape,
  FetcherToReceiver,
  ReceiverToFetcher,
  ShardIndex,
} from '../protocol.ts';
import { PendingBatches } from './pending-batches.ts';

/** How many batches of one shard may be unhandled at its receiver: a hung handler cannot take the whole budget. */
export const WINDOW_BATCHES = 4;
const FENCE_RETRY_MS = 50;

type DataPort = Port<FetcherToReceiver, ReceiverToFetcher>;

export interface OutboxParts {
  readonly budget: BudgetTaker;
  readonly fence: Pick<Fence, 'isValid'>;
  readonly shape: BatchShape;
  readonly timers: Timers;
  /** The receiver released something: whoever waits for the budget may try again. */
  readonly onRoom: () => void;
}

export interface Outbox {
  /** The way to a receiver: one at the start, or one that follows a receiver that died. */
  connect(receiver: number, port: DataPort): void;
  disconnect(receiver: number): void;
  /** Closes every port. */
  close(): void;
  /** Throws when there is no way to the receiver. */
  open(shard: ShardIndex, epoch: number, generation: number, receiver: number): PageSink;
}

interface Entry {
  readonly outbox: PackingOutbox;
  readonly epoch: number;
}

export function createOutbox(parts: OutboxParts): Outbox {
  const entries = new Map<ShardIndex, Entry>();
  const ports = new Map<number, DataPort>();
  return {
    connect(receiver, port) {
      ports.set(receiver, port);
      port.onMessage((message) => {
        if (message.type === 'acks') {
          for (const [shard, epoch, n] of message.rows) {
            const entry = entries.get(shard);
            if (entry?.epoch === epoch) entry.outbox.acked(n);
          }
        }
        parts.onRoom();
      });
    },
    disconnect(receiver) {
      ports.get(receiver)?.close();
      ports.delete(receiver);
    },
    close() {
      for (const port of ports.values()) port.close();
    },
    open(shard, epoch, generation, receiver) {
      const port = ports.get(receiver);
      if (port === undefined) throw new Error(`This thread has no port to receiver ${receiver}`);
      const way: Way = {
        isValid: () => parts.fence.isValid(generation),
        send(batch) {
          // The receiver is dead, and the word that revokes this reader is on its way.
          if (ports.get(receiver) !== port) {
            parts.budget.giveBack(batch.units, batch.n);
            return;
          }
          parts.budget.sent(receiver, batch.units, batch.n);
          port.post(batch, [batch.ab]);
        },
        end: (reason) => port.post({ type: 'end', shard, epoch, reason }),
      };
      const outbox = new PackingOutbox(shard, epoch, way, parts, () => {
        if (entries.get(shard)?.outbox === outbox) entries.delete(shard);
      });
      entries.set(shard, { outbox, epoch });
      return outbox;
    },
  };
}

/** From one reader to its receiver. */
interface Way {
  readonly isValid: () => boolean;
  readonly send: (batch: BatchMessage) => void;
  readonly end: (reason: EndReason) => void;
}

class PackingOutbox implements PageSink {
  readonly #way: Way;
  readonly #parts: OutboxParts;
  readonly #onGone: () => void;
  readonly #pending: PendingBatches;
  /** Sent and not yet released by the receiver. */
  #inWindow = 0;
  /** `finish` leads from sending to finishing to closed, `close` to closed at once. */
  #phase:
    | { readonly name: 'sending' | 'closed' }
    | { readonly name: 'finishing'; readonly reason: EndReason } = {
    name: 'sending',
  };
  /** The open batch has waited `maxWaitMs`. */
  #waited = false;
  #waiters: (() => void)[] = [];
  #waitTimer: Timer | null = null;
  #fenceTimer: Timer | null = null;

  constructor(shard: ShardIndex, epoch: number, way: Way, parts: OutboxParts, onGone: () => void) {
    this.#way = way;
    this.#parts = parts;
    this.#onGone = onGone;
    this.#pending = new PendingBatches(shard, epoch, parts.shape);
  }

  beginPage(lagMs: number): void {
    this.#pending.lagMs = lagMs;
  }

  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    sequenceNumber: string,
    subSequenceNumber: number,
    arrivalTime: number,
    aggregated: boolean,
    marks = 0,
  ): void {
    if (this.#phase.name === 'closed') return;
    this.#pending.add(
      data,
      partitionKey,
      explicitHashKey,
      sequenceNumber,
      subSequenceNumber,
      arrivalTime,
      aggregated,
      marks,
    );
  }

  endPage(reservedUnits: number): number {
    const { budget } = this.#parts;
    if (this.#phase.name === 'closed') {
      budget.settle(reservedUnits, 0, 0);
      return 0;
    }
    const added = this.#pending.takeAdded();
    budget.settle(reservedUnits, added.units, added.records);
    this.#armWait();
    this.#send();
    this.#pending.compact();
    return added.units;
  }

  flush(): void {
    if (this.#phase.name === 'closed' || !this.#way.isValid()) return;
    for (;;) {
      const next = this.#pending.takeFull() ?? this.#pending.takeOpen();
      if (next === null) break;
      this.#post(next);
    }
    this.#waited = false;
  }

  hasRoom(): boolean {
    if (this.#phase.name === 'closed') return true;
    if (this.#pending.hasFull || this.#pending.isOpenFull) return false;
    // With the window shut, more than half a batch would only be held here.
    return this.#inWindow < WINDOW_BATCHES || !this.#pending.isOpenHalfFull;
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
    if (this.#phase.name !== 'sending') return;
    this.#phase = { name: 'finishing', reason };
    this.#send();
  }

  close(reason: EndReason): void {
    if (this.#phase.name === 'closed') return;
    const { units, records } = this.#pending.clear();
    this.#parts.budget.giveBack(units, records);
    this.#end(reason);
  }

  #send(): void {
    if (this.#phase.name === 'closed') return;
    if (!this.#way.isValid()) {
      // Neither lost nor sent: the coordinator's word that revokes this reader is on its way.
      this.#fenceTimer ??= this.#parts.timers.setTimeout(() => {
        this.#fenceTimer = null;
        this.#send();
      }, FENCE_RETRY_MS);
      return;
    }
    while (this.#inWindow < WINDOW_BATCHES) {
      const next = this.#pending.takeFull() ?? this.#takeDueOpen();
      if (next === null) break;
      this.#post(next);
    }
    if (this.#phase.name === 'finishing' && this.#pending.isEmpty) this.#end(this.#phase.reason);
    else if (this.hasRoom()) this.#wake();
  }

  #post(batch: BatchMessage): void {
    this.#inWindow += 1;
    this.#way.send(batch);
  }

  /** The open batch, when it is due: full, waited for long enough, or the last one. */
  #takeDueOpen(): BatchMessage | null {
    const { maxWaitMs } = this.#parts.shape;
    const due =
      maxWaitMs === 0 || this.#waited || this.#phase.name === 'finishing' || this.#pending.isOpenFull;
    if (!due) return null;
    this.#waited = false;
    return this.#pending.takeOpen();
  }

  #armWait(): void {
    const { shape, timers } = this.#parts;
    if (shape.maxWaitMs === 0 || !this.#pending.hasOpen || this.#waitTimer !== null) return;
    this.#waitTimer = timers.setTimeout(() => {
      this.#waitTimer = null;
      this.#waited = this.#pending.hasOpen;
      this.#send();
    }, shape.maxWaitMs);
  }

  #end(reason: EndReason): void {
    this.#phase = { name: 'closed' };
    if (this.#waitTimer !== null) this.#parts.timers.clearTimeout(this.#waitTimer);
    if (this.#fenceTimer !== null) this.#parts.timers.clearTimeout(this.#fenceTimer);
    this.#way.end(reason);
    this.#onGone();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
