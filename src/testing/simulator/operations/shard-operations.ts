// Operations on the shards of a stream: list, split, merge, scale.

import { type Account, optionalStreamName, requiredStreamName, SHARD_ID } from '../account.ts';
import { AwsError } from '../aws-error.ts';
import { Fields, isObject } from '../fields.ts';
import { isHashKey } from '../hash-keys.ts';
import { decodeToken, encodeToken } from '../iterators.ts';
import { planUniformScaling } from '../resharding.ts';
import type { ShardState, Stream } from '../stream.ts';
import type { Call } from './call.ts';

const LIST_SHARDS_PAGE = 1000;
const FILTERS = [
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
] as const;

export function listShards({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = optionalStreamName(fields);
  const maxResults = fields.integer('MaxResults', { min: 1, max: 10_000 }) ?? LIST_SHARDS_PAGE;
  const after = fields.text('ExclusiveStartShardId', SHARD_ID);
  const nextToken = fields.text('NextToken', { min: 1, max: 1_048_576 });
  const shardFilter = fields.structure('ShardFilter');
  const filterType = shardFilter?.text('Type', { required: true, oneOf: FILTERS });
  fields.check();
  const now = account.clock.now();

  if (nextToken !== null) {
    for (const other of ['StreamName', 'StreamARN', 'StreamCreationTimestamp', 'ExclusiveStartShardId', 'ShardFilter']) {
      // StreamARN may come along: it names the same stream and routes the request.
      if (other === 'StreamARN' || (body[other] ?? null) === null) continue;
      throw new AwsError('InvalidArgumentException', `NextToken and ${other} cannot be provided together.`);
    }
    const token = decodeToken(nextToken, now);
    const filter = isObject(token.filter) ? new Fields(token.filter) : null;
    return listPage(account, listableStream(account, token.stream), filter, token.filter, token.after, maxResults);
  }
  if (name === null) {
    throw new AwsError('InvalidArgumentException', 'Either NextToken, StreamName or StreamARN should be provided.');
  }
  checkFilter(filterType ?? null, shardFilter);
  const stream = listableStream(account, name);
  return listPage(account, stream, shardFilter, body['ShardFilter'] ?? null, after, maxResults);
}

/** ListShards works while shards split, not while the stream comes or goes. */
function listableStream(account: Account, name: string): Stream {
  const stream = account.stream(name);
  return stream.status === 'CREATING' || stream.status === 'DELETING' ? account.activeStream(name) : stream;
}

function checkFilter(type: string | null, filter: Fields | null): void {
  if (type === 'AFTER_SHARD_ID' && filter?.text('ShardId', SHARD_ID) === null) {
    throw new AwsError('InvalidArgumentException', 'ShardId must be specified with the filter type AFTER_SHARD_ID.');
  }
  if ((type === 'AT_TIMESTAMP' || type === 'FROM_TIMESTAMP') && filter?.time('Timestamp') === null) {
    throw new AwsError('InvalidArgumentException', `Timestamp must be specified with the filter type ${type}.`);
  }
}

function listPage(
  account: Account,
  stream: Stream,
  filter: Fields | null,
  rawFilter: unknown,
  after: string | null,
  maxResults: number,
): string {
  const now = account.clock.now();
  const matching = stream.retained(now).filter(shardFilter(stream, filter, now));
  const rest = after === null ? matching : matching.filter((shard) => shard.id > after);
  const page = rest.slice(0, Math.min(maxResults, LIST_SHARDS_PAGE));
  const last = page.at(-1);
  const more = last !== undefined && page.length < rest.length;
  const token = more ? encodeToken({ stream: stream.config.name, filter: rawFilter, after: last.id }, now) : null;
  return JSON.stringify({ Shards: page.map(shardJson), ...(token === null ? {} : { NextToken: token }) });
}

function shardFilter(stream: Stream, filter: Fields | null, now: number): (shard: ShardState) => boolean {
  const horizon = stream.trimHorizon(now);
  // A time before the trim horizon means the trim horizon: nothing older can be read.
  const at = Math.max(filter?.time('Timestamp') ?? 0, horizon);
  const openAt = (timeMs: number) => (shard: ShardState) =>
    shard.createdMs <= timeMs && (shard.closedMs === null || shard.closedMs >= timeMs);
  switch (filter?.text('Type') as (typeof FILTERS)[number] | null | undefined) {
    case null:
    case undefined:
    case 'FROM_TRIM_HORIZON':
      return () => true;
    case 'AT_TRIM_HORIZON':
      return openAt(horizon);
    case 'AT_LATEST':
      return (shard) => shard.closedMs === null;
    case 'AT_TIMESTAMP':
      return openAt(Math.min(at, now));
    case 'FROM_TIMESTAMP':
      return (shard) => shard.closedMs === null || shard.closedMs >= at;
    case 'AFTER_SHARD_ID': {
      const id = filter?.text('ShardId') ?? '';
      return (shard) => shard.id > id;
    }
  }
}

export function splitShard({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const shardId = fields.text('ShardToSplit', { ...SHARD_ID, required: true });
  const key = fields.text('NewStartingHashKey', { required: true, pattern: /^(0|[1-9]\d{0,38})$/ });
  fields.check();
  const stream = reshardable(account, name);
  const shard = openShard(account, stream, shardId);
  const { start, end } = shard.range;
  if (!isHashKey(key) || BigInt(key) <= start + 1n || BigInt(key) >= end) {
    throw new AwsError(
      'InvalidArgumentException',
      `NewStartingHashKey ${key} used in SplitShard() on shard ${shardId} in stream ${name} under account ${account.config.accountId} is not both greater than one plus the shard's StartingHashKey ${start} and less than the shard's EndingHashKey ${end}.`,
    );
  }
  stream.startResharding([{ type: 'split', at: BigInt(key) }], account.clock.now() + account.config.reshardMs);
  return '';
}

export function mergeShards({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const firstId = fields.text('ShardToMerge', { ...SHARD_ID, required: true });
  const secondId = fields.text('AdjacentShardToMerge', { ...SHARD_ID, required: true });
  fields.check();
  const stream = reshardable(account, name);
  const first = openShard(account, stream, firstId);
  const second = openShard(account, stream, secondId);
  const parent = first.range.start < second.range.start ? 'lower' : 'upper';
  const [lower, upper] = parent === 'lower' ? [first, second] : [second, first];
  if (lower.range.end + 1n !== upper.range.start) {
    throw new AwsError(
      'InvalidArgumentException',
      `Shards ${firstId} and ${secondId} in stream ${name} under account ${account.config.accountId} are not an adjacent pair of shards eligible for merging`,
    );
  }
  const steps = [{ type: 'merge', at: upper.range.start, parent } as const];
  stream.startResharding(steps, account.clock.now() + account.config.reshardMs);
  return '';
}

export function updateShardCount({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const target = fields.integer('TargetShardCount', { required: true, min: 1 });
  fields.text('ScalingType', { required: true, oneOf: ['UNIFORM_SCALING'] });
  fields.check();
  const stream = reshardable(account, name);
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
  const starts = stream.open.map((shard) => shard.range.start);
  stream.startResharding(planUniformScaling(starts, target), account.clock.now() + account.config.reshardMs);
  return JSON.stringify({
    StreamName: name,
    StreamARN: stream.config.arn,
    CurrentShardCount: current,
    TargetShardCount: target,
  });
}

function reshardable(account: Account, name: string): Stream {
  const stream = account.activeStream(name);
  if (stream.config.mode === 'PROVISIONED') return stream;
  throw new AwsError(
    'ValidationException',
    `Request is invalid. Stream ${name} under account ${account.config.accountId} is in On-Demand mode.`,
  );
}

function openShard(account: Account, stream: Stream, shardId: string): ShardState {
  const shard = account.shard(stream, shardId);
  if (shard.closedMs === null) return shard;
  throw new AwsError(
    'InvalidArgumentException',
    `Shard ${shardId} in stream ${stream.config.name} under account ${account.config.accountId} has already been merged or split, and thus is not eligible for merging or splitting.`,
  );
}

/** A shard as ListShards and DescribeStream show it. */
export function shardJson(shard: ShardState) {
  return {
    ShardId: shard.id,
    ...(shard.parentId === null ? {} : { ParentShardId: shard.parentId }),
    ...(shard.adjacentParentId === null ? {} : { AdjacentParentShardId: shard.adjacentParentId }),
    HashKeyRange: {
      StartingHashKey: shard.range.start.toString(),
      EndingHashKey: shard.range.end.toString(),
    },
    SequenceNumberRange: {
      StartingSequenceNumber: shard.startingSequenceNumber,
      ...(shard.endingSequenceNumber === null ? {} : { EndingSequenceNumber: shard.endingSequenceNumber }),
    },
  };
}
