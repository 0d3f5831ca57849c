// The packed but unsent records of one shard: full batches and one open one, and what they hold of the byte budget.

import { budgetUnits } from '../platform/byte-budget.ts';
import type { BatchMessage, BatchShape, ShardIndex } from '../protocol.ts';
import { BatchBuilder, PackedColumns } from './packed-batch.ts';

export interface Held {
  readonly units: number;
  readonly records: number;
}

/** What the open batch may hold beside its own bytes; copying it costs less than that is worth only beyond. */
const PINNED_BYTES = 64 * 1024;

export class PendingBatches {
  readonly #shard: ShardIndex;
  readonly #epoch: number;
  readonly #shape: Pick<BatchShape, 'maxRecords' | 'maxBytes'>;
  #open = new BatchBuilder();
  #full: BatchMessage[] = [];
  /** As last reported by `takeAdded`, less what was taken since. */
  #accounted: Held = { units: 0, records: 0 };
  #lagMs: number | null = null;
  /** What the records of the open batch are views into, and how large all of that is: whole pages, of which it holds a part. */
  #source: ArrayBufferLike | null = null;
  #sourceBytes = 0;

  constructor(shard: ShardIndex, epoch: number, shape: Pick<BatchShape, 'maxRecords' | 'maxBytes'>) {
    this.#shard = shard;
    this.#epoch = epoch;
    this.#shape = shape;
  }

  /** Lag of the page that the next records come from. */
  set lagMs(lagMs: number) {
    this.#lagMs = lagMs;
  }

  get isEmpty(): boolean {
    return this.#full.length === 0 && this.#open.length === 0;
  }

  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  get hasOpen(): boolean {
    return this.#open.length > 0;
  }

  get isOpenFull(): boolean {
    return this.#open.length >= this.#shape.maxRecords || this.#open.payloadBytes >= this.#shape.maxBytes;
  }

  get isOpenHalfFull(): boolean {
    return (
      this.#open.length * 2 >= this.#shape.maxRecords || this.#open.payloadBytes * 2 >= this.#shape.maxBytes
    );
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
    const { maxRecords, maxBytes } = this.#shape;
    const open = this.#open;
    // A single record larger than maxBytes makes a batch of its own: records are never split.
    const full =
      open.length >= maxRecords || (open.length > 0 && open.payloadBytes + data.byteLength > maxBytes);
    if (full) this.#full.push(this.#seal());
    if (data.buffer !== this.#source) {
      this.#source = data.buffer;
      this.#sourceBytes += data.buffer.byteLength;
    }
    this.#open.add(
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

  /** What was added since the last call, for the budget. Not between `add` and the end of its page. */
  takeAdded(): Held {
    const now = this.#held();
    const added = {
      units: now.units - this.#accounted.units,
      records: now.records - this.#accounted.records,
    };
    this.#accounted = now;
    return added;
  }

  takeFull(): BatchMessage | null {
    return this.#taken(this.#full.shift() ?? null);
  }

  takeOpen(): BatchMessage | null {
    return this.#taken(this.#open.length === 0 ? null : this.#seal());
  }

  /** Lets go of the pages that the open batch is a part of: they are not counted, and it may have to wait for long. */
  compact(): void {
    const { payloadBytes, length } = this.#open;
    if (length === 0 || this.#sourceBytes <= 2 * payloadBytes + PINNED_BYTES) return;
    const columns = new PackedColumns(this.#seal());
    for (let i = 0; i < length; i += 1) {
      this.add(
        columns.data(i),
        columns.partitionKey(i),
        columns.explicitHashKey(i),
        columns.sequenceNumber(i),
        columns.subSequenceNumber(i),
        columns.arrivalMs(i),
        columns.aggregated(i),
        columns.marks(i),
      );
    }
  }

  /** Drops everything; returns what it held of the budget. */
  clear(): Held {
    const held = this.#accounted;
    this.#full = [];
    this.#renew();
    this.#accounted = { units: 0, records: 0 };
    return held;
  }

  #seal(): BatchMessage {
    const sealed = this.#open.seal(this.#shard, this.#epoch, budgetUnits(this.#open.costBytes), this.#lagMs);
    this.#renew();
    return sealed;
  }

  #renew(): void {
    this.#open = new BatchBuilder();
    this.#source = null;
    this.#sourceBytes = 0;
  }

  #taken(message: BatchMessage | null): BatchMessage | null {
    if (message !== null) {
      const { units, records } = this.#accounted;
      this.#accounted = { units: units - message.units, records: records - message.n };
    }
    return message;
  }

  #held(): Held {
    let units = budgetUnits(this.#open.costBytes);
    let records = this.#open.length;
    for (const message of this.#full) {
      units += message.units;
      records += message.n;
    }
    return { units, records };
  }
}
