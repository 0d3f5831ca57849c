// The part of the contract about how a stream is kept: retention, tags, capacity mode, record size, and a name used again.

import {
  AddTagsToStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeLimitsCommand,
  DescribeStreamSummaryCommand,
  IncreaseStreamRetentionPeriodCommand,
  ListShardsCommand,
  ListTagsForResourceCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  RemoveTagsFromStreamCommand,
  SplitShardCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateMaxRecordSizeCommand,
  UpdateShardCountCommand,
  UpdateStreamModeCommand,
} from '@aws-sdk/client-kinesis';
import { refusal } from '../testing/sdk-client.ts';
import { type ContractCase, ids } from './kinesis.ts';
import { type KinesisSession, SHARD_0 } from './kinesis-session.ts';

const MIB = 1024 * 1024;

const raise = ({ client, stream: StreamName }: KinesisSession, RetentionPeriodHours: number) =>
  client.send(new IncreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours }));
const lower = ({ client, stream: StreamName }: KinesisSession, RetentionPeriodHours: number) =>
  client.send(new DecreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours }));
const addTags = ({ client, stream: StreamName }: KinesisSession, Tags: Record<string, string>) =>
  client.send(new AddTagsToStreamCommand({ StreamName, Tags }));
const tagsOf = ({ client, stream: StreamName }: KinesisSession) =>
  client.send(new ListTagsForStreamCommand({ StreamName }));

async function summaryOf({ client, stream: StreamName }: KinesisSession) {
  const reply = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
  return reply.StreamDescriptionSummary;
}

function numbered(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, 'value']));
}

