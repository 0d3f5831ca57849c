// The fence: until when leases may be acted on. What was shut once for a generation stays shut.

import { expect } from 'chai';
import { FENCE_BYTES, fenceOn } from '../../src/platform/fence.ts';

const beat = (until: number, wallLead = 500_000) => ({ until, wallLead });

const clockAt = (monotonic: () => number) => ({ monotonic, now: () => 500_000 });

function setUp() {
  const memory = new SharedArrayBuffer(FENCE_BYTES);
  const at = { ms: 1_000, wallLead: 500_000 };
  const clock = { monotonic: () => at.ms, now: () => at.ms + at.wallLead };
  return { clock: at, fence: fenceOn(memory, clock), other: fenceOn(memory, clock) };
}

describe('fence', () => {
  it('is shut before the first session', () => {
    const { fence } = setUp();
    expect(fence.generation).to.equal(0);
    expect(fence.isValid(0)).to.equal(false);
  });

  it('is open until its deadline, in every thread, and not at it', () => {
    const { clock, fence, other } = setUp();
    fence.reopen(beat(2_000), 1_500);
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
    fence.reopen(beat(2_000), 1_500);
    clock.ms = 1_900;
    fence.extendTo(beat(5_000));
    clock.ms = 4_999;
    expect(fence.isValid(1)).to.equal(true);
    expect(fence.remainingMs()).to.equal(1);
  });

  it('latched: nothing opens it again for this generation', () => {
    const { fence, other } = setUp();
    fence.reopen(beat(9_000), 1_500);
    fence.latch();
    expect(other.isValid(1)).to.equal(false);
    fence.extendTo(beat(9_999));
    expect(other.isValid(1)).to.equal(false);
  });

  it('reopened: what belongs to the latched generation stays shut', () => {
    const { fence, other } = setUp();
    fence.reopen(beat(2_000), 1_500);
    fence.latch();
    fence.reopen(beat(9_000), 1_500);
    expect(fence.generation).to.equal(2);
    expect(other.isValid(2)).to.equal(true);
    expect(other.isValid(1)).to.equal(false);
    expect(other.isValid(3)).to.equal(false);
    fence.extendTo(beat(20_000));
    expect(other.isValid(1)).to.equal(false);
  });

  it('seen shut once, it stays shut for the generation: a late extension revives nothing', () => {
    const { clock, fence, other } = setUp();
    fence.reopen(beat(2_000), 1_500);
    clock.ms = 2_001;
    // A receiver gave up a batch because of this look; a later one must not be acked past it.
    expect(other.isValid(1)).to.equal(false);
    fence.extendTo(beat(10_000));
    expect(other.isValid(1)).to.equal(false);
  });

  it('a look that overlaps an extension does not say shut and then open', () => {
    const memory = new SharedArrayBuffer(FENCE_BYTES);
    const writer = fenceOn(
      memory,
      clockAt(() => 1_999),
    );
    writer.reopen(beat(2_000), 1_500);
    // Between reading the deadline and the clock the thread stood still, and a beat was confirmed in time.
    const reader = fenceOn(
      memory,
      clockAt(() => {
        writer.extendTo(beat(9_000));
        return 2_001;
      }),
    );
    const first = reader.isValid(1);
    expect(reader.isValid(1)).to.equal(first);
  });

  it('a process that stood still finds it shut at once, without any message or timer', () => {
    const { clock, fence } = setUp();
    fence.reopen(beat(9_500), 1_500);
    clock.ms += 60_000;
    expect(fence.isValid(1)).to.equal(false);
    expect(fence.remainingMs()).to.be.below(0);
  });

  it('holds times of weeks to the microsecond', () => {
    const { clock, fence } = setUp();
    clock.ms = 60 * 24 * 3_600_000;
    fence.reopen(beat(clock.ms + 0.5), 1_500);
    expect(fence.isValid(1)).to.equal(true);
    clock.ms += 0.499;
    expect(fence.isValid(1)).to.equal(true);
    clock.ms += 0.002;
    expect(fence.isValid(1)).to.equal(false);
  });

  it('a machine that was frozen with its monotonic clock finds it shut: the wall clock has run ahead', () => {
    const { clock, fence, other } = setUp();
    fence.reopen(beat(9_500), 1_500);
    clock.wallLead += 1_500;
    expect(other.isValid(1)).to.equal(true);
    clock.wallLead += 1;
    expect(other.isValid(1)).to.equal(false);
    clock.wallLead -= 1;
    expect(fence.isValid(1), 'seen shut once').to.equal(false);
  });

  it('a beat that began before the machine was frozen does not open it', () => {
    const { clock, fence } = setUp();
    fence.reopen(beat(9_500), 1_500);
    clock.wallLead += 30_000;
    fence.extendTo(beat(12_000));
    expect(fence.isValid(1)).to.equal(false);
  });

  it('a wall clock that drifts, or that is set back, does no harm', () => {
    const { clock, fence } = setUp();
    fence.reopen(beat(9_500), 1_500);
    for (let i = 0; i < 10; i += 1) {
      clock.wallLead += 1_000;
      fence.extendTo(beat(9_500 + i, clock.wallLead));
      expect(fence.isValid(1)).to.equal(true);
    }
    clock.wallLead -= 3_600_000;
    expect(fence.isValid(1)).to.equal(true);
  });
});
