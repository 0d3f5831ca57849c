// The receiver when a shard changes its reader or its receiver, and when the coordinator does: what comes twice is
// handled once, and what is given up is read again.

import { expect } from 'chai';
import { callsInHand } from '../../src/delivery/calls-in-hand.ts';
import { SHARD_END } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';
import { type HarnessOptions, ReceiverHarness } from './receiver-harness.ts';

/** Two fetch threads; the first one reads shard 0. */
function running(options?: HarnessOptions): ReceiverHarness {
  const harness = new ReceiverHarness(options);
  for (const host of [0, 1]) harness.addHost(host);
  harness.epoch({ shard: 0, epoch: 1, host: 0 });
  return harness;
}

/** Lets every call of the handler end at once, until there are no more. */
async function handleAll(harness: ReceiverHarness): Promise<void> {
  for (let ended = 0; ; ended += 1) {
    await harness.settle();
    const call = harness.calls[ended];
    if (call === undefined) return;
    call.end.resolve();
  }
}

describe('receiver, a later reader brings records again', () => {
  it('skips what was handled record by record, and hands out the rest', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    harness.send(0, 0, 1, 4, 5);
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 2, 4); // all of it was handled
    harness.send(1, 0, 2, 5, 8); // a part of it was
    harness.send(1, 0, 2, 9, 9);
    await handleAll(harness);
    expect(harness.calls.map(({ numbers }) => numbers)).to.deep.equal([[1, 2, 3], [4, 5], [6, 7, 8], [9]]);
    expect(harness.ackedUpTo(0)).to.equal(at(9));
    expect(harness.released(1)).to.deep.equal({ 0: 3 });
    harness.expectBalanced();
  });

  it('what is in hand while it comes again is not handed out again', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    await harness.settle();
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 1, 5);
    await harness.settle();
    expect(harness.calls).to.have.length(1);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('what was not handled comes again: a batch of the earlier reader that arrives after the word of the later one', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 2);
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(0, 0, 1, 3, 4); // too late
    harness.send(1, 0, 2, 1, 6);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 4, 5, 6]);
    harness.expectBalanced();
  });

  it('never across leases: the next one begins at the stored position and gets its records', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    await handleAll(harness);
    harness.revoke(0, 1);
    harness.epoch({ shard: 0, epoch: 2, host: 1, token: 2 });
    harness.send(1, 0, 2, 2, 4);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 2, 3, 4]);
    expect(harness.acks.at(-1)).to.deep.equal({ shard: 0, token: 2, epoch: 2, upTo: at(4) });
    harness.expectBalanced();
  });

  it('what was handled and is not acked yet is acked by its own batch alone', async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 3);
    await handleAll(harness);
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 2, 5);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 4, 5]);
    harness.calls[1]!.batch.ack();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    harness.calls[0]!.batch.ack();
    await harness.settle();
    expect(harness.ackedUpTo(0)).to.equal(at(5));
    harness.expectBalanced();
  });

  it('handles the end of a shard once per lease', async () => {
    let ends = 0;
    const harness = running({ handler: { handle: () => undefined, onShardEnd: () => void (ends += 1) } });
    harness.send(0, 0, 1, 1);
    harness.sendEnd(0, 0, 1);
    await harness.settle();
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 1);
    harness.sendEnd(1, 0, 2);
    await harness.settle();
    expect(ends).to.equal(1);
    expect(harness.ackedUpTo(0)).to.equal(SHARD_END);
    harness.revoke(0, 2);
    harness.epoch({ shard: 0, epoch: 3, host: 0, token: 2 });
    harness.sendEnd(0, 0, 3);
    await harness.settle();
    expect(ends).to.equal(2);
    harness.expectBalanced();
  });

  it('readers that die and move at random: every record once, in order, and the budget whole', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = seededRandom(seed);
      const harness = running();
      const [hosts, total] = [3, 60];
      harness.addHost(2);
      let epoch = 1;
      let received = 0;
      let acked = 0;
      /** Of each epoch, the next record that its reader sends; they are not ordered among each other. */
      const next = new Map([[1, 1]]);
      const hostOf = (of: number) => (of - 1) % hosts;
      while (acked < total) {
        const what = random();
        if (what < 0.45) {
          const of = random() < 0.85 ? epoch : Math.max(1, epoch - 1);
          const first = next.get(of)!;
          const last = Math.min(total, first + integerFrom(random, 0, 4));
          if (first > total || (of < epoch && random() < 0.5)) continue;
          harness.send(hostOf(of), 0, of, first, last);
          next.set(of, last + 1);
          if (of === epoch) received = last;
        } else if (what < 0.6) {
          epoch += 1;
          // At or before what the receiver has got, never before what is acked.
          next.set(epoch, integerFrom(random, acked, Math.max(acked, received)) + 1);
          received = next.get(epoch)! - 1;
          harness.epoch({ shard: 0, epoch, host: hostOf(epoch) });
        } else {
          harness.lastCall?.end.resolve();
          await harness.settle();
          acked =
            (harness.handled.at(-1) ?? 0) - (harness.inHand.length > 0 ? harness.lastCall.numbers.length : 0);
        }
      }
      await handleAll(harness);
      expect(harness.handled, `seed ${seed}`).to.deep.equal(Array.from({ length: total }, (_, i) => i + 1));
      expect(harness.ackedUpTo(0)).to.equal(at(total));
      harness.expectBalanced();
    }
  });
});

