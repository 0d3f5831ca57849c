// The table of operations, and what each call is about before it runs.

import type { Account } from '../account.ts';
import { isObject, type RequestBody } from '../fields.ts';
import { isHashKey } from '../hash-keys.ts';
import { decodeIterator } from '../iterators.ts';
import { nameInArn } from '../stream-name.ts';
import type { Operation } from './call.ts';
import { putRecord, putRecords } from './put-operations.ts';
import { getRecords, getShardIterator } from './read-operations.ts';
import {
  decreaseStreamRetentionPeriod,
  describeLimits,
  increaseStreamRetentionPeriod,
  updateMaxRecordSize,
  updateStreamMode,
} from './settings-operations.ts';
import { listShards, mergeShards, splitShard, updateShardCount } from './shard-operations.ts';
import {
  createStream,
  deleteStream,
  describeStream,
  describeStreamSummary,
  listStreams,
} from './stream-operations.ts';
import {
  addTagsToStream,
  listTagsForResource,
  listTagsForStream,
  removeTagsFromStream,
  tagResource,
  untagResource,
} from './tag-operations.ts';

export const OPERATIONS = {
  AddTagsToStream: addTagsToStream,
  CreateStream: createStream,
  DecreaseStreamRetentionPeriod: decreaseStreamRetentionPeriod,
  DeleteStream: deleteStream,
  DescribeLimits: describeLimits,
  DescribeStream: describeStream,
  DescribeStreamSummary: describeStreamSummary,
  GetRecords: getRecords,
  GetShardIterator: getShardIterator,
  IncreaseStreamRetentionPeriod: increaseStreamRetentionPeriod,
  ListShards: listShards,
  ListStreams: listStreams,
  ListTagsForResource: listTagsForResource,
  ListTagsForStream: listTagsForStream,
  MergeShards: mergeShards,
  PutRecord: putRecord,
  PutRecords: putRecords,
  RemoveTagsFromStream: removeTagsFromStream,
  SplitShard: splitShard,
  TagResource: tagResource,
  UntagResource: untagResource,
  UpdateMaxRecordSize: updateMaxRecordSize,
  UpdateShardCount: updateShardCount,
  UpdateStreamMode: updateStreamMode,
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

export function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}

/** The stream and shard that a call names; null where it names none. Faults, limits and counts go by it. */
export interface Target {
  readonly stream: string | null;
  readonly shardId: string | null;
}

/** Never throws: a request that makes no sense has no target, and its operation will say what is wrong. */
export function targetOf(operation: OperationName, body: RequestBody, account: Account): Target {
  const { ShardIterator, ShardId, ShardToSplit, ShardToMerge } = body;
  if (operation === 'GetRecords') {
    const iterator = typeof ShardIterator === 'string' ? decodeIterator(ShardIterator) : null;
    if (iterator === null) return { stream: null, shardId: null };
    return {
      stream: iterator.stream,
      shardId: account.find(iterator.stream)?.shards[iterator.shard]?.id ?? null,
    };
  }
  const stream = streamNameOf(body);
  if (operation === 'PutRecord') return { stream, shardId: putTarget(body, stream, account) };
  const shardId = [ShardId, ShardToSplit, ShardToMerge].find((value) => typeof value === 'string') ?? null;
  return { stream, shardId };
}

function streamNameOf({ StreamName, StreamARN, ResourceARN }: RequestBody): string | null {
  if (typeof StreamName === 'string') return StreamName;
  const arn = StreamARN ?? ResourceARN;
  return typeof arn === 'string' ? nameInArn(arn) : null;
}

function putTarget(body: RequestBody, stream: string | null, account: Account): string | null {
  if (!isObject(body) || stream === null) return null;
  const { PartitionKey, ExplicitHashKey = null } = body;
  if (typeof PartitionKey !== 'string') return null;
  if (ExplicitHashKey !== null && !(typeof ExplicitHashKey === 'string' && isHashKey(ExplicitHashKey)))
    return null;
  return account.find(stream)?.route(PartitionKey, ExplicitHashKey).id ?? null;
}
