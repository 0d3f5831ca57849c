// A processor: how the records of Kinesis become user records, and how their bytes become values.

/** A processor as an option names it; plain data, so that it survives the way into a thread. */
export type ProcessorSpec =
  | { readonly name: ProcessorName; readonly options: Readonly<Record<string, unknown>> }
  | { readonly module: string; readonly options: Readonly<Record<string, unknown>> };

export const PROCESSORS = ['json', 'string', 'bytes', 'kpl-json', 'auto'] as const;
export type ProcessorName = (typeof PROCESSORS)[number];

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
