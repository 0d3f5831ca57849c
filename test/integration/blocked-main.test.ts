import { expect } from 'chai';
import { ConsumerRun, moduleUrl } from '../support/consumer-run.ts';
import { monotonicMs } from '../support/handler-reports.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { keysOf, writeRound, writeRounds } from '../support/writing.ts';

const KEYS = keysOf(100);
const SHARDS = 4;
/** As `leaseDurationMs: 10_000`, the default, gives it. */
const HEARTBEAT_INTERVAL_MS = 2_500;
const BLOCK_MAIN_MS = 20_000;
/** Longer than a lease holds. */
const BLOCK_THREAD_MS = 12_000;
const SPIN_MS = 5_000;
const WITHIN_MS = 30_000;
const SMALL_BATCHES = { batch: { maxRecords: 20 }, threads: 2 } as const;

describe('blocked threads', function () {
  this.timeout(80_000);
  let server: SimulatedServer;
  let streams = 0;

  beforeEach(async () => {
    server = await simulatedServer();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  const createStream = async () => {
    const stream = `blocked-${(streams += 1)}`;
    await server.createStream(stream, SHARDS);
    return stream;
  };

  /** Nothing was lost, nothing came twice, no lease went, and the beats kept their rhythm. */
  async function expectUndisturbed(run: ConsumerRun, test: Mocha.Test): Promise<void> {
    const { largestBeatGapMs, beats } = await run.consumer.status();
    test.title += ` (largest gap between two of ${beats} beats: ${Math.round(largestBeatGapMs)} ms)`;
    expect(await run.stop()).to.equal(null);
    run.audit.expectExactlyOnceInOrder();
    expect(run.of('lease:lost')).to.be.empty;
    expect(run.of('session:lost')).to.be.empty;
    expect(run.of('thread:died')).to.be.empty;
    expect(run.of('shard:start')).to.have.length(SHARDS);
    expect(beats).to.be.at.least(2);
    expect(largestBeatGapMs).to.be.below(2 * HEARTBEAT_INTERVAL_MS);
  }

  it(`keeps its leases while main is blocked in a handler for ${BLOCK_MAIN_MS / 1000} s`, async function () {
    const stream = await createStream();
    const handler = { module: 'blocking', params: { batch: 3, blockMs: BLOCK_MAIN_MS } };
    await using run = new ConsumerRun(server, handler, { ...SMALL_BATCHES, stream });
    await writeRounds(server, stream, run.audit, KEYS, 20);
    await run.consumer.ready();
    const { beats: beatsBefore } = await run.consumer.status();
    // Main stands still in between: the note about the end is the first that can be read.
    await run.until(
      'main is free again',
      BLOCK_MAIN_MS + WITHIN_MS,
      () => run.reports.of('note').length === 2,
    );
    const [blocked, free] = run.reports.of('note');
    expect(free!.at - blocked!.at).to.be.at.least(BLOCK_MAIN_MS - 50);
    const { beats } = await run.consumer.status();
    expect(beats - beatsBefore, 'beats meanwhile').to.be.at.least(BLOCK_MAIN_MS / HEARTBEAT_INTERVAL_MS - 2);
    await writeRounds(server, stream, run.audit, KEYS, 20);
    await run.untilComplete(WITHIN_MS);
    await expectUndisturbed(run, this.test as Mocha.Test);
  });

  it(`keeps its leases while main and a handler thread are blocked for ${BLOCK_THREAD_MS / 1000} s, and goes on with the other thread`, async function () {
    const stream = await createStream();
    const handler = { module: 'blocking', params: { batch: 3, blockMs: BLOCK_THREAD_MS } };
    await using run = new ConsumerRun(server, handler, { ...SMALL_BATCHES, stream, handlerThreads: 2 });
    await run.consumer.ready();
    await writeRounds(server, stream, run.audit, KEYS, 20);
    await run.until('a handler thread is blocked', WITHIN_MS, () => run.reports.of('note').length > 0);
    const blockedAt = monotonicMs();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_THREAD_MS);
    const freeAt = monotonicMs();
    await writeRounds(server, stream, run.audit, KEYS, 20);
    await run.untilComplete(WITHIN_MS);
    const meanwhile = run.reports
      .of('batch')
      .filter(({ endedAt }) => endedAt > blockedAt && endedAt < freeAt);
    expect(meanwhile, 'batches handled while main was blocked').not.to.be.empty;
    await expectUndisturbed(run, this.test as Mocha.Test);
  });

  for (const placement of PLACEMENTS) {
    it(`keeps its leases and its other shards while a fetch thread spins for ${SPIN_MS / 1000} s, ${placement.title}`, async function () {
      const stream = await createStream();
      const state = new SharedArrayBuffer(4);
      const cell = new Int32Array(state);
      const processor = { module: moduleUrl('processors', 'spinning'), options: { state, spinMs: SPIN_MS } };
      const options = { ...SMALL_BATCHES, ...placement.options, stream, processor };
      await using run = new ConsumerRun(server, { module: 'audited' }, options);
      await run.consumer.ready();
      await writeRounds(server, stream, run.audit, KEYS, 3);
      await writeRound(server, stream, run.audit, ['spin']);
      await run.until('a fetch thread spins', WITHIN_MS, () => Atomics.load(cell, 0) === 1);
      const before = run.audit.distinct;
      await writeRounds(server, stream, run.audit, KEYS, 5);
      await run.until(
        'the other thread has delivered more',
        SPIN_MS,
        () => run.audit.distinct >= before + KEYS.length,
      );
      expect(Atomics.load(cell, 0), 'the fetch thread spins on').to.equal(1);
      await run.until(
        'the fetch thread is free again',
        SPIN_MS + WITHIN_MS,
        () => Atomics.load(cell, 0) === 2,
      );
      await writeRounds(server, stream, run.audit, KEYS, 5);
      await run.untilComplete(WITHIN_MS);
      await expectUndisturbed(run, this.test as Mocha.Test);
    });
  }
});
