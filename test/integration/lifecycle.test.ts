import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import { addressOf, ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { runProgram } from '../support/program.ts';
import { threadsAlive } from '../support/threads-alive.ts';
import { rejection, until, within } from '../support/until.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const STREAM = 'orders';
const SHARDS = 2;
const KEYS = keysOf(20);
const WITHIN_MS = 15_000;

describe('life of a consumer', function () {
  this.timeout(40_000);
  let server: SimulatedServer;

  before(async () => {
    server = await simulatedServer({ limits: false });
    await server.createStream(STREAM, SHARDS);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const create = (options: Partial<ConsumerOptions> = {}) =>
    new Consumer({ ...addressOf(server), stream: STREAM, threads: 1, ...options });
  const nothing = () => undefined;
  const expectInvalidState = async (promise: Promise<unknown>) => {
    expect(await rejection('the refusal', WITHIN_MS, promise)).to.have.property('code', 'ERR_INVALID_STATE');
  };

  for (const { title, options } of PLACEMENTS) {
    describe(title, () => {
      it('runs, is ready, tells its status, stops, and leaves no thread', async () => {
        const threadsBefore = threadsAlive();
        await using run = new ConsumerRun(
          server,
          { module: 'audited' },
          { stream: STREAM, threads: 2, ...options },
        );
        const { consumer } = run;
        expect(consumer.isReady).to.equal(false);
        await consumer.ready({ timeoutMs: WITHIN_MS });
        expect(consumer.isReady).to.equal(true);
        const status = await consumer.status();
        expect(status).to.include({
          totalShards: SHARDS,
          activeShards: SHARDS,
          closedShards: 0,
          allocatedShards: SHARDS,
        });
        expect(status.threads.map(({ shards }) => shards)).to.deep.equal([1, 1]);
        expect(status.leaseRemainingMs).to.be.within(5_000, 8_500);
        for (const shard of status.shards) {
          expect(shard).to.include({
            lease: 'running',
            open: true,
            listed: true,
            owner: status.session,
            token: 1,
          });
          expect(shard.parents).to.deep.equal([]);
        }
        await within('the stop', WITHIN_MS, consumer.stop());
        expect(await run.finished).to.equal(null);
        expect(consumer.isReady).to.equal(false);
        expect(run.of('stopped')).to.deep.equal([{ late: 0, clean: true }]);
        expect(run.of('ready')).to.have.length(1);
        await expectInvalidState(consumer.status());
        await expectInvalidState(consumer.checkpoint());
        await until('all threads are gone', WITHIN_MS, () => threadsAlive() === threadsBefore);
        const receivers = Math.max(1, options.handlerThreads);
        await until(
          'all teardowns are reported',
          WITHIN_MS,
          () => run.reports.of('teardown').length === receivers,
        );
      });

      it('can be stopped at any moment of its start', async function () {
        const threadsBefore = threadsAlive();
        const took: number[] = [];
        for (const afterMs of [0, 5, 50, 150, 400]) {
          const run = new ConsumerRun(
            server,
            { module: 'audited' },
            { stream: STREAM, threads: 1, ...options },
          );
          // A moment of the start is a time and not a condition.
          await sleep(afterMs);
          const startedAt = performance.now();
          expect(await run.stop(), `stopped after ${afterMs} ms`).to.equal(null);
          took.push(Math.round(performance.now() - startedAt));
          expect(run.of('stopped')).to.have.length(1);
          expect(run.of('error')).to.deep.equal([]);
          await until('all threads are gone', WITHIN_MS, () => threadsAlive() === threadsBefore);
        }
        this.test!.title += ` (stops took ${took.join(', ')} ms)`;
        // Where nothing hangs, no deadline has to pass: neither that of the handler threads nor that of the coordinator.
        expect(Math.max(...took), 'ms of a stop').to.be.below(1_800);
      });

      it('a stop keeps its deadline when a handler hangs, and aborts its signal', async function () {
        const stream = `hanging-${options.handlerThreads}`;
        await server.createStream(stream, 1);
        await using run = new ConsumerRun(server, { module: 'hanging' }, { stream, threads: 1, ...options });
        await writeRounds(server, stream, run.audit, KEYS, 1);
        await run.until('the handler hangs', WITHIN_MS, () => run.reports.of('note').length > 0);
        const startedAt = performance.now();
        expect(await run.stop(500)).to.equal(null);
        const tookMs = performance.now() - startedAt;
        this.test!.title += ` (deadline 500 ms, took ${Math.round(tookMs)} ms)`;
        expect(tookMs).to.be.within(490, 500 + 3_500);
        expect(run.of('stopped')).to.deep.equal([{ late: 1, clean: true }]);
        expect(run.reports.of('note').map(({ text }) => text)).to.deep.equal(['hanging', 'aborted']);
        expect(run.audit.delivered).to.equal(0);
      });

      for (const { by, module, title: how } of [
        { by: 'stop', module: 'audited', title: 'stop()' },
        { by: 'stop', module: 'hanging', title: 'stop() with a handler that hangs' },
        { by: 'signal', module: 'audited', title: 'its signal' },
      ]) {
        it(`a process ends by itself after ${how}`, async () => {
          const stream = `program-${by}-${module}-${options.handlerThreads}`;
          await server.createStream(stream, 1);
          await server.put(stream, [{ partitionKey: 'k', data: Buffer.from('{"key":"k","n":0}') }]);
          const input = { ...addressOf(server), stream, ...options, by, module, deadlineMs: 300 };
          const end = await runProgram('stopping-run', input, WITHIN_MS);
          expect(end.stderr).to.equal('');
          expect(end.code).to.equal(0);
          expect(end.lines).to.have.length(1);
          expect(end.lines[0]!['stopped']).to.have.property('clean', true);
          expect(end.lingeredMs).to.be.below(2_000);
        });
      }

      it('several consumers in one process each read everything', async () => {
        const stream = `several-${options.handlerThreads}`;
        await server.createStream(stream, SHARDS);
        await using first = new ConsumerRun(
          server,
          { module: 'audited' },
          { stream, threads: 1, ...options },
        );
        await using second = new ConsumerRun(
          server,
          { module: 'audited' },
          { stream, threads: 1, ...options },
        );
        for (let round = 0; round < 5; round += 1) {
          for (const key of KEYS) second.audit.write(key);
          await writeRounds(server, stream, first.audit, KEYS, 1);
        }
        await Promise.all([first.untilComplete(WITHIN_MS), second.untilComplete(WITHIN_MS)]);
        expect(await first.stop()).to.equal(null);
        // The other one is not touched by that.
        for (const key of KEYS) second.audit.write(key);
        await writeRounds(server, stream, first.audit, KEYS, 1);
        await second.untilComplete(WITHIN_MS);
        expect(await second.stop()).to.equal(null);
        second.audit.expectExactlyOnceInOrder();
      });
    });
  }

  it('a stop while one handler thread is still being set up runs the teardown of the other', async () => {
    const handler = { module: 'slow-setup', params: { thread: 1 } };
    await using run = new ConsumerRun(server, handler, { stream: STREAM, threads: 1, handlerThreads: 2 });
    await run.until('one is set up and the other is at it', WITHIN_MS, () => {
      return run.reports.of('setup').length === 2 && run.reports.of('waiting').length === 1;
    });
    expect(await run.stop()).to.equal(null);
    await run.until(
      'the one that was set up is torn down',
      2_000,
      () => run.reports.of('teardown').length > 0,
    );
    expect(run.reports.of('teardown').map(({ thread }) => thread)).to.deep.equal([0]);
  });

  it('stopping twice is stopping once', async () => {
    await using run = new ConsumerRun(server, { module: 'audited' }, { stream: STREAM });
    await run.consumer.ready();
    const both = Promise.all([run.consumer.stop(), run.consumer.stop({ deadlineMs: 0 })]);
    await within('the stop', WITHIN_MS, both);
    await run.consumer.stop();
    await run.consumer[Symbol.asyncDispose]();
    expect(run.of('stopped')).to.have.length(1);
  });

  it('a consumer that was stopped before it ran never runs', async () => {
    const consumer = create();
    await within('the stop', 1_000, consumer.stop());
    await expectInvalidState(consumer.run(nothing));
    expect(await rejection('ready', 1_000, consumer.ready())).to.have.property('code', 'ERR_STOPPED');
    await expectInvalidState(consumer.status());
  });

  it('a consumer that stops before it is ready rejects ready() with ERR_STOPPED', async () => {
    const consumer = create();
    const running = consumer.run(nothing);
    const ready = rejection('ready', WITHIN_MS, consumer.ready());
    await consumer.stop();
    expect(await ready).to.have.property('code', 'ERR_STOPPED');
    await running;
  });

  it('ready() has a deadline of its own', async () => {
    const consumer = create();
    const error = await rejection('ready', 2_000, consumer.ready({ timeoutMs: 50 }));
    expect(error).to.include({ code: 'ERR_TIMEOUT', retryable: true });
    await consumer.stop();
  });

  it('runs once: run twice, run and iterate, iterate and run, iterate twice are ERR_INVALID_STATE', async () => {
    const twice = create();
    const running = twice.run(nothing);
    await expectInvalidState(twice.run(nothing));
    expect(() => twice.batches())
      .to.throw()
      .with.property('code', 'ERR_INVALID_STATE');
    expect(() => twice[Symbol.asyncIterator]())
      .to.throw()
      .with.property('code', 'ERR_INVALID_STATE');
    await twice.ready();
    await expectInvalidState(twice.run(nothing));
    await twice.stop();
    await running;
    const iterated = create();
    const records = iterated[Symbol.asyncIterator]();
    await expectInvalidState(iterated.run(nothing));
    expect(() => iterated.batches())
      .to.throw()
      .with.property('code', 'ERR_INVALID_STATE');
    await records.return?.();
    await iterated.stop();
    expect(() => create({ handlerThreads: 1 }).batches())
      .to.throw()
      .with.property('code', 'ERR_INVALID_STATE');
  });

  it('stops by its signal, also by one that was aborted before, and lets go of it', async () => {
    const controller = new AbortController();
    const consumer = create({ signal: controller.signal });
    const running = consumer.run(nothing);
    await consumer.ready();
    controller.abort();
    await within('the stop', WITHIN_MS, running);
    const late = create({ signal: controller.signal });
    await within('the end of a run with an aborted signal', WITHIN_MS, late.run(nothing));
    expect(late.isReady).to.equal(false);
  });

  it('a listener that throws ends nothing', async () => {
    const consumer = create();
    consumer.on('ready', () => {
      throw new Error('from a listener');
    });
    const running = consumer.run(nothing);
    await consumer.ready();
    expect((await consumer.status()).allocatedShards).to.equal(SHARDS);
    await consumer.stop();
    await running;
  });
});
