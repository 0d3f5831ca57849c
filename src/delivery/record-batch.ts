// Batches and records as a handler sees them: every field is taken out of the packed columns on first use.

import type { Processor } from '../codec/processor.ts';
import type { Batch, StreamRecord } from '../model/record.ts';
import { type Position, sequencePosition } from '../model/position.ts';
import type { BatchMessage } from '../protocol.ts';
import { BatchBuilder, PackedColumns } from './packed-batch.ts';

/** What all records of one batch share. */
export interface BatchOrigin {
  readonly stream: string;
  readonly shardId: string;
  readonly token: number;
  readonly processor: Pick<Processor, 'deserialize'>;
}

const UNDECODED = Symbol('not decoded yet');

export class RecordBatch implements Batch {
  readonly lagMs: number | null;
  readonly #columns: PackedColumns;
  readonly #origin: BatchOrigin;
  readonly #records: (PackedRecord | undefined)[] = [];

  constructor(message: BatchMessage, origin: BatchOrigin) {
    this.#columns = new PackedColumns(message);
    this.#origin = origin;
    this.lagMs = message.lagMs;
  }

  get length(): number {
    return this.#columns.length;
  }

  get shardId(): string {
    return this.#origin.shardId;
  }

  get stream(): string {
    return this.#origin.stream;
  }

  get token(): number {
    return this.#origin.token;
  }

  get bytes(): number {
    return this.#columns.payloadBytes;
  }

  at(index: number): StreamRecord | undefined {
    const i = index < 0 ? this.length + index : index;
    if (!Number.isInteger(i) || i < 0 || i >= this.length) return undefined;
    // Kept, so that a retry or a second loop over the batch does not decode again.
    return (this.#records[i] ??= new PackedRecord(this.#columns, i, this.#origin));
  }

  toArray(): StreamRecord[] {
    return [...this];
  }

  /** Where a reader stands once everything up to and including record `index` is done. */
  positionAt(index: number): Position {
    return sequencePosition(this.#columns.sequenceNumber(index), this.#columns.subSequenceNumber(index));
  }

  /** For console.log and the like: the fields are getters, which they do not show. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    const { shardId, stream, token, length, bytes, lagMs } = this;
    return { shardId, stream, token, length, bytes, lagMs };
  }

  // By hand: a generator costs more than the rest of the record.
  [Symbol.iterator](): Iterator<StreamRecord> {
    let i = 0;
    return {
      next: (): IteratorResult<StreamRecord> => {
        if (i >= this.length) return { done: true, value: undefined };
        const value = this.at(i)!;
        i += 1;
        return { done: false, value };
      },
    };
  }
}

class PackedRecord implements StreamRecord {
  readonly #columns: PackedColumns;
  readonly #i: number;
  readonly #origin: BatchOrigin;
  #value: unknown = UNDECODED;
  #data: Buffer | null = null;

  constructor(columns: PackedColumns, i: number, origin: BatchOrigin) {
    this.#columns = columns;
    this.#i = i;
    this.#origin = origin;
  }

  get value(): unknown {
    if (this.#value === UNDECODED) this.#value = this.#origin.processor.deserialize(this.data);
    return this.#value;
  }

  get data(): Buffer {
    return (this.#data ??= this.#columns.data(this.#i));
  }

  get partitionKey(): string {
    return this.#columns.partitionKey(this.#i);
  }

  get explicitHashKey(): string | null {
    return this.#columns.explicitHashKey(this.#i);
  }

  get sequenceNumber(): string {
    return this.#columns.sequenceNumber(this.#i);
  }

  get subSequenceNumber(): number {
    return this.#columns.subSequenceNumber(this.#i);
  }

  get arrivalTime(): Date {
    return new Date(this.#columns.arrivalMs(this.#i));
  }

  get shardId(): string {
    return this.#origin.shardId;
  }

  get stream(): string {
    return this.#origin.stream;
  }

  get id(): string {
    return `${this.shardId}:${this.sequenceNumber}:${this.subSequenceNumber}`;
  }

  get token(): number {
    return this.#origin.token;
  }

  get aggregated(): boolean {
    return this.#columns.aggregated(this.#i);
  }

  copy(): StreamRecord {
    const builder = new BatchBuilder();
    builder.add(
      this.data,
      ownText(this.partitionKey),
      this.explicitHashKey === null ? null : ownText(this.explicitHashKey),
      ownText(this.sequenceNumber),
      this.subSequenceNumber,
      this.#columns.arrivalMs(this.#i),
      this.aggregated,
    );
    return new PackedRecord(new PackedColumns(builder.seal(0, 0, 0, null)), 0, this.#origin);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON();
  }

  /** Plain data for logs and JSON; the value is not decoded for it. */
  toJSON(): Record<string, unknown> {
    const { id, partitionKey, sequenceNumber, subSequenceNumber, shardId, stream, token } = this;
    return {
      id,
      partitionKey,
      sequenceNumber,
      subSequenceNumber,
      shardId,
      stream,
      token,
      bytes: this.data.length,
    };
  }
}

/** A part cut out of a long string keeps all of that in memory; this one does not. */
function ownText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
