// The receiver: acks only what is done under a valid lease, skips nothing, releases every batch exactly once.

import { expect } from 'chai';
import { SHARD_END } from '../../src/model/position.ts';
import { budgetTaker } from '../../src/platform/byte-budget.ts';
import { at } from '../fakes/batches.ts';
import { ReceiverHarness } from './receiver-harness.ts';

/** One fetch thread that reads shard 0 under epoch 1. */
function running(options?: ConstructorParameters<typeof ReceiverHarness>[0]): ReceiverHarness {
  const harness = new ReceiverHarness(options);
  harness.addHost(0);
  harness.epoch({ shard: 0, epoch: 1, host: 0 });
  return harness;
}

describe('receiver', () => {
  it('acks and releases a batch only after its handler has resolved', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    await harness.settle();
    expect(harness.lastCall.numbers).to.deep.equal([1, 2, 3]);
    expect(harness.acks).to.deep.equal([]);
    expect(harness.budget.freeBytes()).to.be.below(harness.budget.totalBytes());

    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.acks).to.deep.equal([{ shard: 0, token: 1, epoch: 1, upTo: at(3) }]);
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    harness.expectBalanced();
  });

  it('calls the handler for one batch of a shard at a time, in order', async () => {
    const harness = running();
    for (const n of [1, 2, 3]) harness.send(0, 0, 1, n);
    await harness.settle();
    expect(harness.handled).to.deep.equal([1]);
    for (let n = 1; n <= 3; n += 1) {
      harness.lastCall.end.resolve();
      await harness.settle();
      expect(harness.ackedUpTo(0)).to.equal(at(n));
    }
    expect(harness.handled).to.deep.equal([1, 2, 3]);
    harness.expectBalanced();
  });

  it('runs shards side by side', async () => {
    const harness = running();
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    harness.send(0, 0, 1, 1);
    harness.send(0, 1, 1, 10);
    await harness.settle();
    expect(harness.handled).to.deep.equal([1, 10]);
  });

  it('sends the acks of one tick as one message, the furthest position of each shard', async () => {
    const harness = running({ handler: { handle: () => undefined } });
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    for (const n of [1, 2, 3]) {
      harness.send(0, 0, 1, n);
      harness.send(0, 1, 1, n + 10);
    }
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    expect(harness.ackedUpTo(1)).to.equal(at(13));
    expect(harness.released(0)).to.deep.equal({ 0: 3, 1: 3 });
    harness.expectBalanced();
  });

  it('retries a batch whose handler throws with doubling pauses, and never skips it', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    harness.send(0, 0, 1, 2);
    await harness.settle();
    for (const [attempt, delayMs] of [
      [1, 100],
      [2, 200],
      [3, 400],
    ] as const) {
      harness.lastCall.end.reject(new Error(`failure ${attempt}`));
      await harness.settle();
      const failure = harness.events[attempt - 1];
      expect(failure).to.include({
        name: 'handler:failed',
        shardId: 'shard-0',
        attempt,
        delayMs,
        records: 1,
      });
      await harness.time.advance(delayMs - 1);
      expect(harness.calls).to.have.length(attempt);
      await harness.time.advance(1);
      expect(harness.calls).to.have.length(attempt + 1);
      expect(harness.lastCall.context.attempt).to.equal(attempt + 1);
    }
    expect(harness.acks).to.deep.equal([]);
    expect(harness.handled).to.deep.equal([1, 1, 1, 1]);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(1));
    expect(harness.lastCall.numbers).to.deep.equal([2]);
  });

  it('a handler that throws synchronously is retried too', async () => {
    let calls = 0;
    const harness = running({
      handler: {
        handle() {
          calls += 1;
          if (calls === 1) throw new Error('at once');
        },
      },
    });
    harness.send(0, 0, 1, 1);
    await harness.time.advance(100);
    expect(calls).to.equal(2);
    expect(harness.ackedUpTo(0)).to.equal(at(1));
  });

  it('keeps a shard that fails from holding the concurrency of the others during its pauses', async () => {
    const harness = running({ concurrency: 1 });
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.lastCall.end.reject(new Error('poison'));
    harness.send(0, 1, 1, 10);
    await harness.settle();
    expect(harness.handled).to.deep.equal([1, 10]);
  });

  it('calls at most as many handlers at once as its concurrency says', async () => {
    const harness = running({ concurrency: 2 });
    for (const shard of [1, 2]) harness.epoch({ shard, epoch: 1, host: 0 });
    for (const shard of [0, 1, 2]) harness.send(0, shard, 1, shard);
    await harness.settle();
    expect(harness.handled).to.deep.equal([0, 1]);
    harness.calls[0]!.end.resolve();
    await harness.settle();
    expect(harness.handled).to.deep.equal([0, 1, 2]);
  });

  it('ackTo acks within a batch that still goes on, and never under a lost lease', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 5);
    await harness.settle();
    harness.lastCall.context.ackTo(2);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    harness.revoke(0, 1);
    harness.lastCall.context.ackTo(3);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
  });

  it('tells a thread that starves for the budget that there is room, also when others held the bytes', async () => {
    const harness = running();
    harness.addHost(1);
    harness.send(0, 0, 1, 1);
    // All that there is: thread 1 starves, and leaves the ticket to others.
    expect(budgetTaker(harness.memory, 1).tryReserve(harness.budget.totalBytes(), false)).to.equal(false);
    await harness.settle();
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.host(1).sentOf('room')).to.have.length(1);
    expect(harness.host(0).sentOf('room')).to.have.length(0);
  });
});

