// The receiver when leases are lost and epochs change: nothing of a lost lease is handled or acked, nothing is released
// twice or kept.

import { expect } from 'chai';
import { SHARD_END } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { ReceiverHarness } from './receiver-harness.ts';

function running(options?: ConstructorParameters<typeof ReceiverHarness>[0]): ReceiverHarness {
  const harness = new ReceiverHarness(options);
  harness.addHost(0);
  harness.epoch({ shard: 0, epoch: 1, host: 0 });
  return harness;
}

describe('receiver, lost leases', () => {
  it('aborts the signal of the handler, drops the queue and acks nothing of it', async () => {
    const harness = running();
    for (const n of [1, 2, 3]) harness.send(0, 0, 1, n);
    await harness.settle();
    const { context, end } = harness.lastCall;
    expect(context.signal.aborted).to.equal(false);
    harness.revoke(0, 1);
    expect(context.signal.aborted).to.equal(true);
    expect(context.isValid()).to.equal(false);
    await harness.settle();
    end.resolve();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    expect(harness.handled).to.deep.equal([1]);
    expect(harness.released(0)).to.deep.equal({ 0: 3 });
    harness.expectBalanced();
  });

  it('what was acked under a lost lease and not yet sent is not sent', async () => {
    const harness = running({ handler: { handle: () => undefined } });
    harness.send(0, 0, 1, 1);
    await harness.withinTick();
    expect(harness.released(0)).to.deep.equal({});
    harness.revoke(0, 1);
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    harness.expectBalanced();
  });

  it('does not retry a batch whose lease was lost during the pause', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.lastCall.end.reject(new Error('no'));
    await harness.settle();
    harness.revoke(0, 1);
    await harness.time.advance(10_000);
    expect(harness.calls).to.have.length(1);
    expect(harness.acks).to.deep.equal([]);
    harness.expectBalanced();
  });

  it('handles nothing while the fence of the lease is shut, and nothing later of the lease is acked', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.send(0, 0, 1, 2);
    harness.validGeneration = 2; // The session was lost; another one has begun.
    harness.lastCall.end.resolve();
    await harness.time.advance(1_000);
    expect(harness.handled).to.deep.equal([1]);
    expect(harness.acks).to.deep.equal([]);

    harness.revoke(0, 1);
    harness.epoch({ shard: 0, epoch: 2, host: 0, token: 2, generation: 2 });
    harness.send(0, 0, 2, 1, 2);
    await harness.settle();
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.acks).to.deep.equal([{ shard: 0, token: 2, epoch: 2, upTo: at(2) }]);
    expect(harness.calls.map(({ numbers }) => numbers)).to.deep.equal([[1], [1, 2]]);
    harness.expectBalanced();
  });

  it('does not call the handler again when the fence passed during the pause of a retry', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.lastCall.end.reject(new Error('no'));
    await harness.settle();
    harness.validGeneration = null;
    await harness.time.advance(1_000);
    expect(harness.calls).to.have.length(1);
    expect(harness.acks).to.deep.equal([]);
  });

  it('a batch that waits for its turn while its lease is lost: neither hook nor handler is called', async () => {
    const starts: string[] = [];
    const calls: ReceiverHarness = new ReceiverHarness();
    const onShardStart = ({ shardId }: { shardId: string }) => void starts.push(shardId);
    const harness = running({ concurrency: 1, handler: calls.manual({ onShardStart }) });
    harness.epoch({ shard: 1, epoch: 1, host: 0 });
    harness.send(0, 0, 1, 1);
    harness.send(0, 1, 1, 10);
    await harness.settle();
    harness.revoke(1, 1);
    calls.lastCall.end.resolve();
    await harness.settle();
    expect(calls.handled).to.deep.equal([1]);
    expect(starts).to.deep.equal(['shard-0']);
    harness.expectBalanced();
  });

  it('does not call onShardEnd while the fence of the lease is shut', async () => {
    let ends = 0;
    const harness = running({ handler: { handle: () => undefined, onShardEnd: () => void (ends += 1) } });
    harness.validGeneration = null;
    harness.sendEnd(0, 0, 1);
    await harness.time.advance(1_000);
    expect(ends).to.equal(0);
    harness.revoke(0, 1);
    await harness.time.advance(1_000);
    expect(ends).to.equal(0);
  });

  it('does not ack the end of a shard whose lease was lost in onShardEnd', async () => {
    const harness = running({
      handler: {
        handle: () => undefined,
        onShardEnd: () => {
          harness.validGeneration = null;
        },
      },
    });
    harness.send(0, 0, 1, 1);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    expect(harness.acks.map(({ upTo }) => upTo)).to.not.include(SHARD_END);
  });

  it('the next lease of a shard waits for the call that goes on, and starts again with onShardStart', async () => {
    const starts: number[] = [];
    const harness: ReceiverHarness = new ReceiverHarness();
    const manual = harness.manual({ onShardStart: ({ token }) => void starts.push(token) });
    const second = new ReceiverHarness({ handler: manual });
    second.addHost(0);
    second.epoch({ shard: 0, epoch: 1, host: 0 });
    second.send(0, 0, 1, 1);
    await second.settle();
    second.revoke(0, 1);
    second.epoch({ shard: 0, epoch: 2, host: 0, token: 5 });
    second.send(0, 0, 2, 1);
    await second.settle();
    expect(harness.calls).to.have.length(1);
    harness.calls[0]!.end.resolve();
    await second.settle();
    expect(starts).to.deep.equal([1, 5]);
    expect(harness.lastCall.context.shard.token).to.equal(5);
    harness.lastCall.end.resolve();
    await second.settle();
    expect(second.acks).to.deep.equal([{ shard: 0, token: 5, epoch: 2, upTo: at(1) }]);
    second.expectBalanced();
  });
});

