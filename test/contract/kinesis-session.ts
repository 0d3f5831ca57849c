// The unmodified SDK client with the few steps that the cases of the contract share, on a stream of its own.

import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  type Shard,
  type ShardFilter,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';

export const SHARD_0 = 'shardId-000000000000';
export const SHARD_1 = 'shardId-000000000001';
export const SHARD_2 = 'shardId-000000000002';
export const SHARD_3 = 'shardId-000000000003';
const ACTIVE_DEADLINE_MS = 10_000;

let streamCount = 0;

export class KinesisSession {
  readonly client: KinesisClient;
  readonly stream = `contract-${(streamCount += 1)}`;

  constructor(client: KinesisClient) {
    this.client = client;
  }

  async create(shards: number): Promise<void> {
    await this.client.send(new CreateStreamCommand({ StreamName: this.stream, ShardCount: shards }));
    await this.untilActive();
  }

  async untilActive(): Promise<void> {
    const deadline = performance.now() + ACTIVE_DEADLINE_MS;
    for (;;) {
      const { StreamDescriptionSummary: summary } = await this.client.send(
        new DescribeStreamSummaryCommand({ StreamName: this.stream }),
      );
      if (summary?.StreamStatus === 'ACTIVE') return;
      if (performance.now() > deadline) throw new Error(`${this.stream} stays ${summary?.StreamStatus}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Puts texts under the hash key 0, so that all of them go to the first shard. Returns the sequence numbers. */
  async put(...texts: string[]): Promise<string[]> {
    const Records = texts.map((text) => ({
      Data: Buffer.from(text),
      PartitionKey: 'k',
      ExplicitHashKey: '0',
    }));
    const reply = await this.client.send(new PutRecordsCommand({ StreamName: this.stream, Records }));
    return (reply.Records ?? []).map((record) => record.SequenceNumber ?? '');
  }

  async iterator(rest: Partial<GetShardIteratorCommandInput> = {}): Promise<string> {
    const input = {
      StreamName: this.stream,
      ShardId: SHARD_0,
      ShardIteratorType: 'TRIM_HORIZON' as const,
      ...rest,
    };
    return (await this.client.send(new GetShardIteratorCommand(input))).ShardIterator ?? '';
  }

  async read(rest: Partial<GetShardIteratorCommandInput> = {}): Promise<GetRecordsCommandOutput> {
    return this.page(await this.iterator(rest));
  }

  page(ShardIterator: string | undefined, Limit?: number): Promise<GetRecordsCommandOutput> {
    return this.client.send(
      new GetRecordsCommand({ ShardIterator, ...(Limit === undefined ? {} : { Limit }) }),
    );
  }

  /** Reads a shard until it ends, at most a few pages. */
  async readToEnd(shardId: string): Promise<GetRecordsCommandOutput[]> {
    const pages: GetRecordsCommandOutput[] = [];
    let next: string | undefined | null = await this.iterator({ ShardId: shardId });
    while (next !== undefined && next !== null && pages.length < 5) {
      const page: GetRecordsCommandOutput = await this.page(next);
      pages.push(page);
      next = page.NextShardIterator;
    }
    return pages;
  }

  async shards(ShardFilter?: ShardFilter): Promise<Shard[]> {
    const reply = await this.client.send(new ListShardsCommand({ StreamName: this.stream, ShardFilter }));
    return (reply.Shards ?? []).toSorted((a, b) => ((a.ShardId ?? '') < (b.ShardId ?? '') ? -1 : 1));
  }

  async split(ShardToSplit: string, NewStartingHashKey: string): Promise<void> {
    await this.client.send(
      new SplitShardCommand({ StreamName: this.stream, ShardToSplit, NewStartingHashKey }),
    );
    await this.untilActive();
  }

  async merge(ShardToMerge: string, AdjacentShardToMerge: string): Promise<void> {
    await this.client.send(
      new MergeShardsCommand({ StreamName: this.stream, ShardToMerge, AdjacentShardToMerge }),
    );
    await this.untilActive();
  }
}