async function deleteAndWait(kinesis: KinesisSession): Promise<void> {
  await kinesis.client.send(new DeleteStreamCommand({ StreamName: kinesis.stream }));
  // The status of a stream that is gone is an error.
  for (let tries = 0; tries < 500 && (await refusal(summaryOf(kinesis))) === 'none'; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const SETTINGS_CONTRACT: readonly ContractCase[] = [
  {
    title: 'the retention period is 24 hours, and goes up and down',
    expected: [24, 8760, 24],
    async observe(kinesis) {
      await kinesis.create(1);
      const hours = async () => (await summaryOf(kinesis))?.RetentionPeriodHours;
      const first = await hours();
      await raise(kinesis, 8760);
      const raised = await hours();
      await lower(kinesis, 24);
      return [first, raised, await hours()];
    },
  },
  {
    title: 'a retention period of less than 24 or more than 8760 hours is InvalidArgumentException',
    expected: ['InvalidArgumentException', 'InvalidArgumentException'],
    async observe(kinesis) {
      await kinesis.create(1);
      return [await refusal(lower(kinesis, 23)), await refusal(raise(kinesis, 8761))];
    },
  },
  {
    title: 'a retention period that does not change in the direction of the call is InvalidArgumentException',
    expected: Array(4).fill('InvalidArgumentException'),
    async observe(kinesis) {
      await kinesis.create(1);
      await raise(kinesis, 48);
      return [
        await refusal(raise(kinesis, 25)),
        await refusal(lower(kinesis, 49)),
        await refusal(raise(kinesis, 48)),
        await refusal(lower(kinesis, 48)),
      ];
    },
  },
  {
    title: 'tags are added, overwritten, listed in order, and removed, unknown ones too',
    expected: [
      [
        { Key: 'a', Value: '3' },
        { Key: 'b', Value: '2' },
      ],
      [{ Key: 'b', Value: '2' }],
    ],
    async observe(kinesis) {
      await kinesis.create(1);
      await addTags(kinesis, { b: '2', a: '1' });
      await addTags(kinesis, { a: '3' });
      const before = (await tagsOf(kinesis)).Tags;
      const gone = { StreamName: kinesis.stream, TagKeys: ['a', 'unknown'] };
      await kinesis.client.send(new RemoveTagsFromStreamCommand(gone));
      return [before, (await tagsOf(kinesis)).Tags];
    },
  },
  {
    title: 'ListTagsForStream pages by ExclusiveStartTagKey',
    expected: [
      [['a', 'b'], true],
      [['c'], false],
    ],
    async observe(kinesis) {
      await kinesis.create(1);
      await addTags(kinesis, { a: '1', b: '2', c: '3' });
      const page = async (ExclusiveStartTagKey?: string) => {
        const input = { StreamName: kinesis.stream, Limit: 2, ExclusiveStartTagKey };
        const reply = await kinesis.client.send(new ListTagsForStreamCommand(input));
        return [reply.Tags?.map((tag) => tag.Key), reply.HasMoreTags];
      };
      return [await page(), await page('b')];
    },
  },
  {
    title: 'a stream has 50 tags at most',
    expected: ['none', 'InvalidArgumentException'],
    async observe(kinesis) {
      await kinesis.create(1);
      return [
        await refusal(addTags(kinesis, numbered(50))),
        await refusal(addTags(kinesis, { another: 'value' })),
      ];
    },
  },
  {
    title: 'a tag with an illegal character is InvalidArgumentException',
    expected: 'InvalidArgumentException',
    async observe(kinesis) {
      await kinesis.create(1);
      return refusal(addTags(kinesis, { 'a&b': 'value' }));
    },
  },
  {
    title: 'tags are set and read by the ARN of the stream as well',
    expected: [[{ Key: 'b', Value: '2' }], [{ Key: 'b', Value: '2' }]],
    async observe(kinesis) {
      await kinesis.create(1);
      const ResourceARN = (await summaryOf(kinesis))?.StreamARN;
      await kinesis.client.send(new TagResourceCommand({ ResourceARN, Tags: { a: '1', b: '2' } }));
      await kinesis.client.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['a'] }));
      const reply = await kinesis.client.send(new ListTagsForResourceCommand({ ResourceARN }));
      return [reply.Tags, (await tagsOf(kinesis)).Tags];
    },
  },
  {
    title: 'a stream changes its capacity mode and keeps its shards; on demand it is not resharded by hand',
    expected: { mode: 'ON_DEMAND', shards: [SHARD_0], refusals: Array(2).fill('ValidationException') },
    async observe(kinesis) {
      await kinesis.create(1);
      const change = {
        StreamARN: (await summaryOf(kinesis))?.StreamARN,
        StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      } as const;
      await kinesis.client.send(new UpdateStreamModeCommand(change));
      await kinesis.untilActive();
      const split = { StreamName: kinesis.stream, ShardToSplit: SHARD_0, NewStartingHashKey: '1000' };
      const scale = {
        StreamName: kinesis.stream,
        TargetShardCount: 2,
        ScalingType: 'UNIFORM_SCALING',
      } as const;
      const mode = (await summaryOf(kinesis))?.StreamModeDetails?.StreamMode;
      const shards = ids(await kinesis.shards());
      const ofSplit = await refusal(kinesis.client.send(new SplitShardCommand(split)));
      // One that is not refused makes the stream UPDATING for a moment.
      await kinesis.untilActive();
      const ofScale = await refusal(kinesis.client.send(new UpdateShardCountCommand(scale)));
      return { mode, shards, refusals: [ofSplit, ofScale] };
    },
  },
  {
    title: 'the maximum record size can be raised to 10 MiB, and no further',
    expected: { before: 'ValidationException', kib: 10_240, after: 'none', tooMuch: 'ValidationException' },
    async observe(kinesis) {
      await kinesis.create(1);
      const StreamARN = (await summaryOf(kinesis))?.StreamARN;
      const put = () =>
        refusal(
          kinesis.client.send(
            new PutRecordCommand({
              StreamName: kinesis.stream,
              Data: Buffer.alloc(2 * MIB),
              PartitionKey: 'k',
            }),
          ),
        );
      const raiseTo = (MaxRecordSizeInKiB: number) =>
        kinesis.client.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB }));
      const before = await put();
      await raiseTo(10_240);
      await kinesis.untilActive();
      const kib = (await summaryOf(kinesis))?.MaxRecordSizeInKiB;
      return { before, kib, after: await put(), tooMuch: await refusal(raiseTo(10_241)) };
    },
  },
  {
    title: 'DescribeLimits counts the open shards of provisioned streams',
    expected: { more: 2, onDemandLimit: 50 },
    async observe(kinesis) {
      const limits = () => kinesis.client.send(new DescribeLimitsCommand({}));
      const before = (await limits()).OpenShardCount ?? 0;
      await kinesis.create(2);
      const after = await limits();
      return { more: (after.OpenShardCount ?? 0) - before, onDemandLimit: after.OnDemandStreamCountLimit };
    },
  },
  {
    title: 'a stream that is made again begins with shard 0 and without records, and knows no old position',
    expected: {
      shards: [SHARD_0],
      records: 0,
      iterator: 'ResourceNotFoundException',
      sequence: 'InvalidArgumentException',
    },
    async observe(kinesis) {
      await kinesis.create(1);
      const [sequence = ''] = await kinesis.put('a');
      const held = await kinesis.iterator();
      await kinesis.split(SHARD_0, '1000');
      await deleteAndWait(kinesis);
      await kinesis.create(1);
      const after = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: sequence } as const;
      return {
        shards: ids(await kinesis.shards()),
        records: (await kinesis.read()).Records?.length,
        iterator: await refusal(kinesis.page(held)),
        sequence: await refusal(kinesis.iterator(after)),
      };
    },
  },
  {
    title: 'ListShards does not list the shards of an earlier stream of that name',
    expected: ['none', 'ResourceNotFoundException'],
    async observe(kinesis) {
      await kinesis.create(1);
      const created = (await summaryOf(kinesis))?.StreamCreationTimestamp?.getTime() ?? 0;
      const list = (StreamCreationTimestamp: Date) =>
        refusal(
          kinesis.client.send(new ListShardsCommand({ StreamName: kinesis.stream, StreamCreationTimestamp })),
        );
      return [await list(new Date(created)), await list(new Date(created - 3_600_000))];
    },
  },
  {
    title: 'an iterator of a deleted stream is ResourceNotFoundException',
    expected: 'ResourceNotFoundException',
    async observe(kinesis) {
      await kinesis.create(1);
      const held = await kinesis.iterator();
      await deleteAndWait(kinesis);
      return refusal(kinesis.page(held));
    },
  },
];
