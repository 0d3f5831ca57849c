// The calls that shardpool makes to Kinesis, in its own words; no type of the SDK passes this port.

import type { Position } from '../model/position.ts';
import type { ChildShard, Shard } from '../model/shard.ts';

/** One GetRecords reply, column by column: the data of all records lies in one slab. */
export interface Page {
  readonly count: number;
  /** The decoded data of all records, one after the other. */
  readonly slab: Uint8Array;
  /** `count + 1` byte offsets into the slab. */
  readonly offsets: Uint32Array;
  readonly partitionKeys: readonly string[];
  readonly sequenceNumbers: readonly string[];
  /** Milliseconds since the epoch. */
  readonly arrivalTimes: Float64Array;
  /** Null at the end of a closed shard. */
  readonly nextIterator: string | null;
  /** MillisBehindLatest. */
  readonly lagMs: number;
  /** Named on the page that ends a shard. */
  readonly children: readonly ChildShard[];
}

export interface StreamDescription {
  readonly name: string;
  readonly arn: string;
  readonly status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';
  readonly openShardCount: number;
  readonly retentionHours: number;
}

/** Which shards ListShards should return. */
export type ShardFilter =
  | { readonly type: 'ALL' }
  | { readonly type: 'AT_TRIM_HORIZON' }
  | { readonly type: 'AT_LATEST' }
  /** `at` in ms since the epoch. */
  | { readonly type: 'AT_TIMESTAMP'; readonly at: number };

export interface ShardListing {
  /** Every page of the listing, in the order of AWS. */
  readonly shards: readonly Shard[];
  /** The `Date` header of the first reply in ms since the epoch: the clock of AWS, not of this host. */
  readonly serverTimeMs: number;
}

export interface PutEntry {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
}

export type PutOutcome =
  | { readonly ok: true; readonly shardId: string; readonly sequenceNumber: string }
  | { readonly ok: false; readonly errorCode: string; readonly message: string };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface KinesisApi {
  describeStream(options?: CallOptions): Promise<StreamDescription>;
  createStream(shards: { readonly count: number } | 'on-demand', options?: CallOptions): Promise<void>;
  listShards(filter: ShardFilter, options?: CallOptions): Promise<ShardListing>;
  /** A sequence position gives an AT_SEQUENCE_NUMBER iterator: the caller drops what it already has. */
  getShardIterator(shardId: string, position: Position, options?: CallOptions): Promise<string>;
  getRecords(iterator: string, limit: number, options?: CallOptions): Promise<Page>;
  /** One outcome per entry, in the order of the entries. */
  putRecords(entries: readonly PutEntry[], options?: CallOptions): Promise<PutOutcome[]>;
  /** Closes the sockets. */
  close(): void;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  /** When they end, in ms since the epoch. */
  readonly expiration: number;
}

/**
 * Where a client gets credentials. `renew` asks for others than last time, because AWS refused those as expired; a
 * source that cannot do better may ignore it.
 */
export type CredentialsSource = (renew?: boolean) => Promise<Credentials>;

/** How a client reaches the stream. Plain data, so that it survives the way into a thread. */
export interface StreamAddress {
  /** Name or ARN, as the user gave it. */
  readonly stream: string;
  /** Null: derived from the ARN, else from the AWS environment and profile. */
  readonly region: string | null;
  /** Null: AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, else the region's own. */
  readonly endpoint: string | null;
}
