// Back-off and token buckets: pure over the clock.

import { expect } from 'chai';
import { backoffDelayMs } from '../../src/platform/backoff.ts';
import { tokenBucket } from '../../src/platform/token-bucket.ts';

describe('backoff', () => {
  const limits = { minDelayMs: 100, maxDelayMs: 10_000 };

  it('doubles up to its limit, and stays there at any attempt', () => {
    const delays = [1, 2, 3, 7, 8, 9, 100, 1e9].map((attempt) => backoffDelayMs(attempt, limits, () => 1));
    expect(delays).to.deep.equal([100, 200, 400, 6_400, 10_000, 10_000, 10_000, 10_000]);
  });

  it('is between half of that and all of it', () => {
    expect(backoffDelayMs(1, limits, () => 0)).to.equal(50);
    expect(backoffDelayMs(1, limits, () => 0.5)).to.equal(75);
    expect(backoffDelayMs(50, limits, () => 0)).to.equal(5_000);
  });
});

describe('token bucket', () => {
  it('gives its capacity at once and then its rate', () => {
    const bucket = tokenBucket(10, 5, 0);
    for (let i = 0; i < 5; i += 1) {
      expect(bucket.waitMs(1, 0)).to.equal(0);
      bucket.take(1, 0);
    }
    expect(bucket.waitMs(1, 0)).to.equal(100);
    expect(bucket.waitMs(1, 60)).to.be.closeTo(40, 1e-6);
    expect(bucket.waitMs(1, 100)).to.equal(0);
  });

  it('saves up no more than its capacity', () => {
    const bucket = tokenBucket(10, 5, 0);
    bucket.take(5, 3_600_000);
    expect(bucket.waitMs(1, 3_600_000)).to.equal(100);
  });

  it('may be overdrawn and pays that back first', () => {
    const bucket = tokenBucket(10, 5, 0);
    bucket.take(25, 0);
    expect(bucket.waitMs(1, 0)).to.equal(2_100);
    expect(bucket.waitMs(1, 2_100)).to.equal(0);
  });

  it('an amount above its capacity waits for a full bucket, not for ever', () => {
    const bucket = tokenBucket(10, 5, 0);
    bucket.take(5, 0);
    expect(bucket.waitMs(1_000, 0)).to.equal(500);
    expect(bucket.waitMs(1_000, 500)).to.equal(0);
  });

  it('a clock that seems to go back adds nothing', () => {
    const bucket = tokenBucket(10, 5, 1_000);
    bucket.take(5, 1_000);
    expect(bucket.waitMs(1, 0)).to.equal(100);
    expect(bucket.waitMs(1, 1_000)).to.equal(100);
  });
});
