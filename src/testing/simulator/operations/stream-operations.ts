// Operations on streams as wholes: create, delete, describe, list.

import { type Account, requiredStreamName, SHARD_ID, STREAM_NAME } from '../account.ts';
import { AwsError } from '../aws-error.ts';
import { Fields } from '../fields.ts';
import { Stream, type StreamMode } from '../stream.ts';
import type { Call } from './call.ts';
import { shardJson } from './shard-json.ts';
import { readTags } from './tag-operations.ts';

const ON_DEMAND_SHARDS = 4;
const DESCRIBE_PAGE = 100;
const LIST_STREAMS_PAGE = 100;
export const MAX_SHARDS = 10_000;
export const RECORD_SIZE_KIB = { min: 1024, max: 10_240 } as const;
/** API Reference, CreateStream: "more than five streams in the CREATING state"; for other changes it says "too many". */
const MAX_CHANGING = 5;

export function createStream({ account, body, asAws }: Call): string {
  const fields = new Fields(body);
  const name = fields.text('StreamName', { ...STREAM_NAME, required: true });
  const shards = fields.integer('ShardCount', { min: 1 });
  const mode = modeOf(fields, false);
  const maxRecordKiB = fields.integer('MaxRecordSizeInKiB', RECORD_SIZE_KIB);
  const tags = readTags(fields, false);
  fields.check();
  if (account.find(name) !== null) {
    throw new AwsError(
      'ResourceInUseException',
      `Stream ${name} under account ${account.config.accountId} already exists.`,
    );
  }
  if (mode === 'ON_DEMAND' && shards !== null) {
    throw new AwsError(
      'ValidationException',
      'ShardCount must not be specified for a stream in ON_DEMAND mode.',
    );
  }
  if (mode === 'PROVISIONED' && shards === null) {
    throw new AwsError(
      'ValidationException',
      'ShardCount must be specified for a stream in PROVISIONED mode.',
    );
  }
  if (shards !== null && shards > MAX_SHARDS) {
    throw new AwsError(
      'LimitExceededException',
      `This request would exceed the shard limit for the account ${account.config.accountId} in ${account.config.region}. Limit: ${MAX_SHARDS}.`,
    );
  }
  if (!asAws && account.limits !== null && account.countIn('CREATING') >= MAX_CHANGING) {
    throw new AwsError(
      'LimitExceededException',
      `No more than ${MAX_CHANGING} streams of account ${account.config.accountId} may be CREATING at a time.`,
    );
  }
  const now = account.clock.now();
  account.add(
    new Stream({
      name,
      arn: account.arnOf(name),
      mode,
      shards: shards ?? ON_DEMAND_SHARDS,
      maxRecordBytes: (maxRecordKiB ?? RECORD_SIZE_KIB.min) * 1024,
      tags,
      createdMs: now,
      activeMs: now + account.config.createStreamMs,
    }),
  );
  return '';
}

export function deleteStream({ account, body, asAws }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  fields.check();
  const stream = account.activeStream(name);
  checkChanging(account, asAws);
  stream.startDeleting(account.clock.now() + account.config.createStreamMs);
  return '';
}

export function describeStream({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const limit = fields.integer('Limit', { min: 1, max: 10_000 });
  const after = fields.text('ExclusiveStartShardId', SHARD_ID);
  fields.check();
  const stream = account.stream(name);
  const all = stream.status === 'CREATING' ? [] : stream.retained(account.clock.now());
  const rest = after === null ? all : all.filter((shard) => shard.id > after);
  const page = rest.slice(0, Math.min(limit ?? DESCRIBE_PAGE, DESCRIBE_PAGE));
  return JSON.stringify({
    StreamDescription: {
      ...describe(stream),
      Shards: page.map(shardJson),
      HasMoreShards: page.length < rest.length,
    },
  });
}

export function describeStreamSummary({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  fields.check();
  const stream = account.stream(name);
  return JSON.stringify({
    StreamDescriptionSummary: {
      ...describe(stream),
      OpenShardCount: stream.status === 'CREATING' ? 0 : stream.open.length,
      ConsumerCount: 0,
      MaxRecordSizeInKiB: stream.maxRecordBytes / 1024,
    },
  });
}

export function listStreams({ account, body }: Call): string {
  const fields = new Fields(body);
  const limit = fields.integer('Limit', { min: 1, max: 10_000 });
  const after = fields.text('ExclusiveStartStreamName', STREAM_NAME);
  const token = fields.text('NextToken', { min: 1, max: 1_048_576 });
  fields.check();
  const start = token === null ? after : Buffer.from(token, 'base64').toString();
  const rest = account.names().filter((name) => start === null || name > start);
  const page = rest.slice(0, limit ?? LIST_STREAMS_PAGE);
  const more = page.length < rest.length;
  return JSON.stringify({
    StreamNames: page,
    HasMoreStreams: more,
    ...(more ? { NextToken: Buffer.from(page.at(-1) ?? '').toString('base64') } : {}),
    StreamSummaries: page.map((name) => {
      const { StreamName, StreamARN, StreamStatus, StreamModeDetails, StreamCreationTimestamp } = describe(
        account.stream(name),
      );
      return { StreamName, StreamARN, StreamStatus, StreamModeDetails, StreamCreationTimestamp };
    }),
  });
}

/** Refuses a change while as many streams change as AWS lets change at a time. */
export function checkChanging(account: Account, asAws: boolean): void {
  if (asAws || account.limits === null) return;
  if (account.countIn('CREATING', 'UPDATING', 'DELETING') < MAX_CHANGING) return;
  throw new AwsError(
    'LimitExceededException',
    `No more than ${MAX_CHANGING} streams of account ${account.config.accountId} may change at a time.`,
  );
}

export function modeOf(fields: Fields, required: boolean): StreamMode {
  const mode = fields
    .structure('StreamModeDetails', required)
    ?.text('StreamMode', { required: true, oneOf: ['PROVISIONED', 'ON_DEMAND'] });
  return mode === 'ON_DEMAND' ? 'ON_DEMAND' : 'PROVISIONED';
}

/** AWS keeps the creation to the second. */
export function creationSecond(stream: Stream): number {
  return Math.floor(stream.config.createdMs / 1000);
}

function describe(stream: Stream) {
  return {
    StreamName: stream.config.name,
    StreamARN: stream.config.arn,
    StreamStatus: stream.status,
    StreamModeDetails: { StreamMode: stream.mode },
    RetentionPeriodHours: stream.retentionHours,
    StreamCreationTimestamp: creationSecond(stream),
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
  };
}
