// What of one lease of one shard is done, record by record, and the position below which everything is.
//
// Batches are opened in the order of the shard. Acks come in any order; the watermark is the last record of the longest
// run from the front of which every record is acked. An ack costs the same however much is outstanding.

import type { Position } from '../model/position.ts';

/** The acks of one batch, by the index of the record in it. */
export interface TrackedBatch {
  readonly length: number;
  /** Records that are not acked yet. */
  readonly pending: number;
  isAcked(index: number): boolean;
  ack(index: number): void;
  /** Every record up to and including this one. */
  ackTo(index: number): void;
  ackAll(): void;
}

export class AckTracker {
  /** The batches that are not done, and those behind them, in order. */
  #first: BatchAcks | null = null;
  #last: BatchAcks | null = null;
  /** What of the first batch the watermark has covered already. */
  #covered = 0;

  /** The next batch of the shard. `positionAt` is asked while the batch is in front and only partly done; `last` ends it. */
  open(length: number, last: Position, positionAt: (index: number) => Position): TrackedBatch {
    const batch = new BatchAcks(length, last, positionAt);
    if (this.#last === null) this.#first = batch;
    else this.#last.behind = batch;
    this.#last = batch;
    return batch;
  }

  /** The watermark, when it has moved since it was last taken. */
  takeWatermark(): Position | null {
    let watermark: Position | null = null;
    while (this.#first?.pending === 0) {
      watermark = this.#first.last;
      this.#first = this.#first.behind;
      this.#covered = 0;
    }
    if (this.#first === null) {
      this.#last = null;
    } else if (this.#first.front > this.#covered) {
      this.#covered = this.#first.front;
      watermark = this.#first.frontPosition();
    }
    return watermark;
  }
}

class BatchAcks implements TrackedBatch {
  readonly length: number;
  readonly last: Position;
  /** All records before this index are acked. */
  front = 0;
  behind: BatchAcks | null = null;
  /** Acked records behind the front. */
  readonly #beyond = new Set<number>();
  #positionAt: ((index: number) => Position) | null;

  constructor(length: number, last: Position, positionAt: (index: number) => Position) {
    this.length = length;
    this.last = last;
    this.#positionAt = positionAt;
  }

  get pending(): number {
    return this.length - this.front - this.#beyond.size;
  }

  isAcked(index: number): boolean {
    return index < this.front || this.#beyond.has(index);
  }

  ack(index: number): void {
    if (index < this.front) return;
    if (index === this.front) this.#advanceTo(index + 1);
    else this.#beyond.add(index);
    this.#forget();
  }

  ackTo(index: number): void {
    this.#advanceTo(index + 1);
    this.#forget();
  }

  ackAll(): void {
    this.ackTo(this.length - 1);
  }

  /** Only of a batch that is partly done. */
  frontPosition(): Position {
    return this.#positionAt!(this.front - 1);
  }

  #advanceTo(front: number): void {
    if (this.#beyond.size === 0) {
      this.front = Math.max(this.front, front);
      return;
    }
    while (this.front < front || this.#beyond.has(this.front)) {
      this.#beyond.delete(this.front);
      this.front += 1;
    }
  }

  /** A batch that is done may wait long for one before it: it must not keep its records in memory for that. */
  #forget(): void {
    if (this.pending > 0) return;
    this.front = this.length;
    this.#beyond.clear();
    this.#positionAt = null;
  }
}
