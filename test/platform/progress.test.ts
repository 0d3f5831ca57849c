// What threads say about themselves in shared memory.

import { expect } from 'chai';
import {
  COORDINATOR,
  createProgressMemory,
  ofHost,
  ofReceiver,
  progressOf,
  progressView,
} from '../../src/platform/progress.ts';

const counts = { hosts: 3, receivers: 2 };

describe('progress', () => {
  it('every thread has a counter of its own', () => {
    const memory = createProgressMemory(counts);
    const all = [COORDINATOR, ofHost(0), ofHost(1), ofHost(2), ofReceiver(0, 3), ofReceiver(1, 3)];
    const view = progressView(memory);
    all.forEach((thread, n) => {
      for (let tick = 0; tick <= n; tick += 1) progressOf(memory, thread).tick();
    });
    expect(all.map((thread) => view.read(thread))).to.deep.equal([1, 2, 3, 4, 5, 6]);
  });

  it('names the shards in hand, shard 0 too, until the work on them ends; taking one is a move', () => {
    const memory = createProgressMemory(counts);
    const thread = ofReceiver(1, 3);
    const progress = progressOf(memory, thread);
    const view = progressView(memory);
    const end = progress.take(0);
    progress.take(8);
    expect(view.read(thread)).to.equal(2);
    expect([0, 8, 1].map((shard) => view.hasInHand(thread, shard))).to.deep.equal([true, true, false]);
    end();
    expect(view.hasInHand(thread, 0)).to.equal(false);
    expect(view.takeHands(thread)).to.deep.equal([8]);
    expect(view.takeHands(thread)).to.deep.equal([]);
    expect(view.takeHands(ofHost(2))).to.deep.equal([]);
  });

  it('more shards than there is room for are not named, and spoil nothing', () => {
    const memory = createProgressMemory(counts);
    const progress = progressOf(memory, ofHost(1));
    const ends = Array.from({ length: 20 }, (_, shard) => progress.take(shard));
    const view = progressView(memory);
    expect(view.read(ofHost(2))).to.equal(0);
    for (const end of ends.slice(15)) end();
    expect(view.takeHands(ofHost(1))).to.deep.equal(Array.from({ length: 15 }, (_, shard) => shard));
  });
});
