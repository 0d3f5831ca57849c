// The coordinator's thread dies or hangs: another one follows with a session of its own, from the last checkpoints.

import { expect } from 'chai';
import type { Worker } from 'node:worker_threads';
import { ConsumerRun } from '../support/consumer-run.ts';
import { DeadlyCheckpointer } from '../support/deadly-store.ts';
import { monotonicMs } from '../support/handler-reports.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { until } from '../support/until.ts';
import { WAYS_TO_DIE } from '../support/ways-to-die.ts';
import { keysOf, writeRound, writeRounds } from '../support/writing.ts';

const KEYS = keysOf(60);
const SHARDS = 4;
const WITHIN_MS = 20_000;
const OPTIONS = {
  stream: 'orders',
  threads: 2,
  batch: { maxRecords: 20 },
  checkpointIntervalMs: 200,
  leaseDurationMs: 3_000,
} as const;

describe('death of the coordinator', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let workers: Worker[];
  const onWorker = (worker: Worker) => workers.push(worker);

  beforeEach(async () => {
    server = await simulatedServer();
    await server.createStream('orders', SHARDS);
    workers = [];
    process.on('worker', onWorker);
  });
  afterEach(async () => {
    process.off('worker', onWorker);
    await server[Symbol.asyncDispose]();
  });

  const lastBatchAt = (run: ConsumerRun) =>
    Math.max(...run.reports.of('batch').map(({ endedAt }) => endedAt));

  async function expectGoesOn(run: ConsumerRun, kill: () => void, test: Mocha.Context): Promise<void> {
    await run.consumer.ready();
    await writeRounds(server, 'orders', run.audit, KEYS, 3);
    await run.untilComplete(WITHIN_MS);
    const { session } = await run.consumer.status();
    await writeRound(server, 'orders', run.audit, KEYS);
    const at = monotonicMs();
    kill();
    await run.until('its death is told', WITHIN_MS, () => run.of('thread:died').length === 1);
    expect(run.of('thread:died')[0]).to.include({ kind: 'coordinator' });
    const before = run.audit.distinct;
    await writeRounds(server, 'orders', run.audit, KEYS, 3);
    await run.until('it goes on', WITHIN_MS, () => run.audit.distinct > before);
    test.test!.title += ` (delivering again after ${Math.round(lastBatchAt(run) - at)} ms)`;
    await run.untilComplete(WITHIN_MS);
    const after = await run.untilStatus(
      'every shard is read',
      WITHIN_MS,
      ({ shards }) => shards.length === SHARDS && shards.every(({ lease }) => lease === 'running'),
    );
    expect(after.session).not.to.equal(session);
    // Of the one before nothing is left in the budget.
    await run.untilStatus('the budget is whole', WITHIN_MS, ({ bufferedBytes }) => bufferedBytes === 0);
    expect(await run.stop()).to.equal(null);
    run.audit.expectAtLeastOnceInOrder();
    // Once per lease.
    expect(run.reports.of('shard-start')).to.have.length(2 * SHARDS);
  }

  for (const { title, options } of PLACEMENTS) {
    it(`with the memory checkpointer its positions outlive it, ${title}`, async function () {
      await using run = new ConsumerRun(server, { module: 'audited' }, { ...OPTIONS, ...options });
      const coordinator = await until('it is there', WITHIN_MS, () => workers.at(options.handlerThreads));
      let writtenBefore = 0;
      await run.until('some is delivered', WITHIN_MS, async () => {
        if (run.audit.written === 0) await writeRounds(server, 'orders', run.audit, KEYS, 10);
        return run.audit.isComplete;
      });
      writtenBefore = run.audit.written;
      await run.consumer.checkpoint();
      await expectGoesOn(run, () => void coordinator.terminate(), this);
      // What was checkpointed is not delivered again.
      const again = run.audit.delivered - run.audit.written;
      expect(again).to.be.at.most(run.audit.written - writtenBefore);
    });

    for (const way of WAYS_TO_DIE) {
      it(`ended by ${way}, ${title}`, async function () {
        using store = new DeadlyCheckpointer();
        const { checkpointer } = store;
        await using run = new ConsumerRun(
          server,
          { module: 'audited' },
          { ...OPTIONS, ...options, checkpointer },
        );
        await expectGoesOn(run, () => store.kill(way), this);
        expect(store.killed).to.equal(1);
      });
    }
  }

  it('a call that its predecessor gave out comes to its end before the shard is handled again', async () => {
    using store = new DeadlyCheckpointer();
    const { checkpointer } = store;
    await using run = new ConsumerRun(
      server,
      { module: 'gated', params: { shard: 'all' } },
      { ...OPTIONS, checkpointer },
    );
    await writeRound(server, 'orders', run.audit, ['key-0']);
    await run.until('a call waits', WITHIN_MS, () => run.reports.of('waiting').length === 1);
    store.kill('exit');
    await run.until('its death is told', WITHIN_MS, () => run.of('thread:died').length === 1);
    await run.untilStatus(
      'every shard is read again',
      WITHIN_MS,
      ({ shards }) => shards.length === SHARDS && shards.every(({ reads }) => reads >= 3),
    );
    expect(run.reports.of('waiting')).to.have.length(1);
    run.reports.openGates();
    // Its ack counted no more.
    await run.until('it is handled again', WITHIN_MS, () => run.audit.delivered === 2);
    const [first, second] = run.reports.of('batch');
    expect(second!.startedAt).to.be.at.least(first!.endedAt);
    expect(await run.stop()).to.equal(null);
  });

  it('one that dies again and again ends the consumer with ERR_THREAD_DIED', async function () {
    using store = new DeadlyCheckpointer();
    const { checkpointer } = store;
    await using run = new ConsumerRun(server, { module: 'audited' }, { ...OPTIONS, checkpointer });
    await run.consumer.ready();
    const killing = setInterval(() => store.kill('exit'), 20);
    try {
      const error = await run.finished;
      expect(error).to.include({ code: 'ERR_THREAD_DIED' });
    } finally {
      clearInterval(killing);
    }
  });
});
