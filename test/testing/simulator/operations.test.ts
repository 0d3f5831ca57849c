import { expect } from 'chai';
import { base64, deskAccount, type RecordsReply, SHARD_0, SHARD_1, START_MS, texts } from './desk-account.ts';

type Desk = ReturnType<typeof deskAccount>;
const HOUR_MS = 3_600_000;
const SHARD_2 = 'shardId-000000000002';

async function streamWith(desk: Desk, shards = 1): Promise<void> {
  await desk.call('CreateStream', { StreamName: 's', ShardCount: shards });
}

async function put(desk: Desk, text: string): Promise<string> {
  const body = { StreamName: 's', Data: base64(text), PartitionKey: 'k' };
  return (await desk.call<{ SequenceNumber: string }>('PutRecord', body)).SequenceNumber;
}

async function iterator(desk: Desk, type: string, rest: Record<string, unknown> = {}): Promise<string> {
  const body = { StreamName: 's', ShardId: SHARD_0, ShardIteratorType: type, ...rest };
  return (await desk.call<{ ShardIterator: string }>('GetShardIterator', body)).ShardIterator;
}

function get(
  desk: Desk,
  shardIterator: string | null,
  rest: Record<string, unknown> = {},
): Promise<RecordsReply> {
  return desk.call<RecordsReply>('GetRecords', { ShardIterator: shardIterator, ...rest });
}

async function listed(desk: Desk, filter?: Record<string, unknown>): Promise<string[]> {
  const body = { StreamName: 's', ...(filter === undefined ? {} : { ShardFilter: filter }) };
  const { Shards } = await desk.call<{ Shards: { ShardId: string }[] }>('ListShards', body);
  return Shards.map((shard) => shard.ShardId);
}

