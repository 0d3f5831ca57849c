import { expect } from 'chai';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { runProgram } from '../support/program.ts';
import { RecordedPositions } from '../support/recorded-positions.ts';
import { threadsAlive } from '../support/threads-alive.ts';
import { rejection, until, within } from '../support/until.ts';

const SHARD_0 = 'shardId-000000000000';
const WITHIN_MS = 15_000;
const IDLE_MS = 600;

describe('iteration over a consumer', function () {
  this.timeout(30_000);
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
    stream = `iterated-${(streams += 1)}`;
    await server.createStream(stream, 1);
    sequenceNumbers = await put(0, 10);
  });
  afterEach(() => positions[Symbol.dispose]());

  const put = async (from: number, count: number) => {
    const records = Array.from({ length: count }, (_, i) => ({
      partitionKey: 'k',
      data: Buffer.from(String(from + i)),
    }));
    return (await server.simulator.put(stream, records)).map(({ sequenceNumber }) => sequenceNumber);
  };

  const create = (options: Partial<ConsumerOptions> = {}) =>
    new Consumer<number>({
      ...addressOf(server),
      stream,
      threads: 1,
      checkpointer: positions.checkpointer,
      // Only what is acked at the end is written: nothing comes about by the clock.
      checkpointIntervalMs: 60_000,
      batch: { maxRecords: 4 },
      ...options,
    });

  /** The position behind record `n`; with -1 none was acked. */
  const behind = (n: number) =>
    n < 0
      ? { type: 'TRIM_HORIZON' }
      : { type: 'SEQUENCE', sequenceNumber: sequenceNumbers[n], subSequenceNumber: 0 };

  /** What a consumer after this one reads. */
  const readRest = async (): Promise<number[]> => {
    const rest: number[] = [];
    for await (const record of create({ idleTimeoutMs: IDLE_MS })) rest.push(record.value);
    return rest;
  };

  for (const left of [0, 1, 3, 4, 9]) {
    it(`leaving the loop at record ${left} by break acks what was before it, and the next consumer goes on there`, async () => {
      const seen: number[] = [];
      const threadsBefore = threadsAlive();
      for await (const { value } of create()) {
        seen.push(value);
        if (value === left) break;
      }
      expect(seen).to.deep.equal(Array.from({ length: left + 1 }, (_, i) => i));
      expect(positions.of(SHARD_0)).to.deep.equal(behind(left - 1));
      expect(positions.rows()[0]!.owner, 'the lease was given back').to.equal(null);
      await until('all threads are gone', WITHIN_MS, () => threadsAlive() === threadsBefore);
      expect(await readRest()).to.deep.equal(Array.from({ length: 10 - left }, (_, i) => left + i));
      expect(positions.of(SHARD_0)).to.deep.equal(behind(9));
    });
  }

  it('leaving the loop by throw acks what was before it', async () => {
    const loop = async () => {
      for await (const { value } of create()) if (value === 5) throw new Error('from the loop');
    };
    expect(await rejection('the loop', WITHIN_MS, loop())).to.have.property('message', 'from the loop');
    expect(positions.of(SHARD_0)).to.deep.equal(behind(4));
  });

  it('batches: the next pull acks the batch before it, break does not', async () => {
    const seen: number[][] = [];
    for await (const batch of create().batches()) {
      seen.push(batch.toArray().map(({ value }) => value));
      if (seen.length === 2) break;
    }
    expect(seen).to.deep.equal([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(positions.of(SHARD_0)).to.deep.equal(behind(3));
    expect(await readRest()).to.deep.equal([4, 5, 6, 7, 8, 9]);
  });

  it('idleTimeoutMs ends the loop, with everything acked', async () => {
    const seen: number[] = [];
    const startedAt = performance.now();
    for await (const { value } of create({ idleTimeoutMs: IDLE_MS })) seen.push(value);
    expect(performance.now() - startedAt).to.be.at.least(IDLE_MS);
    expect(seen).to.deep.equal(sequenceNumbers.map((_, i) => i));
    expect(positions.of(SHARD_0)).to.deep.equal(behind(9));
    for await (const batch of create({ idleTimeoutMs: IDLE_MS }).batches())
      expect.fail(`read again: ${batch.length}`);
  });

  it('stop() ends the loop; a consumer that cannot start rejects it', async () => {
    const consumer = create();
    const seen: number[] = [];
    const loop = (async () => {
      for await (const { value } of consumer) {
        seen.push(value);
        // The record in hand is not acked: the loop has not asked for the next one yet.
        if (value === 6) void consumer.stop({ deadlineMs: 0 });
      }
    })();
    await within('the end of the loop', WITHIN_MS, loop);
    expect(seen.slice(0, 7)).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
    const wrong = create({ stream: 'missing' });
    const pulled = wrong[Symbol.asyncIterator]().next();
    expect(await rejection('the pull', WITHIN_MS, pulled)).to.have.property('code', 'ERR_STREAM_NOT_FOUND');
  });

  it('ready() starts a consumer that is to be iterated over; checkpoint() stores what is acked', async () => {
    const consumer = create();
    const records = consumer[Symbol.asyncIterator]();
    await consumer.ready({ timeoutMs: WITHIN_MS });
    for (let i = 0; i < 4; i += 1) await records.next();
    // Three records are acked, by the pulls after them; the acks reach the coordinator with the next tick.
    await until('the acks arrived', WITHIN_MS, async () => {
      const { position } = (await consumer.status()).shards[0]!;
      return position.type === 'SEQUENCE' && position.sequenceNumber === sequenceNumbers[2];
    });
    expect(positions.of(SHARD_0)).to.deep.equal(behind(-1));
    await consumer.checkpoint();
    expect(positions.of(SHARD_0)).to.deep.equal(behind(2));
    await records.return?.();
    expect(positions.of(SHARD_0)).to.deep.equal(behind(2));
    expect(await records.next()).to.deep.equal({ done: true, value: undefined });
  });

  it('pulls that wait get what is written later', async () => {
    const consumer = create();
    const records = consumer[Symbol.asyncIterator]();
    for (let i = 0; i < 10; i += 1) expect((await records.next()).value).to.have.property('value', i);
    const pull = records.next();
    await put(10, 1);
    expect((await within('the pull', WITHIN_MS, pull)).value).to.have.property('value', 10);
    await records.return?.();
  });

  it('a process ends by itself after a loop that was left', async () => {
    const input = { ...addressOf(server), stream, by: 'break', module: 'audited', deadlineMs: 0 };
    const end = await runProgram('stopping-run', input, WITHIN_MS);
    expect([end.code, end.stderr]).to.deep.equal([0, '']);
    expect(end.lines.map((line) => Object.keys(line)[0])).to.deep.equal(['record', 'stopped']);
    expect(end.lingeredMs).to.be.below(2_000);
  });
});
