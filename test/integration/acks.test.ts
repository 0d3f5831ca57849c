// Acks end to end: what a consumer that stops with records unacked leaves to the next one.

import { expect } from 'chai';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import { addressOf, ConsumerRun, type TestHandler } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { RecordedPositions } from '../support/recorded-positions.ts';
import { until, within } from '../support/until.ts';

const SHARD_0 = 'shardId-000000000000';
const WITHIN_MS = 20_000;

describe('acks of a consumer', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let positions: RecordedPositions;
  let stream: string;
  let sequenceNumbers: string[];
  let streams = 0;

  before(async () => {
    server = await simulatedServer({ limits: false });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    positions = new RecordedPositions();
    stream = `acked-${(streams += 1)}`;
    sequenceNumbers = [];
    await server.createStream(stream, 1);
  });
  afterEach(() => positions[Symbol.dispose]());

  /** Records with the numbers 0 to `count` - 1. */
  const put = async (count: number) => {
    for (let from = 0; from < count; from += 500) {
      const records = Array.from({ length: Math.min(500, count - from) }, (_, i) => ({
        partitionKey: 'k',
        data: Buffer.from(JSON.stringify({ key: 'k', n: from + i })),
      }));
      for (const { sequenceNumber } of await server.simulator.put(stream, records)) {
        sequenceNumbers.push(sequenceNumber);
      }
    }
  };

  const shared = (): Partial<ConsumerOptions> & { stream: string } => ({
    stream,
    threads: 1,
    checkpointer: positions.checkpointer,
    // Only what is acked at the end, or by checkpoint(), is written: nothing comes about by the clock.
    checkpointIntervalMs: 60_000,
  });

  const start = (handler: TestHandler, options: Partial<ConsumerOptions> = {}) =>
    new ConsumerRun(server, handler, { ...shared(), ...options });

  const delivered = (run: ConsumerRun): number[] =>
    run.reports.of('batch').flatMap(({ rows }) => rows.map(([, n]) => n));

  /** The position behind record `n`; with -1 none was acked. */
  const behind = (n: number) =>
    n < 0
      ? { type: 'TRIM_HORIZON' }
      : { type: 'SEQUENCE', sequenceNumber: sequenceNumbers[n], subSequenceNumber: 0 };

  /** What the next consumer reads, up to the last record that was put. */
  const readRest = async (): Promise<number[]> => {
    await using next = start({ module: 'audited' });
    await next.until('the rest is delivered', WITHIN_MS, () =>
      delivered(next).includes(sequenceNumbers.length - 1),
    );
    return delivered(next);
  };

  /** Everything up to record `n` is acked, and the coordinator knows it. */
  const untilAcked = (run: ConsumerRun, n: number) =>
    run.untilStatus(`record ${n} is acked`, WITHIN_MS, ({ shards: [shard] }) => {
      const position = shard!.position;
      return position.type === 'SEQUENCE' && position.sequenceNumber === sequenceNumbers[n];
    });

  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  for (const { title, options } of PLACEMENTS) {
    describe(title, () => {
      it("ack: 'manual', out of order: the next consumer goes on at the first record that was not acked", async () => {
        await put(300);
        const handler = { module: 'acking', params: { hold: 123 } };
        await using run = start(handler, { ack: 'manual', batch: { maxRecords: 40 }, ...options });
        await run.until('everything was delivered', WITHIN_MS, () => delivered(run).length === 300);
        await untilAcked(run, 122);
        expect(await run.stop(200)).to.equal(null);
        expect(run.of('stopped')).to.deep.equal([{ late: 1, clean: true }]);
        expect(positions.of(SHARD_0)).to.deep.equal(behind(122));
        expect(await readRest()).to.deep.equal(numbers(123, 299));
      });

      it('a bulk of 10 000 records over many batches: a stop leaves the part-filled one to the next consumer', async () => {
        await put(12_000);
        const handler = { module: 'bulk', params: { size: 10_000 } };
        await using run = start(handler, { ack: 'manual', batch: { maxRecords: 250 }, ...options });
        await run.until('everything was delivered', WITHIN_MS, () => delivered(run).length === 12_000);
        const [note] = run.reports.of('note');
        const bulk = Number(/^(\d+) records/.exec(note!.text)![1]);
        expect(bulk).to.be.within(10_000, 10_249);
        expect(Number(/in (\d+) batches/.exec(note!.text)![1])).to.be.above(39);
        await run.stop(200);
        expect(positions.of(SHARD_0)).to.deep.equal(behind(bulk - 1));
        expect(await readRest()).to.deep.equal(numbers(bulk, 11_999));
      });

      it("with ack: 'manual', checkpoint() acks and writes what was handled; nothing else does", async () => {
        await put(100);
        await using run = start(
          { module: 'audited' },
          { ack: 'manual', batch: { maxRecords: 10 }, ...options },
        );
        await run.until('everything was delivered', WITHIN_MS, () => delivered(run).length === 100);
        expect((await run.consumer.status()).shards[0]!.position).to.deep.equal(behind(-1));
        // The report comes from within the call.
        await until('the last call has returned', WITHIN_MS, async () => {
          await run.consumer.checkpoint();
          const position = positions.of(SHARD_0);
          return position?.type === 'SEQUENCE' && position.sequenceNumber === sequenceNumbers[99];
        });
        expect(await run.stop()).to.equal(null);
        expect(run.of('stopped')).to.deep.equal([{ late: 0, clean: true }]);
      });

      it('who does not ack is given no more than may be buffered, visibly, and more with the acks', async () => {
        await put(1_500);
        const limited = {
          ack: 'manual',
          batch: { maxRecords: 50 },
          maxBufferedRecords: 500,
          recordLimit: 200,
        } as const;
        await using run = start({ module: 'gated-acks' }, { ...limited, ...options });
        await run.until('it has begun', WITHIN_MS, () => run.reports.of('waiting').length > 0);
        await run.untilStatus('the shard waits for the budget', WITHIN_MS, ({ shards }) =>
          shards.some(({ state }) => state === 'waiting-for-budget'),
        );
        expect(delivered(run).length).to.be.within(201, 1_000);
        expect(positions.of(SHARD_0)).to.deep.equal(behind(-1));
        run.reports.openGates();
        await run.until('everything was delivered', WITHIN_MS, () => delivered(run).length === 1_500);
        expect(await run.stop()).to.equal(null);
        expect(run.of('stopped')).to.deep.equal([{ late: 0, clean: true }]);
        expect(positions.of(SHARD_0)).to.deep.equal(behind(1_499));
      });

      it('{ failed }: the failed records come again alone, before the next batch, and nothing else does', async () => {
        await put(60);
        const retry = { onFailure: { minDelayMs: 10 }, batch: { maxRecords: 12 } };
        await using run = start({ module: 'part-failing' }, { ...retry, ...options });
        await run.until('everything was given', WITHIN_MS, () => run.reports.of('note').length >= 10);
        await untilAcked(run, 59);
        expect(await run.stop()).to.equal(null);
        const calls = run.reports
          .of('note')
          .map(({ text }) => JSON.parse(text) as { attempt: number; got: string[]; failed: string[] });
        const first = calls.filter(({ attempt }) => attempt === 1);
        expect(first.flatMap(({ got }) => got)).to.have.length(60);
        for (const [i, { attempt, failed }] of calls.entries()) {
          if (attempt !== 1 || failed.length === 0) continue;
          expect(calls[i + 1]).to.deep.include({ attempt: 2, got: failed });
        }
        expect(run.of('handler:failed').length).to.equal(
          first.filter(({ failed }) => failed.length > 0).length,
        );
        expect(run.of('handler:failed')[0]!.error.message).to.contain('as failed');
      });

      it('a stop does not wait for a batch that waits to be tried again, nor counts it as late', async () => {
        await put(30);
        const handler = { module: 'failing', params: { shard: SHARD_0, times: 1_000 } };
        const patient = { onFailure: { minDelayMs: 60_000, maxDelayMs: 60_000 } };
        await using run = start(handler, { ...patient, ...options });
        await run.until('it has failed', WITHIN_MS, () => run.of('handler:failed').length > 0);
        const stoppedAt = performance.now();
        expect(await run.stop()).to.equal(null);
        expect(performance.now() - stoppedAt).to.be.below(5_000);
        expect(run.of('stopped')).to.deep.equal([{ late: 0, clean: true }]);
        expect(positions.of(SHARD_0)).to.deep.equal(behind(-1));
        expect(await readRest()).to.deep.equal(numbers(0, 29));
      });
    });
  }

  describe('in a loop', () => {
    const create = (options: Partial<ConsumerOptions> = {}) =>
      new Consumer<{ readonly n: number }>({
        ...addressOf(server),
        ...shared(),
        batch: { maxRecords: 4 },
        ...options,
      });

    it('stop() can be awaited inside of it: the record in hand is given back at once', async () => {
      await put(10);
      const consumer = create();
      const seen: number[] = [];
      const stoppedAfter: number[] = [];
      const loop = async () => {
        for await (const { value } of consumer) {
          seen.push(value.n);
          if (value.n !== 5) continue;
          const startedAt = performance.now();
          await consumer.stop();
          stoppedAfter.push(performance.now() - startedAt);
        }
      };
      await within('the end of the loop', WITHIN_MS, loop());
      expect(seen).to.deep.equal(numbers(0, 5));
      expect(stoppedAfter[0]).to.be.below(8_000);
      expect(positions.of(SHARD_0)).to.deep.equal(behind(4));
      expect(await readRest()).to.deep.equal(numbers(5, 9));
    });

    it('stop() from outside lets a loop that goes on pulling finish what was received', async () => {
      await put(10);
      const consumer = create();
      const seen: number[] = [];
      consumer.once('stopped', ({ late }) => expect(late).to.equal(0));
      for await (const batch of consumer.batches()) {
        for (const { value } of batch) seen.push(value.n);
        void consumer.stop();
      }
      expect(seen).to.deep.equal(numbers(0, seen.length - 1));
      expect(positions.of(SHARD_0)).to.deep.equal(behind(seen.length - 1));
    });

    it("with ack: 'manual', checkpoint() acks what was pulled, break and the next pull ack nothing", async () => {
      await put(10);
      const consumer = create({ ack: 'manual' });
      let bulk: number[] = [];
      const written: number[] = [];
      for await (const { value } of consumer) {
        bulk.push(value.n);
        if (bulk.length === 3) {
          written.push(...bulk);
          bulk = [];
          await consumer.checkpoint();
          expect(positions.of(SHARD_0)).to.deep.equal(behind(value.n));
        }
        if (value.n === 7) break;
      }
      expect(written).to.deep.equal(numbers(0, 5));
      expect(positions.of(SHARD_0)).to.deep.equal(behind(5));
      expect(await readRest()).to.deep.equal(numbers(6, 9));
    });

    it("with ack: 'manual', a stop gives back what was pulled and not acked", async () => {
      await put(10);
      const consumer = create({ ack: 'manual' });
      const seen: number[] = [];
      for await (const batch of consumer.batches()) {
        for (const { value } of batch) seen.push(value.n);
        if (seen.length === 4) expect(batch.ack()).to.equal(true);
        else if (seen.length >= 10) void consumer.stop();
      }
      expect(positions.of(SHARD_0)).to.deep.equal(behind(3));
      expect(await readRest()).to.deep.equal(numbers(4, 9));
    });
  });
});
