// Instances join one that has all shards: each gets its share, as few shards as possible move, and then none does.

import { expect } from 'chai';
import { join } from './fleet-measures.ts';

const SHARDS = 16;
const INSTANCES = 4;
const IDLE_MS = 5_000;

describe('instances that join', function () {
  this.timeout(120_000);

  it('get their shares with as few moves as possible, all at once', async function () {
    const { moves, idleMoves, ms } = await join({
      store: 'redis',
      shards: SHARDS,
      instances: INSTANCES,
      oneByOne: false,
      idleMs: IDLE_MS,
    });
    // Whoever starts first may have had more for a moment than was left to it.
    const least = SHARDS - SHARDS / INSTANCES;
    this.test!.title += ` (${moves} moves, ${least} at least, in ${(ms / 1000).toFixed(1)} s)`;
    expect(moves).to.be.within(least, 2 * least);
    expect(idleMoves).to.equal(0);
  });

  it('get their shares with as few moves as possible, one after the other', async function () {
    const { moves, idleMoves, ms } = await join({
      store: 'redis',
      shards: SHARDS,
      instances: INSTANCES,
      oneByOne: true,
      idleMs: IDLE_MS,
    });
    let least = 0;
    for (let there = 2; there <= INSTANCES; there += 1) least += Math.floor(SHARDS / there);
    this.test!.title += ` (${moves} moves, ${least} at least, in ${(ms / 1000).toFixed(1)} s)`;
    expect(moves).to.equal(least);
    expect(idleMoves).to.equal(0);
  });
});
