// The fence: until when leases may be acted on. What was shut once for a generation stays shut.

import { expect } from 'chai';
import { FENCE_BYTES, fenceOn } from '../../src/platform/fence.ts';

function setUp() {
  const memory = new SharedArrayBuffer(FENCE_BYTES);
  const clock = { ms: 1_000 };
  const monotonic = () => clock.ms;
  return { clock, fence: fenceOn(memory, monotonic), other: fenceOn(memory, monotonic) };
}

describe('fence', () => {
  it('is shut before the first session', () => {
    const { fence } = setUp();
    expect(fence.generation).to.equal(0);
    expect(fence.isValid(0)).to.equal(false);
  });

  it('is open until its deadline, in every thread, and not at it', () => {
    const { clock, fence, other } = setUp();
    fence.reopen(2_000);
    expect(other.generation).to.equal(1);
    clock.ms = 1_999.9;
    for (const each of [fence, other]) {
      expect(each.isValid(1)).to.equal(true);
      expect(each.remainingMs()).to.be.closeTo(0.1, 0.01);
    }
    clock.ms = 2_000;
    for (const each of [fence, other]) expect(each.isValid(1)).to.equal(false);
  });

  it('moves on with each beat', () => {
    const { clock, fence } = setUp();
    fence.reopen(2_000);
    clock.ms = 1_900;
    fence.extendTo(5_000);
    clock.ms = 4_999;
    expect(fence.isValid(1)).to.equal(true);
    expect(fence.remainingMs()).to.equal(1);
  });

  it('latched: nothing opens it again for this generation', () => {
    const { fence, other } = setUp();
    fence.reopen(9_000);
    fence.latch();
    expect(other.isValid(1)).to.equal(false);
    fence.extendTo(9_999);
    expect(other.isValid(1)).to.equal(false);
  });

  it('reopened: what belongs to the latched generation stays shut', () => {
    const { fence, other } = setUp();
    fence.reopen(2_000);
    fence.latch();
    fence.reopen(9_000);
    expect(fence.generation).to.equal(2);
    expect(other.isValid(2)).to.equal(true);
    expect(other.isValid(1)).to.equal(false);
    expect(other.isValid(3)).to.equal(false);
    fence.extendTo(20_000);
    expect(other.isValid(1)).to.equal(false);
  });

  it('seen shut once, it stays shut for the generation: a late extension revives nothing', () => {
    const { clock, fence, other } = setUp();
    fence.reopen(2_000);
    clock.ms = 2_001;
    // A receiver gave up a batch because of this look; a later one must not be acked past it.
    expect(other.isValid(1)).to.equal(false);
    fence.extendTo(10_000);
    expect(other.isValid(1)).to.equal(false);
  });

  it('a look that overlaps an extension does not say shut and then open', () => {
    const memory = new SharedArrayBuffer(FENCE_BYTES);
    const writer = fenceOn(memory, () => 1_999);
    writer.reopen(2_000);
    // Between reading the deadline and the clock the thread stood still, and a beat was confirmed in time.
    const reader = fenceOn(memory, () => {
      writer.extendTo(9_000);
      return 2_001;
    });
    const first = reader.isValid(1);
    expect(reader.isValid(1)).to.equal(first);
  });

  it('a process that stood still finds it shut at once, without any message or timer', () => {
    const { clock, fence } = setUp();
    fence.reopen(9_500);
    clock.ms += 60_000;
    expect(fence.isValid(1)).to.equal(false);
    expect(fence.remainingMs()).to.be.below(0);
  });

  it('holds times of weeks to the microsecond', () => {
    const { clock, fence } = setUp();
    clock.ms = 60 * 24 * 3_600_000;
    fence.reopen(clock.ms + 0.5);
    expect(fence.isValid(1)).to.equal(true);
    clock.ms += 0.499;
    expect(fence.isValid(1)).to.equal(true);
    clock.ms += 0.002;
    expect(fence.isValid(1)).to.equal(false);
  });
});
