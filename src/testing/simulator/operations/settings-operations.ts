// Operations that change how a stream is kept: retention, capacity mode, record size; and the limits of the account.

import { ARN, requiredStreamName } from '../account.ts';
import { AwsError } from '../aws-error.ts';
import { Fields } from '../fields.ts';
import { nameInArn } from '../stream-name.ts';
import type { Call } from './call.ts';
import { MAX_SHARDS, modeOf, RECORD_SIZE_KIB } from './stream-operations.ts';

const MIN_RETENTION_HOURS = 24;
const MAX_RETENTION_HOURS = 8760;
const MAX_ON_DEMAND_STREAMS = 50;

export function increaseStreamRetentionPeriod(call: Call): string {
  return changeRetention(call, (hours, existing) =>
    hours > existing
      ? null
      : `can not be shorter than or equal to the existing retention period (${existing} hours).`,
  );
}

export function decreaseStreamRetentionPeriod(call: Call): string {
  return changeRetention(call, (hours, existing) =>
    hours < existing
      ? null
      : `can not be longer than or equal to the existing retention period (${existing} hours).`,
  );
}

/** `objection` says what is wrong with the hours asked for, given the hours there are. */
function changeRetention(
  { account, body }: Call,
  objection: (hours: number, existing: number) => string | null,
): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const hours = fields.integer('RetentionPeriodHours', { required: true, min: 1 });
  fields.check();
  const stream = account.activeStream(name);
  if (hours < MIN_RETENTION_HOURS || hours > MAX_RETENTION_HOURS) {
    const [word, bound] =
      hours < MIN_RETENTION_HOURS ? ['Minimum', MIN_RETENTION_HOURS] : ['Maximum', MAX_RETENTION_HOURS];
    throw new AwsError(
      'InvalidArgumentException',
      `${word} allowed retention period is ${bound} hours. Requested retention period (${hours} hours) is too ${word === 'Minimum' ? 'short' : 'long'}.`,
    );
  }
  const wrong = objection(hours, stream.retentionHours);
  if (wrong !== null) {
    throw new AwsError(
      'InvalidArgumentException',
      `Requested retention period (${hours} hours) for stream ${name} ${wrong}`,
    );
  }
  stream.keepFor(hours, account.clock.now());
  return '';
}

/** Takes an ARN only. The shards stay as they are. */
export function updateStreamMode({ account, body, asAws }: Call): string {
  const fields = new Fields(body);
  const arn = fields.text('StreamARN', { ...ARN, required: true });
  const mode = modeOf(fields, true);
  fields.check();
  const stream = account.activeStream(nameInArn(arn));
  const now = account.clock.now();
  if (!asAws && account.limits !== null && !stream.modeChanges.tryUse(now)) {
    throw new AwsError(
      'LimitExceededException',
      `Stream ${stream.config.name} under account ${account.config.accountId} changed its mode twice within the last 24 hours.`,
    );
  }
  stream.startModeChange(mode, now + account.config.reshardMs);
  return '';
}

export function updateMaxRecordSize({ account, body }: Call): string {
  const fields = new Fields(body);
  const arn = fields.text('StreamARN', { ...ARN, required: true });
  const kib = fields.integer('MaxRecordSizeInKiB', { required: true, ...RECORD_SIZE_KIB });
  fields.check();
  account.activeStream(nameInArn(arn)).maxRecordBytes = kib * 1024;
  return '';
}

export function describeLimits({ account }: Call): string {
  const streams = account.names().map((name) => account.stream(name));
  const onDemand = streams.filter((stream) => stream.mode === 'ON_DEMAND');
  const provisioned = streams.filter((stream) => stream.mode === 'PROVISIONED');
  return JSON.stringify({
    ShardLimit: MAX_SHARDS,
    OpenShardCount: provisioned.reduce((sum, stream) => sum + stream.open.length, 0),
    OnDemandStreamCount: onDemand.length,
    OnDemandStreamCountLimit: MAX_ON_DEMAND_STREAMS,
  });
}