describe('receiver, a shard that leaves it', () => {
  it('finishes the batch in hand, drops the queue, and answers behind the acks', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 2);
    harness.send(0, 0, 1, 3, 4);
    await harness.settle();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    await harness.settle();
    expect(harness.toCoordinatorOf('yielded')).to.deep.equal([]);
    expect(harness.lastCall.context.signal.aborted).to.equal(false);
    harness.send(0, 0, 1, 5); // on its way
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.toCoordinator.map(({ type }) => type)).to.deep.equal(['acked', 'yielded']);
    expect(harness.toCoordinatorOf('yielded')).to.deep.equal([{ type: 'yielded', shard: 0, epoch: 1 }]);
    expect(harness.ackedUpTo(0)).to.equal(at(2));
    expect(harness.handled).to.deep.equal([1, 2]);
    harness.expectBalanced();
  });

  it('answers at once when nothing is in hand', async () => {
    const harness = running();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    expect(harness.toCoordinatorOf('yielded')).to.have.length(1);
    harness.send(0, 0, 1, 1);
    await harness.settle();
    expect(harness.handled).to.deep.equal([]);
    harness.expectBalanced();
  });

  it('gives up what was handled and not acked: it will be read again, and acks of it come too late', async () => {
    const harness = running({ ack: 'manual' });
    harness.send(0, 0, 1, 1, 3);
    await handleAll(harness);
    const { batch } = harness.lastCall;
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    batch.ack();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    harness.expectBalanced();
    // The shard comes back under the same lease: nothing of it counts as handled.
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 1, 3);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 1, 2, 3]);
  });

  it('a batch in hand that keeps failing is given back and not tried again, and the shard can leave', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    await harness.settle();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    harness.lastCall.end.reject(new Error('no'));
    await harness.time.advance(60_000);
    expect(harness.calls).to.have.length(1);
    expect(harness.toCoordinatorOf('yielded')).to.deep.equal([{ type: 'yielded', shard: 0, epoch: 1 }]);
    harness.expectBalanced();
    // It comes back under the same lease, where what fails is tried again.
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 1, 3);
    await harness.settle();
    harness.lastCall.end.reject(new Error('no'));
    await harness.time.advance(10_000);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.calls).to.have.length(3);
    expect(harness.ackedUpTo(0)).to.equal(at(3));
    harness.expectBalanced();
  });

  it('one that waits for its next attempt when the word comes is given back at once', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    await harness.settle();
    harness.lastCall.end.reject(new Error('no'));
    await harness.settle();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    await harness.settle();
    expect(harness.toCoordinatorOf('yielded')).to.have.length(1);
    expect(harness.calls).to.have.length(1);
    harness.expectBalanced();
  });

  it('takes it up again under the same lease, behind what another one did meanwhile', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1, 3);
    await handleAll(harness);
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    harness.epoch({ shard: 0, epoch: 3, host: 1 });
    harness.send(1, 0, 3, 8, 9);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 8, 9]);
    expect(harness.ackedUpTo(0)).to.equal(at(9));
  });

  it('a lease that is lost while its batch in hand goes on: it is aborted, and nothing of it is acked', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    harness.revoke(0, 1);
    expect(harness.lastCall.context.signal.aborted).to.equal(true);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.acks).to.deep.equal([]);
    harness.expectBalanced();
  });

  it('does not hold up a stop', async () => {
    const harness = running();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
  });
});

