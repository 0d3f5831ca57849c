// What of one lease of one shard is handed out and not done: the batches whose handler call has returned before all of
// their records were acked, and the position below which everything is done.

import { type Position, SHARD_END } from '../model/position.ts';
import type { BatchMessage } from '../protocol.ts';
import { AckTracker, type TrackedBatch } from './ack-tracker.ts';
import type { FetchSource } from './fetch-source.ts';

/** A batch as it was received, and from whom. */
export interface BatchItem {
  readonly type: 'batch';
  readonly epoch: number;
  readonly source: FetchSource;
  readonly message: BatchMessage;
}

export class LeaseAcks {
  readonly #tracker = new AckTracker();
  /** Batches whose call has returned and whose bytes are held until their last ack, with what acks all of them. */
  readonly #waiting = new Map<BatchItem, () => void>();
  #phase: 'open' | 'given-back' | 'closed' = 'open';

  /** The next batch of the shard; its acks count from now on. */
  open({ message: { n, last } }: BatchItem, positionAt: (index: number) => Position): TrackedBatch {
    return this.#tracker.open(n, last, positionAt);
  }

  /** The end of the shard is done, behind all batches. */
  end(): void {
    this.#tracker.open(1, SHARD_END, () => SHARD_END).ackAll();
  }

  takeWatermark(): Position | null {
    return this.#tracker.takeWatermark();
  }

  /** The call with this batch has returned, and some of its acks are still to come. */
  wait(item: BatchItem, ackAll: () => void): void {
    this.#waiting.set(item, ackAll);
  }

  /** True when the batch waited and does so no longer: once at the most. */
  stopWaiting(item: BatchItem): boolean {
    return this.#waiting.delete(item);
  }

  /** Acks everything whose call has returned. */
  ackWaiting(): void {
    for (const ackAll of this.#waiting.values()) ackAll();
  }

  /** No batch waits for acks. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** A batch was given back undone: the watermark cannot pass it, so nothing behind it is handed out. */
  giveBack(): void {
    if (this.#phase === 'open') this.#phase = 'given-back';
  }

  get isGivenBack(): boolean {
    return this.#phase === 'given-back';
  }

  /** From now on every ack comes too late. Returns what waited for one. */
  close(): BatchItem[] {
    this.#phase = 'closed';
    const items = [...this.#waiting.keys()];
    this.#waiting.clear();
    return items;
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }
}
