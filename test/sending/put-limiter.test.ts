// The limits of a shard over virtual time.

import { expect } from 'chai';
import { createPutLimiter } from '../../src/sending/put-limiter.ts';

describe('put limiter', () => {
  let now = 0;
  const make = (recordsPerSecond: number, bytesPerSecond: number) => {
    now = 0;
    return createPutLimiter({
      clock: { now: () => 0, monotonic: () => now },
      random: () => 1,
      recordsPerSecond,
      bytesPerSecond,
      backoff: { minDelayMs: 50, maxDelayMs: 400 },
    });
  };
  /** Takes whenever it may, for `ms`, and gives the times. */
  const takeFor = (ms: number, recordsPerSecond: number, bytesPerSecond: number, bytes: number): number[] => {
    const limiter = make(recordsPerSecond, bytesPerSecond);
    const times: number[] = [];
    while (now < ms) {
      const wait = limiter.waitMs('s', bytes);
      if (wait > 0) {
        now += Math.max(wait, 0.01);
        continue;
      }
      limiter.take('s', bytes);
      times.push(now);
    }
    return times;
  };
  const mostInOneSecond = (times: readonly number[]): number =>
    Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length));

  it('lets the rate through, and little more in any one second', () => {
    const times = takeFor(10_000, 100, 2 ** 20, 1);
    expect(times.length).to.be.within(1_000, 1_021);
    expect(mostInOneSecond(times)).to.be.at.most(120);
  });

  it('limits bytes too', () => {
    const times = takeFor(10_000, 1_000, 10_000, 100);
    expect(times.length).to.be.within(1_000, 1_021);
  });

  it('lets a record larger than the bucket through, and pays it back before the next', () => {
    const times = takeFor(10_000, 1_000, 1_000, 5_000);
    expect(times).to.have.length(2);
    expect(times[0]).to.equal(0);
    expect(times[1]).to.be.closeTo(5_000, 1);
  });

  it('keeps shards apart', () => {
    const limiter = make(5, 2 ** 20);
    limiter.take('a', 1);
    expect(limiter.waitMs('a', 1)).to.be.closeTo(200, 1);
    expect(limiter.waitMs('b', 1)).to.equal(0);
  });

  it('leaves a throttled shard alone, longer each time in a row, until a success', () => {
    const limiter = make(1_000, 2 ** 20);
    for (const expected of [50, 100, 200, 400, 400]) {
      limiter.throttled('a');
      expect(limiter.waitMs('a', 1)).to.equal(expected);
      expect(limiter.waitMs('b', 1)).to.equal(0);
      now += expected;
      expect(limiter.waitMs('a', 1)).to.equal(0);
    }
    limiter.succeeded('a');
    limiter.throttled('a');
    expect(limiter.waitMs('a', 1)).to.equal(50);
  });

  it('forgets shards that are gone', () => {
    const limiter = make(1_000, 2 ** 20);
    limiter.throttled('a');
    limiter.throttled('b');
    limiter.retain(['b']);
    expect(limiter.waitMs('a', 1)).to.equal(0);
    expect(limiter.waitMs('b', 1)).to.equal(50);
  });
});
