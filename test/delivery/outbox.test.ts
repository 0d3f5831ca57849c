// The outbox: batches within their limits and the window, the end behind the last batch, every byte paid back.

import { expect } from 'chai';
import { WINDOW_BATCHES } from '../../src/delivery/outbox.ts';
import type { FetcherToReceiver, ReceiverToFetcher } from '../../src/protocol.ts';
import { createFakePort } from '../fakes/ports.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';
import { OutboxHarness } from './outbox-harness.ts';

const ones = (n: number): number[] => Array.from({ length: n }, () => 1);

describe('outbox, batches', () => {
  it('sends a page at once without maxWaitMs', () => {
    const harness = new OutboxHarness();
    harness.page([1, 1, 1]);
    expect(harness.numbers).to.deep.equal([[1, 2, 3]]);
    expect(harness.batches[0]).to.include({ shard: 0, epoch: 1, n: 3, bytes: 3 });
  });

  it('cuts at maxRecords', () => {
    const harness = new OutboxHarness({ maxRecords: 3 });
    harness.page(ones(8));
    expect(harness.numbers).to.deep.equal([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8],
    ]);
  });

  it('cuts before maxBytes would be passed; a record larger than that goes alone', () => {
    const harness = new OutboxHarness({ maxBytes: 100 });
    harness.page([60, 40, 1, 250, 99, 1]);
    expect(harness.numbers).to.deep.equal([[1, 2], [3], [4], [5, 6]]);
    expect(harness.batches.map(({ bytes }) => bytes)).to.deep.equal([100, 1, 250, 100]);
  });

  it('an empty page sends nothing and holds nothing', () => {
    const harness = new OutboxHarness();
    harness.page([]);
    expect(harness.sent).to.deep.equal([]);
    harness.expectBalanced();
  });

  it('collects over pages until maxWaitMs after the first record, or until a batch is full', async () => {
    const harness = new OutboxHarness({ maxWaitMs: 500 });
    harness.page(ones(2));
    await harness.time.advance(300);
    harness.page(ones(2));
    await harness.time.advance(199);
    expect(harness.sent).to.deep.equal([]);
    await harness.time.advance(1);
    expect(harness.numbers).to.deep.equal([[1, 2, 3, 4]]);
    harness.page(ones(10));
    expect(harness.numbers[1]).to.have.length(10);
  });

  it('never keeps a record longer than maxWaitMs while the window is open, whatever was sent before', async () => {
    const harness = new OutboxHarness({ maxWaitMs: 500 });
    harness.page(ones(9));
    await harness.time.advance(400);
    harness.page(ones(2)); // Fills the first batch; one record begins the next.
    await harness.time.advance(500);
    expect(harness.numbers.flat()).to.have.length(11);
    await harness.time.advance(2_000);
    harness.page(ones(1));
    await harness.time.advance(500);
    expect(harness.numbers.flat()).to.have.length(12);
  });
});

describe('outbox, flush in the middle of a page', () => {
  it('sends each record alone, beyond the window, and the next page waits until the window opens', () => {
    const harness = new OutboxHarness({ maxWaitMs: 500 });
    harness.page(ones(WINDOW_BATCHES + 3), harness.shard, true);
    expect(harness.numbers).to.deep.equal([[1], [2], [3], [4], [5], [6], [7]]);
    expect(harness.shard.hasRoom()).to.equal(true); // Less than half a batch is open.
    harness.page(ones(5));
    expect(harness.batches).to.have.length(WINDOW_BATCHES + 3);
    expect(harness.shard.hasRoom()).to.equal(false);
    harness.ack(4);
    expect(harness.shard.hasRoom()).to.equal(true);
    harness.shard.finish('shard-end');
    harness.ack(4);
    expect(harness.numbers.at(-1)).to.deep.equal([8, 9, 10, 11, 12]);
    harness.expectBalanced();
  });

  it('what a receiver releases before the page ends is counted once', () => {
    const harness = new OutboxHarness();
    harness.page(
      ones(3).map((size) => size * 900),
      harness.shard,
      true,
      () => harness.ack(),
    );
    expect(harness.heldUnits).to.equal(0);
    harness.expectBalanced();
  });

  it('sends nothing while the fence is shut, and keeps it', () => {
    const harness = new OutboxHarness();
    harness.fenceOpen = false;
    harness.page(ones(2), harness.shard, true);
    expect(harness.batches).to.deep.equal([]);
    harness.shard.close('lease-lost');
    harness.expectBalanced();
  });
});

