// Threads that user code ends: nothing is lost, a fetch thread's death repeats nothing, and other shards go on.

import { expect } from 'chai';
import type { HandlerFunction } from '../../src/index.ts';
import { ConsumerRun, moduleUrl } from '../support/consumer-run.ts';
import { DeliveryAudit } from '../support/delivery-audit.ts';
import { monotonicMs } from '../support/handler-reports.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { type Deadly, WAYS_TO_DIE } from '../support/ways-to-die.ts';
import { keysOf, writeRound, writeRounds } from '../support/writing.ts';
import { oneOf, seededRandom } from '../fakes/random.ts';
import { TOLD } from './processors/told.ts';

const KEYS = keysOf(80);
const SHARDS = 4;
const WITHIN_MS = 20_000;
const CELLS = 1_000;
/** So that a loop is found soon. */
const HANG_MS = 2_000;
const DEATHS = 100;

describe('threads that die of user code', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let died: SharedArrayBuffer;

  beforeEach(async () => {
    died = new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT);
    server = await simulatedServer();
    await server.createStream('orders', SHARDS);
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  const start = (options: object, deaths = 1) =>
    new ConsumerRun(
      server,
      { module: 'mortal', params: { deaths } },
      {
        stream: 'orders',
        threads: 2,
        processor: { module: moduleUrl('processors', 'mortal'), options: { died, deaths } },
        batch: { maxRecords: 20 },
        threadHangMs: HANG_MS,
        handlerHangMs: HANG_MS,
        ...options,
      },
    );

  /** A record that ends the thread which meets it. */
  const writeDeadly = async (run: ConsumerRun, key: string, deadly: Deadly, cell = 0) => {
    const n = run.audit.write(key);
    const data = Buffer.from(JSON.stringify({ key, n, deadly, cell }));
    await server.put('orders', [{ partitionKey: key, data }]);
  };

  const deliveredAt = (run: ConsumerRun, key: string, n: number): number | undefined =>
    run.reports.of('batch').find(({ rows }) => rows.some((row) => row[0] === key && row[1] === n))?.endedAt;

  const title = (test: Mocha.Context, what: string) => {
    test.test!.title += ` (${what})`;
  };

  for (const placement of PLACEMENTS) {
    for (const way of WAYS_TO_DIE) {
      it(`a fetch thread ended by ${way} repeats nothing and holds up nobody, ${placement.title}`, async function () {
        await using run = start(placement.options);
        await run.consumer.ready();
        await writeRounds(server, 'orders', run.audit, KEYS, 3);
        await run.untilComplete(WITHIN_MS);
        const at = monotonicMs();
        await writeDeadly(run, 'key-0', { kind: 'fetch', way });
        await run.until('the thread is ended', WITHIN_MS, () => Atomics.load(new Int32Array(died), 0) === 1);
        await writeRounds(server, 'orders', run.audit, KEYS, 3);
        await run.untilComplete(WITHIN_MS);
        title(this, `running again after ${Math.round(deliveredAt(run, 'key-0', 4)! - at)} ms`);
        expect(run.of('thread:died').map(({ kind }) => kind)).to.deep.equal(['fetch']);
        expect(await run.stop()).to.equal(null);
        run.audit.expectExactlyOnceInOrder();
        expect(run.of('lease:lost')).to.be.empty;
      });
    }
  }

  for (const way of WAYS_TO_DIE) {
    it(`a handler thread ended by ${way} loses nothing and holds up nobody`, async function () {
      await using run = start({ handlerThreads: 2 });
      await run.consumer.ready();
      await writeRounds(server, 'orders', run.audit, KEYS, 3);
      await run.untilComplete(WITHIN_MS);
      const before = run.audit.delivered;
      const at = monotonicMs();
      await writeDeadly(run, 'key-0', { kind: 'handler', way });
      await run.until('the thread is ended', WITHIN_MS, () => run.reports.of('note').length === 1);
      await writeRounds(server, 'orders', run.audit, KEYS, 3);
      await run.untilComplete(WITHIN_MS);
      title(this, `running again after ${Math.round(deliveredAt(run, 'key-0', 4)! - at)} ms`);
      await run.until('its death is told', WITHIN_MS, () => run.of('thread:died').length === 1);
      const [death] = run.of('thread:died');
      expect(death).to.include({ kind: 'handler' });
      expect(death!.shards).to.have.length(SHARDS / 2);
      // The batch in hand is tried again, and told that it is not the first time.
      const again = run.reports
        .of('batch')
        .find(({ rows }) => rows.some((row) => row[0] === 'key-0' && row[1] === 3));
      expect(again!.attempt).to.equal(2);
      await run.untilStatus(
        'the shards are spread over both again',
        WITHIN_MS,
        ({ shards }) => shards.filter(({ receiver }) => receiver === death!.thread).length === SHARDS / 2,
      );
      await run.untilStatus('the budget is whole again', WITHIN_MS, (each) => each.bufferedBytes === 0);
      expect(await run.stop()).to.equal(null);
      run.audit.expectAtLeastOnceInOrder();
      // Repeated is what was handled and whose ack died with the thread: less than a window for each of its shards.
      expect(run.audit.delivered - before).to.be.lessThan(1 + KEYS.length * 3 + 2 * 4 * 20);
    });
  }

  it('the other shards go on while a fetch thread hangs', async () => {
    await using run = start({ threadHangMs: 5_000 });
    await run.consumer.ready();
    await writeRound(server, 'orders', run.audit, ['key-0']);
    await run.untilComplete(WITHIN_MS);
    const { shardId: hanging } = run.reports.of('batch')[0]!;
    await writeDeadly(run, 'key-0', { kind: 'fetch', way: 'loop' });
    await run.until('the thread hangs', WITHIN_MS, () => Atomics.load(new Int32Array(died), 0) === 1);
    const { shards } = await run.consumer.status();
    const { thread: hung } = shards.find(({ shardId }) => shardId === hanging)!;
    const others = shards.filter(({ thread }) => thread !== hung).map(({ shardId }) => shardId);
    expect(others).to.have.length(SHARDS / 2);
    await writeRounds(server, 'orders', run.audit, KEYS, 3);
    await run.until('the shards of the other thread are delivered', WITHIN_MS, () =>
      others.every((shardId) => run.reports.of('batch').some((batch) => batch.shardId === shardId)),
    );
    expect(run.of('thread:died')).to.be.empty;
    await run.untilComplete(WITHIN_MS);
    expect(run.of('thread:died')).to.have.length(1);
    expect(await run.stop()).to.equal(null);
    run.audit.expectExactlyOnceInOrder();
  });

  it('a fetch thread that dies while main is blocked: its shards are read on, and nothing is handed out twice', async () => {
    const told = new SharedArrayBuffer(4);
    const cell = new Int32Array(told);
    const audit = new DeliveryAudit();
    let seenByMain = -1;
    const handler: HandlerFunction = (batch) => {
      if (seenByMain === -1) {
        Atomics.store(cell, 0, TOLD.kill);
        // Longer than a receiver that is blocked is waited for.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
        seenByMain = Atomics.load(cell, 0);
      }
      audit.deliver(batch.toArray().map(({ value, id }) => [...keyAndNumber(value), id] as const));
    };
    // One page is not everything, so that there is something to read while main is blocked.
    const processor = { module: moduleUrl('processors', 'told'), options: { told } };
    const options = { stream: 'orders', threads: 1, processor, batch: { maxRecords: 20 }, recordLimit: 30 };
    await writeRounds(server, 'orders', audit, KEYS, 10);
    await using run = new ConsumerRun(server, handler, options);
    await run.until('everything was delivered', WITHIN_MS, () => audit.isComplete);
    expect(seenByMain, 'read again before main was free').to.equal(TOLD.readAgain);
    expect(run.of('thread:died')).to.have.length(1);
    expect(await run.stop()).to.equal(null);
    audit.expectExactlyOnceInOrder();
  });

  it('a record that ends every fetch thread is read apart, retried with pauses and told; the other shards go on', async function () {
    this.timeout(90_000);
    await using run = start({}, 5);
    await run.consumer.ready();
    await writeRound(server, 'orders', run.audit, KEYS);
    await writeDeadly(run, 'key-0', { kind: 'fetch', way: 'exit' });
    await writeRound(server, 'orders', run.audit, KEYS);
    const poison = await run.until('it is told', WITHIN_MS, () => run.of('record:poison')[0]);
    expect(poison).to.include({ kind: 'fetch', deaths: 2 });
    expect(poison.position).to.include({ type: 'SEQUENCE' });
    // From now on it dies alone.
    await writeRounds(server, 'orders', run.audit, KEYS, 5);
    const from = run.of('thread:died').length;
    await run.untilComplete(40_000);
    for (const { shards } of run.of('thread:died').slice(from)) expect(shards).to.have.length(1);
    expect(await run.stop()).to.equal(null);
    run.audit.expectExactlyOnceInOrder();
  });

  it('100 random deaths in one run lose nothing', async function () {
    this.timeout(240_000);
    const seed = 7;
    const random = seededRandom(seed);
    await using run = start({ handlerThreads: 2 });
    await run.consumer.ready();
    const deaths = () => run.of('thread:died').length;
    for (let record = 0; deaths() < DEATHS; record += 1) {
      const kind = oneOf(random, ['fetch', 'handler'] as const);
      const way = record % 25 === 24 ? 'loop' : oneOf(random, ['exit', 'throw', 'rejection'] as const);
      await writeRound(server, 'orders', run.audit, KEYS);
      const before = deaths();
      await writeDeadly(run, oneOf(random, KEYS), { kind, way }, record);
      await writeRound(server, 'orders', run.audit, KEYS);
      // Some follow each other, and some fall into the recovery of the one before.
      if (random() < 0.7) await run.until(`record ${record} is deadly`, WITHIN_MS, () => deaths() > before);
    }
    await run.untilComplete(60_000);
    await run.untilStatus('the budget is whole again', WITHIN_MS, (each) => each.bufferedBytes === 0);
    expect(await run.stop()).to.equal(null);
    run.audit.expectAtLeastOnceInOrder();
    title(
      this,
      `seed ${seed}: ${deaths()} deaths, ${run.audit.written} records, ${run.audit.delivered - run.audit.written} repeated`,
    );
    expect(run.of('lease:lost')).to.be.empty;
  });
});

function keyAndNumber(value: unknown): [key: string, n: number] {
  const { key, n } = value as { key: string; n: number };
  return [key, n];
}
