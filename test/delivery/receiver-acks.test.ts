// Acks: what of a batch is done, when its bytes are given back, what comes again, and what a stop waits for.

import { expect } from 'chai';
import type { Batch, StreamRecord } from '../../src/model/record.ts';
import { SHARD_END } from '../../src/model/position.ts';
import { budgetTaker } from '../../src/platform/byte-budget.ts';
import { at } from '../fakes/batches.ts';
import { type HarnessOptions, ReceiverHarness } from './receiver-harness.ts';

/** One fetch thread that reads shard 0 under epoch 1. */
function running(options?: HarnessOptions): ReceiverHarness {
  const harness = new ReceiverHarness(options);
  harness.addHost(0);
  harness.epoch({ shard: 0, epoch: 1, host: 0 });
  return harness;
}

const record = (batch: Batch, n: number): StreamRecord =>
  batch.toArray().find(({ sequenceNumber }) => sequenceNumber === String(n))!;

/** Hands out the batch of the records `first` to `last` and lets its call return. */
async function handled(harness: ReceiverHarness, first: number, last: number): Promise<Batch> {
  harness.send(0, 0, 1, first, last);
  await harness.settle();
  const { batch, end } = harness.lastCall;
  end.resolve();
  await harness.settle();
  return batch;
}

describe("receiver, ack: 'manual'", () => {
  it('acks nothing when the call returns, opens the window, and keeps the bytes until the last ack', async () => {
    const harness = running({ ack: 'manual' });
    const batch = await handled(harness, 1, 3);
    expect(harness.acks).to.deep.equal([]);
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    const free = harness.freeUnits;
    expect(free, 'held').to.be.below(harness.allUnits);
    for (const n of [1, 2]) expect(batch.ack(record(batch, n))).to.equal(true);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(2));
    expect(harness.freeUnits).to.equal(free);
    expect(batch.ack(record(batch, 3))).to.equal(true);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    harness.expectBalanced();
  });

  it('the checkpoint is below the first record that is not acked, over many batches and in any order', async () => {
    const harness = running({ ack: 'manual' });
    const batches: Batch[] = [];
    for (let n = 0; n < 10; n += 1) batches.push(await handled(harness, 1 + 10 * n, 10 + 10 * n));
    for (const batch of batches.slice(1).toReversed()) batch.ack();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    for (const n of [10, 3, 2, 1]) batches[0]!.ack(record(batches[0]!, n));
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    batches[0]!.ack();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(100));
    harness.expectBalanced();
  });

  it('acks within the call count at once, and the bytes are given back when the call has returned', async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 2);
    await harness.settle();
    const { batch, end } = harness.lastCall;
    batch.ack();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(2));
    expect(harness.released(0)).to.deep.equal({});
    end.resolve();
    await harness.settle();
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    harness.expectBalanced();
  });

  it('twice is as good as once, a copy as good as the record; a record of another batch is refused', async () => {
    const harness = running({ ack: 'manual' });
    const [first, second] = [await handled(harness, 1, 2), await handled(harness, 3, 4)];
    for (let i = 0; i < 2; i += 1) expect(first.ack(record(first, 1).copy())).to.equal(true);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(1));
    for (const foreign of [
      record(second, 3),
      record(second, 4).copy(),
      undefined,
      null,
      {},
      { id: 'shard-0:1:0' },
    ]) {
      expect(() => first.ack(foreign as StreamRecord))
        .to.throw('a record of this batch')
        .with.property('code', 'ERR_INVALID_HANDLER');
    }
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(1));
  });

  it('after the lease is lost an ack answers false and changes nothing; the bytes are back at once', async () => {
    const harness = running({ ack: 'manual' });
    const batch = await handled(harness, 1, 3);
    harness.revoke(0, 1);
    harness.expectBalanced();
    expect([batch.ack(), batch.ack(record(batch, 1))]).to.deep.equal([false, false]);
    harness.epoch({ shard: 0, epoch: 2, host: 0, token: 2 });
    expect(batch.ack()).to.equal(false);
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    harness.expectBalanced();
  });

  it('while the fence is shut an ack comes too late as well', async () => {
    const harness = running({ ack: 'manual' });
    const batch = await handled(harness, 1, 3);
    harness.validGeneration = null;
    expect(batch.ack()).to.equal(false);
  });

  it('a call that throws is repeated with the rest that is not acked, in order, and acks during the pause count', async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 6);
    await harness.settle();
    const { batch, end } = harness.lastCall;
    for (const n of [5, 1, 2]) batch.ack(record(batch, n));
    end.reject(new Error('no'));
    await harness.settle();
    expect(harness.events[0]).to.include({ name: 'handler:failed', records: 3, attempt: 1 });
    batch.ack(record(batch, 4));
    await harness.time.advance(100);
    const again = harness.lastCall;
    expect([again.numbers, again.context.attempt]).to.deep.equal([[3, 6], 2]);
    expect(again.batch).to.include({ length: 2, bytes: 2 });
    expect(again.batch.at(0)).to.equal(record(batch, 3));
    expect([again.batch.at(-1), again.batch.at(2)]).to.deep.equal([record(batch, 6), undefined]);
    again.batch.ack();
    again.end.resolve();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(6));
    harness.expectBalanced();
  });

  it('a call that acked everything and throws is not repeated', async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 2);
    harness.send(0, 0, 1, 3);
    await harness.settle();
    harness.lastCall.batch.ack();
    harness.lastCall.end.reject(new Error('after all'));
    await harness.time.advance(100);
    expect(harness.handled).to.deep.equal([1, 2, 3]);
  });

  it('the end of the shard is told to the handler at once and written after the last ack', async () => {
    const ended: string[] = [];
    const harness: ReceiverHarness = running({
      ack: 'manual',
      handler: {
        handle: (batch) => void batches.push(batch),
        onShardEnd: ({ shardId }) => void ended.push(shardId),
      },
    });
    const batches: Batch[] = [];
    harness.send(0, 0, 1, 1, 2);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    expect(ended).to.deep.equal(['shard-0']);
    batches[0]!.ack(record(batches[0]!, 1));
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(1));
    batches[0]!.ack();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
  });

  it('flush, which is what checkpoint() asks for, acks what has returned and nothing that goes on', async () => {
    const harness = running({ ack: 'manual' });
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    await handled(harness, 1, 3);
    harness.send(0, 0, 1, 4);
    harness.send(0, 1, 1, 10);
    await harness.settle();
    harness.tell({ type: 'flush', id: 7 });
    expect(harness.acks).to.deep.equal([{ shard: 0, token: 1, epoch: 1, upTo: at(3) }]);
    expect(harness.toCoordinatorOf('flushed')).to.deep.equal([{ type: 'flushed', id: 7 }]);
    harness.calls[1]!.end.resolve();
    harness.calls[2]!.end.resolve();
    await harness.settle();
    harness.tell({ type: 'flush', id: 8 });
    expect([harness.ackedUpTo(0), harness.ackedUpTo(1)]).to.deep.equal([at(4), at(10)]);
    await harness.settle();
    harness.expectBalanced();
  });

  it('flush acks nothing that a loop has pulled: the loop says itself what of it is done', async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 3);
    await harness.settle();
    const { context, end } = harness.lastCall;
    context.pulled();
    end.resolve();
    await harness.settle();
    harness.tell({ type: 'flush', id: 1 });
    expect(harness.acks).to.deep.equal([]);
    expect(context.awaitsAcks()).to.equal(true);
    context.ackTo(2);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    expect(context.awaitsAcks()).to.equal(false);
    harness.expectBalanced();
  });

  it("a flush with ack: 'auto' acks nothing that goes on", async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.tell({ type: 'flush', id: 1 });
    expect(harness.acks).to.deep.equal([]);
    expect(() => harness.lastCall.batch.ack())
      .to.throw("ack: 'manual'")
      .with.property('code', 'ERR_INVALID_STATE');
  });

  it('what a later reader brings again is not handed out again, and waits for the acks of the first time', async () => {
    const harness = running({ ack: 'manual' });
    const first = await handled(harness, 1, 3);
    harness.epoch({ shard: 0, epoch: 2, host: 0 });
    harness.send(0, 0, 2, 1, 5);
    await harness.settle();
    expect(harness.lastCall.numbers).to.deep.equal([4, 5]);
    harness.lastCall.batch.ack();
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    first.ack();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(5));
    harness.expectBalanced();
  });

  it('a shard that goes to another receiver and comes back brings what was handled and not acked once more', async () => {
    const harness = running({ ack: 'manual' });
    const [first, second] = [await handled(harness, 1, 3), await handled(harness, 4, 5)];
    first.ack();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    expect(harness.toCoordinatorOf('yielded')).to.have.length(1);
    harness.expectBalanced();
    expect(second.ack()).to.equal(false);
    harness.epoch({ shard: 0, epoch: 2, host: 0 });
    harness.send(0, 0, 2, 4, 6);
    await harness.settle();
    expect(harness.lastCall.numbers).to.deep.equal([4, 5, 6]);
    expect(harness.ackedUpTo(0)).to.equal(at(3));
  });

  it('a drain waits for the acks of what was handled', async () => {
    const harness = running({ ack: 'manual' });
    const batch = await handled(harness, 1, 3);
    harness.sendEnd(0, 0, 1, 'requested');
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([]);
    batch.ack();
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
    const order = harness.toCoordinator.map(({ type }) => type);
    expect(order.indexOf('acked')).to.be.below(order.indexOf('drained'));
    harness.expectBalanced();
  });

  it('at the deadline what is not acked is given back and counts as late; its acks come too late', async () => {
    const harness = running({ ack: 'manual' });
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    const [first, second] = [await handled(harness, 1, 3), await handled(harness, 4, 6)];
    first.ack();
    harness.tell({ type: 'drain' });
    harness.tell({ type: 'abort' });
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 1 }]);
    expect(second.ack()).to.equal(false);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    harness.expectBalanced();
  });

  describe('when everything that may be buffered waits for acks', () => {
    /** The fetch thread wants more than there is. */
    const starve = (harness: ReceiverHarness) => {
      expect(budgetTaker(harness.memory, 0).tryReserve(harness.allUnits, false)).to.equal(false);
    };

    it('warns after five seconds in which nothing moved, once, and again after there was progress', async () => {
      const harness = running({ ack: 'manual' });
      const [first] = [await handled(harness, 1, 3), await handled(harness, 4, 6)];
      await harness.time.advance(20_000);
      expect(harness.warnings, 'no thread waits for room').to.deep.equal([]);
      starve(harness);
      await harness.time.advance(5_000);
      expect(harness.warnings).to.have.length(1);
      await harness.time.advance(60_000);
      expect(harness.warnings).to.have.length(1);
      expect(harness.warnings[0]).to.contain('not acked');
      first.ack();
      await harness.time.advance(10_000);
      expect(harness.warnings).to.have.length(2);
    });

    it('says nothing while a call goes on or acks come, and wakes the thread with the next ack', async () => {
      const harness = running({ ack: 'manual' });
      const batch = await handled(harness, 1, 3);
      harness.send(0, 0, 1, 4);
      starve(harness);
      await harness.time.advance(20_000);
      expect(harness.warnings).to.deep.equal([]);
      const { length } = harness.host(0).sentOf('room');
      batch.ack();
      await harness.settle();
      expect(harness.host(0).sentOf('room').length).to.be.above(length);
    });

    it('leaves no timer behind once everything is acked, or when it ends', async () => {
      const acked = running({ ack: 'manual' });
      (await handled(acked, 1, 3)).ack();
      await acked.time.advance(10_000);
      expect(acked.time.pending()).to.equal(0);
      const ended = running({ ack: 'manual' });
      await handled(ended, 1, 3);
      ended.tell({ type: 'end' });
      expect(ended.time.pending()).to.equal(0);
    });
  });
});

