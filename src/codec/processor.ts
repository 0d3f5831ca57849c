// A processor: how the records of Kinesis become user records, and how their bytes become values.

import type { ShardpoolError } from '../model/errors.ts';
import type { AggregatorName, CompressionName, SerializerName } from './processor-options.ts';
import type { UndecodableReason } from './record-marks.ts';

/** Receives the user records of one Kinesis record, in order. */
export interface SplitSink {
  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    subSequenceNumber: number,
    aggregated: boolean,
    /** See record-marks.ts. Default: 0, nothing special. */
    marks?: number,
  ): void;
}

export interface Processor {
  readonly name: string;
  /** User records may have keys of their own, apart from that of their Kinesis record: KPL. */
  readonly hasInnerKeys: boolean;
  /**
   * Runs in the fetch thread: one Kinesis record into its user records. Never throws for bad bytes; throws
   * ERR_INVALID_PROCESSOR where a module breaks its contract.
   */
  split(data: Uint8Array, partitionKey: string, sink: SplitSink, sequenceNumber: string): void;
  /** Runs where the handler runs, on first use of `value`. Throws ERR_UNDECODABLE for bytes that do not fit. */
  deserialize(data: Uint8Array): unknown;
  /** The same for ASCII bytes that were made a text already; null where a text is of no use. */
  readonly deserializeText: ((text: string) => unknown) | null;
  /** The error of a record that its fetch thread flagged; has the cause where doing it again shows one. */
  undecodable(reason: UndecodableReason, data: Uint8Array, info: TransformInfo): ShardpoolError;
}

/** The user records of one Kinesis record, or of what was inflated from it; in the fetch thread. */
export type Frames = (data: Uint8Array, partitionKey: string, sink: SplitSink, maxRecords: number) => void;

/** What a `transform` is told about its record. */
export interface TransformInfo {
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
}

/** Receives what the `split` of a module finds, in order. */
export interface UserRecordSink {
  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey?: string | null,
    /** Ignored: records are counted as they come. */
    index?: number,
    /** Default: true. */
    aggregated?: boolean,
  ): void;
}

/** What a processor module makes. `T` is the type of `record.value`. */
export interface UserProcessor<T = unknown> {
  /** For messages. Default: the URL of the module. */
  readonly name?: string;
  /** In the thread of the handler, on first use of `record.value`. Not needed with `serializer`. */
  deserialize?(data: Uint8Array): T;
  /** A built-in instead of `deserialize`. */
  readonly serializer?: SerializerName;
  /** In the fetch thread: one Kinesis record into its user records, the same ones for the same bytes. */
  split?(data: Uint8Array, partitionKey: string, sink: UserRecordSink): void;
  /** A built-in instead of `split`. Default: `'plain'`, one user record of each Kinesis record. */
  readonly aggregator?: AggregatorName;
  /** In the fetch thread, synchronous: the bytes of one user record into those that `record.data` is to have. */
  transform?(data: Uint8Array, info: TransformInfo): Uint8Array;
  readonly compression?: CompressionName;
  readonly maxInflatedBytes?: number;
  readonly maxRecordsPerAggregate?: number;
  /** For producers; a consumer has no use for it. */
  serialize?(value: T): Uint8Array;
}