describe('receiver, the end of a shard', () => {
  it('acks SHARD_END after the last batch and after onShardEnd, and calls onShardStart first', async () => {
    const order: string[] = [];
    const harness = running({
      handler: {
        onShardStart: ({ shardId }) => void order.push(`start ${shardId}`),
        handle: (batch) => void order.push(`handle ${batch.length}`),
        onShardEnd: ({ shardId }) => void order.push(`end ${shardId}`),
      },
    });
    harness.send(0, 0, 1, 1, 2);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    expect(order).to.deep.equal(['start shard-0', 'handle 2', 'end shard-0']);
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
  });

  it('waits for the batch in hand', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
  });

  it('retries hooks that throw, each until it succeeds, and calls onShardStart once per lease', async () => {
    const order: string[] = [];
    let failures = 2;
    const failFirst = (name: string) => () => {
      order.push(name);
      if (failures-- > 0) throw new Error(name);
      failures = 1;
    };
    const harness = running({
      handler: {
        onShardStart: failFirst('start'),
        handle: () => void order.push('handle'),
        onShardEnd: failFirst('end'),
      },
    });
    harness.send(0, 0, 1, 1);
    harness.send(0, 0, 1, 2);
    harness.sendEnd(0, 0, 1);
    await harness.time.advance(5_000);
    expect(order).to.deep.equal(['start', 'start', 'start', 'handle', 'handle', 'end', 'end']);
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
  });

  it('an end for another reason acks nothing', async () => {
    const harness = running();
    harness.sendEnd(0, 0, 1, 'requested');
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
  });

  it('a shard without a single record starts and ends', async () => {
    const order: string[] = [];
    const harness = running({
      handler: {
        handle: () => undefined,
        onShardStart: () => void order.push('start'),
        onShardEnd: () => void order.push('end'),
      },
    });
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    expect(order).to.deep.equal(['start', 'end']);
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
  });

  it('abandoning one shard acks neither its rest nor the end of another', async () => {
    const harness = running();
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    harness.send(0, 0, 1, 1);
    harness.send(0, 0, 1, 2);
    await harness.settle();
    harness.lastCall.context.abandon();
    harness.lastCall.end.resolve();
    harness.send(0, 1, 1, 10);
    harness.sendEnd(0, 1, 1);
    harness.sendEnd(0, 0, 1);
    // A lease that was taken meanwhile.
    harness.epoch({ shard: 2, epoch: 1, host: 0 });
    harness.send(0, 2, 1, 20);
    harness.sendEnd(0, 2, 1);
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    expect(harness.handled).to.deep.equal([1]);
    harness.expectBalanced();
  });
});
