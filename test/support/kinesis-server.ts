// The servers that integration tests run against, with the same few verbs: the simulator and kinesis-local.

import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import {
  type Simulator,
  type SimulatorOptions,
  type SimulatorRecord,
  startSimulator,
} from '../../src/testing/index.ts';
import { startKinesisLocal } from '../fakes/kinesis-local.ts';
import { type Server, sdkClient } from '../testing/sdk-client.ts';
import { until } from './until.ts';

export interface KinesisServer extends Server, AsyncDisposable {
  readonly title: string;
  createStream(stream: string, shards: number): Promise<void>;
  /** At most 500 records; each key once, so that a retry of a part cannot change the order of a key. */
  put(stream: string, records: readonly SimulatorRecord[]): Promise<void>;
  /** In the middle of its hash range; resolves to the children, the lower one first. */
  split(stream: string, shardId: string): Promise<readonly [string, string]>;
  merge(stream: string, shardId: string, adjacentShardId: string): Promise<string>;
}

export interface SimulatedServer extends KinesisServer {
  readonly simulator: Simulator;
}

export async function simulatedServer(options: SimulatorOptions = {}): Promise<SimulatedServer> {
  const simulator = await startSimulator(options);
  return {
    title: 'simulator',
    simulator,
    endpoint: simulator.endpoint,
    region: simulator.region,
    credentials: simulator.credentials,
    createStream: (stream, shards) => simulator.createStream(stream, { shards }),
    async put(stream, records) {
      await simulator.put(stream, records);
    },
    split: (stream, shardId) => simulator.split(stream, shardId),
    merge: (stream, shardId, adjacent) => simulator.merge(stream, shardId, adjacent),
    [Symbol.asyncDispose]: () => simulator.stop(),
  };
}

const ACTIVE_WITHIN_MS = 10_000;

export async function kinesisLocalServer(): Promise<KinesisServer> {
  const emulator = await startKinesisLocal();
  const client = sdkClient(emulator);

  const active = (stream: string) =>
    until(`${stream} is ACTIVE`, ACTIVE_WITHIN_MS, async () => {
      const { StreamDescriptionSummary } = await client.send(
        new DescribeStreamSummaryCommand({ StreamName: stream }),
      );
      return StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
    });
  const shardsOf = async (stream: string) =>
    (await client.send(new ListShardsCommand({ StreamName: stream }))).Shards ?? [];

  return {
    title: 'kinesis-local',
    endpoint: emulator.endpoint,
    region: emulator.region,
    credentials: emulator.credentials,
    async createStream(stream, shards) {
      await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shards }));
      await active(stream);
    },
    async put(stream, records) {
      let left = records.map(({ data, partitionKey }) => ({ Data: data, PartitionKey: partitionKey }));
      await until(`${stream} took all records`, ACTIVE_WITHIN_MS, async () => {
        const { Records = [] } = await client.send(
          new PutRecordsCommand({ StreamName: stream, Records: left }),
        );
        left = left.filter((_, i) => Records[i]?.ErrorCode !== undefined);
        return left.length === 0;
      });
    },
    async split(stream, shardId) {
      const shard = (await shardsOf(stream)).find(({ ShardId }) => ShardId === shardId);
      const start = BigInt(shard?.HashKeyRange?.StartingHashKey ?? 0);
      const end = BigInt(shard?.HashKeyRange?.EndingHashKey ?? 0);
      const middle = String((start + end) / 2n + 1n);
      await client.send(
        new SplitShardCommand({ StreamName: stream, ShardToSplit: shardId, NewStartingHashKey: middle }),
      );
      await active(stream);
      const children = (await shardsOf(stream)).filter(({ ParentShardId }) => ParentShardId === shardId);
      const ids = children
        .toSorted((a, b) =>
          BigInt(a.HashKeyRange!.StartingHashKey!) < BigInt(b.HashKeyRange!.StartingHashKey!) ? -1 : 1,
        )
        .map(({ ShardId }) => ShardId!);
      return [ids[0]!, ids[1]!];
    },
    async merge(stream, shardId, adjacentShardId) {
      await client.send(
        new MergeShardsCommand({
          StreamName: stream,
          ShardToMerge: shardId,
          AdjacentShardToMerge: adjacentShardId,
        }),
      );
      await active(stream);
      const child = (await shardsOf(stream)).find(
        ({ AdjacentParentShardId }) => AdjacentParentShardId !== undefined,
      );
      return child!.ShardId!;
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await emulator.stop();
    },
  };
}
