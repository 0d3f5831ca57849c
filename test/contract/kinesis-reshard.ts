// The part of the contract about shards that split and merge.

import { type ShardFilter, UpdateShardCountCommand } from '@aws-sdk/client-kinesis';
import { refusal } from '../testing/sdk-client.ts';
import { type ContractCase, coverAll, ids, textsOf } from './kinesis.ts';
import { SHARD_0, SHARD_1, SHARD_2 } from './kinesis-session.ts';

const MIDDLE = String(2n ** 127n);

export const RESHARD_CONTRACT: readonly ContractCase[] = [
  {
    title: 'a split closes the parent and gives two children of it',
    expected: {
      closed: [true, false, false],
      parents: [undefined, SHARD_0, SHARD_0],
      starts: ['0', '0', '1000'],
      covered: true,
    },
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.split(SHARD_0, '1000');
      const shards = await kinesis.shards();
      return {
        closed: shards.map((shard) => shard.SequenceNumberRange?.EndingSequenceNumber !== undefined),
        parents: shards.map((shard) => shard.ParentShardId),
        starts: shards.map((shard) => shard.HashKeyRange?.StartingHashKey),
        covered: coverAll(shards.slice(1)),
      };
    },
  },
  {
    title: 'a merge gives one child of both parents',
    expected: { parent: SHARD_0, adjacent: SHARD_1, covered: true },
    async observe(kinesis) {
      await kinesis.create(2);
      await kinesis.merge(SHARD_0, SHARD_1);
      const child = (await kinesis.shards()).at(-1);
      return {
        parent: child?.ParentShardId,
        adjacent: child?.AdjacentParentShardId,
        covered: child !== undefined && coverAll([child]),
      };
    },
  },
  {
    title: 'a closed shard stays readable; its last page names the children and no iterator',
    expected: {
      texts: ['a', 'b'],
      next: true,
      children: [
        [SHARD_1, [SHARD_0]],
        [SHARD_2, [SHARD_0]],
      ],
      starts: ['0', MIDDLE],
    },
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.put('a', 'b');
      await kinesis.split(SHARD_0, MIDDLE);
      const pages = await kinesis.readToEnd(SHARD_0);
      const last = pages.at(-1);
      return {
        texts: textsOf(...pages),
        next: (last?.NextShardIterator ?? null) === null,
        children: last?.ChildShards?.map((child) => [child.ShardId, child.ParentShards]),
        starts: last?.ChildShards?.map((child) => child.HashKeyRange?.StartingHashKey),
      };
    },
  },
  {
    title: 'both parents of a merge name the same child with both parents',
    expected: [[[SHARD_2, [SHARD_0, SHARD_1]]], [[SHARD_2, [SHARD_0, SHARD_1]]]],
    async observe(kinesis) {
      await kinesis.create(2);
      await kinesis.merge(SHARD_0, SHARD_1);
      const childrenOf = async (shardId: string) =>
        (await kinesis.readToEnd(shardId))
          .at(-1)
          ?.ChildShards?.map((child) => [child.ShardId, child.ParentShards]);
      return [await childrenOf(SHARD_0), await childrenOf(SHARD_1)];
    },
  },
  {
    title: 'sequence numbers of children are above those of their parents',
    expected: true,
    async observe(kinesis) {
      await kinesis.create(1);
      const [before = ''] = await kinesis.put('before');
      await kinesis.split(SHARD_0, MIDDLE);
      const [after = ''] = await kinesis.put('after');
      return BigInt(after) > BigInt(before);
    },
  },
  {
    title:
      'a closed shard ends at a sequence number above its last record, and reading after it gives the end',
    expected: { above: true, next: true },
    async observe(kinesis) {
      await kinesis.create(1);
      const [last = ''] = await kinesis.put('a');
      await kinesis.split(SHARD_0, MIDDLE);
      const end = (await kinesis.shards())[0]?.SequenceNumberRange?.EndingSequenceNumber ?? '0';
      const after = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: end } as const;
      const page = await kinesis.read(after).catch((error: Error) => error.name);
      return {
        above: BigInt(end) > BigInt(last),
        next: typeof page === 'string' ? page : (page.NextShardIterator ?? null) === null,
      };
    },
  },
  {
    title: 'ListShards filters by the open shards, those at the trim horizon, and those after an id',
    expected: {
      AT_LATEST: [1, 2, 3],
      AT_TRIM_HORIZON: [0, 1],
      FROM_TRIM_HORIZON: [0, 1, 2, 3],
      AFTER_SHARD_ID: [2, 3],
    },
    async observe(kinesis) {
      await kinesis.create(2);
      await kinesis.split(SHARD_0, '1000');
      const listed = async (filter: ShardFilter) =>
        ids(await kinesis.shards(filter)).map((id) => Number(id.slice('shardId-'.length)));
      return {
        AT_LATEST: await listed({ Type: 'AT_LATEST' }),
        AT_TRIM_HORIZON: await listed({ Type: 'AT_TRIM_HORIZON' }),
        FROM_TRIM_HORIZON: await listed({ Type: 'FROM_TRIM_HORIZON' }),
        AFTER_SHARD_ID: await listed({ Type: 'AFTER_SHARD_ID', ShardId: SHARD_1 }),
      };
    },
  },
  {
    title: 'shards that are no neighbours do not merge, nor those named in the wrong order',
    expected: ['InvalidArgumentException', 'InvalidArgumentException'],
    async observe(kinesis) {
      await kinesis.create(3);
      return [await refusal(kinesis.merge(SHARD_0, SHARD_2)), await refusal(kinesis.merge(SHARD_1, SHARD_0))];
    },
  },
  {
    title: 'a shard is not split at its own first hash key',
    expected: 'InvalidArgumentException',
    async observe(kinesis) {
      await kinesis.create(1);
      return refusal(kinesis.split(SHARD_0, '0'));
    },
  },
  {
    title: 'a shard that was split is not split again',
    expected: 'InvalidArgumentException',
    async observe(kinesis) {
      await kinesis.create(1);
      await kinesis.split(SHARD_0, MIDDLE);
      return refusal(kinesis.split(SHARD_0, '1000'));
    },
  },
  {
    title: 'UpdateShardCount doubles and halves, and refuses more and less',
    expected: {
      up: 4,
      down: 2,
      covered: true,
      tooMany: 'InvalidArgumentException',
      tooFew: 'InvalidArgumentException',
    },
    async observe(kinesis) {
      await kinesis.create(2);
      const scale = async (TargetShardCount: number) => {
        const input = {
          StreamName: kinesis.stream,
          TargetShardCount,
          ScalingType: 'UNIFORM_SCALING',
        } as const;
        await kinesis.client.send(new UpdateShardCountCommand(input));
        await kinesis.untilActive();
        return kinesis.shards({ Type: 'AT_LATEST' });
      };
      const up = (await scale(4)).length;
      const tooMany = await refusal(scale(9));
      const tooFew = await refusal(scale(1));
      const open = await scale(2);
      return { up, down: open.length, covered: coverAll(open), tooMany, tooFew };
    },
  },
];