describe('receiver, a shard that is to leave while its lease is lost and taken again', () => {
  it('what the next lease brought before the word about leaving is not dropped', async () => {
    const harness = running();
    await harness.settle();
    // The data port of the second thread is faster than the port to the coordinator.
    harness.send(1, 0, 2, 1, 5);
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    harness.revoke(0, 1);
    harness.epoch({ shard: 0, epoch: 2, host: 1, token: 2 });
    harness.send(1, 0, 2, 6, 8);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(harness.ackedUpTo(0)).to.equal(at(8));
    harness.expectBalanced();
  });

  it('the next lease is not given up for the one before', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.tell({ type: 'yield', shard: 0, epoch: 1 });
    harness.revoke(0, 1);
    harness.epoch({ shard: 0, epoch: 2, host: 1, token: 2 });
    await harness.settle();
    harness.send(1, 0, 2, 1);
    harness.send(1, 0, 2, 2);
    await handleAll(harness);
    expect(harness.handled).to.deep.equal([1, 1, 2]);
    expect(harness.toCoordinatorOf('yielded')).to.be.empty;
    harness.expectBalanced();
  });
});

describe('receiver, a fetch thread that it never had a port to', () => {
  it('is settled at once when it dies', async () => {
    const harness = running();
    harness.tell({ type: 'hostGone', host: 7 });
    await harness.settle();
    expect(harness.toCoordinatorOf('settled')).to.deep.equal([{ type: 'settled', host: 7, rows: [] }]);
  });
});

describe('receiver, attempts over the deaths of handler threads', () => {
  it('count on in the first batch that this one hands out, and in none after it', async () => {
    const harness = new ReceiverHarness();
    harness.addHost(0);
    harness.epoch({ shard: 0, epoch: 4, host: 0, failures: 2 });
    harness.send(0, 0, 4, 1);
    harness.send(0, 0, 4, 2);
    await harness.settle();
    harness.lastCall.end.reject(new Error('again'));
    await harness.time.advance(1_000);
    harness.lastCall.end.resolve();
    await harness.settle();
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.calls.map(({ context }) => context.attempt)).to.deep.equal([3, 4, 1]);
  });

  it('a shard is in hand exactly while a call of the handler goes on', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    expect(harness.inHand).to.deep.equal([0]);
    harness.lastCall.end.reject(new Error('again'));
    await harness.settle();
    expect(harness.inHand).to.deep.equal([]);
    await harness.time.advance(1_000);
    expect(harness.inHand).to.deep.equal([0]);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.inHand).to.deep.equal([]);
  });
});

describe('receiver, another coordinator', () => {
  it('detach: signals abort, ports close, nothing more is handed out or acked', async () => {
    const harness = running();
    for (const n of [1, 2]) harness.send(0, 0, 1, n);
    await harness.settle();
    harness.receiver.detach();
    expect(harness.lastCall.context.signal.aborted).to.equal(true);
    expect(harness.lastCall.context.isValid()).to.equal(false);
    expect([0, 1].map((host) => harness.host(host).isClosed)).to.deep.equal([true, true]);
    harness.lastCall.end.resolve();
    await harness.time.advance(10_000);
    expect(harness.handled).to.deep.equal([1]);
    expect(harness.acks).to.deep.equal([]);
    expect(harness.time.pending()).to.equal(0);
  });

  it('the next one hands out a shard only after the call that the one before began', async () => {
    const calls = callsInHand();
    const before = running({ calls });
    before.send(0, 0, 1, 1);
    await before.settle();
    before.receiver.detach();
    const after = running({ calls });
    after.epoch({ shard: 1, epoch: 1, host: 1 });
    after.send(0, 0, 1, 1);
    after.send(1, 1, 1, 10);
    await after.settle();
    expect(after.handled, 'the other shard').to.deep.equal([10]);
    before.lastCall.end.resolve();
    await before.settle();
    await after.settle();
    expect(after.handled).to.deep.equal([10, 1]);
    expect(before.acks).to.deep.equal([]);
  });
});
