// What every Kinesis does, as cases: each makes calls through the unmodified SDK and returns what it saw, next to what AWS
// documents. A server that differs must be listed with what it does instead (kinesis.test.ts).

import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { refusal } from '../testing/sdk-client.ts';
import { type KinesisSession, SHARD_0, SHARD_1, SHARD_2 } from './kinesis-session.ts';

export interface ContractCase {
  readonly title: string;
  /** What AWS does. */
  readonly expected: unknown;
  observe(kinesis: KinesisSession): Promise<unknown>;
}

const LAST_HASH_KEY = String(2n ** 128n - 1n);
const MIB = 1024 * 1024;

export function textsOf(...pages: GetRecordsCommandOutput[]): string[] {
  return pages
    .flatMap((page) => page.Records ?? [])
    .map((record) => Buffer.from(record.Data ?? []).toString());
}

export function ids(shards: readonly Shard[]): string[] {
  return shards.map((shard) => shard.ShardId ?? '');
}

/** True when the shards, in order of their ranges, cover every hash key once. */
export function coverAll(shards: readonly Shard[]): boolean {
  const ranges = shards
    .map(
      ({ HashKeyRange: range }) =>
        [BigInt(range?.StartingHashKey ?? 0), BigInt(range?.EndingHashKey ?? 0)] as const,
    )
    .toSorted((a, b) => (a[0] < b[0] ? -1 : 1));
  const joined = ranges.every(
    ([start], index) => start === (index === 0 ? 0n : (ranges[index - 1]?.[1] ?? 0n) + 1n),
  );
  return joined && String(ranges.at(-1)?.[1]) === LAST_HASH_KEY;
}