describe('receiver, part of a batch failed', () => {
  it('acks the others and calls again with the failed ones alone, in order, until all are done', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 6);
    harness.send(0, 0, 1, 7);
    await harness.settle();
    const first = harness.lastCall;
    first.end.resolve({
      failed: [record(first.batch, 5), record(first.batch, 3), record(first.batch, 5).copy()],
    });
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(2));
    expect(harness.events[0]).to.include({ name: 'handler:failed', records: 2, attempt: 1, delayMs: 100 });
    expect('error' in harness.events[0]! && harness.events[0].error?.message).to.contain('2 of 6 records');
    await harness.time.advance(100);
    const second = harness.lastCall;
    expect([second.numbers, second.context.attempt]).to.deep.equal([[3, 5], 2]);
    second.end.resolve({ failed: [record(second.batch, 5)] });
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(4));
    await harness.time.advance(200);
    const third = harness.lastCall;
    expect([third.numbers, third.context.attempt]).to.deep.equal([[5], 3]);
    third.end.resolve({ failed: [] });
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(6));
    expect(harness.lastCall.numbers).to.deep.equal([7]);
    harness.lastCall.end.resolve({ other: 'things' });
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(7));
    harness.expectBalanced();
  });

  it('a call that throws after that is repeated with what was left', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 4);
    await harness.settle();
    const { batch, end } = harness.lastCall;
    end.resolve({ failed: [record(batch, 2), record(batch, 4)] });
    await harness.time.advance(100);
    harness.lastCall.end.reject(new Error('no'));
    await harness.time.advance(200);
    expect([harness.lastCall.numbers, harness.lastCall.context.attempt]).to.deep.equal([[2, 4], 3]);
  });

  it('what is no record of this call is a failure of the call: nothing is acked, and all of it comes again', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 2);
    await harness.settle();
    const { batch } = harness.lastCall;
    harness.lastCall.end.resolve({ failed: [record(batch, 2)] });
    await harness.time.advance(100);
    let attempt = 2;
    for (const failed of [[record(batch, 1)], [{}], [undefined], 'record', 3]) {
      harness.lastCall.end.resolve({ failed });
      await harness.time.advance(1_000);
      const failure = harness.events[attempt - 1]!;
      expect('error' in failure && failure.error?.code, JSON.stringify(failed)).to.equal(
        'ERR_INVALID_HANDLER',
      );
      attempt += 1;
      expect([harness.lastCall.numbers, harness.lastCall.context.attempt]).to.deep.equal([[2], attempt]);
    }
    expect(harness.ackedUpTo(0)).to.equal(at(1));
  });

  it("with ack: 'manual' the failed ones come again and nothing is acked by it", async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 3);
    await harness.settle();
    const { batch, end } = harness.lastCall;
    end.resolve({ failed: [record(batch, 2)] });
    await harness.time.advance(100);
    expect(harness.lastCall.numbers).to.deep.equal([2]);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    batch.ack();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    harness.expectBalanced();
  });
});

