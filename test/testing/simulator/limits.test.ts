import { expect } from 'chai';
import { Bucket } from '../../../src/testing/simulator/limits.ts';
import { base64, deskAccount, SHARD_0, type RecordsReply } from './desk-account.ts';

const MIB = 1024 * 1024;

describe('simulator/limits', () => {
  describe('Bucket', () => {
    it('holds one second of its rate and fills up no further', () => {
      const bucket = new Bucket(10, 0);
      expect(bucket.has(10, 60_000)).to.equal(true);
      bucket.take(10);
      expect(bucket.has(1, 60_099)).to.equal(false);
      expect(bucket.has(1, 60_100)).to.equal(true);
    });

    it('lets what is larger than itself pass when it is full', () => {
      const bucket = new Bucket(10, 0);
      expect(bucket.has(25, 0)).to.equal(true);
      bucket.take(25);
      expect(bucket.isPaidBack(2_500)).to.equal(false);
      expect(bucket.isPaidBack(2_501)).to.equal(true);
    });
  });

  it('serves 5 GetRecords a second and shard, and refuses the sixth', async () => {
    const desk = deskAccount({ limits: true });
    await desk.call('CreateStream', { StreamName: 's', ShardCount: 2 });
    const first = await iterator(desk, SHARD_0);
    const other = await iterator(desk, 'shardId-000000000001');
    for (let count = 0; count < 5; count += 1) await desk.call('GetRecords', { ShardIterator: first });
    expect(await desk.refused('GetRecords', { ShardIterator: first })).to.equal(
      'ProvisionedThroughputExceededException',
    );
    expect(await desk.refused('GetRecords', { ShardIterator: other })).to.equal('none');
    desk.clock.advance(200);
    expect(await desk.refused('GetRecords', { ShardIterator: first })).to.equal('none');
  });

  it('blocks a shard for 5 seconds after a page of 10 MiB', async () => {
    const desk = deskAccount({ limits: true });
    await desk.call('CreateStream', { StreamName: 's', ShardCount: 1 });
    for (let count = 0; count < 12; count += 1) {
      await desk.call('PutRecord', { StreamName: 's', Data: base64(MIB - 1), PartitionKey: 'k' });
      desk.clock.advance(1000);
    }
    const start = await iterator(desk, SHARD_0);
    const page = await desk.call<RecordsReply>('GetRecords', { ShardIterator: start });
    expect(page.Records).to.have.length(10);
    const next = { ShardIterator: page.NextShardIterator };
    desk.clock.advance(4_900);
    expect(await desk.refused('GetRecords', next)).to.equal('ProvisionedThroughputExceededException');
    desk.clock.advance(101);
    expect(await desk.refused('GetRecords', next)).to.equal('none');
  });

  it('takes 1 000 records a second and shard, and fails the entries beyond them alone', async () => {
    const desk = deskAccount({ limits: true });
    await desk.call('CreateStream', { StreamName: 's', ShardCount: 2 });
    const entries = (hashKey: string, count: number) =>
      Array.from({ length: count }, () => ({ Data: '', PartitionKey: 'k', ExplicitHashKey: hashKey }));
    const lower = '0';
    const upper = String(2n ** 128n - 1n);
    const put = (records: unknown) =>
      desk.call<{
        FailedRecordCount: number;
        Records: { ErrorCode?: string; ErrorMessage?: string; ShardId?: string }[];
      }>('PutRecords', { StreamName: 's', Records: records });
    await put(entries(lower, 500));
    await put(entries(lower, 400));
    const last = await put([...entries(lower, 150), ...entries(upper, 5)]);
    expect(last.FailedRecordCount).to.equal(50);
    expect(last.Records[100]).to.deep.equal({
      ErrorCode: 'ProvisionedThroughputExceededException',
      ErrorMessage: `Rate exceeded for shard ${SHARD_0} in stream s under account 123456789012.`,
    });
    expect(last.Records[150]?.ShardId).to.equal('shardId-000000000001');
    desk.clock.advance(50);
    expect((await put(entries(lower, 60))).FailedRecordCount).to.equal(10);
  });

  it('takes 1 MiB a second and shard', async () => {
    const desk = deskAccount({ limits: true });
    await desk.call('CreateStream', { StreamName: 's', ShardCount: 1 });
    const put = { StreamName: 's', Data: base64(MIB / 2 - 1), PartitionKey: 'k' };
    await desk.call('PutRecord', put);
    await desk.call('PutRecord', put);
    expect(await desk.refused('PutRecord', put)).to.equal('ProvisionedThroughputExceededException');
    desk.clock.advance(500);
    expect(await desk.refused('PutRecord', put)).to.equal('none');
  });

  for (const [operation, perSecond] of [
    ['DescribeStream', 10],
    ['DescribeStreamSummary', 20],
    ['ListShards', 1000],
    ['ListTagsForStream', 5],
  ] as const) {
    it(`serves ${operation} ${perSecond} times a second`, async () => {
      const desk = deskAccount({ limits: true });
      await desk.call('CreateStream', { StreamName: 's', ShardCount: 1 });
      for (let count = 0; count < perSecond; count += 1) await desk.call(operation, { StreamName: 's' });
      expect(await desk.refused(operation, { StreamName: 's' })).to.equal('LimitExceededException');
    });
  }

  it('lets five streams be CREATING at a time', async () => {
    const desk = deskAccount({ limits: true, createStreamMs: 60_000 });
    const create = (name: string) => desk.refused('CreateStream', { StreamName: name, ShardCount: 1 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) expect(await create(name)).to.equal('none');
    desk.clock.advance(1000);
    expect(await create('f')).to.equal('LimitExceededException');
    desk.clock.advance(59_000);
    expect(await create('f')).to.equal('none');
  });

  it('lets five streams change at a time, and refuses a stream that is not ACTIVE', async () => {
    const desk = deskAccount({ limits: true, reshardMs: 60_000 });
    const split = (name: string) =>
      desk.refused('SplitShard', { StreamName: name, ShardToSplit: SHARD_0, NewStartingHashKey: '1000' });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) {
      await desk.call('CreateStream', { StreamName: name, ShardCount: 1 });
      desk.clock.advance(200);
    }
    for (const name of names.slice(0, 5)) {
      expect(await split(name)).to.equal('none');
      desk.clock.advance(200);
    }
    expect(await split('f')).to.equal('LimitExceededException');
    desk.clock.advance(1000);
    expect(await desk.refused('DeleteStream', { StreamName: 'f' })).to.equal('LimitExceededException');
    expect(await desk.refused('DeleteStream', { StreamName: 'a' })).to.equal('ResourceInUseException');
    expect(await split('a')).to.equal('ResourceInUseException');
    desk.clock.advance(60_000);
    expect(await split('f')).to.equal('none');
  });

  it('scales a stream ten times in 24 hours and changes its mode twice', async () => {
    const desk = deskAccount({ limits: true });
    await desk.call('CreateStream', { StreamName: 's', ShardCount: 2 });
    const scale = (TargetShardCount: number) =>
      desk.refused('UpdateShardCount', { StreamName: 's', TargetShardCount, ScalingType: 'UNIFORM_SCALING' });
    for (let count = 0; count < 10; count += 1) {
      expect(await scale(count % 2 === 0 ? 3 : 2)).to.equal('none');
      expect(await scale(9), 'what is refused does not count').to.equal('InvalidArgumentException');
      desk.clock.advance(60_000);
    }
    expect(await scale(3)).to.equal('LimitExceededException');
    const mode = (StreamMode: string) =>
      desk.refused('UpdateStreamMode', {
        StreamARN: desk.account.arnOf('s'),
        StreamModeDetails: { StreamMode },
      });
    expect([await mode('ON_DEMAND'), await mode('PROVISIONED'), await mode('ON_DEMAND')]).to.deep.equal([
      'none',
      'none',
      'LimitExceededException',
    ]);
    desk.clock.advance(24 * 3_600_000 - 10 * 60_000);
    expect(await scale(3)).to.equal('none');
    expect(await scale(2)).to.equal('LimitExceededException');
  });

  it('has none of these quotas without limits', async () => {
    const desk = deskAccount({ createStreamMs: 60_000 });
    for (let count = 0; count < 12; count += 1) {
      await desk.call('CreateStream', { StreamName: `s${count}`, ShardCount: 2 });
    }
    desk.clock.advance(60_000);
    for (let count = 0; count < 11; count += 1) {
      const TargetShardCount = count % 2 === 0 ? 3 : 2;
      await desk.call('UpdateShardCount', {
        StreamName: 's0',
        TargetShardCount,
        ScalingType: 'UNIFORM_SCALING',
      });
    }
  });

  it('begins with full buckets when a stream is made again', async () => {
    const desk = deskAccount({ limits: true });
    const read = async () => {
      await desk.call('CreateStream', { StreamName: 's', ShardCount: 1 });
      const body = { ShardIterator: await iterator(desk, SHARD_0) };
      for (let count = 0; count < 5; count += 1) await desk.call('GetRecords', body);
      expect(await desk.refused('GetRecords', body)).to.equal('ProvisionedThroughputExceededException');
      await desk.call('DeleteStream', { StreamName: 's' });
    };
    await read();
    await read();
  });
});

async function iterator(desk: ReturnType<typeof deskAccount>, shardId: string): Promise<string> {
  const body = { StreamName: 's', ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' };
  return (await desk.call<{ ShardIterator: string }>('GetShardIterator', body)).ShardIterator;
}
