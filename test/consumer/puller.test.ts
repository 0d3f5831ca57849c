// The puller: the next pull acks, leaving does not, and nothing of a lost lease is handed out.

import { expect } from 'chai';
import { createPuller, type Puller } from '../../src/consumer/puller.ts';
import type { DeliveryContext } from '../../src/delivery/receiver.ts';
import { RecordBatch } from '../../src/delivery/record-batch.ts';
import { silentLogger } from '../../src/model/logger.ts';
import { deferred } from '../../src/platform/deferred.ts';
import type { AckMode } from '../../src/protocol.ts';
import { batchOf, numbersOf } from '../fakes/batches.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

/** A loop that has not pulled for this long after a stop began is taken to wait for that stop. */
const PATIENCE_MS = 5_000;

/** What became of one handler call. */
interface Offered {
  readonly acked: number[];
  isDone: boolean;
  isAbandoned: boolean;
  /** The receiver was told that a loop pulls. */
  isPulled: boolean;
  /** The loop has acked it by `batch.ack`. */
  isAcked: boolean;
  isValid: boolean;
  readonly abort: AbortController;
}

describe('puller', () => {
  let time: VirtualTime;
  let puller: Puller;
  let left: number;
  let pulls: number;
  let idleTimeoutMs: number | null;
  let ready: Promise<void>;
  let ack: AckMode;

  const open = () => {
    time = createVirtualTime();
    left = 0;
    pulls = 0;
    puller = createPuller({
      ack,
      timers: time.timers,
      idleTimeoutMs,
      ready,
      onLeave: async () => {
        left += 1;
      },
      onFirstPull: () => {
        pulls += 1;
      },
    });
  };

  beforeEach(() => {
    idleTimeoutMs = null;
    ready = Promise.resolve();
    ack = 'auto';
    open();
  });

  /** The receiver calls the handler with the records `first` to `last` of a shard. */
  const offer = (shard: number, first: number, last = first): Offered => {
    const offered: Offered = {
      acked: [],
      isDone: false,
      isAbandoned: false,
      isPulled: false,
      isAcked: false,
      isValid: true,
      abort: new AbortController(),
    };
    const batch = new RecordBatch(batchOf(shard, 1, first, last), {
      stream: 'orders',
      shardId: `shard-${shard}`,
      token: 1,
      processor: { deserialize: (data) => data },
    });
    const context: DeliveryContext = {
      signal: offered.abort.signal,
      shard: { shardId: `shard-${shard}`, stream: 'orders', token: 1 },
      lagMs: 0,
      attempt: 1,
      logger: silentLogger,
      isValid: () => offered.isValid && !offered.abort.signal.aborted,
      ackTo: (index) => offered.acked.push(index),
      abandon: () => {
        offered.isAbandoned = true;
      },
      pulled: () => {
        offered.isPulled = true;
      },
      awaitsAcks: () => !offered.isAcked,
    };
    void Promise.resolve(puller.handler.handle(batch, context)).then(() => {
      offered.isDone = true;
    });
    return offered;
  };

  const settle = () => time.advance(0);

  it('the next pull acks the record before, and the one after the last ends the batch', async () => {
    const records = puller.records();
    const offered = offer(0, 1, 2);
    expect((await records.next()).value.sequenceNumber).to.equal('1');
    expect(offered.acked).to.deep.equal([]);
    expect((await records.next()).value.sequenceNumber).to.equal('2');
    expect(offered.acked).to.deep.equal([0]);
    const third = records.next();
    await settle();
    expect(offered.acked).to.deep.equal([0, 1]);
    expect(offered.isDone).to.equal(true);
    offer(0, 3);
    expect((await third).value.sequenceNumber).to.equal('3');
    expect(pulls).to.be.at.least(1);
  });

  it('break does not ack the record in hand, and gives back everything else', async () => {
    const inHand = offer(0, 1, 3);
    const waiting = offer(1, 10);
    for await (const record of puller.records()) {
      if (record.sequenceNumber === '2') break;
    }
    await settle();
    expect(inHand.acked).to.deep.equal([0]);
    expect(inHand.isAbandoned).to.equal(true);
    expect(waiting.isAbandoned).to.equal(true);
    expect(waiting.acked).to.deep.equal([]);
    expect(left).to.equal(1);
    const late = offer(2, 20);
    expect(late.isAbandoned).to.equal(true);
  });

  it('an exception in the loop leaves it like break', async () => {
    const offered = offer(0, 1, 3);
    const loop = async () => {
      for await (const record of puller.records()) throw new Error(record.sequenceNumber);
    };
    expect(await loop().catch((error: Error) => error.message)).to.equal('1');
    expect(offered.acked).to.deep.equal([]);
    expect(offered.isAbandoned).to.equal(true);
    expect(left).to.equal(1);
  });

  it('abandons before the handler call returns: the receiver must not take it for done', async () => {
    const records = puller.records();
    const offered = offer(0, 1, 3);
    await records.next();
    const order: string[] = [];
    const end = records.return!();
    order.push(offered.isAbandoned ? 'abandoned' : 'not abandoned', offered.isDone ? 'done' : 'not done');
    await end;
    expect(order).to.deep.equal(['abandoned', 'not done']);
    expect(await records.next()).to.deep.equal({ done: true, value: undefined });
    await records.return!();
    expect(left).to.equal(1);
  });

  it('whole batches: the next pull ends the handler call, leaving abandons it', async () => {
    const batches = puller.batches();
    const first = offer(0, 1, 3);
    const second = offer(0, 4, 5);
    expect(numbersOf((await batches.next()).value)).to.deep.equal([1, 2, 3]);
    await settle();
    expect(first.isDone).to.equal(false);
    expect(numbersOf((await batches.next()).value)).to.deep.equal([4, 5]);
    await settle();
    expect([first.isDone, first.isAbandoned]).to.deep.equal([true, false]);
    await batches.return!();
    expect(second.isAbandoned).to.equal(true);
  });

  it('several shards wait side by side, each with one batch', async () => {
    const records = puller.records();
    const [a, b] = [offer(0, 1, 2), offer(1, 10, 11)];
    const seen: string[] = [];
    for (let i = 0; i < 4; i += 1) seen.push((await records.next()).value.sequenceNumber);
    expect(seen).to.deep.equal(['1', '2', '10', '11']);
    expect([a.acked, b.acked]).to.deep.equal([[0, 1], [0]]);
  });

  it('two handler calls in one tick while a pull waits: neither is lost', async () => {
    const records = puller.records();
    const pull = records.next();
    offer(0, 1);
    offer(1, 10);
    expect((await pull).value.sequenceNumber).to.equal('1');
    expect((await records.next()).value.sequenceNumber).to.equal('10');
  });

  it('a lease that is lost between two pulls: nothing more of it, no ack, and the next shard goes on', async () => {
    const records = puller.records();
    const lost = offer(0, 1, 3);
    const queued = offer(1, 10);
    offer(2, 20);
    await records.next();
    lost.abort.abort();
    queued.isValid = false; // its fence has passed
    expect((await records.next()).value.sequenceNumber).to.equal('20');
    await settle();
    expect(lost.isDone).to.equal(true);
    expect(queued.isDone).to.equal(true);
    expect(queued.acked).to.deep.equal([]);
  });

  it('a handler call whose lease is lost returns though nobody pulls', async () => {
    const offered = offer(0, 1);
    offered.abort.abort();
    await settle();
    expect(offered.isDone).to.equal(true);
  });

  it('close ends a pull that waits and every later one', async () => {
    const records = puller.records();
    const pull = records.next();
    await settle();
    puller.close(null);
    expect(await pull).to.deep.equal({ done: true, value: undefined });
    expect((await records.next()).done).to.equal(true);
    expect(left).to.equal(1);
  });

  it('close with an error rejects the pull that waits and every later one', async () => {
    const records = puller.records();
    const message = (promise: Promise<unknown>) => promise.catch((error: Error) => error.message);
    const pull = message(records.next());
    await settle();
    puller.close(new Error('the stream is gone'));
    expect(await pull).to.equal('the stream is gone');
    expect(await message(records.next())).to.equal('the stream is gone');
  });

  it('close before the first pull: an error is not lost', async () => {
    puller.close(new Error('access denied'));
    const outcome = await puller
      .records()
      .next()
      .catch((error: Error) => error.message);
    expect(outcome).to.equal('access denied');
  });

  it('ends after idleTimeoutMs without a record, with everything acked that was pulled', async () => {
    idleTimeoutMs = 1_000;
    open();
    const records = puller.records();
    const offered = offer(0, 1);
    await records.next();
    const pull = records.next();
    await time.advance(999);
    expect(left).to.equal(0);
    await time.advance(1);
    expect(await pull).to.deep.equal({ done: true, value: undefined });
    expect([offered.acked, offered.isDone, offered.isAbandoned]).to.deep.equal([[0], true, false]);
    expect(left).to.equal(1);
    expect(time.pending()).to.equal(0);
  });

  it('the time until reading has begun is not idle time', async () => {
    const begun = deferred();
    idleTimeoutMs = 1_000;
    ready = begun.promise;
    open();
    const pull = puller.records().next();
    await time.advance(60_000);
    expect(left).to.equal(0);
    begun.resolve();
    await time.advance(1_000);
    expect((await pull).done).to.equal(true);
  });

  it('a record in time starts the idle time anew', async () => {
    idleTimeoutMs = 1_000;
    open();
    const records = puller.records();
    for (let n = 1; n <= 3; n += 1) {
      const pull = records.next();
      await time.advance(900);
      offer(0, n);
      expect((await pull).done).to.equal(false);
    }
    await time.advance(10_000);
    expect(left, 'the loop body may take its time').to.equal(0);
  });

  it('pulls that overlap each get a record', async () => {
    const records = puller.records();
    const both = Promise.all([records.next(), records.next()]);
    offer(0, 1);
    offer(1, 10);
    let values: string[] = [];
    void both.then((results) => {
      values = results.map(({ value }) => value.sequenceNumber);
    });
    await settle();
    expect(values.toSorted()).to.deep.equal(['1', '10']);
  });

  describe("with ack: 'manual'", () => {
    beforeEach(() => {
      ack = 'manual';
      open();
    });

    it('a pull acks nothing; ackPulled acks everything that was pulled, also the record in hand', async () => {
      const records = puller.records();
      const [a, b, c] = [offer(0, 1, 2), offer(1, 10, 12), offer(2, 20)];
      for (let i = 0; i < 4; i += 1) await records.next();
      await settle();
      expect([a.isDone, b.isDone]).to.deep.equal([true, false]);
      expect([a.acked, b.acked, a.isPulled]).to.deep.equal([[], [], true]);
      puller.ackPulled();
      expect([a.acked, b.acked, c.acked]).to.deep.equal([[1], [1], []]);
      await records.next();
      puller.ackPulled();
      expect([a.acked, b.acked]).to.deep.equal([[1], [1, 2]]);
    });

    it('ackPulled right after a pull covers the batch that this pull has left', async () => {
      const records = puller.records();
      const a = offer(0, 1);
      offer(1, 10);
      await records.next();
      const pull = records.next().then(() => puller.ackPulled());
      await pull;
      expect(a.acked).to.deep.equal([0]);
    });

    it('ackPulled before the first pull acks nothing', () => {
      const offered = offer(0, 1);
      puller.ackPulled();
      expect(offered.acked).to.deep.equal([]);
    });

    it('whole batches: ackPulled acks the one in hand as a whole', async () => {
      const batches = puller.batches();
      const offered = offer(0, 1, 3);
      await batches.next();
      puller.ackPulled();
      expect(offered.acked).to.deep.equal([2]);
    });

    it('does not keep what the loop has acked by itself', async () => {
      const batches = puller.batches();
      const offered: Offered[] = [];
      for (let n = 0; n < 200; n += 1) {
        offered.push(offer(0, n));
        await batches.next();
        offered[n]!.isAcked = true;
      }
      puller.ackPulled();
      expect(offered.filter(({ acked }) => acked.length > 0).length).to.be.below(70);
    });

    it('a stop gives back what is not acked though the loop waits for more', async () => {
      const records = puller.records();
      const offered = offer(0, 1);
      await records.next();
      const pull = records.next();
      await settle();
      puller.drain();
      await time.advance(PATIENCE_MS - 1);
      expect(left).to.equal(0);
      const late = offer(1, 10);
      expect((await pull).value.sequenceNumber).to.equal('10');
      await time.advance(PATIENCE_MS - 1);
      expect(late.isAbandoned).to.equal(false);
      const last = records.next();
      await time.advance(PATIENCE_MS);
      expect(offer(2, 20).isAbandoned, 'it takes no more').to.equal(true);
      puller.close(null);
      expect((await last).done).to.equal(true);
      expect([offered.acked, offered.isAbandoned]).to.deep.equal([[], true]);
    });
  });

  describe('during a stop', () => {
    it('a loop that does not pull gets no more: the record in hand is given back, and so is what waits', async () => {
      const records = puller.records();
      const [inHand, waiting] = [offer(0, 1, 3), offer(1, 10)];
      for (let i = 0; i < 2; i += 1) await records.next();
      puller.drain();
      await time.advance(PATIENCE_MS - 1);
      expect([inHand.isAbandoned, waiting.isAbandoned]).to.deep.equal([false, false]);
      await time.advance(1);
      expect([inHand.isAbandoned, waiting.isAbandoned]).to.deep.equal([true, true]);
      expect([inHand.isDone, waiting.isDone]).to.deep.equal([true, true]);
      expect(inHand.acked).to.deep.equal([0]);
      expect(time.pending()).to.equal(0);
    });

    it('a loop that goes on pulling gets everything that was received', async () => {
      const records = puller.records();
      const offered = offer(0, 1, 4);
      await records.next();
      puller.drain();
      for (let n = 2; n <= 4; n += 1) {
        await time.advance(PATIENCE_MS - 1);
        expect((await records.next()).value.sequenceNumber).to.equal(String(n));
      }
      const end = records.next();
      await time.advance(2 * PATIENCE_MS);
      expect([offered.acked, offered.isDone, offered.isAbandoned]).to.deep.equal([[0, 1, 2, 3], true, false]);
      puller.close(null);
      expect((await end).done).to.equal(true);
      expect(time.pending()).to.equal(0);
    });

    it('what comes for a pull that waited counts as pulled', async () => {
      const pull = puller.records().next();
      await settle();
      puller.drain();
      await time.advance(2 * PATIENCE_MS);
      const offered = offer(0, 1);
      await pull;
      await time.advance(PATIENCE_MS - 1);
      expect(offered.isAbandoned).to.equal(false);
      await time.advance(1);
      expect(offered.isAbandoned).to.equal(true);
    });
  });
});
