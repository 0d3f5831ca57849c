// What a scenario is: data only. The runner gives it meaning, so a new measurement is a new entry and no new code.

/** How records lie in the pages of the canned stream, and how many of them are read. */
export interface Variant {
  readonly name: string;
  readonly title: string;
  readonly processor: 'json' | 'string' | 'kpl-json';
  readonly shards: number;
  /** Kinesis records in one GetRecords page. */
  readonly recordsPerPage: number;
  /** Bytes of one user record. */
  readonly recordBytes: number;
  /** User records in each KPL aggregate; null for plain records. */
  readonly userRecordsPerRecord: number | null;
  /** User records to measure when `--records` is not given. */
  readonly records: number;
}

/** A way to read the stream. Every run of it is a fresh process. */
export type Side = { readonly name: string; readonly title: string } & (
  | { readonly kind: 'shardpool'; readonly handlerThreads: 0 | 1 }
  /** GetRecords of the AWS SDK, decoded by the SDK. */
  | { readonly kind: 'sdk-loop' }
  /** The same loop over shardpool's own client and codec, without its threads. */
  | { readonly kind: 'api-loop' }
);

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly variants: readonly Variant[];
  readonly sides: readonly Side[];
  /** Name of the side that ratios are taken to. */
  readonly baseline: string;
}

/** User records of one run, in the order in which they are read. */
export interface Plan {
  readonly shards: number;
  readonly pagesPerShard: number;
  readonly recordsPerPage: number;
  /** Read before the measured stretch. */
  readonly warmUp: number;
  /** The measured stretch, at least; it ends with a page or batch. */
  readonly measured: number;
  /** All of the stream. What lies behind the measured stretch is read as well, for the checksum. */
  readonly total: number;
}

export interface PlanOverrides {
  readonly records: number | null;
  readonly warmUp: number | null;
  readonly shards: number | null;
}

/** Enough for V8 to have compiled the hot functions. */
const MIN_WARM_UP = 20_000;

/**
 * The warm-up is at least one page of every shard: at the start all shards are asked at once, and only when each has had
 * its first page is the pipeline in the state in which it stays. For the same reason one page of every shard follows the
 * measured stretch: a tail, in which few shards are left, would be measured otherwise.
 */
export function planOf(variant: Variant, overrides: PlanOverrides): Plan {
  const shards = overrides.shards ?? variant.shards;
  const recordsPerPage = variant.recordsPerPage * (variant.userRecordsPerRecord ?? 1);
  const round = shards * recordsPerPage;
  const warmUp = overrides.warmUp ?? Math.max(MIN_WARM_UP, round);
  const measured = overrides.records ?? variant.records;
  // Both ends of the measured stretch are moved to the end of a page.
  const pagesPerShard = Math.ceil((warmUp + measured + round + 2 * recordsPerPage) / round);
  return { shards, pagesPerShard, recordsPerPage, warmUp, measured, total: pagesPerShard * round };
}
