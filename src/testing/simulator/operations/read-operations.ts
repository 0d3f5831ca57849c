// Operations that read records: iterators and pages.

import { type Account, optionalStreamName, requiredStreamName, SHARD_ID } from '../account.ts';
import { AwsError } from '../aws-error.ts';
import { Fields } from '../fields.ts';
import { checkIteratorAge, decodeIterator, encodeIterator } from '../iterators.ts';
import { counterOf, isEnd } from '../sequence-numbers.ts';
import type { ShardState, Stream } from '../stream.ts';
import type { Call } from './call.ts';

const MAX_PAGE_BYTES = 10 * 1024 * 1024;
const MAX_PAGE_RECORDS = 10_000;
const ITERATOR_TYPES = [
  'AT_SEQUENCE_NUMBER',
  'AFTER_SEQUENCE_NUMBER',
  'TRIM_HORIZON',
  'LATEST',
  'AT_TIMESTAMP',
] as const;
type IteratorType = (typeof ITERATOR_TYPES)[number];

export function getShardIterator({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const shardId = fields.text('ShardId', { ...SHARD_ID, required: true });
  const type = fields.text('ShardIteratorType', { required: true, oneOf: ITERATOR_TYPES }) as IteratorType;
  const sequence = fields.text('StartingSequenceNumber', { pattern: /^(0|[1-9]\d{0,128})$/ });
  const timeMs = fields.time('Timestamp');
  fields.check();
  if (sequence !== null && type !== 'AT_SEQUENCE_NUMBER' && type !== 'AFTER_SEQUENCE_NUMBER') {
    throw new AwsError(
      'InvalidArgumentException',
      `Request specified ${type} and also a StartingSequenceNumber.`,
    );
  }
  const stream = account.usableStream(name);
  const shard = account.shard(stream, shardId);
  stream.trimExpired(shard, account.clock.now());
  const position = startOf(account, stream, shard, type, sequence, timeMs);
  return JSON.stringify({ ShardIterator: iteratorAt(account, stream, shard, position) });
}

function startOf(
  account: Account,
  stream: Stream,
  shard: ShardState,
  type: IteratorType,
  sequence: string | null,
  timeMs: number | null,
): number {
  switch (type) {
    case 'TRIM_HORIZON':
      return shard.log.begin;
    case 'LATEST':
      return shard.log.end;
    case 'AT_TIMESTAMP': {
      if (timeMs === null) throw missing('timestamp', type);
      const now = Math.floor(account.clock.now());
      if (timeMs <= now) return shard.log.positionAt(timeMs);
      throw new AwsError(
        'InvalidArgumentException',
        `The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${timeMs}, currentTimestampInMillis: ${now}`,
      );
    }
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER': {
      if (sequence === null) throw missing('starting sequence number', type);
      const counter = counterOf(sequence, shard.prefix);
      const known =
        counter !== null && (counter <= shard.log.end || (isEnd(counter) && shard.closedMs !== null));
      if (!known) throw notOfShard(account, stream, shard, sequence);
      // AWS names no error for a record that is trimmed: reading begins with the oldest one there is.
      // Record n has the counter n + 1; the counter 0 is the start of the shard, before its first record.
      const position = type === 'AT_SEQUENCE_NUMBER' ? counter - 1 : counter;
      return Math.min(Math.max(position, shard.log.begin), shard.log.end);
    }
    default:
      throw new TypeError(type satisfies never);
  }
}

function notOfShard(account: Account, stream: Stream, shard: ShardState, sequence: string): AwsError {
  const owner = stream.shards.find((other) => counterOf(sequence, other.prefix) !== null);
  return new AwsError(
    'InvalidArgumentException',
    owner === undefined || owner === shard
      ? `StartingSequenceNumber ${sequence} used in GetShardIterator on shard ${shard.id} in stream ${stream.config.name} under account ${account.config.accountId} is invalid because it did not come from this stream.`
      : `Invalid StartingSequenceNumber. It encodes ${owner.id}, while it was used in a call to ${shard.id}`,
  );
}

function missing(what: string, type: IteratorType): AwsError {
  return new AwsError(
    'InvalidArgumentException',
    `Must either specify ${what} or use a type other than ${type}.`,
  );
}

export function getRecords({ account, body }: Call): string {
  const fields = new Fields(body);
  const text = fields.text('ShardIterator', { required: true, min: 1, max: 2048 });
  const limit = fields.integer('Limit', { min: 1 }) ?? MAX_PAGE_RECORDS;
  optionalStreamName(fields);
  fields.check();
  if (limit > MAX_PAGE_RECORDS) {
    throw new AwsError(
      'InvalidArgumentException',
      `Limit must be ${MAX_PAGE_RECORDS} or less, got ${limit}.`,
    );
  }
  const iterator = decodeIterator(text);
  if (iterator === null) throw new AwsError('InvalidArgumentException', 'Invalid ShardIterator.');
  const now = account.clock.now();
  checkIteratorAge(iterator, now);
  const stream = account.usableStream(iterator.stream);
  const made = stream.shards[iterator.shard];
  if (made === undefined || stream.config.createdMs !== iterator.streamCreatedMs) {
    throw new AwsError(
      'ResourceNotFoundException',
      'The stream of this ShardIterator does not exist any more.',
    );
  }
  const shard = account.shard(stream, made.id);
  const address = { stream: stream.config.name, shardId: shard.id };
  account.limits?.admitRead(address);
  stream.trimExpired(shard, now);

  const page = shard.log.read(iterator.position, limit, MAX_PAGE_BYTES);
  if (page.bytes > 0) account.limits?.chargeRead(address, page.bytes);
  const oldestUnread = shard.log.arrivalAt(page.next);
  // 0 means caught up, so a record of this very millisecond still counts as 1.
  const behindMs = oldestUnread === null ? 0 : Math.max(1, Math.floor(now) - oldestUnread);
  const head = `{"Records":[${page.json}],"MillisBehindLatest":${behindMs}`;
  if (shard.closedMs === null || page.next < shard.log.end) {
    return `${head},"NextShardIterator":"${iteratorAt(account, stream, shard, page.next)}"}`;
  }
  return `${head},"NextShardIterator":null,"ChildShards":${JSON.stringify(childShards(stream, shard))}}`;
}

function childShards(stream: Stream, shard: ShardState) {
  return stream.childrenOf(shard).map((child) => ({
    ShardId: child.id,
    ParentShards: [child.parentId, child.adjacentParentId].filter((id) => id !== null),
    HashKeyRange: {
      StartingHashKey: child.range.start.toString(),
      EndingHashKey: child.range.end.toString(),
    },
  }));
}

function iteratorAt(account: Account, stream: Stream, shard: ShardState, position: number): string {
  return encodeIterator({
    stream: stream.config.name,
    streamCreatedMs: stream.config.createdMs,
    shard: shard.index,
    position,
    issuedMs: Math.floor(account.clock.now()),
  });
}
