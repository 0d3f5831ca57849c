// The Kinesis API on the AWS SDK: every call that shardpool makes, in its own types.

import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  ListShardsCommand,
  type ListShardsCommandInput,
  PutRecordsCommand,
  type PutRecordsResultEntry,
  type Shard as SdkShard,
  type ShardFilter as SdkShardFilter,
} from '@aws-sdk/client-kinesis';
import type { CallLimits } from '../model/call-limits.ts';
import { decodePosition, type Position } from '../model/position.ts';
import type { Shard } from '../model/shard.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { systemTimers, type Timers } from '../platform/timers.ts';
import { resolveAddress } from './addressing.ts';
import type { CredentialsSource, KinesisApi, Page, PutOutcome, ShardFilter, StreamAddress } from './api.ts';
import { createCallSlots } from './call-slots.ts';
import { createCaller } from './caller.ts';
import { createCredentialCache } from './credential-cache.ts';
import { KinesisError } from './errors.ts';
import { decodeGetRecords } from './get-records-decoder.ts';
import { keepAliveAgents } from './keep-alive-agents.ts';
import { lastGoodLookup, type Resolver } from './last-good-lookup.ts';
import { readBody } from './read-body.ts';
import { createSdkClient, onReply } from './sdk-client.ts';

export interface KinesisApiOptions {
  readonly address: StreamAddress;
  readonly credentials: CredentialsSource;
  /** Attempts of the SDK per call, the first one included: 1 or 2 for readers, which back off by themselves. */
  readonly maxAttempts: number;
  /** Calls that go on at once, each on a connection of its own; the others wait for their turn. */
  readonly maxSockets: number;
  readonly limits: CallLimits;
  readonly clock?: Pick<Clock, 'now'>;
  readonly timers?: Timers;
  readonly resolver?: Resolver;
}

/**
 * Does no I/O by itself; throws ERR_INVALID_OPTION for an address that cannot be one. A region that is neither given nor
 * found in the environment shows at the first call, with the same code. Every call rejects with a KinesisError.
 */
export function createKinesisApi(options: KinesisApiOptions): KinesisApi {
  const address = resolveAddress(options.address);
  const { clock = systemClock, timers = systemTimers, maxAttempts, maxSockets } = options;
  const { limits } = options;
  const credentials = createCredentialCache(options.credentials, () => clock.now());
  const agents = keepAliveAgents({ maxSockets, lookup: lastGoodLookup(timers, options.resolver) });
  const caller = createCaller({
    streamName: address.name,
    credentials,
    slots: createCallSlots(maxSockets),
    callTimeoutMs: limits.callMs,
    timers,
    onTimeout: agents.dropIdle,
  });
  const client = createSdkClient({
    address,
    credentials: () => credentials.get(),
    maxAttempts,
    limits,
    agents,
  });
  const stream = address.arn === null ? { StreamName: address.name } : { StreamARN: address.arn };

  /** One page of a listing, with the time at the server. */
  const listPage = async (input: ListShardsCommandInput, signal: AbortSignal) => {
    const command = new ListShardsCommand(input);
    let date: string | undefined;
    onReply(command.middlewareStack, (reply) => {
      date = reply.headers['date'];
    });
    const output = await client.send(command, { abortSignal: signal });
    if (!output.Shards) throw malformed('ListShards without Shards');
    return { shards: output.Shards, nextToken: output.NextToken ?? null, serverTimeMs: serverTime(date) };
  };

  return {
    describeStream: ({ signal } = {}) =>
      caller.call('DescribeStreamSummary', signal, async (abortSignal) => {
        const output = await client.send(new DescribeStreamSummaryCommand(stream), { abortSignal });
        const summary = output.StreamDescriptionSummary;
        if (summary?.StreamStatus === undefined) throw malformed('DescribeStreamSummary without a status');
        return {
          name: summary.StreamName ?? address.name,
          arn: summary.StreamARN ?? address.arn ?? '',
          status: summary.StreamStatus,
          openShardCount: summary.OpenShardCount ?? 0,
          retentionHours: summary.RetentionPeriodHours ?? 0,
        };
      }),

    createStream: (shards, { signal } = {}) =>
      caller.call('CreateStream', signal, async (abortSignal) => {
        // The one call that knows no ARN.
        const mode =
          shards === 'on-demand'
            ? { StreamModeDetails: { StreamMode: 'ON_DEMAND' as const } }
            : { ShardCount: shards.count };
        await client.send(new CreateStreamCommand({ StreamName: address.name, ...mode }), { abortSignal });
      }),

    listShards: (filter, { signal } = {}) =>
      caller.call('ListShards', signal, async (abortSignal) => {
        const ShardFilter = shardFilter(filter);
        const first = await listPage(
          { ...stream, ...(ShardFilter === null ? {} : { ShardFilter }) },
          abortSignal,
        );
        const shards = first.shards.map(toShard);
        // AWS refuses a token next to the name or a filter: it stands for both.
        for (let { nextToken } = first; nextToken !== null; ) {
          const page = await listPage({ NextToken: nextToken }, abortSignal);
          for (const shard of page.shards) shards.push(toShard(shard));
          if (page.nextToken === nextToken) throw malformed('ListShards with the same NextToken again');
          nextToken = page.nextToken;
        }
        return { shards, serverTimeMs: first.serverTimeMs };
      }),

    getShardIterator: (shardId, position, { signal } = {}) =>
      caller.call('GetShardIterator', signal, async (abortSignal) => {
        const input = { ...stream, ShardId: shardId, ...iteratorInput(position) };
        const output = await client.send(new GetShardIteratorCommand(input), { abortSignal });
        if (!output.ShardIterator) throw malformed('GetShardIterator without an iterator');
        return output.ShardIterator;
      }),

    getRecords: (iterator, limit, { signal } = {}) =>
      caller.call('GetRecords', signal, async (abortSignal) => {
        const command = new GetRecordsCommand({
          ShardIterator: iterator,
          Limit: limit,
          ...(address.arn === null ? {} : { StreamARN: address.arn }),
        });
        let page: Page | undefined;
        onReply(command.middlewareStack, async (reply) => {
          // Errors stay with the SDK, so that AWS's exceptions stay what they are.
          if (reply.statusCode !== 200) return;
          page = decodeGetRecords(await readBody(reply.body));
          reply.body = new Uint8Array(0); // leaves nothing to do for the SDK's own decoder
        });
        await client.send(command, { abortSignal });
        if (page === undefined) throw malformed('GetRecords without a body');
        return page;
      }),

    putRecords: (entries, { signal } = {}) =>
      caller.call('PutRecords', signal, async (abortSignal) => {
        const Records = entries.map(({ data, partitionKey, explicitHashKey }) => ({
          Data: data,
          PartitionKey: partitionKey,
          ...(explicitHashKey === null ? {} : { ExplicitHashKey: explicitHashKey }),
        }));
        const output = await client.send(new PutRecordsCommand({ ...stream, Records }), { abortSignal });
        const results = output.Records ?? [];
        if (results.length !== entries.length) {
          throw malformed(`PutRecords of ${entries.length} records with ${results.length} results`);
        }
        return results.map(toOutcome);
      }),

    close() {
      caller.close();
      client.destroy();
    },
  };
}

