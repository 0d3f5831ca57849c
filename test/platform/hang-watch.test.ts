// Threads that stand still, told by counters.

import { expect } from 'chai';
import { hangWatch } from '../../src/platform/hang-watch.ts';

describe('hang watch', () => {
  it('reports a thread whose counter has not moved over that many looks after the one that saw it, once', () => {
    const watch = hangWatch(3);
    const looks = Array.from({ length: 10 }, () => watch.look([[7, 5]]));
    expect(looks).to.deep.equal([[], [], [], [7], [], [], [], [], [], []]);
  });

  it('a counter that moves begins anew, in whichever direction: it wraps around', () => {
    const watch = hangWatch(2);
    const counters = [1, 1, 2_147_483_647, 2_147_483_647, -2_147_483_648, -2_147_483_648, -2_147_483_648];
    expect(counters.map((counter) => watch.look([[0, counter]]))).to.deep.equal([
      [],
      [],
      [],
      [],
      [],
      [],
      [0],
    ]);
  });

  it('a thread that moved again after it was reported may be reported again', () => {
    const watch = hangWatch(1);
    const reported = [1, 1, 2, 2].map((counter) => watch.look([[0, counter]]));
    expect(reported).to.deep.equal([[], [0], [], [0]]);
  });

  it('tells the threads from each other', () => {
    const watch = hangWatch(1);
    watch.look([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    expect(
      watch.look([
        [0, 1],
        [1, 2],
        [2, 1],
      ]),
    ).to.deep.equal([0, 2]);
  });

  it('counts looks and not time: one look after a pause of any length reports nobody', () => {
    const watch = hangWatch(2);
    watch.look([[0, 1]]);
    // Here the whole process was stopped for an hour.
    expect(watch.look([[0, 1]])).to.deep.equal([]);
    expect(watch.look([[0, 2]])).to.deep.equal([]);
  });

  it('a new thread with the number of an old one begins anew, once there was a look without it', () => {
    const watch = hangWatch(2);
    watch.look([[0, 1]]);
    watch.look([[0, 1]]);
    watch.look([]);
    expect(watch.look([[0, 1]])).to.deep.equal([]);
    expect(watch.look([[0, 1]])).to.deep.equal([]);
    expect(watch.look([[0, 1]])).to.deep.equal([0]);
  });
});