export const KINESIS_CONTRACT: readonly ContractCase[] = [
  {
    title: 'an unknown stream is ResourceNotFoundException, in every call',
    expected: Array(5).fill('ResourceNotFoundException'),
    observe: ({ client, stream: StreamName }) =>
      Promise.all([
        refusal(client.send(new DescribeStreamCommand({ StreamName }))),
        refusal(client.send(new DescribeStreamSummaryCommand({ StreamName }))),
        refusal(client.send(new ListShardsCommand({ StreamName }))),
        refusal(client.send(new PutRecordCommand({ StreamName, Data: Buffer.of(1), PartitionKey: 'k' }))),
        refusal(
          client.send(
            new GetShardIteratorCommand({ StreamName, ShardId: SHARD_0, ShardIteratorType: 'LATEST' }),
          ),
        ),
      ]),
  },
  {
    title: 'creating a stream twice is ResourceInUseException',
    expected: 'ResourceInUseException',
    async observe(kinesis) {
      await kinesis.create(1);
      return refusal(kinesis.create(1));
    },
  },
  {
    title: 'a deleted stream is gone',
    expected: 'ResourceNotFoundException',
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.client.send(new DeleteStreamCommand({ StreamName: kinesis.stream }));
      return refusal(kinesis.untilActive());
    },
  },
  {
    title: 'a new stream has shards that cover all hash keys, without parents',
    expected: { count: 3, covered: true, parents: [undefined, undefined, undefined] },
    async observe(kinesis) {
      await kinesis.create(3);
      const shards = await kinesis.shards();
      const parents = shards.map((shard) => shard.ParentShardId);
      return { count: shards.length, covered: coverAll(shards), parents };
    },
  },
  {
    title: 'the first of two shards ends at the middle of the hash keys',
    expected: String(2n ** 127n - 1n),
    async observe(kinesis) {
      await kinesis.create(2);
      return (await kinesis.shards())[0]?.HashKeyRange?.EndingHashKey;
    },
  },
  {
    title: 'a stream is addressed by ARN as by name',
    expected: { open: 1, shard: SHARD_0, texts: ['by arn'] },
    async observe(kinesis) {
      await kinesis.create(1);
      const summaryOf = async (by: { StreamName: string } | { StreamARN: string }) =>
        (await kinesis.client.send(new DescribeStreamSummaryCommand(by))).StreamDescriptionSummary;
      const StreamARN = (await summaryOf({ StreamName: kinesis.stream }))?.StreamARN ?? '';
      const put = { StreamARN, Data: Buffer.from('by arn'), PartitionKey: 'k' };
      const { ShardId: shard } = await kinesis.client.send(new PutRecordCommand(put));
      const page = await kinesis.read({ StreamName: undefined, StreamARN });
      return { open: (await summaryOf({ StreamARN }))?.OpenShardCount, shard, texts: textsOf(page) };
    },
  },
  {
    title: 'ListShards pages with a token that excludes the name',
    expected: { pages: [[SHARD_0, SHARD_1], [SHARD_2]], withName: 'InvalidArgumentException' },
    async observe(kinesis) {
      await kinesis.create(3);
      const { client, stream: StreamName } = kinesis;
      const first = await client.send(new ListShardsCommand({ StreamName, MaxResults: 2 }));
      const { NextToken } = first;
      const second = await client.send(new ListShardsCommand({ NextToken }));
      const withName = await refusal(client.send(new ListShardsCommand({ NextToken, StreamName })));
      return { pages: [ids(first.Shards ?? []), ids(second.Shards ?? [])], withName };
    },
  },
  {
    title: 'DescribeStream pages by ExclusiveStartShardId',
    expected: [
      [[SHARD_0, SHARD_1], true],
      [[SHARD_2], false],
    ],
    async observe(kinesis) {
      await kinesis.create(3);
      const describe = async (ExclusiveStartShardId?: string) => {
        const input = { StreamName: kinesis.stream, Limit: 2, ExclusiveStartShardId };
        const { StreamDescription: page } = await kinesis.client.send(new DescribeStreamCommand(input));
        return [ids(page?.Shards ?? []), page?.HasMoreShards];
      };
      return [await describe(), await describe(SHARD_1)];
    },
  },
  {
    title: 'ListStreams pages by ExclusiveStartStreamName, in order of the names',
    expected: { first: ['-a'], more: true, second: ['-b'] },
    async observe({ client, stream }) {
      for (const suffix of ['', '-b', '-a']) {
        await client.send(new CreateStreamCommand({ StreamName: stream + suffix, ShardCount: 1 }));
      }
      const list = (after: string) =>
        client.send(new ListStreamsCommand({ Limit: 1, ExclusiveStartStreamName: after }));
      const first = await list(stream);
      const second = await list(`${stream}-a`);
      const suffixes = (names: string[] | undefined) => names?.map((name) => name.slice(stream.length));
      return {
        first: suffixes(first.StreamNames),
        more: first.HasMoreStreams,
        second: suffixes(second.StreamNames),
      };
    },
  },
  {
    title: 'records are routed by explicit hash key, inclusive on both ends, else by the MD5 of the key',
    expected: [SHARD_0, SHARD_1, SHARD_1, SHARD_0, SHARD_1],
    async observe(kinesis) {
      await kinesis.create(2);
      const border = (await kinesis.shards())[1]?.HashKeyRange?.StartingHashKey ?? '';
      const reply = await kinesis.client.send(
        new PutRecordsCommand({
          StreamName: kinesis.stream,
          Records: [
            { Data: Buffer.of(1), PartitionKey: 'k', ExplicitHashKey: String(BigInt(border) - 1n) },
            { Data: Buffer.of(1), PartitionKey: 'k', ExplicitHashKey: border },
            { Data: Buffer.of(1), PartitionKey: 'k', ExplicitHashKey: LAST_HASH_KEY },
            // MD5 0cc1..., and 92eb... in UTF-8.
            { Data: Buffer.of(1), PartitionKey: 'a' },
            { Data: Buffer.of(1), PartitionKey: 'b' },
          ],
        }),
      );
      return reply.Records?.map((record) => record.ShardId);
    },
  },
  {
    title: 'a record comes back as it was put',
    expected: { partitionKey: 'clé-日本-🙂', data: '00ff80' },
    async observe(kinesis) {
      await kinesis.create(1);
      const put = {
        StreamName: kinesis.stream,
        Data: Buffer.from('00ff80', 'hex'),
        PartitionKey: 'clé-日本-🙂',
      };
      await kinesis.client.send(new PutRecordCommand(put));
      const record = (await kinesis.read()).Records?.[0];
      return { partitionKey: record?.PartitionKey, data: Buffer.from(record?.Data ?? []).toString('hex') };
    },
  },
  {
    title: 'sequence numbers have 56 digits and grow in the order of the records',
    expected: { digits: true, growing: true, asPut: true },
    async observe(kinesis) {
      await kinesis.create(1);
      const numbers = [...(await kinesis.put('a', 'b', 'c')), ...(await kinesis.put('d'))];
      const read = (await kinesis.read()).Records?.map((record) => record.SequenceNumber);
      return {
        digits: numbers.every((number) => /^49\d{54}$/.test(number)),
        growing: numbers.every(
          (number, index) => index === 0 || BigInt(number) > BigInt(numbers[index - 1] ?? 0),
        ),
        asPut: String(read) === String(numbers),
      };
    },
  },
  {
    title: 'each iterator type starts where it says',
    expected: { horizon: ['a', 'b'], at: ['b'], after: [], time: ['a', 'b'], latest: ['c'] },
    async observe(kinesis) {
      await kinesis.create(1);
      const [, second = ''] = await kinesis.put('a', 'b');
      const latest = await kinesis.iterator({ ShardIteratorType: 'LATEST' });
      const from = async (rest: Parameters<KinesisSession['read']>[0]) => textsOf(await kinesis.read(rest));
      const seen = {
        horizon: await from({}),
        at: await from({ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: second }),
        after: await from({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: second }),
        time: await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(Date.now() - 60_000) }),
      };
      await kinesis.put('c');
      return { ...seen, latest: textsOf(await kinesis.page(latest)) };
    },
  },
  {
    title: 'a time stamp in the future is InvalidArgumentException',
    expected: 'InvalidArgumentException',
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.put('a');
      const Timestamp = new Date(Date.now() + 60_000);
      return refusal(kinesis.iterator({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp }));
    },
  },
  {
    title: 'GetRecords goes on where it stopped, with and without records',
    expected: [['a', 'b'], ['c'], [], ['d']],
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.put('a', 'b', 'c');
      const first = await kinesis.page(await kinesis.iterator(), 2);
      const second = await kinesis.page(first.NextShardIterator, 2);
      const third = await kinesis.page(second.NextShardIterator);
      await kinesis.put('d');
      const fourth = await kinesis.page(third.NextShardIterator);
      return [first, second, third, fourth].map((page) => textsOf(page));
    },
  },
  {
    title: 'MillisBehindLatest is above 0 while records are unread, and 0 at the tip',
    expected: [true, 0],
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.put('a', 'b');
      const first = await kinesis.page(await kinesis.iterator(), 1);
      const second = await kinesis.page(first.NextShardIterator);
      return [(first.MillisBehindLatest ?? 0) > 0, second.MillisBehindLatest];
    },
  },
  {
    title: 'GetRecords refuses more than 10 000 records and a bad iterator with InvalidArgumentException',
    expected: ['InvalidArgumentException', 'InvalidArgumentException'],
    async observe(kinesis) {
      await kinesis.create(1);
      return [
        await refusal(kinesis.page(await kinesis.iterator(), 10_001)),
        await refusal(kinesis.page('rubbish')),
      ];
    },
  },
  {
    title: 'a bad partition key or record size is ValidationException',
    expected: ['ValidationException', 'ValidationException', 'ValidationException'],
    async observe(kinesis) {
      await kinesis.create(1);
      const put = (Data: Uint8Array, PartitionKey: string) =>
        refusal(
          kinesis.client.send(new PutRecordCommand({ StreamName: kinesis.stream, Data, PartitionKey })),
        );
      return [
        await put(Buffer.of(1), ''),
        await put(Buffer.of(1), 'k'.repeat(257)),
        await put(Buffer.alloc(MIB + 1), 'k'),
      ];
    },
  },
  {
    title: 'PutRecords takes 1 to 500 records',
    expected: ['ValidationException', 'none', 'ValidationException'],
    async observe(kinesis) {
      await kinesis.create(1);
      const put = (count: number) => refusal(kinesis.put(...Array<string>(count).fill('x')));
      return [await put(0), await put(500), await put(501)];
    },
  },
  {
    title: 'PutRecords takes 5 MiB in all',
    expected: ['none', 'InvalidArgumentException'],
    async observe(kinesis) {
      await kinesis.create(1);
      const put = (count: number) => refusal(kinesis.put(...Array<string>(count).fill('x'.repeat(MIB - 1))));
      return [await put(5), await put(6)];
    },
  },
  {
    title: 'an explicit hash key above 2^128 - 1 is InvalidArgumentException',
    expected: 'InvalidArgumentException',
    async observe(kinesis) {
      await kinesis.create(1);
      const put = { Data: Buffer.of(1), PartitionKey: 'k', ExplicitHashKey: String(2n ** 128n) };
      return refusal(kinesis.client.send(new PutRecordCommand({ StreamName: kinesis.stream, ...put })));
    },
  },
];