describe('receiver, epochs', () => {
  it('a batch that comes before the word about its epoch waits for it', async () => {
    const harness = new ReceiverHarness();
    harness.addHost(0);
    harness.send(0, 0, 1, 1);
    await harness.settle();
    expect(harness.calls).to.have.length(0);
    harness.epoch({ shard: 0, epoch: 1, host: 0 });
    await harness.settle();
    expect(harness.handled).to.deep.equal([1]);
  });

  it('refuses and releases a late batch of a lower epoch', async () => {
    const harness = running();
    harness.addHost(1);
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(0, 0, 1, 1);
    await harness.settle();
    expect(harness.calls).to.have.length(0);
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    harness.expectBalanced();
  });

  it('refuses a batch of an epoch that was revoked before it came', async () => {
    const harness = running();
    harness.revoke(0, 1);
    harness.send(0, 0, 1, 1);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    expect(harness.calls).to.have.length(0);
    expect(harness.acks).to.deep.equal([]);
    harness.expectBalanced();
  });

  it('what an earlier reader still sends after the end of the shard is released, and no stop waits for it', async () => {
    const harness = running({ handler: { handle: () => undefined } });
    harness.addHost(1);
    // The first reader is busy with a page and has not read that the shard has moved.
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 1, 3);
    harness.sendEnd(1, 0, 2);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
    harness.revoke(0, 2, 'shard-end');
    harness.send(0, 0, 1, 1, 3);
    harness.sendEnd(0, 0, 1, 'requested');
    await harness.settle();
    harness.expectBalanced();
    expect(harness.released(0)).to.deep.equal({ 0: 1 });
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.have.length(1);
  });

  it('a shard that has ended may come again under another lease: its next epoch is handled', async () => {
    const harness = running({ handler: { handle: () => undefined } });
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    harness.revoke(0, 1, 'shard-end');
    harness.epoch({ shard: 0, epoch: 2, host: 0, token: 2 });
    harness.send(0, 0, 2, 1, 3);
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    harness.expectBalanced();
  });

  it('what a dead thread had sent is handled and acked before what its successor sends', async () => {
    const harness = running();
    harness.addHost(1);
    harness.send(0, 0, 1, 1);
    harness.send(0, 0, 1, 2);
    await harness.settle();
    harness.tell({ type: 'hostGone', host: 0 });
    harness.host(0).closeFromAfar();
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 3);
    for (let n = 1; n <= 3; n += 1) {
      await harness.settle();
      expect(harness.lastCall.numbers).to.deep.equal([n]);
      expect(harness.lastCall.context.signal.aborted).to.equal(false);
      harness.lastCall.end.resolve();
      await harness.settle();
      expect(harness.ackedUpTo(0)).to.equal(at(n));
    }
  });

  it('a batch of a newer epoch that overtakes the word about it comes after the older ones', async () => {
    const harness = running();
    harness.addHost(1);
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.send(1, 0, 2, 2);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.handled).to.deep.equal([1]);
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    await harness.settle();
    expect(harness.handled).to.deep.equal([1, 2]);
  });
});