describe('receiver, a stop and what fails', () => {
  it('gives back what waits to be tried again, at once and without counting it as late', async () => {
    const harness = running();
    for (const n of [1, 3]) harness.send(0, 0, 1, n, n + 1);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    const { batch, end } = harness.lastCall;
    end.resolve({ failed: [record(batch, 2)] });
    await harness.settle();
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
    expect(harness.calls, 'nothing behind it is handed out').to.have.length(1);
    expect(harness.ackedUpTo(0)).to.equal(at(1));
    expect(harness.time.pending()).to.equal(0);
    harness.expectBalanced();
  });

  it('a call that goes on is waited for, and given back when it fails', async () => {
    const harness = running();
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    for (const shard of [0, 1]) {
      harness.send(0, shard, 1, 1);
      harness.sendEnd(0, shard, 1, 'requested');
    }
    await harness.settle();
    harness.tell({ type: 'drain' });
    await harness.settle();
    harness.calls[0]!.end.reject(new Error('no'));
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([]);
    harness.calls[1]!.end.resolve();
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
    expect([harness.ackedUpTo(0), harness.ackedUpTo(1)]).to.deep.equal([null, at(1)]);
    harness.expectBalanced();
  });

  it('a hook that fails does not hold it either, and SHARD_END is not acked', async () => {
    const harness = running({
      handler: {
        handle: () => undefined,
        onShardEnd: () => {
          throw new Error('no');
        },
      },
    });
    harness.send(0, 0, 1, 1);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
    expect(harness.ackedUpTo(0)).to.equal(at(1));
  });

  it('what was handled before keeps its acks when what follows was given back', async () => {
    const harness = running({ ack: 'manual' });
    const batch = await handled(harness, 1, 2);
    harness.send(0, 0, 1, 3);
    harness.sendEnd(0, 0, 1, 'requested');
    await harness.settle();
    harness.lastCall.end.reject(new Error('no'));
    await harness.settle();
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([]);
    expect(batch.ack()).to.equal(true);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(2));
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
    harness.expectBalanced();
  });
});
