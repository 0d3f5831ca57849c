// The rates of Kinesis: per shard for data, per stream or account for control calls.

import type { Clock } from './clock.ts';
import { AwsError, type AwsErrorType } from './aws-error.ts';

const MIB = 1024 * 1024;

/** A token bucket that holds one second of its rate. */
export class Bucket {
  readonly #perSecond: number;
  #balance: number;
  #updatedMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#balance = perSecond;
    this.#updatedMs = nowMs;
  }

  /** True when that much may be taken now; what exceeds the bucket itself may be taken from a full one. */
  has(cost: number, nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#balance >= Math.min(cost, this.#perSecond);
  }

  /** True while nothing is owed. */
  isPaidBack(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#balance > 0;
  }

  /**
   * Takes it, into debt if need be. What exceeds a whole second's worth is paid in full and gains nothing from what
   * was saved: 10 MiB at 2 MiB/s block for the 5 seconds that AWS documents.
   */
  take(cost: number): void {
    this.#balance = (cost > this.#perSecond ? Math.min(this.#balance, 0) : this.#balance) - cost;
  }

  #refill(nowMs: number): void {
    const earned = ((nowMs - this.#updatedMs) / 1000) * this.#perSecond;
    this.#balance = Math.min(this.#perSecond, this.#balance + earned);
    this.#updatedMs = nowMs;
  }
}

type Scope = 'shard' | 'stream' | 'account';

/** Calls per second, by the API reference of each operation. */
const CALL_RATES: Readonly<Record<string, { perSecond: number; scope: Scope; error: AwsErrorType }>> = {
  GetRecords: { perSecond: 5, scope: 'shard', error: 'ProvisionedThroughputExceededException' },
  GetShardIterator: { perSecond: 5, scope: 'shard', error: 'ProvisionedThroughputExceededException' },
  ListShards: { perSecond: 1000, scope: 'stream', error: 'LimitExceededException' },
  DescribeStream: { perSecond: 10, scope: 'account', error: 'LimitExceededException' },
  DescribeStreamSummary: { perSecond: 20, scope: 'account', error: 'LimitExceededException' },
  ListStreams: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  CreateStream: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  DeleteStream: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  SplitShard: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  MergeShards: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  UpdateShardCount: { perSecond: 10, scope: 'account', error: 'LimitExceededException' },
  AddTagsToStream: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  ListTagsForStream: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  RemoveTagsFromStream: { perSecond: 5, scope: 'account', error: 'LimitExceededException' },
  DescribeLimits: { perSecond: 1, scope: 'account', error: 'LimitExceededException' },
};

const READ_BYTES_PER_SECOND = 2 * MIB;
const WRITE_BYTES_PER_SECOND = MIB;
const WRITE_RECORDS_PER_SECOND = 1000;

export interface ShardAddress {
  readonly stream: string;
  readonly shardId: string;
}

export class RateLimits {
  readonly #clock: Clock;
  readonly #accountId: string;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, accountId: string) {
    this.#clock = clock;
    this.#accountId = accountId;
  }

  /** Counts a call against its rate; throws the error of AWS when there are too many. */
  admitCall(operation: string, target: { stream: string | null; shardId: string | null }): void {
    const rate = CALL_RATES[operation];
    if (rate === undefined) return;
    const key = [
      operation,
      rate.scope === 'account' ? '' : target.stream,
      rate.scope === 'shard' ? target.shardId : '',
    ];
    const bucket = this.#bucket(key.join('/'), rate.perSecond);
    if (!bucket.has(1, this.#clock.now())) {
      if (rate.scope === 'shard')
        throw this.shardThrottle({ stream: target.stream ?? '', shardId: target.shardId ?? '' });
      const what = rate.scope === 'stream' ? `stream ${target.stream ?? ''} under account` : 'account';
      throw new AwsError(rate.error, `Rate exceeded for ${what} ${this.#accountId}.`);
    }
    bucket.take(1);
  }

  /** Throws while an earlier read is not paid back. */
  admitRead(shard: ShardAddress): void {
    if (!this.#readBytes(shard).isPaidBack(this.#clock.now())) throw this.shardThrottle(shard);
  }

  chargeRead(shard: ShardAddress, bytes: number): void {
    this.#readBytes(shard).take(bytes);
  }

  /** Takes one record of that size from what the shard accepts; false when it does not fit now. */
  tryWrite(shard: ShardAddress, bytes: number): boolean {
    const now = this.#clock.now();
    const records = this.#bucket(`records/${shard.stream}/${shard.shardId}`, WRITE_RECORDS_PER_SECOND);
    const volume = this.#bucket(`bytes/${shard.stream}/${shard.shardId}`, WRITE_BYTES_PER_SECOND);
    if (!records.has(1, now) || !volume.has(bytes, now)) return false;
    records.take(1);
    volume.take(bytes);
    return true;
  }

  shardThrottle(shard: ShardAddress): AwsError {
    return new AwsError(
      'ProvisionedThroughputExceededException',
      `Rate exceeded for shard ${shard.shardId} in stream ${shard.stream} under account ${this.#accountId}.`,
    );
  }

  /** Forgets what was taken from a stream that is gone. */
  forget(stream: string): void {
    for (const key of this.#buckets.keys()) {
      if (key.split('/')[1] === stream) this.#buckets.delete(key);
    }
  }

  #readBytes(shard: ShardAddress): Bucket {
    return this.#bucket(`read/${shard.stream}/${shard.shardId}`, READ_BYTES_PER_SECOND);
  }

  #bucket(key: string, perSecond: number): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new Bucket(perSecond, this.#clock.now());
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }
}