describe('simulator/operations', () => {
  it('keeps a new stream CREATING until its time, hidden from reads and writes', async () => {
    const desk = deskAccount({ createStreamMs: 1000 });
    await streamWith(desk);
    const status = async () =>
      (
        await desk.call<{ StreamDescription: { StreamStatus: string; Shards: unknown[] } }>(
          'DescribeStream',
          {
            StreamName: 's',
          },
        )
      ).StreamDescription;
    expect(await status()).to.include({ StreamStatus: 'CREATING' });
    expect((await status()).Shards).to.deep.equal([]);
    expect(await desk.refused('PutRecord', { StreamName: 's', Data: '', PartitionKey: 'k' })).to.equal(
      'ResourceNotFoundException',
    );
    expect(await desk.refused('ListShards', { StreamName: 's' })).to.equal('ResourceInUseException');
    desk.clock.advance(1000);
    expect(await status()).to.include({ StreamStatus: 'ACTIVE' });
    expect((await status()).Shards).to.have.length(1);
  });

  it('lets an iterator expire after 5 minutes, and not before', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    const shardIterator = await iterator(desk, 'LATEST');
    desk.clock.advance(300_000);
    expect(await desk.refused('GetRecords', { ShardIterator: shardIterator })).to.equal('none');
    desk.clock.advance(1);
    expect(await desk.refused('GetRecords', { ShardIterator: shardIterator })).to.equal(
      'ExpiredIteratorException',
    );
  });

  it('lets a ListShards token expire after 300 seconds', async () => {
    const desk = deskAccount();
    await streamWith(desk, 2);
    const { NextToken } = await desk.call<{ NextToken: string }>('ListShards', {
      StreamName: 's',
      MaxResults: 1,
    });
    desk.clock.advance(300_001);
    expect(await desk.refused('ListShards', { NextToken })).to.equal('ExpiredNextTokenException');
  });

  it('does not serve an iterator of an earlier stream of the same name', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    const shardIterator = await iterator(desk, 'TRIM_HORIZON');
    await desk.call('DeleteStream', { StreamName: 's' });
    desk.clock.advance(1);
    await streamWith(desk);
    expect(await desk.refused('GetRecords', { ShardIterator: shardIterator })).to.equal(
      'ResourceNotFoundException',
    );
  });

  it('starts AT_TIMESTAMP at the first record of that time or later', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    for (const text of ['a', 'b', 'c']) {
      await put(desk, text);
      desk.clock.advance(10);
    }
    const from = async (offsetMs: number) =>
      texts(
        await get(desk, await iterator(desk, 'AT_TIMESTAMP', { Timestamp: (START_MS + offsetMs) / 1000 })),
      );
    expect(await from(-5000)).to.deep.equal(['a', 'b', 'c']);
    expect(await from(10)).to.deep.equal(['b', 'c']);
    expect(await from(11)).to.deep.equal(['c']);
    expect(await from(25)).to.deep.equal([]);
  });

  it('refuses sequence numbers that this shard never gave', async () => {
    const desk = deskAccount();
    await streamWith(desk, 2);
    const sequence = await put(desk, 'a');
    const ask = (ShardId: string, StartingSequenceNumber: string) =>
      desk.refused('GetShardIterator', {
        StreamName: 's',
        ShardId,
        ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
        StartingSequenceNumber,
      });
    const inFirst = texts(await get(desk, await iterator(desk, 'TRIM_HORIZON'))).length === 1;
    const [owner, other] = inFirst ? [SHARD_0, SHARD_1] : [SHARD_1, SHARD_0];
    expect(await ask(owner, sequence)).to.equal('none');
    expect(await ask(other, sequence)).to.equal('InvalidArgumentException');
    expect(await ask(owner, '123')).to.equal('InvalidArgumentException');
    const messageOf = async (number: string) => {
      const body = { StreamName: 's', ShardId: other, ShardIteratorType: 'AT_SEQUENCE_NUMBER' };
      return String((await desk.send('GetShardIterator', { ...body, StartingSequenceNumber: number })).body);
    };
    expect(await messageOf(sequence)).to.contain(
      `It encodes ${owner}, while it was used in a call to ${other}`,
    );
    expect(await messageOf('123')).to.contain('is invalid because it did not come from this stream.');
  });

  it('reports how far behind a read is: the age of the oldest unread record, 0 at the tip', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    await put(desk, 'a');
    await put(desk, 'b');
    desk.clock.advance(7_000);
    const first = await get(desk, await iterator(desk, 'TRIM_HORIZON'), { Limit: 1 });
    expect(first.MillisBehindLatest).to.equal(7_000);
    expect((await get(desk, first.NextShardIterator)).MillisBehindLatest).to.equal(0);
  });

  it('trims records after the retention period, and forgets closed shards after it', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    await put(desk, 'old');
    desk.clock.advance(HOUR_MS);
    await desk.call('SplitShard', { StreamName: 's', ShardToSplit: SHARD_0, NewStartingHashKey: '1000' });
    expect(texts(await get(desk, await iterator(desk, 'TRIM_HORIZON')))).to.deep.equal(['old']);
    desk.clock.advance(23 * HOUR_MS + 1);
    const emptied = await get(desk, await iterator(desk, 'TRIM_HORIZON'));
    expect([texts(emptied), emptied.ChildShards?.length, emptied.MillisBehindLatest]).to.deep.equal([
      [],
      2,
      0,
    ]);
    expect(await listed(desk)).to.have.length(3);
    desk.clock.advance(HOUR_MS - 1000);
    const last = await iterator(desk, 'TRIM_HORIZON');
    desk.clock.advance(1000);
    expect(await listed(desk)).to.deep.equal([SHARD_1, SHARD_2]);
    expect(await listed(desk, { Type: 'AT_TRIM_HORIZON' })).to.deep.equal([SHARD_1, SHARD_2]);
    const ask = { StreamName: 's', ShardId: SHARD_0, ShardIteratorType: 'TRIM_HORIZON' };
    expect(await desk.refused('GetShardIterator', ask)).to.equal('ResourceNotFoundException');
    expect(await desk.refused('GetRecords', { ShardIterator: last })).to.equal('ResourceNotFoundException');
  });

  it('reads a sequence number that was trimmed from the oldest record that is left', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    const first = await put(desk, 'a');
    await put(desk, 'b');
    const held = await iterator(desk, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: first });
    desk.clock.advance(24 * HOUR_MS - 1000);
    const fresh = await iterator(desk, 'AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: first });
    await put(desk, 'c');
    desk.clock.advance(1001);
    for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
      const page = await get(desk, await iterator(desk, type, { StartingSequenceNumber: first }));
      expect(texts(page), type).to.deep.equal(['c']);
    }
    expect(texts(await get(desk, fresh)), 'an iterator from before the trimming').to.deep.equal(['c']);
    const old = await iterator(desk, 'AT_TIMESTAMP', { Timestamp: START_MS / 1000 });
    const page = await get(desk, old, { Limit: 1 });
    expect([texts(page), page.MillisBehindLatest]).to.deep.equal([['c'], 0]);
    expect(await desk.refused('GetRecords', { ShardIterator: held })).to.equal('ExpiredIteratorException');
  });

  it('keeps records for as long as it is told, and brings nothing back', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    await put(desk, 'a');
    await desk.call('SplitShard', {
      StreamName: 's',
      ShardToSplit: SHARD_0,
      NewStartingHashKey: '1' + '0'.repeat(38),
    });
    const change = (verb: string, hours: number) =>
      desk.refused(`${verb}StreamRetentionPeriod`, { StreamName: 's', RetentionPeriodHours: hours });
    expect(await change('Increase', 48)).to.equal('none');
    desk.clock.advance(25 * HOUR_MS);
    expect(texts(await get(desk, await iterator(desk, 'TRIM_HORIZON')))).to.deep.equal(['a']);
    expect(await listed(desk)).to.have.length(3);
    expect(await change('Decrease', 24)).to.equal('none');
    expect(await listed(desk)).to.have.length(2);
    expect(await change('Increase', 8760)).to.equal('none');
    expect(await listed(desk), 'the parent is gone for good').to.have.length(2);
    for (const [verb, hours] of [
      ['Increase', 8761],
      ['Increase', 100],
      ['Decrease', 23],
      ['Decrease', 8760],
    ] as const) {
      expect(await change(verb, hours), `${verb} to ${hours}`).to.equal('InvalidArgumentException');
    }
    expect(await change('Decrease', 0)).to.equal('ValidationException');
    const { StreamDescriptionSummary: summary } = await desk.call<{
      StreamDescriptionSummary: { RetentionPeriodHours: number };
    }>('DescribeStreamSummary', { StreamName: 's' });
    expect(summary.RetentionPeriodHours).to.equal(8760);
  });

  it('tells a stream from an earlier one of its name, in tokens and by its creation', async () => {
    const desk = deskAccount();
    await streamWith(desk, 2);
    const page = await desk.call<{ NextToken: string }>('ListShards', { StreamName: 's', MaxResults: 1 });
    await desk.call('DeleteStream', { StreamName: 's' });
    desk.clock.advance(2000);
    await streamWith(desk, 1);
    expect(await listed(desk)).to.deep.equal([SHARD_0]);
    expect(await desk.refused('ListShards', { NextToken: page.NextToken })).to.equal(
      'ResourceNotFoundException',
    );
    const by = (seconds: number) =>
      desk.refused('ListShards', { StreamName: 's', StreamCreationTimestamp: START_MS / 1000 + seconds });
    expect(await by(0)).to.equal('ResourceNotFoundException');
    expect(await by(2)).to.equal('none');
  });

  it('filters shards by when they were open', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    desk.clock.advance(1000);
    await desk.call('SplitShard', { StreamName: 's', ShardToSplit: SHARD_0, NewStartingHashKey: '1000' });
    await desk.call('DescribeStreamSummary', { StreamName: 's' });
    desk.clock.advance(1000);
    const all = [SHARD_0, SHARD_1, 'shardId-000000000002'];
    const children = all.slice(1);
    const at = (offsetMs: number) => (START_MS + offsetMs) / 1000;
    expect(await listed(desk)).to.deep.equal(all);
    expect(await listed(desk, { Type: 'FROM_TRIM_HORIZON' })).to.deep.equal(all);
    expect(await listed(desk, { Type: 'AT_TRIM_HORIZON' })).to.deep.equal([SHARD_0]);
    expect(await listed(desk, { Type: 'AT_LATEST' })).to.deep.equal(children);
    expect(await listed(desk, { Type: 'AFTER_SHARD_ID', ShardId: SHARD_1 })).to.deep.equal([
      'shardId-000000000002',
    ]);
    expect(await listed(desk, { Type: 'AT_TIMESTAMP', Timestamp: at(999) })).to.deep.equal([SHARD_0]);
    expect(await listed(desk, { Type: 'AT_TIMESTAMP', Timestamp: at(1001) })).to.deep.equal(children);
    expect(await listed(desk, { Type: 'AT_TIMESTAMP', Timestamp: at(-9000) })).to.deep.equal([SHARD_0]);
    expect(await listed(desk, { Type: 'FROM_TIMESTAMP', Timestamp: at(999) })).to.deep.equal(all);
    expect(await listed(desk, { Type: 'FROM_TIMESTAMP', Timestamp: at(1001) })).to.deep.equal(children);
  });

  it('pages ListShards with a filter: the token carries the filter on', async () => {
    const desk = deskAccount();
    await streamWith(desk, 3);
    await desk.call('SplitShard', {
      StreamName: 's',
      ShardToSplit: SHARD_1,
      NewStartingHashKey: String(2n ** 127n),
    });
    const ids: string[] = [];
    let body: Record<string, unknown> = {
      StreamName: 's',
      ShardFilter: { Type: 'AT_LATEST' },
      MaxResults: 1,
    };
    for (;;) {
      const page = await desk.call<{ Shards: { ShardId: string }[]; NextToken?: string }>('ListShards', body);
      ids.push(...page.Shards.map((shard) => shard.ShardId));
      if (page.NextToken === undefined) break;
      body = { NextToken: page.NextToken, MaxResults: 1 };
    }
    expect(ids).to.deep.equal([0, 2, 3, 4].map((index) => `shardId-00000000000${index}`));
  });

  it('answers a wrong type with SerializationException and a bad value with ValidationException', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    const cases: [operation: string, body: Record<string, unknown>, error: string][] = [
      ['DescribeStream', { StreamName: 7 }, 'SerializationException'],
      ['DescribeStream', { StreamName: 'a b' }, 'ValidationException'],
      ['DescribeStream', {}, 'InvalidArgumentException'],
      ['DescribeStream', { StreamName: 's', Limit: 0 }, 'ValidationException'],
      ['PutRecord', { StreamName: 's', PartitionKey: 'k' }, 'ValidationException'],
      ['PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '*' }, 'SerializationException'],
      ['PutRecord', { StreamName: 's', PartitionKey: 'k'.repeat(257), Data: '' }, 'ValidationException'],
      ['PutRecords', { StreamName: 's', Records: 'x' }, 'SerializationException'],
      ['PutRecords', { StreamName: 's', Records: [] }, 'ValidationException'],
      ['GetRecords', {}, 'ValidationException'],
      [
        'GetShardIterator',
        { StreamName: 's', ShardId: SHARD_0, ShardIteratorType: 'NEVER' },
        'ValidationException',
      ],
      ['CreateStream', { StreamName: 'new' }, 'ValidationException'],
      ['EnableMagic', {}, 'UnknownOperationException'],
    ];
    for (const [operation, body, error] of cases) {
      expect(await desk.refused(operation, body), JSON.stringify([operation, body])).to.equal(error);
    }
  });

  it('writes nothing of a PutRecords call with a bad entry', async () => {
    const desk = deskAccount();
    await streamWith(desk);
    const Records = [
      { Data: base64('good'), PartitionKey: 'k' },
      { Data: base64('bad'), PartitionKey: '' },
    ];
    expect(await desk.refused('PutRecords', { StreamName: 's', Records })).to.equal('ValidationException');
    expect(texts(await get(desk, await iterator(desk, 'TRIM_HORIZON')))).to.deep.equal([]);
  });
});
