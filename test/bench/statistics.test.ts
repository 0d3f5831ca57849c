import { expect } from 'chai';
import { summarize } from '../../bench/statistics.ts';

describe('summarize', () => {
  it('gives the middle value of an odd number of runs, whatever their order', () => {
    expect(summarize([10, 2, 9])).to.deep.equal({ median: 9, min: 2, max: 10 });
  });

  it('gives the mean of the two middle values of an even number of runs', () => {
    expect(summarize([4, 1, 100, 2])).to.deep.equal({ median: 3, min: 1, max: 100 });
  });

  it('takes a single run as it is', () => {
    expect(summarize([7])).to.deep.equal({ median: 7, min: 7, max: 7 });
  });

  it('sorts by value, not as text, and leaves the runs alone', () => {
    const runs = [100, 20, 3];
    expect(summarize(runs).median).to.equal(20);
    expect(runs).to.deep.equal([100, 20, 3]);
  });

  it('refuses no runs at all', () => {
    expect(() => summarize([])).to.throw(RangeError);
  });
});
