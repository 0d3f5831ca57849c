// A coordinator that dies or hangs while it starts, between its session and its first shards: another one follows, and whoever
// waits for the start does not wait in vain.

import { expect } from 'chai';
import type { Worker } from 'node:worker_threads';
import type { ConsumerOptions } from '../../src/index.ts';
import { ConsumerRun } from '../support/consumer-run.ts';
import { DeadlyCheckpointer } from '../support/deadly-store.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { until, within } from '../support/until.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const WITHIN_MS = 20_000;
/** A hung coordinator that has not started is ended after as long as its modules may take to load. */
const HANG_WITHIN_MS = 60_000;
const OPTIONS = { stream: 'orders', threads: 1, checkpointIntervalMs: 200, leaseDurationMs: 2_000 } as const;

describe('a coordinator that ends while it starts', function () {
  this.timeout(90_000);
  let server: SimulatedServer;
  let workers: Worker[];
  const onWorker = (worker: Worker) => workers.push(worker);
  const alive = () => workers.filter(({ threadId }) => threadId !== -1).length;

  beforeEach(async () => {
    server = await simulatedServer();
    await server.createStream('orders', 2);
    workers = [];
    process.on('worker', onWorker);
  });
  afterEach(async () => {
    process.off('worker', onWorker);
    await server[Symbol.asyncDispose]();
  });

  async function expectFollowed(way: 'exit' | 'loop', withinMs: number, options: Partial<ConsumerOptions>) {
    using store = new DeadlyCheckpointer();
    // With the first look at the rows, when its session is there.
    store.kill(way);
    const { checkpointer } = store;
    await using run = new ConsumerRun(
      server,
      { module: 'audited' },
      { ...OPTIONS, ...options, checkpointer },
    );
    await within('the start', withinMs, run.consumer.ready({ timeoutMs: withinMs }));
    expect(store.killed).to.equal(1);
    expect(run.of('thread:died').map(({ kind }) => kind)).to.deep.equal(['coordinator']);
    await writeRounds(server, 'orders', run.audit, keysOf(20), 2);
    await run.untilComplete(WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    await until('every thread is gone', WITHIN_MS, () => alive() === 0);
  }

  for (const { title, options } of PLACEMENTS)
    it(`dead, ${title}: another one follows, ready() resolves, and no thread outlives the stop`, () =>
      expectFollowed('exit', WITHIN_MS, options));

  it('hung, handler in a thread: it is ended, another one follows, ready() resolves, and no thread outlives the stop', () =>
    expectFollowed('loop', HANG_WITHIN_MS, { handlerThreads: 1 }));

  it('a stop during the start that hangs leaves no thread behind', async () => {
    using store = new DeadlyCheckpointer();
    store.kill('loop');
    const { checkpointer } = store;
    await using run = new ConsumerRun(
      server,
      { module: 'audited' },
      { ...OPTIONS, handlerThreads: 1, checkpointer },
    );
    await until('the coordinator hangs', WITHIN_MS, () => store.killed === 1);
    expect(alive()).to.be.above(0);
    await run.stop(500);
    await until('every thread is gone', WITHIN_MS, () => alive() === 0);
    expect(run.of('thread:died')).to.deep.equal([]);
  });

  it('a stop between its death and the start of the one that follows leaves no thread behind', async () => {
    using store = new DeadlyCheckpointer();
    store.kill('exit');
    const { checkpointer } = store;
    await using run = new ConsumerRun(
      server,
      { module: 'audited' },
      { ...OPTIONS, handlerThreads: 1, checkpointer },
    );
    await run.until('its death is told', WITHIN_MS, () => run.of('thread:died').length === 1);
    await run.stop(500);
    await until('every thread is gone', WITHIN_MS, () => alive() === 0);
  });
});
