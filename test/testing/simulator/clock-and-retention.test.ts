// The verbs that move time and forget records, over HTTP with the unmodified SDK.

import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  IncreaseStreamRetentionPeriodCommand,
  type KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/testing/index.ts';
import { rejection } from '../../support/until.ts';
import { refusal, sdkClient } from '../sdk-client.ts';
import { SHARD_0, SHARD_1 } from './desk-account.ts';

const STREAM = 'orders';
const HOUR_MS = 3_600_000;

describe('simulator: the clock and the records it forgets', () => {
  let simulator: Simulator;
  let client: KinesisClient;

  async function start(options: SimulatorOptions, shards = 1): Promise<void> {
    simulator = await startSimulator(options);
    client = sdkClient(simulator);
    await simulator.createStream(STREAM, { shards });
  }

  afterEach(async () => {
    client.destroy();
    await simulator.stop();
  });

  async function put(...texts: string[]): Promise<string[]> {
    const records = texts.map((text) => ({
      data: Buffer.from(text),
      partitionKey: 'k',
      explicitHashKey: '0',
    }));
    return (await simulator.put(STREAM, records)).map((result) => result.sequenceNumber);
  }

  async function iterator(rest: Partial<GetShardIteratorCommandInput> = {}): Promise<string | undefined> {
    const input = {
      StreamName: STREAM,
      ShardId: SHARD_0,
      ShardIteratorType: 'TRIM_HORIZON',
      ...rest,
    } as const;
    return (await client.send(new GetShardIteratorCommand(input))).ShardIterator;
  }

  function page(ShardIterator: string | undefined, Limit?: number): Promise<GetRecordsCommandOutput> {
    return client.send(new GetRecordsCommand({ ShardIterator, ...(Limit === undefined ? {} : { Limit }) }));
  }

  async function texts(rest: Partial<GetShardIteratorCommandInput> = {}): Promise<string[]> {
    const { Records = [] } = await page(await iterator(rest));
    return Records.map((record) => Buffer.from(record.Data ?? []).toString());
  }

  async function listed(Type?: 'AT_TRIM_HORIZON'): Promise<(string | undefined)[]> {
    const filter = Type === undefined ? {} : { ShardFilter: { Type } };
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: STREAM, ...filter }));
    return Shards.map((shard) => shard.ShardId);
  }

  it('moves ahead: iterators and tokens expire, records and closed shards go', async () => {
    await start({ limits: false }, 2);
    await put('a');
    const held = await iterator();
    const { NextToken } = await client.send(new ListShardsCommand({ StreamName: STREAM, MaxResults: 1 }));
    const [lower, upper] = await simulator.split(STREAM, SHARD_0);
    const before = Date.now();
    const now = await simulator.advance(300_001);
    expect(now.getTime() - before).to.be.within(299_000, 330_000);
    expect(await refusal(page(held))).to.equal('ExpiredIteratorException');
    expect(await refusal(client.send(new ListShardsCommand({ NextToken })))).to.equal(
      'ExpiredNextTokenException',
    );
    expect(await texts()).to.deep.equal(['a']);
    expect(await listed()).to.deep.equal([SHARD_0, SHARD_1, lower, upper]);
    await simulator.advance(24 * HOUR_MS);
    expect(await listed()).to.deep.equal([SHARD_1, lower, upper]);
    expect(await listed('AT_TRIM_HORIZON')).to.deep.equal([SHARD_1, lower, upper]);
    expect(await refusal(iterator())).to.equal('ResourceNotFoundException');
    await put('b');
    expect(await texts({ ShardId: lower })).to.deep.equal(['b']);
  });

  it('lets rates refill and streams become ACTIVE', async () => {
    await start({ createStreamMs: 0, reshardMs: HOUR_MS });
    const Records = Array.from({ length: 500 }, () => ({ Data: Buffer.from('x'), PartitionKey: 'k' }));
    const putMany = async () =>
      (await client.send(new PutRecordsCommand({ StreamName: STREAM, Records }))).FailedRecordCount ?? 0;
    let failed = 0;
    while (failed === 0) failed = await putMany();
    const split = simulator.split(STREAM, SHARD_0);
    await simulator.advance(HOUR_MS);
    expect(await putMany()).to.equal(0);
    expect(await split).to.have.length(2);
  });

  it('tells how far behind a reader is, by its own clock', async () => {
    await start({ limits: false });
    await put('a');
    await simulator.advance(7_000);
    await put('b');
    await simulator.advance(3_000);
    const first = await page(await iterator(), 1);
    expect(first.MillisBehindLatest).to.be.within(3_000, 5_000);
    expect((await page(first.NextShardIterator)).MillisBehindLatest).to.equal(0);
  });

  it('keeps records longer when the retention period is raised', async () => {
    await start({ limits: false });
    await put('a');
    const raise = { StreamName: STREAM, RetentionPeriodHours: 48 };
    await client.send(new IncreaseStreamRetentionPeriodCommand(raise));
    const { StreamDescriptionSummary: summary } = await client.send(
      new DescribeStreamSummaryCommand({ StreamName: STREAM }),
    );
    expect(summary?.RetentionPeriodHours).to.equal(48);
    await simulator.advance(47 * HOUR_MS);
    expect(await texts()).to.deep.equal(['a']);
    await simulator.advance(2 * HOUR_MS);
    expect(await texts()).to.deep.equal([]);
  });

  it('trims by sequence number, by time, and all', async () => {
    await start({ limits: false });
    const [first = '', second = ''] = await put('a', 'b', 'c');
    const held = await iterator();
    expect(await simulator.trim(STREAM, SHARD_0, second)).to.equal(1);
    expect(await texts()).to.deep.equal(['b', 'c']);
    const at = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: first } as const;
    expect(await texts(at), 'a trimmed record').to.deep.equal(['b', 'c']);
    expect((await page(held)).Records, 'an iterator from before').to.have.length(2);
    const later = await simulator.advance(1_000);
    await put('d');
    expect(await simulator.trim(STREAM, SHARD_0, later)).to.equal(2);
    expect(await texts()).to.deep.equal(['d']);
    expect(await simulator.trim(STREAM)).to.equal(1);
    expect(await texts()).to.deep.equal([]);
    await put('e');
    expect(await texts()).to.deep.equal(['e']);
  });

  it('forgets a closed shard that it trims to its end, and lists its children from the trim horizon', async () => {
    await start({ limits: false });
    await put('a', 'b');
    const held = await iterator();
    const children = await simulator.split(STREAM, SHARD_0);
    const [, last] = (await page(held)).Records ?? [];
    await simulator.trim(STREAM, SHARD_0, last?.SequenceNumber);
    expect(await listed('AT_TRIM_HORIZON'), 'one record is left').to.deep.equal([SHARD_0]);
    await simulator.trim(STREAM, SHARD_0);
    expect(await listed('AT_TRIM_HORIZON')).to.deep.equal(children);
    expect(await listed()).to.deep.equal(children);
    expect(await refusal(page(held))).to.equal('ResourceNotFoundException');
    expect((await simulator.shards(STREAM)).map((shard) => shard.shardId)).to.deep.equal([
      SHARD_0,
      ...children,
    ]);
  });

  it('keeps a closed shard without records that a trimming by time does not reach', async () => {
    await start({ limits: false });
    await simulator.advance(10_000);
    await simulator.split(STREAM, SHARD_0);
    expect(await simulator.trim(STREAM, undefined, new Date())).to.equal(0);
    expect(await listed()).to.have.length(3);
    await simulator.trim(STREAM);
    expect(await listed()).to.have.length(2);
  });

  it('reshards a stream on demand when a test asks for it, as AWS does by itself', async () => {
    simulator = await startSimulator({ limits: false });
    client = sdkClient(simulator);
    await simulator.createStream(STREAM, { mode: 'on-demand' });
    await simulator.scale(STREAM, 8);
    expect(await listed('AT_TRIM_HORIZON')).to.have.length(4);
    expect(await listed()).to.have.length(12);
  });

  it('makes a stream again from shard 0, with another creation time and no way back', async () => {
    await start({ limits: false });
    const [old = ''] = await put('a');
    const held = await iterator();
    await simulator.split(STREAM, SHARD_0);
    const created = async () => {
      const { StreamDescriptionSummary: summary } = await client.send(
        new DescribeStreamSummaryCommand({ StreamName: STREAM }),
      );
      return summary?.StreamCreationTimestamp?.getTime() ?? 0;
    };
    const before = await created();
    await simulator.deleteStream(STREAM);
    expect(await refusal(page(held))).to.equal('ResourceNotFoundException');
    await simulator.advance(1_000);
    await simulator.createStream(STREAM);
    expect(await created()).to.be.greaterThan(before);
    expect(await listed()).to.deep.equal([SHARD_0]);
    expect(await texts()).to.deep.equal([]);
    expect(await refusal(page(held))).to.equal('ResourceNotFoundException');
    const at = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: old } as const;
    expect(await refusal(iterator(at))).to.equal('InvalidArgumentException');
  });

  it('refuses what makes no sense', async () => {
    await start({ limits: false });
    const wrong: [call: () => Promise<unknown>, code: string, message: RegExp][] = [
      [() => simulator.advance(-1), 'ERR_INVALID_OPTION', /^Expected `ms` to be an integer from 0 to /],
      [
        () => simulator.trim(STREAM, undefined, '49'),
        'ERR_INVALID_OPTION',
        /^Expected `shardId` to be the shard/,
      ],
      [
        () => simulator.trim(STREAM, SHARD_0, '49'),
        'ERR_INVALID_OPTION',
        /^Expected `upTo` to be a sequence number of shardId-000000000000, got `'49'`/,
      ],
      [
        () => simulator.trim(STREAM, SHARD_0, new Date(Number.NaN)),
        'ERR_INVALID_OPTION',
        /^Expected `upTo` to be a sequence number or a Date/,
      ],
      [
        () => simulator.trim(STREAM, SHARD_1),
        'ERR_STREAM_NOT_FOUND',
        /^Shard shardId-000000000001 in stream/,
      ],
      [() => simulator.trim('nope'), 'ERR_STREAM_NOT_FOUND', /^Stream nope/],
    ];
    for (const [call, code, message] of wrong) {
      const error = await rejection(String(message), 5_000, call());
      expect(error).to.be.instanceOf(ShardpoolError);
      expect((error as ShardpoolError).code).to.equal(code);
      expect(error.message).to.match(message);
    }
  });
});