function iteratorInput(
  position: Position,
): Omit<GetShardIteratorCommandInput, 'ShardId'> & { ShardIteratorType: string } {
  const decoded = decodePosition(position);
  switch (decoded.type) {
    case 'TRIM_HORIZON':
      return { ShardIteratorType: 'TRIM_HORIZON' };
    // Not AWS's LATEST, which means the moment of this call: what was put between the first sight of the stream and the
    // first read, or while nothing was checkpointed yet, would be lost. The moment of first sight is AWS's own clock in
    // whole seconds, so a record put up to a second before it may be read as well.
    case 'LATEST':
    case 'AT_TIMESTAMP':
      return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(decoded.at) };
    case 'SEQUENCE':
      return { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: decoded.sequenceNumber };
    case 'SHARD_END':
      throw new KinesisError('fatal', 'A finished shard has no iterator', { code: 'ERR_INTERNAL' });
    default:
      throw decoded satisfies never;
  }
}

function shardFilter(filter: ShardFilter): SdkShardFilter | null {
  switch (filter.type) {
    case 'ALL':
      return null;
    case 'AT_TRIM_HORIZON':
    case 'AT_LATEST':
      return { Type: filter.type };
    case 'AT_TIMESTAMP':
      return { Type: 'AT_TIMESTAMP', Timestamp: new Date(filter.at) };
    default:
      throw filter satisfies never;
  }
}

/** AWS always sends `Date`. Without it there is no telling the time there, and the clock of this host is no substitute. */
function serverTime(date: string | undefined): number {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(time)) throw malformed('ListShards without a valid Date header');
  return time;
}

function toShard(shard: SdkShard): Shard {
  const { ShardId, HashKeyRange, SequenceNumberRange } = shard;
  if (!ShardId) throw malformed('ListShards with a shard without ShardId');
  return {
    shardId: ShardId,
    parentShardId: shard.ParentShardId ?? null,
    adjacentParentShardId: shard.AdjacentParentShardId ?? null,
    startingHashKey: HashKeyRange?.StartingHashKey ?? '0',
    endingHashKey: HashKeyRange?.EndingHashKey ?? '0',
    startingSequenceNumber: SequenceNumberRange?.StartingSequenceNumber ?? '0',
    endingSequenceNumber: SequenceNumberRange?.EndingSequenceNumber ?? null,
  };
}

function toOutcome(result: PutRecordsResultEntry): PutOutcome {
  const { ShardId, SequenceNumber, ErrorCode, ErrorMessage } = result;
  if (ErrorCode) return { ok: false, errorCode: ErrorCode, message: ErrorMessage ?? '' };
  if (!ShardId || !SequenceNumber) throw malformed('PutRecords with an empty result');
  return { ok: true, shardId: ShardId, sequenceNumber: SequenceNumber };
}

/** As a cut body: it may be whole next time, and the caller's back-off and its limit apply. */
function malformed(what: string): KinesisError {
  return new KinesisError(
    'transient',
    `AWS gave a malformed reply: ${what}. The same call may succeed later; if it lasts, check endpoint and proxy.`,
  );
}
