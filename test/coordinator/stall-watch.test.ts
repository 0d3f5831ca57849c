// Stalls: no read and no ack for a minute, said once; progress begins it anew.

import { expect } from 'chai';
import { createStallWatch, stallAfterMs, type Watched } from '../../src/coordinator/stall-watch.ts';
import { encodeError } from '../../src/model/errors.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';

const shard = (changes: Partial<Watched> = {}): Watched => ({
  shardId: 's',
  state: 'polling',
  since: 5,
  lagMs: 0,
  readAt: 1,
  acked: TRIM_HORIZON,
  error: null,
  ...changes,
});

const MINUTE = 60_000;

describe('stall watch', () => {
  it('says once that a shard gets nowhere, with what is known of it', () => {
    const watch = createStallWatch(MINUTE);
    const error = encodeError(new Error('refused'));
    const failing = shard({ state: 'backing-off', lagMs: 70, error });
    expect(watch.look([failing], 0)).to.deep.equal([]);
    // It changes its state with every attempt.
    expect(watch.look([{ ...failing, state: 'polling', since: 9 }], MINUTE - 1)).to.deep.equal([]);
    expect(watch.look([failing], MINUTE)).to.deep.equal([
      { shardId: 's', state: 'backing-off', since: 5, lagMs: 70, error, forMs: MINUTE },
    ]);
    expect(watch.look([failing], 10 * MINUTE)).to.deep.equal([]);
  });

  it('a read without records is progress, and so is an ack without a read', () => {
    const watch = createStallWatch(MINUTE);
    for (let i = 0; i < 100; i += 1) {
      // Ten looks with the same read, then ten with the same ack.
      const tens = Math.floor(i / 10);
      const changes =
        tens % 2 === 0 ? { readAt: tens, acked: at(i + 10) } : { readAt: i, acked: at(tens + 10) };
      expect(watch.look([shard(changes)], i * (MINUTE - 1))).to.deep.equal([]);
    }
  });

  it('after progress the next stall is said again', () => {
    const watch = createStallWatch(MINUTE);
    watch.look([shard()], 0);
    expect(watch.look([shard()], MINUTE)).to.have.length(1);
    watch.look([shard({ readAt: 2 })], MINUTE + 1);
    expect(watch.look([shard({ readAt: 2 })], 2 * MINUTE)).to.deep.equal([]);
    expect(watch.look([shard({ readAt: 2 })], 2 * MINUTE + 1)).to.have.length(1);
  });

  it('a shard that no thread reads has stalled too; one that is not held is forgotten', () => {
    const watch = createStallWatch(MINUTE);
    const unread = shard({ state: null, since: 0, readAt: null, lagMs: null });
    watch.look([unread], 0);
    watch.look([], MINUTE - 1);
    expect(watch.look([unread], MINUTE)).to.deep.equal([]);
    expect(watch.look([unread], 2 * MINUTE)).to.have.length(1);
  });

  it('a shard that is polled rarely is given three polls', () => {
    expect(stallAfterMs(1_000, 5)).to.equal(MINUTE);
    expect(stallAfterMs(100_000, 5)).to.equal(300_000);
    expect(stallAfterMs(1_000, 0.01)).to.equal(300_000);
  });
});
