// What a handler sees: user records and batches of them.

/** One user record, after deaggregation. Fields are decoded on first use; `data` is a view into its batch. */
export interface StreamRecord<T = unknown> {
  /** Decoded by the processor on first use and kept. Throws ERR_UNDECODABLE where the bytes do not fit. */
  readonly value: T;
  /** The bytes as they were put, or what inflation or a `transform` made of them. Keeps the whole batch in memory while referenced: use `copy()` to hold on to it. */
  readonly data: Buffer;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
  readonly sequenceNumber: string;
  /** Index inside its aggregate; 0 for a plain record. */
  readonly subSequenceNumber: number;
  /** When Kinesis took the record. */
  readonly arrivalTime: Date;
  readonly shardId: string;
  readonly stream: string;
  /** Stable over replays: `shardId:sequenceNumber:subSequenceNumber`. */
  readonly id: string;
  /** The fencing token of the lease under which the record was read; it grows with every change of owner. */
  readonly token: number;
  /** True when the record was part of an aggregate. */
  readonly aggregated: boolean;
  /**
   * True when the record is part of a KPL aggregate and its own hash key lies outside of its shard: its producer did not know of a
   * reshard. Amazon's library drops such aggregates.
   */
  readonly outOfShardRange: boolean;
  /** A record of its own memory, safe to keep. */
  copy(): StreamRecord<T>;
}

/** What one call of the handler gets: records of one shard, in order. */
export interface Batch<T = unknown> extends Iterable<StreamRecord<T>> {
  readonly length: number;
  readonly shardId: string;
  readonly stream: string;
  readonly token: number;
  /** Payload bytes of all records. */
  readonly bytes: number;
  /** MillisBehindLatest of the page that the last record came from, in ms; null when unknown. */
  readonly lagMs: number | null;
  at(index: number): StreamRecord<T> | undefined;
  /** All records as an array. */
  toArray(): StreamRecord<T>[];
  /**
   * With `ack: 'manual'`: this record, or without an argument all of them, is done. At any time, in any order, as often as
   * one likes; a copy counts as the record. False: it came too late, because the lease was lost or a stop has given the batch
   * back, and the record will be read again. Throws ERR_INVALID_HANDLER for a record of another batch, and ERR_INVALID_STATE
   * with `ack: 'auto'`.
   */
  ack(...record: readonly [] | readonly [StreamRecord<T>]): boolean;
}
