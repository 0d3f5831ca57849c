// Batches and records as a handler sees them: every field is taken out of the packed columns on first use.

import type { Processor } from '../codec/processor.ts';
import { OUT_OF_SHARD_RANGE, undecodableReason } from '../codec/record-marks.ts';
import { ShardpoolError } from '../model/errors.ts';
import type { Batch, StreamRecord } from '../model/record.ts';
import { type Position, sequencePosition } from '../model/position.ts';
import type { BatchMessage } from '../protocol.ts';
import { BatchBuilder, PackedColumns } from './packed-batch.ts';

/** What all records of one batch share. */
export interface BatchOrigin {
  readonly stream: string;
  readonly shardId: string;
  readonly token: number;
  readonly processor: RecordDecoder;
}

/** What is not given is not used. */
export type RecordDecoder = Pick<Processor, 'deserialize'> &
  Partial<Pick<Processor, 'deserializeText' | 'undecodable'>>;

/** Acks these records of the received batch, by index; null for all of it. False when it came too late. */
export type AckRecords = (indexes: readonly number[] | null) => boolean;

/** One received batch, whole: what the batches made of it share. */
interface Received {
  /** Of this batch alone: by it records know the batch that they are of. */
  readonly origin: BatchOrigin;
  readonly columns: PackedColumns;
  /** Kept, so that a retry or a second loop over the batch does not decode again. */
  readonly records: (PackedRecord | undefined)[];
  /** Null where the batch is acked as a whole, by the call that returns. */
  readonly ack: AckRecords | null;
}

/** The records of a received batch that are left to do, in order. */
interface Rest {
  readonly received: Received;
  readonly indexes: readonly number[];
}

const UNDECODED = Symbol('not decoded yet');

export class RecordBatch implements Batch {
  readonly lagMs: number | null;
  readonly #message: BatchMessage;
  readonly #received: Received;
  /** Null: all of it. */
  readonly #part: readonly number[] | null;

  constructor(
    message: BatchMessage,
    origin: BatchOrigin,
    ack: AckRecords | null = null,
    rest: Rest | null = null,
  ) {
    this.lagMs = message.lagMs;
    this.#message = message;
    this.#received = rest?.received ?? {
      origin: { ...origin },
      columns: new PackedColumns(message),
      records: [],
      ack,
    };
    this.#part = rest?.indexes ?? null;
  }

  /** The same batch with these records only, by their index in the received batch. */
  only(indexes: readonly number[]): RecordBatch {
    const received = this.#received;
    return new RecordBatch(this.#message, received.origin, received.ack, { received, indexes });
  }

  get length(): number {
    return this.#part?.length ?? this.#received.columns.length;
  }

  get shardId(): string {
    return this.#received.origin.shardId;
  }

  get stream(): string {
    return this.#received.origin.stream;
  }

  get token(): number {
    return this.#received.origin.token;
  }

  get bytes(): number {
    const { payloadBytes } = this.#received.columns;
    return this.#part === null
      ? payloadBytes
      : this.toArray().reduce((sum, { data }) => sum + data.length, 0);
  }

  at(index: number): StreamRecord | undefined {
    const i = index < 0 ? this.length + index : index;
    if (!Number.isInteger(i) || i < 0 || i >= this.length) return undefined;
    const place = this.#part === null ? i : this.#part[i]!;
    const { records, columns, origin } = this.#received;
    return (records[place] ??= new PackedRecord(columns, place, origin, place));
  }

  ack(...which: readonly [] | readonly [record: StreamRecord]): boolean {
    const { ack } = this.#received;
    if (ack === null) {
      throw new ShardpoolError('ERR_INVALID_STATE', "`batch.ack` needs the option `ack: 'manual'`");
    }
    // Not `ack(undefined)`: whoever looked for a record and found none must not ack all of them.
    if (which.length === 0) return ack(this.#part);
    const index = this.indexOf(which[0]);
    if (index === null) {
      throw new ShardpoolError(
        'ERR_INVALID_HANDLER',
        `Expected a record of this batch in \`batch.ack(record)\`, got \`${nameOf(which[0])}\``,
      );
    }
    return ack([index]);
  }

  /** Of a record of the received batch or a copy of one; null for anything else. */
  indexOf(record: unknown): number | null {
    return PackedRecord.indexIn(this.#received.origin, record);
  }

  /** The indexes of its records in the received batch. */
  indexes(): readonly number[] {
    return this.#part ?? Array.from({ length: this.#received.columns.length }, (_, index) => index);
  }

  toArray(): StreamRecord[] {
    return [...this];
  }

  /** Where a reader stands once everything up to and including record `index` of the received batch is done. */
  positionAt(index: number): Position {
    const { columns } = this.#received;
    return sequencePosition(columns.sequenceNumber(index), columns.subSequenceNumber(index));
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
  /** In the received batch, also of a copy. */
  readonly #index: number;
  #value: unknown = UNDECODED;
  #data: Buffer | null = null;

  constructor(columns: PackedColumns, i: number, origin: BatchOrigin, index: number) {
    this.#columns = columns;
    this.#i = i;
    this.#origin = origin;
    this.#index = index;
  }

  /** Null for a record of another batch, and for what is no record. */
  static indexIn(origin: BatchOrigin, record: unknown): number | null {
    const isOne = typeof record === 'object' && record !== null && #origin in record;
    return isOne && record.#origin === origin ? record.#index : null;
  }

  get value(): unknown {
    if (this.#value === UNDECODED) this.#value = this.#decode();
    return this.#value;
  }

  #decode(): unknown {
    const { processor } = this.#origin;
    const reason = undecodableReason(this.#columns.marks(this.#i));
    if (reason !== null && processor.undecodable !== undefined) {
      throw processor.undecodable(reason, this.data, this);
    }
    if (processor.deserializeText && this.#data === null) {
      // Not where the user has the bytes already, and may have changed them.
      const text = this.#columns.asciiText(this.#i);
      if (text !== null) return processor.deserializeText(text);
    }
    return processor.deserialize(this.data);
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

  get outOfShardRange(): boolean {
    return (this.#columns.marks(this.#i) & OUT_OF_SHARD_RANGE) !== 0;
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
      this.#columns.marks(this.#i),
    );
    return new PackedRecord(new PackedColumns(builder.seal(0, 0, 0, null)), 0, this.#origin, this.#index);
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

/** For messages about what was taken for a record. */
function nameOf(value: unknown): string {
  const isRecord = typeof value === 'object' && value !== null && 'id' in value;
  return isRecord && typeof value.id === 'string' ? `the record ${value.id}` : String(value);
}

/** A part cut out of a long string keeps all of that in memory; this one does not. */
function ownText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