describe('outbox, window', () => {
  it('sends at most a window of unhandled batches, and one more for each that is done', () => {
    const harness = new OutboxHarness();
    for (let i = 0; i < WINDOW_BATCHES; i += 1) harness.page([1]);
    expect(WINDOW_BATCHES).to.equal(4);
    expect(harness.batches).to.have.length(4);
    harness.page([1]);
    expect(harness.batches).to.have.length(4);
    harness.ack();
    expect(harness.batches).to.have.length(5);
  });

  it('packs small pages together while the window is shut', () => {
    const harness = new OutboxHarness();
    for (let i = 0; i < 4; i += 1) harness.page([1]);
    for (let i = 0; i < 3; i += 1) harness.page([1]);
    harness.ack(4);
    expect(harness.numbers).to.deep.equal([[1], [2], [3], [4], [5, 6, 7]]);
  });

  it('says that there is no room while full batches wait, and wakes once they are gone', async () => {
    const harness = new OutboxHarness({ maxRecords: 2 });
    harness.page(ones(12));
    expect(harness.batches).to.have.length(4);
    expect(harness.shard.hasRoom()).to.equal(false);
    let woken = false;
    const wake = harness.shard.whenRoom().then(() => (woken = true));
    harness.ack();
    await harness.time.advance(0);
    expect(woken).to.equal(false);
    harness.ack();
    await wake;
    expect(harness.shard.hasRoom()).to.equal(true);
  });

  it('with the window shut it holds about half a batch at most', () => {
    const harness = new OutboxHarness();
    for (let i = 0; i < 4; i += 1) harness.page([1]);
    let pages = 0;
    while (harness.shard.hasRoom()) {
      harness.page([100]);
      pages += 1;
    }
    expect(pages).to.equal(5);
    harness.ack();
    expect(harness.shard.hasRoom()).to.equal(true);
  });

  it('whenRoom resolves at once with room, and when the outbox is closed', async () => {
    const harness = new OutboxHarness({ maxRecords: 1 });
    await harness.shard.whenRoom();
    harness.page(ones(6));
    const wait = harness.shard.whenRoom();
    harness.shard.close('requested');
    await wait;
  });

  it('acks of an earlier epoch of the shard do not open the window of the next', () => {
    const harness = new OutboxHarness();
    for (let i = 0; i < 4; i += 1) harness.page([1]);
    harness.shard.close('requested');
    const next = harness.outbox.open(0, 2, 1, 0);
    for (let i = 0; i < 5; i += 1) harness.page([1], next);
    expect(harness.batches).to.have.length(8);
    harness.ack(4, 1);
    expect(harness.batches).to.have.length(8);
    harness.ack(1, 2);
    expect(harness.batches).to.have.length(9);
  });

  it('passes on that there is room, after acks and after a room message', () => {
    const harness = new OutboxHarness();
    harness.page([1]);
    harness.ack();
    harness.deliver({ type: 'room' });
    expect(harness.rooms).to.equal(2);
  });
});

describe('outbox, fence', () => {
  it('holds batches while the fence is shut, and sends them when it is open', async () => {
    const harness = new OutboxHarness();
    harness.fenceOpen = false;
    harness.page([1]);
    harness.shard.finish('shard-end');
    await harness.time.advance(1_000);
    expect(harness.sent).to.deep.equal([]);
    harness.fenceOpen = true;
    await harness.time.advance(100);
    expect(harness.types).to.deep.equal(['batch', 'end']);
  });

  it('a reader of a lost session sends nothing even when its window opens', async () => {
    const harness = new OutboxHarness();
    for (let i = 0; i < 5; i += 1) harness.page([1]);
    harness.fenceOpen = false;
    harness.ack(4);
    await harness.time.advance(1_000);
    expect(harness.batches).to.have.length(4);
    harness.shard.close('lease-lost');
    expect(harness.types.at(-1)).to.equal('end');
    harness.expectBalanced();
    expect(harness.time.pending()).to.equal(0);
  });
});

