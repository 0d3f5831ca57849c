// Everything that one simulator holds: the streams of one account in one region.

import { AwsError } from './aws-error.ts';
import type { Clock } from './clock.ts';
import type { Fields } from './fields.ts';
import type { RateLimits } from './limits.ts';
import { nameInArn } from './stream-name.ts';
import type { ShardState, Stream, StreamStatus } from './stream.ts';

export interface AccountConfig {
  readonly region: string;
  readonly accountId: string;
  readonly createStreamMs: number;
  readonly reshardMs: number;
}

const NAME_PATTERN = /^[a-zA-Z0-9_.-]+$/;
const ARN_PATTERN = /^arn:aws.*:kinesis:.*:\d{12}:stream\/\S+$/;
export const ARN = { min: 1, max: 2048, pattern: ARN_PATTERN } as const;
export const STREAM_NAME = { min: 1, max: 128, pattern: NAME_PATTERN } as const;
export const SHARD_ID = { min: 1, max: 128, pattern: NAME_PATTERN } as const;

export class Account {
  readonly config: AccountConfig;
  readonly clock: Clock;
  /** Null when the limits are switched off. */
  readonly limits: RateLimits | null;
  readonly #streams = new Map<string, Stream>();

  constructor(config: AccountConfig, clock: Clock, limits: RateLimits | null) {
    this.config = config;
    this.clock = clock;
    this.limits = limits;
  }

  arnOf(name: string): string {
    return `arn:aws:kinesis:${this.config.region}:${this.config.accountId}:stream/${name}`;
  }

  add(stream: Stream): void {
    this.#streams.set(stream.config.name, stream);
  }

  /** The stream as it is now, or null. */
  find(name: string): Stream | null {
    const stream = this.#streams.get(name);
    if (stream === undefined) return null;
    const now = this.clock.now();
    if (stream.isGone(now)) {
      this.#streams.delete(name);
      // Another stream of that name begins with full buckets.
      this.limits?.forget(name);
      return null;
    }
    stream.settle(now);
    return stream;
  }

  /** The stream, or the ResourceNotFoundException of AWS. */
  stream(name: string): Stream {
    return this.find(name) ?? this.#notFound(name);
  }

  /** A stream that takes reads and writes; to those AWS hides one that is being created or deleted. */
  usableStream(name: string): Stream {
    const stream = this.stream(name);
    return stream.status === 'CREATING' || stream.status === 'DELETING' ? this.#notFound(name) : stream;
  }

  /** A stream that can be resharded now. */
  activeStream(name: string): Stream {
    const stream = this.stream(name);
    if (stream.status === 'ACTIVE') return stream;
    throw new AwsError(
      'ResourceInUseException',
      `Stream ${name} under account ${this.config.accountId} not ACTIVE, instead in state ${stream.status}`,
    );
  }

  /** A shard that can still be read, or the ResourceNotFoundException of AWS. */
  shard(stream: Stream, shardId: string): ShardState {
    const shard = stream.shard(shardId);
    if (shard !== null && stream.isRetained(shard, this.clock.now())) return shard;
    const { accountId } = this.config;
    throw new AwsError(
      'ResourceNotFoundException',
      `Shard ${shardId} in stream ${stream.config.name} under account ${accountId} does not exist`,
    );
  }

  /** All names in order. */
  names(): string[] {
    return [...this.#streams.keys()].filter((name) => this.find(name) !== null).sort();
  }

  /** How many streams are in one of those states now. */
  countIn(...statuses: readonly StreamStatus[]): number {
    return this.names().filter((name) => statuses.includes(this.stream(name).status)).length;
  }

  #notFound(name: string): never {
    throw new AwsError(
      'ResourceNotFoundException',
      `Stream ${name} under account ${this.config.accountId} not found.`,
    );
  }
}

/** The name of the stream that a request is about, from StreamName, StreamARN or both; null when it has neither. */
export function optionalStreamName(fields: Fields): string | null {
  const name = fields.text('StreamName', STREAM_NAME);
  const arn = fields.text('StreamARN', ARN);
  const arnName = arn === null ? null : nameInArn(arn);
  if (name !== null && arnName !== null && name !== arnName) {
    throw new AwsError(
      'InvalidArgumentException',
      `StreamARN ${arn ?? ''} and StreamName ${name} do not match.`,
    );
  }
  return arnName ?? name;
}

export function requiredStreamName(fields: Fields): string {
  const name = optionalStreamName(fields);
  if (name !== null) return name;
  throw new AwsError('InvalidArgumentException', 'Either StreamName or StreamARN must be specified.');
}
