import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Fault } from '../../src/testing/index.ts';
import { ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { until } from '../support/until.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const KEYS = keysOf(100);
const STREAM = 'orders';
const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
const WITHIN_MS = 30_000;
const MIB = 2 ** 20;
/** The most of one GetRecords call here: `recordLimit` records. */
const PAGE_RECORDS = 50;
const SMALL = { recordLimit: PAGE_RECORDS, batch: { maxRecords: 20 }, threads: 2 } as const;

const FAULTS: readonly {
  readonly title: string;
  readonly faults: readonly Fault[];
  readonly retries: boolean;
}[] = [
  {
    title: 'a tenth of the reads throttled',
    faults: [{ operation: 'GetRecords', probability: 0.1, error: 'ProvisionedThroughputExceededException' }],
    retries: false,
  },
  {
    title: 'answers 500 and 503 to reads, iterators and listings',
    faults: [
      { operation: 'GetRecords', probability: 0.15, error: 'InternalFailure' },
      { operation: 'GetRecords', probability: 0.1, error: 'ServiceUnavailable' },
      { operation: 'GetShardIterator', probability: 0.3, error: 'InternalFailure' },
      { operation: 'ListShards', probability: 0.3, error: 'InternalFailure' },
    ],
    retries: true,
  },
  {
    title: 'iterators that expire all the time',
    faults: [{ operation: 'GetRecords', probability: 0.4, error: 'ExpiredIteratorException' }],
    retries: false,
  },
  {
    title: 'slow answers',
    faults: [{ operation: 'GetRecords', probability: 0.3, delayMs: 700 }],
    retries: false,
  },
];

describe('limits and errors of Kinesis', function () {
  this.timeout(60_000);
  let server: SimulatedServer;

  beforeEach(async () => {
    server = await simulatedServer();
    await server.createStream(STREAM, 2);
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  for (const placement of PLACEMENTS) {
    for (const { title, faults, retries } of FAULTS) {
      it(`delivers all through ${title}, ${placement.title}`, async () => {
        await using run = new ConsumerRun(
          server,
          { module: 'audited' },
          { ...SMALL, ...placement.options, stream: STREAM, shardRefreshIntervalMs: 500 },
        );
        await run.consumer.ready();
        for (const fault of faults) await server.simulator.inject(fault);
        await writeRounds(server, STREAM, run.audit, KEYS, 6);
        await run.untilComplete(WITHIN_MS);
        const expected = faults.flatMap(({ operation, error }) =>
          operation === 'GetRecords' && error ? [error] : [],
        );
        // The polls go on, so that luck cannot spare the consumer.
        await run.until('the faults have hit', WITHIN_MS, async () => {
          const { errors } = await server.simulator.calls({ operation: 'GetRecords' });
          return expected.every((error) => (errors[error] ?? 0) > 0);
        });
        if (retries)
          await run.until('a retry was reported', WITHIN_MS, () =>
            run.events.some(({ name }) => name.endsWith(':retry')),
          );
        await server.simulator.clearFaults();
        await writeRounds(server, STREAM, run.audit, KEYS, 2);
        await run.untilComplete(WITHIN_MS);
        expect(await run.stop()).to.equal(null);
        run.audit.expectExactlyOnceInOrder();
        expect(run.of('lease:lost')).to.be.empty;
        expect(run.of('error')).to.be.empty;
      });
    }
  }

  for (const error of [
    'InternalFailure',
    'ExpiredIteratorException',
    'ProvisionedThroughputExceededException',
  ] as const) {
    it(`calls a shard at most 5 times a second while every read fails with ${error}, and goes on after it`, async () => {
      await using run = new ConsumerRun(server, { module: 'audited' }, { ...SMALL, stream: STREAM });
      await run.consumer.ready();
      await server.simulator.inject({ operation: 'GetRecords', shardId: SHARD_0, error });
      await writeRounds(server, STREAM, run.audit, KEYS, 4);
      await expectReadRate(server, SHARD_0, 2_000);
      const { refused } = await server.simulator.calls({ operation: 'GetRecords', shardId: SHARD_0 });
      expect(refused).to.be.at.least(1);
      const other = await run.consumer.status();
      expect(other.shards.find(({ shardId }) => shardId === SHARD_1)!.state, 'the other shard').to.equal(
        'polling',
      );
      await server.simulator.clearFaults();
      await run.untilComplete(WITHIN_MS);
      expect(await run.stop()).to.equal(null);
      run.audit.expectExactlyOnceInOrder();
    });
  }

  it('calls a busy shard at most 5 times a second, without being throttled', async () => {
    await using run = new ConsumerRun(
      server,
      { module: 'audited' },
      { ...SMALL, recordLimit: 20, stream: STREAM },
    );
    await run.consumer.ready();
    await writeRounds(server, STREAM, run.audit, KEYS, 10);
    await expectReadRate(server, SHARD_0, 2_000);
    await run.untilComplete(WITHIN_MS);
    const { refused } = await server.simulator.calls({ operation: 'GetRecords' });
    expect(refused).to.equal(0);
  });

  for (const placement of PLACEMENTS) {
    it(`a handler that hangs takes its window and not the whole budget: the other shard is delivered, ${placement.title}`, async () => {
      const handler = { module: 'gated', params: { shard: SHARD_0 } };
      const options = { ...SMALL, ...placement.options, stream: STREAM, maxBufferedBytes: 2 * MIB };
      await using run = new ConsumerRun(server, handler, { ...options, batch: { maxRecords: 10 } });
      await writeRounds(server, STREAM, run.audit, KEYS, 8, 10_240);
      await run.consumer.ready();
      await run.untilStatus('the hung shard waits and the other one has caught up', 10_000, ({ shards }) => {
        const [hung, other] = shards;
        return hung!.state === 'waiting-for-handler' && other!.state === 'polling' && other!.lagMs === 0;
      });
      const { shards } = await run.consumer.status();
      expect(shards[0]!.position.type).to.equal('TRIM_HORIZON');
      expect(run.reports.of('batch').filter(({ shardId }) => shardId === SHARD_0)).to.be.empty;
      run.reports.openGates();
      await run.untilComplete(WITHIN_MS);
      expect(await run.stop()).to.equal(null);
      run.audit.expectExactlyOnceInOrder();
    });
  }

  it('overdraws its budget by one page at most, however many shards begin with a backlog', async function () {
    const padding = 10_240;
    const pageRecords = 200;
    const stream = 'backlog';
    await server.createStream(stream, 6);
    const options = { stream, threads: 2, maxBufferedBytes: MIB, recordLimit: pageRecords };
    await using run = new ConsumerRun(server, { module: 'gated', params: { shard: 'all' } }, options);
    await writeRounds(server, stream, run.audit, KEYS, 12, padding);
    await run.consumer.ready();
    let most = 0;
    await run.untilStatus('all shards wait or have read', WITHIN_MS, (status) => {
      most = Math.max(most, status.bufferedBytes);
      const waiting = status.shards.filter(({ state }) => state?.startsWith('waiting-for-'));
      return waiting.length === status.shards.length;
    });
    run.reports.openGates();
    await run.untilComplete(WITHIN_MS);
    this.test!.title += ` (at most ${(most / MIB).toFixed(2)} MiB)`;
    expect(most).to.be.at.most(MIB + pageRecords * (padding + 200));
  });

  for (const placement of PLACEMENTS) {
    it(`holds a bounded part of 30 MiB for a handler that waits, says so, and delivers all, ${placement.title}`, async function () {
      const padding = 10_240;
      const shards = 8;
      const stream = 'large';
      await server.createStream(stream, shards);
      await using run = new ConsumerRun(
        server,
        { module: 'gated', params: { shard: 'all' } },
        {
          ...SMALL,
          ...placement.options,
          recordLimit: PAGE_RECORDS / 2,
          batch: { maxRecords: 10 },
          maxBufferedBytes: MIB,
          stream,
        },
      );
      await writeRounds(server, stream, run.audit, KEYS, 30, padding);
      await run.consumer.ready();
      await run.until('a handler waits', WITHIN_MS, () => run.reports.of('waiting').length > 0);
      let most = 0;
      const states = new Set<string | null>();
      await run.untilStatus('all shards wait', WITHIN_MS, (status) => {
        most = Math.max(most, status.bufferedBytes);
        for (const { state } of status.shards) states.add(state);
        return status.shards.every(({ state }) => state?.startsWith('waiting-for-'));
      });
      const { total } = await server.simulator.calls({ operation: 'GetRecords' });
      run.reports.openGates();
      await run.until('everything was delivered', WITHIN_MS, async () => {
        most = Math.max(most, (await run.consumer.status()).bufferedBytes);
        return run.audit.isComplete;
      });
      this.test!.title += ` (at most ${(most / MIB).toFixed(2)} MiB; ${[...states].join(', ')})`;
      expect(states).to.include.all.keys('waiting-for-budget');
      expect(total, 'reads until all waited').to.be.at.most(8 * shards);
      // The budget, and a page of each shard beyond it.
      expect(most).to.be.at.most(MIB + shards * (PAGE_RECORDS / 2) * (padding + 200));
      expect(await run.stop()).to.equal(null);
      run.audit.expectExactlyOnceInOrder();
    });
  }
});

/** Looks at the calls of the shard for `ms`: in no second there are more than 5, and one for the edge of the window. */
async function expectReadRate(server: SimulatedServer, shardId: string, ms: number): Promise<void> {
  const looks: { readonly at: number; readonly total: number }[] = [];
  const end = performance.now() + ms;
  await until('the rate was looked at', ms + 5_000, async () => {
    // The count lies between the two times: the later one makes the window as long as it may have been.
    const { total } = await server.simulator.calls({ operation: 'GetRecords', shardId });
    looks.push({ at: performance.now(), total });
    await sleep(20);
    return performance.now() > end;
  });
  let most = 0;
  for (const [i, from] of looks.entries()) {
    const to = looks.slice(i).findLast(({ at }) => at - from.at <= 1_000)!;
    most = Math.max(most, to.total - from.total);
  }
  expect(most, 'calls within a second').to.be.at.most(6);
  const first = looks[0]!;
  const last = looks.at(-1)!;
  expect(last.total - first.total, `calls within ${ms} ms`).to.be.at.most(
    ((last.at - first.at) / 1_000) * 5 + 1,
  );
}