describe('outbox, end', () => {
  it('finish sends what is open, then the end', () => {
    const harness = new OutboxHarness({ maxWaitMs: 60_000 });
    harness.page(ones(3));
    harness.shard.finish('shard-end');
    expect(harness.types).to.deep.equal(['batch', 'end']);
    expect(harness.sent[1]).to.deep.equal({ type: 'end', shard: 0, epoch: 1, reason: 'shard-end' });
    expect(harness.time.pending()).to.equal(0);
  });

  it('finish waits for the window, however many batches are left', () => {
    const harness = new OutboxHarness({ maxRecords: 1 });
    harness.page(ones(7));
    harness.shard.finish('shard-end');
    expect(harness.types).to.not.include('end');
    harness.ack(2);
    expect(harness.types).to.not.include('end');
    harness.ack(1);
    expect(harness.types).to.deep.equal([...Array.from({ length: 7 }, () => 'batch'), 'end']);
    harness.ack(7);
    harness.expectBalanced();
  });

  it('close drops what was not sent, gives back exactly that, and says so once', () => {
    const harness = new OutboxHarness({ maxRecords: 2 });
    harness.page([...ones(11), 5_000]);
    expect(harness.batches).to.have.length(4);
    expect(harness.heldUnits).to.be.above(5);
    harness.shard.close('requested');
    expect(harness.heldUnits).to.equal(0);
    harness.shard.close('lease-lost');
    harness.shard.finish('shard-end');
    expect(harness.types.filter((type) => type === 'end')).to.have.length(1);
    harness.ack(4);
    expect(harness.batches).to.have.length(4);
    harness.expectBalanced();
  });

  it('close while finish waits for the window gives back and ends with its own reason', () => {
    const harness = new OutboxHarness({ maxRecords: 1 });
    harness.page(ones(6));
    harness.shard.finish('shard-end');
    harness.shard.close('lease-lost');
    expect(harness.sent.at(-1)).to.include({ type: 'end', reason: 'lease-lost' });
    harness.ack(4);
    harness.expectBalanced();
  });

  it('a page that comes after close is settled to nothing', () => {
    const harness = new OutboxHarness();
    harness.shard.close('requested');
    harness.page([100, 100]);
    expect(harness.types).to.deep.equal(['end']);
    harness.expectBalanced();
  });

  it('what a page brings after the receiver was let go of is given back at once, and costs the next one nothing', () => {
    const harness = new OutboxHarness({ maxRecords: 1 });
    harness.page([10]);
    harness.outbox.disconnect(0);
    // What was on its way is repaid by the coordinator; this thread was the last to let go.
    expect(harness.keeper.repayReceiver(0)).to.equal(1);
    harness.page([10, 10]);
    harness.page([10], harness.shard, true);
    expect(harness.batches).to.have.length(1);
    harness.shard.close('requested');
    harness.expectBalanced();
  });

  it('a reader that was opened for the receiver before sends nothing to the one that has its number now', () => {
    const harness = new OutboxHarness({ maxRecords: 1 });
    harness.outbox.disconnect(0);
    const next = createFakePort<FetcherToReceiver, ReceiverToFetcher>();
    harness.outbox.connect(0, next.port);
    harness.page([10]);
    expect(next.far.sentOf('batch')).to.deep.equal([]);
    harness.shard.close('requested');
    harness.expectBalanced();
  });

  it('any mix of pages, acks, waits and ends leaves the budget whole and the records in order', async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const harness = new OutboxHarness({
        maxRecords: integerFrom(random, 1, 6),
        maxBytes: integerFrom(random, 50, 400),
        maxWaitMs: random() < 0.5 ? 0 : 100,
      });
      const steps = integerFrom(random, 1, 40);
      for (let step = 0; step < steps; step += 1) {
        const what = random();
        if (what < 0.6) {
          harness.page(Array.from({ length: integerFrom(random, 0, 8) }, () => integerFrom(random, 0, 300)));
        } else if (what < 0.8) await harness.time.advance(integerFrom(random, 1, 80));
        else if (what < 0.9) harness.fenceOpen = !harness.fenceOpen;
        else harness.deliver({ type: 'room' });
      }
      const finishing = random() < 0.5;
      if (finishing) harness.shard.finish('shard-end');
      else harness.shard.close('requested');
      harness.fenceOpen = true;
      for (let i = 0; i < 500 && !harness.types.includes('end'); i += 1) {
        harness.ack();
        await harness.time.advance(50);
      }
      expect(harness.heldUnits, `seed ${seed}`).to.equal(0);
      harness.ack(harness.batches.length);
      harness.expectBalanced();
      const numbers = harness.numbers.flat();
      expect(numbers, `seed ${seed}`).to.deep.equal(numbers.map((_, i) => i + 1));
      expect(harness.types.at(-1)).to.equal('end');
      expect(harness.time.pending(), `timers, seed ${seed}`).to.equal(0);
    }
  });
});
