// What a careful user writes with the AWS SDK alone: one loop per shard, all in the main thread, with the SDK tuned as
// well as its options go. Nothing is checkpointed, and no limit of AWS is kept.

import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  type _Record,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Run } from '../figures.ts';
import type { Variant } from '../scenario.ts';
import { type Job, MAX_SOCKETS, RECORD_LIMIT, STREAM, type Source } from './job.ts';
import { Meter } from './meter.ts';
import { Stopwatch } from './stopwatch.ts';

export async function runSdkLoop({ source, variant, plan }: Job): Promise<Run> {
  const client = tunedClient(source);
  const watch = new Stopwatch();
  const meter = new Meter(plan, (mark) => watch.take(mark));
  const handle = handlerOf(variant, meter);

  const readShard = async (shardId: string) => {
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({
        StreamName: STREAM,
        ShardId: shardId,
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    for (let iterator = ShardIterator; iterator !== undefined; ) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: RECORD_LIMIT }));
      for (const record of page.Records ?? []) handle(record);
      meter.lookForMark();
      iterator = page.NextShardIterator;
    }
  };
  const { Shards } = await client.send(new ListShardsCommand({ StreamName: STREAM }));
  await Promise.all((Shards ?? []).map(({ ShardId }) => readShard(ShardId!)));
  client.destroy();
  return watch.result();
}

function tunedClient({ endpoint, region, credentials }: Source): KinesisClient {
  const client = new KinesisClient({
    endpoint,
    region,
    credentials,
    // The default opens a TCP and HTTP/2 session for every request.
    requestHandler: new NodeHttpHandler({
      httpAgent: new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS }),
    }),
  });
  // It is in the stack even where nothing is logged.
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}

function handlerOf(variant: Variant, meter: Meter): (record: _Record) => void {
  switch (variant.processor) {
    case 'json':
      return ({ Data, PartitionKey, SequenceNumber }) =>
        meter.add(JSON.parse(toText(Data!)), PartitionKey!, SequenceNumber!, 0);
    case 'string':
      return ({ Data, PartitionKey, SequenceNumber }) =>
        meter.add(toText(Data!), PartitionKey!, SequenceNumber!, 0);
    case 'kpl-json':
      return kplHandler(meter);
    default:
      throw variant.processor satisfies never;
  }
}

interface AggUserRecord {
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  /** base64 */
  readonly data: string;
}

/** Its own types need the SDK of version 2. */
interface KinesisAgg {
  deaggregateSync(
    record: { readonly data: Uint8Array; readonly partitionKey: string; readonly sequenceNumber: string },
    computeChecksums: boolean,
    done: (error: Error | undefined, userRecords?: readonly AggUserRecord[]) => void,
  ): void;
}

/** Amazon's package for KPL aggregates in JavaScript. In the lower-case form of a record it makes fewer copies. */
function kplHandler(meter: Meter): (record: _Record) => void {
  const agg = createRequire(import.meta.url)('aws-kinesis-agg') as KinesisAgg;
  return ({ Data, PartitionKey, SequenceNumber }) => {
    const record = { data: Data!, partitionKey: PartitionKey!, sequenceNumber: SequenceNumber! };
    // With checksums: shardpool checks them too, and without them no plain record can be told from an aggregate.
    agg.deaggregateSync(record, true, (error, userRecords) => {
      if (error !== undefined || userRecords === undefined) throw error ?? new Error('No user records');
      for (const { data, partitionKey, sequenceNumber, subSequenceNumber } of userRecords) {
        const value: unknown = JSON.parse(Buffer.from(data, 'base64').toString());
        meter.add(value, partitionKey, sequenceNumber, subSequenceNumber);
      }
    });
  };
}

/** Buffer's own decoder, which is never slower than a TextDecoder. */
function toText(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
}
