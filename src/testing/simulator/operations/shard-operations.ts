// Operations on the shards of a stream: list, split, merge, scale.

import { type Account, optionalStreamName, requiredStreamName, SHARD_ID } from '../account.ts';
import { AwsError } from '../aws-error.ts';
import { Fields } from '../fields.ts';
import { isHashKey } from '../hash-keys.ts';
import { decodeToken, encodeToken } from '../iterators.ts';
import { planUniformScaling } from '../resharding.ts';
import type { ShardState, Stream } from '../stream.ts';
import type { Call } from './call.ts';
import { shardJson } from './shard-json.ts';
import { checkChanging, creationSecond, MAX_SHARDS } from './stream-operations.ts';

const LIST_SHARDS_PAGE = 1000;
const FILTERS = [
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
] as const;

/** Which shards ListShards is asked for; plain data, because tokens carry it. */
interface Filter {
  readonly type: (typeof FILTERS)[number];
  readonly shardId: string | null;
  readonly timeMs: number | null;
}

export function listShards({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = optionalStreamName(fields);
  const maxResults = fields.integer('MaxResults', { min: 1, max: 10_000 }) ?? LIST_SHARDS_PAGE;
  const after = fields.text('ExclusiveStartShardId', SHARD_ID);
  const nextToken = fields.text('NextToken', { min: 1, max: 1_048_576 });
  const filter = readFilter(fields.structure('ShardFilter'));
  const createdMs = fields.time('StreamCreationTimestamp');
  fields.check();

  if (nextToken !== null) {
    // StreamARN may come along: it names the same stream.
    for (const other of ['StreamName', 'StreamCreationTimestamp', 'ExclusiveStartShardId', 'ShardFilter']) {
      if ((body[other] ?? null) === null) continue;
      throw new AwsError('InvalidArgumentException', `NextToken and ${other} cannot be provided together.`);
    }
    const token = decodeToken(nextToken, account.clock.now());
    const carried = token.filter as Filter | null;
    const stream = listableStream(account, token.stream);
    if (stream.config.createdMs !== token.streamCreatedMs) throw anotherStream(account, token.stream);
    return listPage(account, stream, carried, token.after, maxResults);
  }
  if (name === null) {
    throw new AwsError(
      'InvalidArgumentException',
      'Either NextToken, StreamName or StreamARN should be provided.',
    );
  }
  checkFilter(filter);
  const stream = listableStream(account, name);
  if (createdMs !== null && Math.floor(createdMs / 1000) !== creationSecond(stream)) {
    throw anotherStream(account, name);
  }
  return listPage(account, stream, filter, after, maxResults);
}

/** For requests about an earlier stream of the same name. */
function anotherStream(account: Account, name: string): AwsError {
  return new AwsError(
    'ResourceNotFoundException',
    `Stream ${name} under account ${account.config.accountId} with that creation timestamp not found.`,
  );
}

function readFilter(fields: Fields | null): Filter | null {
  if (fields === null) return null;
  return {
    type: fields.text('Type', { required: true, oneOf: FILTERS }) as Filter['type'],
    shardId: fields.text('ShardId', SHARD_ID),
    timeMs: fields.time('Timestamp'),
  };
}

function checkFilter(filter: Filter | null): void {
  if (filter?.type === 'AFTER_SHARD_ID' && filter.shardId === null) {
    throw new AwsError(
      'InvalidArgumentException',
      'ShardId must be specified with the filter type AFTER_SHARD_ID.',
    );
  }
  if ((filter?.type === 'AT_TIMESTAMP' || filter?.type === 'FROM_TIMESTAMP') && filter.timeMs === null) {
    throw new AwsError(
      'InvalidArgumentException',
      `Timestamp must be specified with the filter type ${filter.type}.`,
    );
  }
}

/** ListShards works while shards split, not while the stream comes or goes. */
function listableStream(account: Account, name: string): Stream {
  const stream = account.stream(name);
  return stream.status === 'CREATING' || stream.status === 'DELETING' ? account.activeStream(name) : stream;
}

function listPage(
  account: Account,
  stream: Stream,
  filter: Filter | null,
  after: string | null,
  maxResults: number,
): string {
  const now = account.clock.now();
  const rest = stream
    .retained(now)
    .filter(filterOf(stream, filter, now))
    .filter((shard) => after === null || shard.id > after);
  const page = rest.slice(0, Math.min(maxResults, LIST_SHARDS_PAGE));
  const { name, createdMs } = stream.config;
  const last = page.at(-1);
  const more = last !== undefined && page.length < rest.length;
  const token = more
    ? encodeToken({ stream: name, streamCreatedMs: createdMs, filter, after: last.id }, now)
    : null;
  return JSON.stringify({ Shards: page.map(shardJson), ...(token === null ? {} : { NextToken: token }) });
}

function filterOf(stream: Stream, filter: Filter | null, now: number): (shard: ShardState) => boolean {
  const horizon = stream.trimHorizon(now);
  // A time before the trim horizon means the trim horizon: nothing older can be read.
  const time = Math.max(filter?.timeMs ?? 0, horizon);
  const openAt = (timeMs: number) => (shard: ShardState) =>
    (shard.createdMs <= timeMs || stream.isOldest(shard, now)) &&
    (shard.closedMs === null || shard.closedMs >= timeMs);
  const type = filter?.type ?? 'FROM_TRIM_HORIZON';
  switch (type) {
    case 'FROM_TRIM_HORIZON':
      return () => true;
    case 'AT_TRIM_HORIZON':
      return (shard) => stream.isOldest(shard, now);
    case 'AT_LATEST':
      return (shard) => shard.closedMs === null;
    case 'AT_TIMESTAMP':
      return openAt(Math.min(time, now));
    case 'FROM_TIMESTAMP':
      return (shard) => shard.closedMs === null || shard.closedMs >= time;
    case 'AFTER_SHARD_ID':
      return (shard) => shard.id > (filter?.shardId ?? '');
    default:
      throw new TypeError(type satisfies never);
  }
}

export function splitShard({ account, body, asAws }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const shardId = fields.text('ShardToSplit', { ...SHARD_ID, required: true });
  const key = fields.text('NewStartingHashKey', { required: true, pattern: /^(0|[1-9]\d{0,38})$/ });
  fields.check();
  const stream = reshardable(account, name, asAws);
  const shard = openShard(account, stream, shardId);
  const { start, end } = shard.range;
  if (!isHashKey(key) || BigInt(key) <= start + 1n || BigInt(key) >= end) {
    throw new AwsError(
      'InvalidArgumentException',
      `NewStartingHashKey ${key} used in SplitShard() on shard ${shardId} in stream ${name} under account ${account.config.accountId} is not both greater than one plus the shard's StartingHashKey ${start} and less than the shard's EndingHashKey ${end}.`,
    );
  }
  checkChanging(account, asAws);
  stream.startResharding(
    [{ type: 'split', at: BigInt(key) }],
    account.clock.now() + account.config.reshardMs,
  );
  return '';
}

export function mergeShards({ account, body, asAws }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const firstId = fields.text('ShardToMerge', { ...SHARD_ID, required: true });
  const secondId = fields.text('AdjacentShardToMerge', { ...SHARD_ID, required: true });
  fields.check();
  const stream = reshardable(account, name, asAws);
  const first = openShard(account, stream, firstId);
  const second = openShard(account, stream, secondId);
  // The order counts: the shard to merge is the one with the lower hash keys.
  if (first.range.end + 1n !== second.range.start) {
    throw new AwsError(
      'InvalidArgumentException',
      `Shards ${firstId} and ${secondId} in stream ${name} under account ${account.config.accountId} are not an adjacent pair of shards eligible for merging`,
    );
  }
  checkChanging(account, asAws);
  const dueMs = account.clock.now() + account.config.reshardMs;
  stream.startResharding([{ type: 'merge', at: second.range.start }], dueMs);
  return '';
}

export function updateShardCount({ account, body, asAws }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const target = fields.integer('TargetShardCount', { required: true, min: 1 });
  fields.text('ScalingType', { required: true, oneOf: ['UNIFORM_SCALING'] });
  fields.check();
  const stream = reshardable(account, name, asAws);
  const current = stream.open.length;
  if (target > current * 2) {
    throw new AwsError(
      'InvalidArgumentException',
      `UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: ${current}  Target shard count: ${target}`,
    );
  }
  if (target < current / 2) {
    throw new AwsError(
      'InvalidArgumentException',
      `UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: ${current}  Target shard count: ${target}`,
    );
  }
  if (target > MAX_SHARDS) {
    throw new AwsError(
      'LimitExceededException',
      `Target shard count cannot be greater than ${MAX_SHARDS}. Current open shard count: ${current}, Target shard count: ${target}`,
    );
  }
  const now = account.clock.now();
  if (!asAws && account.limits !== null && !stream.scalings.tryUse(now)) {
    throw new AwsError(
      'LimitExceededException',
      `UpdateShardCount was called 10 times within the last 24 hours for stream ${name} under account ${account.config.accountId}.`,
    );
  }
  const starts = stream.open.map((shard) => shard.range.start);
  stream.startResharding(planUniformScaling(starts, target), now + account.config.reshardMs);
  return JSON.stringify({
    StreamName: name,
    StreamARN: stream.config.arn,
    CurrentShardCount: current,
    TargetShardCount: target,
  });
}

function reshardable(account: Account, name: string, asAws: boolean): Stream {
  const stream = account.activeStream(name);
  if (stream.mode === 'PROVISIONED' || asAws) return stream;
  throw new AwsError(
    'ValidationException',
    `Request is invalid. Stream ${name} under account ${account.config.accountId} is in On-Demand mode.`,
  );
}

function openShard(account: Account, stream: Stream, shardId: string): ShardState {
  const shard = stream.shard(shardId);
  if (shard === null || !stream.isRetained(shard, account.clock.now())) {
    throw new AwsError(
      'ResourceNotFoundException',
      `Could not find shard ${shardId} in stream ${stream.config.name} under account ${account.config.accountId}.`,
    );
  }
  if (shard.closedMs === null) return shard;
  throw new AwsError(
    'InvalidArgumentException',
    `Shard ${shardId} in stream ${stream.config.name} under account ${account.config.accountId} has already been merged or split, and thus is not eligible for merging or splitting.`,
  );
}
