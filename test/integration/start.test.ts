// Where an application begins, and how it finds or makes its stream.

import { expect } from 'chai';
import { DeliveryAudit } from '../support/delivery-audit.ts';
import { addressOf, ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { auditing, SuccessiveRuns } from '../support/successive-runs.ts';
import { rejection } from '../support/until.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const SHARD_0 = 'shardId-000000000000';
const KEYS = keysOf(40);
const WITHIN_MS = 20_000;

describe('start', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let streams = 0;

  before(async () => {
    server = await simulatedServer({ limits: false });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const runsOn = async (shards: number, options = {}) => {
    const stream = `start-${(streams += 1)}`;
    await server.createStream(stream, shards);
    return new SuccessiveRuns(server, stream, options);
  };
  /** Written, and of no interest to the audit. */
  const writeOld = async (runs: SuccessiveRuns) => {
    await writeRounds(server, runs.stream, new DeliveryAudit(), KEYS, 2);
    // LATEST is the Date of an answer of AWS, which has whole seconds.
    await server.simulator.advance(2_000);
  };

  it('TRIM_HORIZON: everything, parents before their children', async () => {
    using runs = await runsOn(2);
    await runs.write(KEYS, 5);
    await server.split(runs.stream, SHARD_0);
    await runs.write(KEYS, 5);
    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    await run.until('the parent is finished', WITHIN_MS, () => run.of('shard:end').length === 1);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('LATEST: nothing older, and of a stream that was resharded only the open shards', async () => {
    using runs = await runsOn(2, { start: 'LATEST' });
    await server.split(runs.stream, SHARD_0);
    await writeOld(runs);
    await using run = runs.start();
    await run.consumer.ready();
    await runs.write(KEYS, 3);
    await runs.untilComplete(run, WITHIN_MS);
    const { shards } = await run.consumer.status();
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
    expect(shards.find(({ shardId }) => shardId === SHARD_0)).to.include({ lease: 'done', open: false });
    expect(run.of('shard:start')).to.have.length(3);
  });

  it('LATEST: what a child received before it was discovered is delivered, though it is older than that', async () => {
    using runs = await runsOn(1, { start: 'LATEST', shardRefreshIntervalMs: 600_000 });
    await writeOld(runs);
    await using run = runs.start();
    await run.consumer.ready();
    await server.split(runs.stream, SHARD_0);
    await runs.write(KEYS, 5);
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('LATEST: a crash before the first checkpoint resumes at the first sight, not at the next start', async () => {
    using runs = await runsOn(2, { start: 'LATEST' });
    await writeOld(runs);
    {
      await using run = runs.start();
      await run.consumer.ready();
    }
    expect(runs.positions.of(SHARD_0)).to.have.property('type', 'LATEST');
    await runs.write(KEYS, 3);
    await server.split(runs.stream, SHARD_0);
    await runs.write(KEYS, 3);
    await server.simulator.advance(60_000);
    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('a Date: from that moment on, across a reshard', async () => {
    using runs = await runsOn(2);
    await writeOld(runs);
    const start = new Date((await server.simulator.advance(1_000)).getTime() - 500);
    await runs.write(KEYS, 3);
    await server.split(runs.stream, SHARD_0);
    await runs.write(KEYS, 3);
    await using run = runs.start({ start });
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('a Date before everything: everything; in the future: an error at the caller', async () => {
    using runs = await runsOn(1);
    await runs.write(KEYS, 2);
    await using run = runs.start({ start: new Date(0) });
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();

    const start = new Date((await server.simulator.advance(0)).getTime() + 3_600_000);
    await using early = runs.start({ start, checkpointer: 'memory' });
    expect(await early.finished).to.have.property('code', 'ERR_INVALID_OPTION');
  });

  for (const describeBy of ['list-shards', 'describe-stream', 'skip'] as const) {
    for (const named of ['name', 'ARN'] as const) {
      it(`describe '${describeBy}', by ${named}: finds and reads its shards`, async () => {
        using runs = await runsOn(2);
        const { region, accountId } = server.simulator;
        const arn = `arn:aws:kinesis:${region}:${accountId}:stream/${runs.stream}`;
        await runs.write(KEYS, 2);
        await using run = runs.start({ describe: describeBy, stream: named === 'ARN' ? arn : runs.stream });
        await runs.untilComplete(run, WITHIN_MS);
        expect(await run.stop()).to.equal(null);
        runs.audit.expectExactlyOnceInOrder();
      });
    }
  }

  it('a stream of more shards than a page of the listing has', async () => {
    const runs = await runsOn(1_100);
    await using run = runs.start({ maxShards: 2, checkpointer: 'memory' });
    await run.consumer.ready();
    const status = await run.consumer.status();
    expect(status).to.include({ totalShards: 1_100, activeShards: 1_100, allocatedShards: 2 });
    expect(await run.stop()).to.equal(null);
    runs[Symbol.dispose]();
  });

  it('a first listing that is throttled, or whose token expires, begins again', async () => {
    using runs = await runsOn(1);
    await runs.write(KEYS, 1);
    for (const error of ['LimitExceededException', 'ExpiredNextTokenException'] as const) {
      await server.simulator.inject({ operation: 'ListShards', stream: runs.stream, error, times: 4 });
    }
    await using run = runs.start({ describe: 'skip' });
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    await server.simulator.clearFaults();
  });
});

describe('start, a stream that is missing', function () {
  this.timeout(60_000);
  let server: SimulatedServer;

  before(async () => {
    server = await simulatedServer({ limits: false, createStreamMs: 1_500 });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const start = (stream: string, audit: DeliveryAudit, options = {}) =>
    new ConsumerRun(server, auditing(audit), { stream, threads: 1, ...options });

  for (const [title, createStream, shards] of [
    ['provisioned', { shards: 3 }, 3],
    ['on demand', { mode: 'on-demand' }, 4],
  ] as const) {
    it(`is created, ${title}, by one of two instances, and both wait until it is ACTIVE`, async () => {
      const stream = `created-${shards}`;
      const audits = [new DeliveryAudit(), new DeliveryAudit()] as const;
      await using one = start(stream, audits[0], { createStream });
      await using two = start(stream, audits[1], { createStream, describe: 'describe-stream' });
      for (const { consumer } of [one, two]) {
        await consumer.ready();
        expect((await consumer.status()).totalShards).to.equal(shards);
      }
      const { served } = await server.simulator.calls({ operation: 'CreateStream', stream });
      expect(served).to.equal(1);
      expect(await one.stop()).to.equal(null);
      expect(await two.stop()).to.equal(null);
    });
  }

  it('is an error at once where it is not to be created', async () => {
    for (const describeBy of ['list-shards', 'describe-stream', 'skip'] as const) {
      await using run = start('nowhere', new DeliveryAudit(), { describe: describeBy });
      expect(await run.finished).to.have.property('code', 'ERR_STREAM_NOT_FOUND');
    }
  });

  it('that is not ACTIVE by the deadline is an error that names its state', async () => {
    const creating = server.createStream('slow', 1);
    // CreateStream is answered before the stream is ACTIVE.
    await using other = start('slow', new DeliveryAudit(), {
      createStream: { shards: 1 },
      describeTimeoutMs: 600,
    });
    const error = await rejection(
      'the start',
      10_000,
      other.finished.then((reason) => Promise.reject(reason)),
    );
    expect(error).to.have.property('code', 'ERR_STREAM_NOT_ACTIVE');
    expect(error.message).to.contain('slow').and.to.contain('600 ms');
    await creating;
  });

  it('a stream that is being deleted is waited for and created anew, where that is wanted', async () => {
    await server.createStream('phoenix', 1);
    const deleting = server.simulator.deleteStream('phoenix');
    await using run = start('phoenix', new DeliveryAudit(), { createStream: { shards: 2 } });
    await run.consumer.ready();
    await deleting;
    expect((await run.consumer.status()).totalShards).to.equal(2);
    expect(await run.stop()).to.equal(null);
    expect(addressOf(server).region).to.equal(server.region);
  });
});
