// The receiver when fetch threads die and when the consumer stops.

import { expect } from 'chai';
import { budgetTaker } from '../../src/platform/byte-budget.ts';
import { at } from '../fakes/batches.ts';
import { ReceiverHarness } from './receiver-harness.ts';

/** Two fetch threads; shard 0 is read by thread 0, shard 1 by thread 1. */
function running(): ReceiverHarness {
  const harness = new ReceiverHarness();
  for (const n of [0, 1]) {
    harness.addHost(n);
    harness.epoch({ shard: n, epoch: 1, host: n });
  }
  return harness;
}

describe('receiver, death of a fetch thread', () => {
  for (const order of ['hostGone first', 'close first'] as const) {
    it(`settles with the last received positions: ${order}`, async () => {
      const harness = running();
      harness.send(0, 0, 1, 1);
      harness.send(0, 0, 1, 2, 3);
      harness.send(1, 1, 1, 10);
      await harness.settle();
      const gone = () => harness.tell({ type: 'hostGone', host: 0 });
      const close = () => harness.host(0).closeFromAfar();
      const [first, then] = order === 'close first' ? [close, gone] : [gone, close];
      first();
      await harness.settle();
      expect(harness.toCoordinatorOf('settled')).to.deep.equal([]);
      then();
      await harness.settle();
      expect(harness.toCoordinatorOf('settled')).to.deep.equal([
        { type: 'settled', host: 0, rows: [[0, 1, at(3)]] },
      ]);
    });
  }

  it('after repaying what the thread had taken and handling what it had sent, the budget is whole', async () => {
    const harness = running();
    const dying = budgetTaker(harness.memory, 0);
    dying.tryReserve(64); // for a page that never came
    harness.send(0, 0, 1, 1);
    harness.send(0, 0, 1, 2);
    await harness.settle();
    harness.lastCall.end.resolve();
    await harness.settle();
    // The coordinator is another thread: it repays at any time between what the receiver does.
    expect(harness.budget.repayThread(0)).to.equal(64);
    harness.host(0).closeFromAfar();
    harness.tell({ type: 'hostGone', host: 0 });
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.handled).to.deep.equal([1, 2]);
    harness.expectBalanced();
  });

  it('a slot that is used again while batches of its dead thread are held: the budget stays balanced', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    const oldCall = harness.lastCall;
    const die = () => {
      harness.budget.repayThread(0);
      harness.host(0).closeFromAfar();
      harness.tell({ type: 'hostGone', host: 0 });
    };
    die();
    harness.addHost(0);
    harness.epoch({ shard: 0, epoch: 2, host: 0 });
    harness.send(0, 0, 2, 2);
    die();
    expect(harness.toCoordinatorOf('settled').map(({ rows }) => rows)).to.deep.equal([
      [[0, 1, at(1)]],
      [[0, 2, at(2)]],
    ]);
    oldCall.end.resolve();
    await harness.settle();
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.handled).to.deep.equal([1, 2]);
    harness.expectBalanced();
  });

  it('of a shard that another thread reads by now the dead one says nothing', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    harness.epoch({ shard: 0, epoch: 2, host: 1 });
    harness.send(1, 0, 2, 2);
    harness.host(0).closeFromAfar();
    harness.tell({ type: 'hostGone', host: 0 });
    expect(harness.toCoordinatorOf('settled')[0]!.rows).to.deep.equal([]);
  });
});

describe('receiver, stop', () => {
  it('is drained once every reader has ended and every handler is done; the acks come first', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    await harness.settle();
    harness.tell({ type: 'drain' });
    await harness.settle();
    harness.sendEnd(0, 0, 1, 'requested');
    await harness.settle();
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([]);
    harness.sendEnd(1, 1, 1, 'requested');
    await harness.settle();
    expect(harness.toCoordinator.map(({ type }) => type)).to.deep.equal(['acked', 'drained']);
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
    harness.expectBalanced();
  });

  it('waits for the handler when the end markers are there before', async () => {
    const harness = running();
    harness.send(0, 0, 1, 1);
    harness.sendEnd(0, 0, 1, 'requested');
    harness.sendEnd(1, 1, 1, 'requested');
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([]);
    harness.lastCall.end.resolve();
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.have.length(1);
  });

  it('does not wait for the end marker of a dead or revoked reader', async () => {
    const harness = running();
    harness.tell({ type: 'drain' });
    harness.host(0).closeFromAfar();
    harness.tell({ type: 'hostGone', host: 0 });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([]);
    harness.revoke(1, 1);
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.have.length(1);
  });

  it('is drained at once when it never got a shard', async () => {
    const harness = new ReceiverHarness();
    harness.tell({ type: 'drain' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 0 }]);
  });

  it('abort: signals abort, what is queued is given back unhandled, late handlers are counted and ack nothing', async () => {
    const harness = running();
    for (const n of [1, 2]) harness.send(0, 0, 1, n);
    for (const n of [10, 11]) harness.send(1, 1, 1, n);
    await harness.settle();
    harness.calls[1]!.end.resolve();
    await harness.settle();
    harness.tell({ type: 'drain' });
    harness.tell({ type: 'abort' });
    await harness.settle();
    expect(harness.toCoordinatorOf('drained')).to.deep.equal([{ type: 'drained', late: 2 }]);
    for (const { context, end } of harness.calls) {
      expect(context.signal.aborted).to.equal(true);
      end.resolve();
    }
    await harness.settle();
    expect(harness.handled).to.deep.equal([1, 10, 11]);
    expect(harness.acks.map(({ upTo }) => upTo)).to.deep.equal([at(10)]);
    expect(harness.toCoordinatorOf('drained')).to.have.length(1);
    harness.expectBalanced();
  });

  it('what arrives after the abort is released unhandled', async () => {
    const harness = running();
    harness.tell({ type: 'drain' });
    harness.tell({ type: 'abort' });
    harness.send(0, 0, 1, 1);
    await harness.settle();
    expect(harness.calls).to.have.length(0);
    harness.expectBalanced();
  });

  it('end closes the ports and says so', () => {
    const harness = running();
    harness.tell({ type: 'end' });
    expect(harness.ended).to.equal(true);
    expect(harness.host(0).isClosed).to.equal(true);
  });

  it('its data ports do not hold the process open', () => {
    expect(running().host(0).isRef).to.equal(false);
  });
});
