// Faults on the wire, as the unmodified SDK meets them.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { type Simulator, startSimulator } from '../../../src/testing/index.ts';
import { until } from '../../support/until.ts';
import { sdkClient } from '../sdk-client.ts';
import { SHARD_0, SHARD_1 } from './desk-account.ts';

const STREAM = 'orders';
const MIDDLE = String(2n ** 127n);

describe('simulator: answers that break on their way', () => {
  let simulator: Simulator;
  let client: KinesisClient;

  beforeEach(async () => {
    simulator = await startSimulator({ limits: false });
    client = sdkClient(simulator);
    await simulator.createStream(STREAM, { shards: 1 });
  });

  afterEach(async () => {
    client.destroy();
    await simulator.stop();
  });

  const list = () => client.send(new ListShardsCommand({ StreamName: STREAM }));
  const put = () =>
    client.send(
      new PutRecordsCommand({ StreamName: STREAM, Records: [{ Data: Buffer.from('x'), PartitionKey: 'k' }] }),
    );

  async function failure(call: Promise<unknown>): Promise<Error & { code?: string }> {
    return call.then(
      () => {
        throw new Error('Expected the call to fail');
      },
      (error: Error) => error,
    );
  }

  async function stored(): Promise<number> {
    const input = { StreamName: STREAM, ShardId: SHARD_0, ShardIteratorType: 'TRIM_HORIZON' } as const;
    const { ShardIterator } = await client.send(new GetShardIteratorCommand(input));
    return (await client.send(new GetRecordsCommand({ ShardIterator }))).Records?.length ?? -1;
  }

  /** One raw call, as far as it comes: its status, the bytes of its body, and how it ended. */
  async function raw(timeoutMs = 5_000) {
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request(simulator.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Kinesis_20131202.ListShards',
        authorization: 'AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/kinesis/aws4_request',
      },
      signal,
    });
    outgoing.end(JSON.stringify({ StreamName: STREAM }));
    const seen = { status: 0, promised: -1, type: '', bytes: 0, end: 'whole' };
    try {
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      seen.status = response.statusCode ?? 0;
      seen.promised = Number(response.headers['content-length']);
      seen.type = response.headers['content-type'] ?? '';
      for await (const chunk of response) seen.bytes += (chunk as Buffer).length;
    } catch (error) {
      const { code, name } = error as Error & { code?: string };
      seen.end = signal.aborted ? 'silence' : (code ?? name);
    }
    return seen;
  }

  it('resets before the answer, after the headers, and in the middle of the body', async () => {
    for (const at of ['connect', 'headers', 'body'] as const) {
      await simulator.inject({ reset: at, times: 2 });
      const error = await failure(list());
      expect([error.message.toLowerCase(), error.code].join(' '), at).to.match(/econnreset|aborted/);
      const seen = await raw();
      expect(seen.end, at).to.equal('ECONNRESET');
      expect(seen.status, at).to.equal(at === 'connect' ? 0 : 200);
      if (at === 'headers') expect(seen.bytes).to.equal(0);
      if (at === 'body') expect(seen.bytes).to.be.within(1, seen.promised - 1);
      expect((await list()).Shards).to.have.length(1);
    }
    expect(await simulator.calls({ operation: 'ListShards' })).to.deep.equal({
      total: 9,
      served: 3,
      refused: 0,
      broken: 6,
      errors: {},
    });
  });

  it('stalls without an answer or inside the body, and other calls go on meanwhile', async () => {
    await simulator.inject({ operation: 'ListShards', stall: 'headers', times: 1 });
    expect(await raw(100)).to.include({ status: 0, end: 'silence' });
    await simulator.inject({ operation: 'ListShards', stall: 'body', times: 1 });
    const [stalled, other] = await Promise.all([raw(300), client.send(new ListStreamsCommand({}))]);
    expect(stalled).to.include({ status: 200, end: 'silence' });
    expect(stalled.bytes).to.be.within(1, stalled.promised - 1);
    expect(other.StreamNames).to.deep.equal([STREAM]);
  });

  it('ends stalled connections when it stops', async () => {
    await simulator.inject({ operation: 'ListShards', stall: 'headers', times: 1 });
    await simulator.inject({ operation: 'ListShards', stall: 'body', times: 1 });
    const calls = [raw(), raw()];
    await until(
      'both are stalled',
      5_000,
      async () => (await simulator.calls({ operation: 'ListShards' })).broken === 2,
    );
    const startMs = performance.now();
    await simulator.stop();
    expect((await Promise.all(calls)).map((seen) => seen.end)).to.deep.equal(['ECONNRESET', 'ECONNRESET']);
    expect(performance.now() - startMs, 'ms, so that it was not the forced end').to.be.lessThan(1_900);
  });

  it('closes the connection in the middle of the body', async () => {
    await simulator.inject({ truncate: true, times: 2 });
    expect((await failure(list())).message).to.match(/aborted/);
    const seen = await raw();
    expect(seen).to.include({ status: 200, end: 'ECONNRESET' });
    expect(seen.bytes).to.be.within(1, seen.promised - 1);
    expect((await list()).Shards).to.have.length(1);
  });

  it('breaks answers that have no body as well', async () => {
    await simulator.inject({ operation: 'CreateStream', truncate: true });
    const create = new CreateStreamCommand({ StreamName: 'other', ShardCount: 1 });
    expect((await failure(client.send(create))).message).to.match(/aborted/);
    expect((await client.send(new ListStreamsCommand({}))).StreamNames).to.deep.equal([STREAM, 'other']);
  });

  it('sends a body slowly, and whole', async () => {
    const { bytes } = await raw();
    await simulator.inject({ slowBytesPerSecond: bytes * 4 });
    const startMs = performance.now();
    expect((await list()).Shards).to.have.length(1);
    expect(performance.now() - startMs).to.be.within(200, 5_000);
    expect(await simulator.calls({ operation: 'ListShards' })).to.deep.include({ served: 2, broken: 0 });
  });

  it('answers with HTML, nothing, JSON that breaks off, or another content type', async () => {
    await simulator.inject({ reply: 'html', times: 2 });
    expect(await raw()).to.include({ status: 503, type: 'text/html; charset=utf-8', end: 'whole' });
    expect(await failure(list()))
      .to.have.property('$metadata')
      .that.includes({ httpStatusCode: 503 });
    await simulator.inject({ reply: 'empty', times: 1 });
    expect(await raw()).to.include({ status: 200, bytes: 0, end: 'whole' });
    await simulator.inject({ reply: 'garbage', times: 1 });
    expect((await failure(list())).name).to.equal('SyntaxError');
    await simulator.inject({ reply: 'wrong-type', times: 2 });
    expect(await raw()).to.include({ status: 200, type: 'text/plain', end: 'whole' });
    expect((await list()).Shards).to.have.length(1);
    expect(await simulator.calls({ operation: 'ListShards' })).to.deep.include({ served: 2, broken: 4 });
  });

  it('loses the answer of a call that took effect: records, streams, shards', async () => {
    await simulator.inject({ operation: 'PutRecords', reset: 'connect', times: 1 });
    await failure(put());
    expect(await stored(), 'after a reset before the call').to.equal(0);
    await simulator.inject({ lostReply: true, times: 3 });
    expect((await failure(put())).code).to.equal('ECONNRESET');
    await failure(client.send(new CreateStreamCommand({ StreamName: 'other', ShardCount: 1 })));
    const split = { StreamName: STREAM, ShardToSplit: SHARD_0, NewStartingHashKey: MIDDLE };
    await failure(client.send(new SplitShardCommand(split)));
    expect(await stored()).to.equal(1);
    expect((await client.send(new ListStreamsCommand({}))).StreamNames).to.deep.equal([STREAM, 'other']);
    await until('the split is done', 5_000, async () => (await simulator.shards(STREAM)).length === 3);
  });

  it('carries a call out and never answers, where a script asks for that', async () => {
    await simulator.inject({ operation: 'PutRecords', stall: 'headers', lostReply: true, times: 1 });
    const pending = failure(put());
    await until('the record is there', 5_000, async () => (await stored()) === 1);
    await simulator.stop();
    expect((await pending).code).to.equal('ECONNRESET');
  });

  it('hits one shard alone', async () => {
    await simulator.split(STREAM, SHARD_0);
    await simulator.inject({ operation: 'GetShardIterator', shardId: SHARD_1, reset: 'connect' });
    const ask = (ShardId: string) =>
      client.send(new GetShardIteratorCommand({ StreamName: STREAM, ShardId, ShardIteratorType: 'LATEST' }));
    expect((await failure(ask(SHARD_1))).code).to.equal('ECONNRESET');
    expect((await ask('shardId-000000000002')).ShardIterator).to.be.a('string');
    await simulator.clearFaults();
    expect((await ask(SHARD_1)).ShardIterator).to.be.a('string');
  });
});
