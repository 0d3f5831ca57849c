// Operations that write records.

import { type Account, requiredStreamName } from '../account.ts';
import { AWS_ERRORS, AwsError, type AwsErrorType } from '../aws-error.ts';
import { Fields, isObject, wrongType } from '../fields.ts';
import { isHashKey } from '../hash-keys.ts';
import type { PutRecord, Stream } from '../stream.ts';
import type { Call } from './call.ts';

const MIB = 1024 * 1024;
const MAX_RECORDS = 500;
const MAX_KEY_LENGTH = 256;

export function putRecord({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  fields.text('SequenceNumberForOrdering', { pattern: /^(0|[1-9]\d{0,128})$/ });
  const record = readRecord(body, fields, account.find(name));
  fields.check();
  checkHashKey(record);
  const stream = account.usableStream(name);
  const shard = stream.route(record.partitionKey, record.explicitHashKey);
  const address = { stream: name, shardId: shard.id };
  if (account.limits !== null && !account.limits.tryWrite(address, record.bytes)) {
    throw account.limits.shardThrottle(address);
  }
  return `{"ShardId":"${shard.id}","SequenceNumber":"${stream.append(shard, record, account.clock.now())}"}`;
}

export function putRecords({ account, body, failEntry }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const entries = fields.list('Records', { min: 1, max: MAX_RECORDS });
  const known = account.find(name);
  const records = entries.map((entry, index) => {
    if (!isObject(entry)) throw wrongType(entry, 'a Structure');
    return readRecord(entry, fields, known, index);
  });
  fields.check();
  records.forEach(checkHashKey);
  const stream = account.usableStream(name);
  checkTotal(records, stream);

  const now = account.clock.now();
  let failed = 0;
  const results = records.map((record) => {
    const shard = stream.route(record.partitionKey, record.explicitHashKey);
    const address = { stream: name, shardId: shard.id };
    const error = failEntry?.(shard.id) ?? null;
    // AWS goes on after an entry that failed: a later entry of the same key may be taken.
    if (error !== null || (account.limits !== null && !account.limits.tryWrite(address, record.bytes))) {
      failed += 1;
      return entryError(account, address, error ?? 'ProvisionedThroughputExceededException');
    }
    return `{"SequenceNumber":"${stream.append(shard, record, now)}","ShardId":"${shard.id}"}`;
  });
  return `{"FailedRecordCount":${failed},"Records":[${results.join(',')}]}`;
}

function entryError(
  account: Account,
  shard: { stream: string; shardId: string },
  type: AwsErrorType,
): string {
  const message =
    type === 'ProvisionedThroughputExceededException'
      ? `Rate exceeded for shard ${shard.shardId} in stream ${shard.stream} under account ${account.config.accountId}.`
      : AWS_ERRORS[type].message;
  return JSON.stringify({ ErrorCode: type, ErrorMessage: message });
}

/** Reads one record by hand: this runs for every record, and {@link Fields} is meant for the few fields of a call. */
function readRecord(
  entry: Readonly<Record<string, unknown>>,
  fields: Fields,
  stream: Stream | null,
  index: number | null = null,
): PutRecord {
  const { Data: data, PartitionKey: partitionKey, ExplicitHashKey: explicitHashKey } = entry;
  const at = (field: string) => (index === null ? field : `records.${index + 1}.member.${field}`);
  if (typeof data !== 'string' || typeof partitionKey !== 'string') {
    if (isMissing(data)) fields.violate(at('data'), 'Member must not be null');
    else if (typeof data !== 'string') throw wrongType(data, 'a Blob');
    if (isMissing(partitionKey)) fields.violate(at('partitionKey'), 'Member must not be null');
    else if (typeof partitionKey !== 'string') throw wrongType(partitionKey, 'a String');
    return { data: '', partitionKey: '', explicitHashKey: null, bytes: 0 };
  }
  if (!isMissing(explicitHashKey) && typeof explicitHashKey !== 'string')
    throw wrongType(explicitHashKey, 'a String');
  if (!isBase64(data)) throw new AwsError('SerializationException', 'Data is not valid base64.');
  const maxBytes = stream?.maxRecordBytes ?? MIB;
  const dataBytes = base64Bytes(data);
  if (dataBytes > maxBytes) {
    fields.violate(at('data'), `Member must have length less than or equal to ${maxBytes}`);
  }
  if (partitionKey.length === 0) {
    fields.violate(at('partitionKey'), 'Member must have length greater than or equal to 1');
  } else if (partitionKey.length > MAX_KEY_LENGTH) {
    fields.violate(at('partitionKey'), `Member must have length less than or equal to ${MAX_KEY_LENGTH}`);
  }
  return {
    data,
    partitionKey,
    explicitHashKey: isMissing(explicitHashKey) ? null : explicitHashKey,
    bytes: dataBytes + Buffer.byteLength(partitionKey),
  };
}

function checkHashKey({ explicitHashKey }: PutRecord): void {
  if (explicitHashKey === null || isHashKey(explicitHashKey)) return;
  throw new AwsError(
    'InvalidArgumentException',
    `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${explicitHashKey}`,
  );
}

/** Streams with a raised record size also take larger requests. */
function checkTotal(records: readonly PutRecord[], stream: Stream): void {
  const maxBytes = (stream.maxRecordBytes > MIB ? 10 : 5) * MIB;
  let bytes = 0;
  for (const record of records) bytes += record.bytes;
  if (bytes > maxBytes) {
    throw new AwsError('InvalidArgumentException', `Records size exceeds ${maxBytes / MIB} MB limit`);
  }
}

function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}
