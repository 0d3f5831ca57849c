// A processor: how the records of Kinesis become user records, and how their bytes become values.

/** Receives the user records of one Kinesis record, in order. */
export interface UserRecordSink {
  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    subSequenceNumber: number,
    aggregated: boolean,
  ): void;
}

export interface Processor {
  readonly name: string;
  /** Runs in the fetch thread: one Kinesis record into its user records. Never throws for bad bytes. */
  split(data: Uint8Array, partitionKey: string, sink: UserRecordSink): void;
  /** Runs where the handler runs, on first use of `value`. Throws for bytes that do not fit. */
  deserialize(data: Uint8Array): unknown;
}
