// How much is reserved for the next page of a shard.

import { expect } from 'chai';
import { pageEstimate } from '../../src/fetching/page-estimate.ts';

const page = (changes: object = {}) => ({
  bytes: 102_400,
  records: 100,
  units: 100,
  userRecords: 100,
  ...changes,
});

describe('page estimate', () => {
  it('nothing is known yet: the most that a page can be', () => {
    expect(pageEstimate(5_000).wanted(0)).to.deep.equal({ units: 10_240, records: 5_000, isIdle: false });
  });

  it('behind: half as much again as the largest of the last pages, which is forgotten slowly', () => {
    const estimate = pageEstimate(10_000);
    estimate.page(page(), 1_000, 0);
    expect(estimate.wanted(1)).to.deep.equal({ units: 150, records: 150, isIdle: false });
    estimate.page(page({ units: 1_000, userRecords: 1_000 }), 1_000, 1);
    expect(estimate.wanted(2)).to.deep.equal({ units: 1_500, records: 1_500, isIdle: false });
    estimate.page(page(), 1_000, 2);
    expect(estimate.wanted(3)).to.deep.equal({ units: 1_095, records: 1_095, isIdle: false });
  });

  it('caught up: what producers can have written since, and never less than 64 KiB', () => {
    const estimate = pageEstimate(10_000);
    estimate.page(page(), 0, 1_000);
    expect(estimate.wanted(1_010)).to.deep.equal({ units: 64, records: 64, isIdle: false });
    expect(estimate.wanted(2_000)).to.deep.equal({ units: 1_024, records: 1_000, isIdle: false });
    expect(estimate.wanted(100_000)).to.deep.equal({ units: 10_240, records: 10_000, isIdle: false });
  });

  it('caught up, of a shard whose records grow when they are taken apart: by as much more', () => {
    const estimate = pageEstimate(10_000);
    estimate.page(page({ units: 500, userRecords: 5_000 }), 0, 0);
    expect(estimate.wanted(1_000)).to.deep.equal({ units: 5_000, records: 50_000, isIdle: false });
    // A full page inflates too.
    expect(estimate.wanted(60_000).units).to.equal(51_200);
  });

  it('caught up, tiny records: not above what a thousand of them a second cost', () => {
    const estimate = pageEstimate(10_000);
    estimate.page(page({ bytes: 10_240, records: 1_000, units: 92, userRecords: 1_000 }), 0, 0);
    expect(estimate.wanted(1_000)).to.deep.equal({ units: 1_024, records: 1_000, isIdle: false });
  });

  it('an empty page of an idle shard changes nothing about what its records cost', () => {
    const estimate = pageEstimate(10_000);
    estimate.page(page({ units: 500 }), 0, 0);
    estimate.page({ bytes: 0, records: 0, units: 0, userRecords: 0 }, 0, 1_000);
    expect(estimate.wanted(2_000)).to.include({ units: 5_000, isIdle: true });
  });
});
