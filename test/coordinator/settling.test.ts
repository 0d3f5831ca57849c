// After the death of a fetch thread: who has still to answer.

import { expect } from 'chai';
import { createSettling } from '../../src/coordinator/settling.ts';

function setUp() {
  const settled: number[] = [];
  return { settled, settling: createSettling((host) => settled.push(host)) };
}

describe('settling', () => {
  it('is over when each receiver has answered, once', () => {
    const { settled, settling } = setUp();
    settling.expect(3, [0, 1]);
    settling.answered(3, 1);
    settling.answered(3, 1);
    expect([settling.waitsFor(3, 0), settling.waitsFor(3, 1)]).to.deep.equal([true, false]);
    expect(settled).to.deep.equal([]);
    settling.answered(3, 0);
    settling.answered(3, 0);
    expect(settled).to.deep.equal([3]);
    expect(settling.waitsFor(3, 0)).to.equal(false);
  });

  it('is over at once where there is no receiver', () => {
    const { settled, settling } = setUp();
    settling.expect(3, []);
    expect(settled).to.deep.equal([3]);
  });

  it('does not wait for a receiver that dies meanwhile, of whatever threads', () => {
    const { settled, settling } = setUp();
    settling.expect(3, [0, 1]);
    settling.expect(4, [1]);
    settling.expect(5, [0]);
    settling.receiverGone(1);
    expect(settled).to.deep.equal([4]);
    settling.answered(3, 0);
    expect(settled).to.deep.equal([4, 3]);
  });

  it('a thread that follows with the same number is settled apart', () => {
    const { settled, settling } = setUp();
    settling.expect(3, [0]);
    settling.answered(3, 0);
    settling.expect(3, [0]);
    expect(settled).to.deep.equal([3]);
    settling.answered(3, 0);
    expect(settled).to.deep.equal([3, 3]);
  });
});
