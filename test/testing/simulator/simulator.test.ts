import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createConnection } from 'node:net';
import {
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/testing/index.ts';
import { refusal, sdkClient } from '../sdk-client.ts';
import { SHARD_0, SHARD_1 } from './desk-account.ts';

const bytes = (text: string) => Buffer.from(text);

async function failure(call: () => Promise<unknown>): Promise<ShardpoolError> {
  try {
    await call();
  } catch (error) {
    expect(error).to.be.instanceOf(ShardpoolError);
    return error as ShardpoolError;
  }
  throw new Error('Expected a refusal');
}

describe('simulator', () => {
  let simulator: Simulator;
  let client: KinesisClient;

  async function start(options?: SimulatorOptions): Promise<void> {
    simulator = await startSimulator(options);
    client = sdkClient(simulator);
  }

  afterEach(async () => {
    client?.destroy();
    await simulator?.stop();
  });

  async function readAll(stream: string, shardId: string): Promise<GetRecordsCommandOutput[]> {
    const first = await client.send(
      new GetShardIteratorCommand({
        StreamName: stream,
        ShardId: shardId,
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    const pages: GetRecordsCommandOutput[] = [];
    let next = first.ShardIterator;
    while (next !== undefined && next !== null) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator: next }));
      pages.push(page);
      next = page.MillisBehindLatest === 0 && page.Records?.length === 0 ? undefined : page.NextShardIterator;
    }
    return pages;
  }

  it('creates, splits and merges, and resolves to the children when they are there', async () => {
    await start({ reshardMs: 20 });
    await simulator.createStream('orders', { shards: 1 });
    const [lower, upper] = await simulator.split('orders', SHARD_0);
    const merged = await simulator.merge('orders', upper, lower);
    const shards = await simulator.shards('orders');
    expect(
      shards.map((shard) => [shard.shardId, shard.parentShardId, shard.adjacentParentShardId]),
    ).to.deep.equal([
      [SHARD_0, null, null],
      [lower, SHARD_0, null],
      [upper, SHARD_0, null],
      [merged, lower, upper],
    ]);
    expect(shards.map((shard) => shard.endingSequenceNumber === null)).to.deep.equal([
      false,
      false,
      false,
      true,
    ]);
    expect(shards[1]?.endingHashKey).to.equal(String(2n ** 127n - 1n));
    await simulator.scale('orders', 2);
    expect(
      (await simulator.shards('orders')).filter((shard) => shard.endingSequenceNumber === null),
    ).to.have.length(2);
  });

  it('puts past the limits, and the SDK reads the bytes back', async () => {
    await start();
    await simulator.createStream('orders');
    const data = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const records = Array.from({ length: 3000 }, (_, index) => ({
      data,
      partitionKey: `clé-日本-🙂-${index}`,
    }));
    const results = await simulator.put('orders', records);
    const read = (await readAll('orders', SHARD_0)).flatMap((page) => page.Records ?? []);
    expect(read.map((record) => record.SequenceNumber)).to.deep.equal(
      results.map((result) => result.sequenceNumber),
    );
    expect(read.map((record) => record.PartitionKey)).to.deep.equal(
      records.map((record) => record.partitionKey),
    );
    expect(read.every((record) => data.equals(record.Data ?? bytes('')))).to.equal(true);
  });

  it('enforces the limits by default and not without them', async () => {
    for (const limits of [true, false]) {
      await start({ limits });
      await simulator.createStream('orders');
      const Records = Array.from({ length: 500 }, () => ({ Data: bytes('x'), PartitionKey: 'k' }));
      const put = new PutRecordsCommand({ StreamName: 'orders', Records });
      const failed: number[] = [];
      for (let count = 0; count < 4; count += 1) failed.push((await client.send(put)).FailedRecordCount ?? 0);
      expect(failed.reduce((sum, count) => sum + count, 0) > 0).to.equal(limits);
      client.destroy();
      await simulator.stop();
    }
  });

  it('injects errors with their status, and counts what was served and refused', async () => {
    await start({ limits: false });
    await simulator.createStream('orders', { shards: 2 });
    await simulator.inject({ operation: 'ListShards', times: 1, error: 'InternalFailure' });
    await simulator.inject({
      operation: 'GetShardIterator',
      shardId: SHARD_1,
      error: 'ProvisionedThroughputExceededException',
    });
    const list = () => client.send(new ListShardsCommand({ StreamName: 'orders' }));
    const error = await list().catch(
      (failed: unknown) => failed as { $metadata: { httpStatusCode: number } },
    );
    expect(error.$metadata.httpStatusCode).to.equal(500);
    await list();
    await readAll('orders', SHARD_0);
    expect(await refusal(readAll('orders', SHARD_1))).to.equal('ProvisionedThroughputExceededException');
    await simulator.clearFaults();
    await readAll('orders', SHARD_1);

    expect(await simulator.calls({ operation: 'ListShards' })).to.deep.equal({
      total: 2,
      served: 1,
      refused: 1,
      broken: 0,
      errors: { InternalFailure: 1 },
    });
    expect(await simulator.calls({ stream: 'orders', shardId: SHARD_1 })).to.deep.include({
      served: 2,
      refused: 1,
    });
    expect(await simulator.calls()).to.deep.include({ total: 7 });
  });

  it('injects delays', async () => {
    await start();
    await simulator.createStream('orders');
    await simulator.inject({ operation: 'ListShards', times: 1, delayMs: 200 });
    const startMs = performance.now();
    await client.send(new ListShardsCommand({ StreamName: 'orders' }));
    expect(performance.now() - startMs).to.be.greaterThan(190);
  });

  it('injects partial failures of PutRecords', async () => {
    await start();
    await simulator.createStream('orders', { shards: 2 });
    await simulator.inject({
      operation: 'PutRecords',
      partial: true,
      shardId: SHARD_1,
      error: 'InternalFailure',
    });
    const [low, high] = ['0', String(2n ** 128n - 1n)];
    const Records = [low, high, low].map((key) => ({
      Data: bytes('x'),
      PartitionKey: 'k',
      ExplicitHashKey: key,
    }));
    const reply = await client.send(new PutRecordsCommand({ StreamName: 'orders', Records }));
    expect(reply.FailedRecordCount).to.equal(1);
    expect(reply.Records?.map((entry) => entry.ErrorCode ?? entry.ShardId)).to.deep.equal([
      SHARD_0,
      'InternalFailure',
      SHARD_0,
    ]);
  });

  it('refuses access keys on its list', async () => {
    await start({ refuseAccessKeys: ['bad'] });
    await simulator.createStream('orders');
    const stranger = sdkClient({ ...simulator, credentials: { accessKeyId: 'bad', secretAccessKey: 'x' } });
    const list = new ListShardsCommand({ StreamName: 'orders' });
    expect(await refusal(stranger.send(list))).to.equal('UnrecognizedClientException');
    expect(await refusal(client.send(list))).to.equal('none');
    expect(await simulator.calls({ operation: 'ListShards' })).to.deep.include({ served: 1, refused: 1 });
    stranger.destroy();
  });

  it('refuses requests that are not AWS JSON, and says so', async () => {
    await start();
    const post = async (headers: Record<string, string>, body: string) => {
      const outgoing = request(simulator.endpoint, { method: 'POST', headers });
      outgoing.end(body);
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      expect(response.headers).to.include.keys('date', 'x-amzn-requestid');
      return JSON.parse(Buffer.concat(chunks).toString()) as { __type: string; message: string };
    };
    const json = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Kinesis_20131202.ListStreams',
    };
    const signed = {
      ...json,
      authorization: 'AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/kinesis/aws4_request',
    };
    expect((await post({ ...signed, 'content-type': 'application/x-amz-cbor-1.1' }, '')).message).to.equal(
      'The simulator speaks application/x-amz-json-1.1 only, got application/x-amz-cbor-1.1.',
    );
    expect((await post(json, '{}')).__type).to.equal('MissingAuthenticationTokenException');
    expect((await post({ ...json, authorization: 'Basic x' }, '{}')).__type).to.equal(
      'IncompleteSignatureException',
    );
    expect((await post(signed, '{')).__type).to.equal('SerializationException');
    expect((await post({ ...signed, 'x-amz-target': 'S3.Get' }, '{}')).__type).to.equal(
      'UnknownOperationException',
    );
    expect(await post(signed, '{}')).to.deep.include({ StreamNames: [] });
  });

  it('names the option that is wrong', async () => {
    const wrong: [options: unknown, message: string][] = [
      [{ port: -1 }, 'Expected `port` to be an integer from 0 to 65535, got `-1`'],
      [{ accountId: '12' }, "Expected `accountId` to be 12 digits, got `'12'`"],
      [{ limits: 'no' }, "Expected `limits` to be true or false, got `'no'`"],
      [{ canned: { shards: 0 } }, 'Expected `canned.shards` to be an integer from 1 to 10000, got `0`'],
    ];
    for (const [options, message] of wrong) {
      const error = await failure(() => startSimulator(options as SimulatorOptions));
      expect([error.code, error.message]).to.deep.equal(['ERR_INVALID_OPTION', message]);
    }
    expect((await failure(() => startSimulator({ prot: 1 } as SimulatorOptions))).message).to.contain(
      "'prot'",
    );
    await start();
    const fault = { operation: 'GetRecord', error: 'InternalFailure' } as unknown as Parameters<
      Simulator['inject']
    >[0];
    expect((await failure(() => simulator.inject(fault))).message).to.match(
      /^Expected `operation` to be 'AddTagsToStream' or /,
    );
    expect((await failure(() => simulator.inject({}))).code).to.equal('ERR_INVALID_OPTION');
    expect((await failure(() => simulator.split('nope', SHARD_0))).code).to.equal('ERR_STREAM_NOT_FOUND');
  });

  it('says so when its port is taken', async () => {
    await start();
    const port = Number(new URL(simulator.endpoint).port);
    const error = await failure(() => startSimulator({ port }));
    expect([error.code, error.message]).to.deep.equal([
      'ERR_CONNECTION',
      `The simulator could not listen on 127.0.0.1:${port}`,
    ]);
  });

  it('stops twice, cuts idle connections, rejects what is pending and refuses what comes later', async () => {
    await start({ createStreamMs: 3_600_000 });
    const socket = createConnection(Number(new URL(simulator.endpoint).port), '127.0.0.1');
    await once(socket, 'connect');
    // The cut may show as a reset.
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const pending = failure(() => simulator.createStream('never'));
    const startMs = performance.now();
    await Promise.all([simulator.stop(), simulator.stop()]);
    await closed;
    expect(performance.now() - startMs, 'ms, so that it was not the forced end').to.be.lessThan(1_900);
    expect((await pending).code).to.equal('ERR_INVALID_STATE');
    expect((await failure(() => simulator.shards('never'))).code).to.equal('ERR_INVALID_STATE');
    await simulator.stop();
  });

  it('does not hold the process open after stop', async () => {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const entry = new URL(`../../../src/testing/index.${extension}`, import.meta.url);
    const script = `
      const { startSimulator } = await import('${entry.href}');
      const simulator = await startSimulator();
      // An idle keep-alive connection of a client that never hangs up by itself.
      const socket = (await import('node:net')).createConnection(new URL(simulator.endpoint).port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('connect', resolve));
      await simulator.createStream('s');
      await simulator.stop();
      process.exitCode = 42;
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000);
    const [code] = await once(child, 'exit');
    clearTimeout(deadline);
    expect(code).to.equal(42);
  });

  describe('canned', () => {
    for (const aggregate of [undefined, 'kpl'] as const) {
      it(`serves prepared pages and ends its shards${aggregate === undefined ? '' : ', aggregated'}`, async () => {
        const shape = aggregate === undefined ? {} : { aggregate, userRecordsPerRecord: 3 };
        await start({ canned: { shards: 2, recordsPerPage: 50, recordBytes: 100, pages: 3, ...shape } });
        const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: 'canned' }));
        expect(Shards).to.have.length(2);
        for (const { ShardId = '' } of Shards) {
          const pages = await readAll('canned', ShardId);
          expect(pages.map((page) => page.Records?.length)).to.deep.equal([50, 50, 50]);
          expect(pages.map((page) => page.ChildShards)).to.deep.equal([undefined, undefined, []]);
          const records = pages.flatMap((page) => page.Records ?? []);
          const numbers = records.map((record) => record.SequenceNumber ?? '');
          expect(numbers.every((number) => /^\d{56}$/.test(number))).to.equal(true);
          expect(numbers).to.deep.equal([...new Set(numbers)].sort());
          const data = Buffer.from(records[0]?.Data ?? bytes(''));
          if (aggregate === undefined) expect(JSON.parse(data.toString())).to.have.property('pad');
          else expect(data.subarray(0, 4).toString('hex')).to.equal('f3899ac2');
          if (aggregate === undefined) expect(data).to.have.length(100);
        }
      });
    }

    it('goes on at the page of a sequence number', async () => {
      await start({ canned: { shards: 1, recordsPerPage: 5, pages: 4 } });
      const pages = await readAll('canned', SHARD_0);
      const sequence = pages[2]?.Records?.[3]?.SequenceNumber;
      const { ShardIterator } = await client.send(
        new GetShardIteratorCommand({
          StreamName: 'canned',
          ShardId: SHARD_0,
          ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
          StartingSequenceNumber: sequence,
        }),
      );
      const page = await client.send(new GetRecordsCommand({ ShardIterator }));
      expect(page.Records?.map((record) => record.SequenceNumber)).to.include(sequence);
      expect((await failure(() => simulator.createStream('s'))).code).to.equal('ERR_INVALID_STATE');
    });
  });
});
