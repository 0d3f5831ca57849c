// How much is reserved for the next page of a shard.

import { expect } from 'chai';
import { pageEstimate } from '../../src/fetching/page-estimate.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BUDGET_UNITS = (64 * MIB) / KIB;
const TARGET = 2 * KIB;
/** Records enough. */
const room = (units: number, records = Infinity) => ({ units, records });
const estimateOf = (recordLimit = 10_000) => pageEstimate(recordLimit, BUDGET_UNITS);

/** A hundred records of a KiB, where more were asked for. */
const page = (changes: object = {}) => ({
  limit: 10_000,
  bytes: 102_400,
  records: 100,
  largest: 1_024,
  units: 100,
  userRecords: 100,
  ...changes,
});

describe('page estimate', () => {
  it('nothing is known yet: the most that a page can be, and few records to see how large they are', () => {
    const estimate = estimateOf();
    expect(estimate.wanted(0)).to.deep.equal({ units: 10_240, records: 100, isIdle: false });
    expect(estimate.limit(room(10_240))).to.equal(100);
    expect(estimateOf(50).limit(room(10_240))).to.equal(50);
    // With the least that can be reserved a single one.
    expect(estimate.limit(room(64))).to.equal(1);
  });

  it('behind, all that was asked for came: a page of 2 MiB, or a quarter of the budget', () => {
    const estimate = estimateOf();
    estimate.page(page({ limit: 100 }), 1_000, 0);
    expect(estimate.wanted(1)).to.deep.equal({ units: TARGET, records: 2_048, isIdle: false });
    const small = pageEstimate(10_000, MIB / KIB);
    small.page(page({ limit: 100 }), 1_000, 0);
    expect(small.wanted(1)).to.include({ units: 256 });
    expect(small.limit(room(1_024))).to.be.at.most(256);
  });

  it('asks for as many records as fit into what was reserved, one at least and `recordLimit` at most', () => {
    const estimate = estimateOf(1_500);
    estimate.page(page(), 1_000, 0);
    expect([TARGET, 500, 64, 1, 0].map((units) => estimate.limit(room(units)))).to.deep.equal([
      1_500, 400, 51, 1, 1,
    ]);
    // Not more than for a page of its target, whatever was reserved.
    estimate.page(page({ bytes: 1_000 * KIB, largest: 10 * KIB, units: 1_000 }), 1_000, 1);
    expect(estimate.limit(room(10_240))).to.equal(Math.floor(TARGET / 10 / 1.25));
    // Nor more than there is room for their user records.
    estimate.page(
      page({ bytes: 1_000 * KIB, largest: 10 * KIB, units: 1_000, userRecords: 5_000 }),
      1_000,
      1,
    );
    expect(estimate.limit(room(TARGET, 500))).to.equal(10);
  });

  it('a large record is reserved for beside the others, as long as it is remembered, and does not make them come one by one', () => {
    const estimate = estimateOf();
    estimate.page(page({ limit: 100 }), 1_000, 0);
    const before = estimate.limit(room(TARGET));
    const large = { limit: 100, bytes: 10 * MIB + 99 * KIB, largest: 10 * MIB, units: 10_339 };
    estimate.page(page(large), 1_000, 1);
    expect(estimate.limit(room(TARGET))).to.be.within(before * 0.9, before);
    expect(estimate.wanted(2).units).to.be.at.least(10_240);
    for (let i = 0; i < 10; i += 1) estimate.page(page({ limit: 100 }), 1_000, 2);
    expect(estimate.wanted(3).units).to.equal(TARGET);
  });

  it('records became small: asks for twice as many each time', () => {
    const estimate = estimateOf();
    const single = (bytes: number) =>
      page({ limit: 1, records: 1, bytes, largest: bytes, units: bytes / KIB });
    estimate.page(single(10 * MIB), 1_000, 0);
    expect(estimate.limit(room(TARGET))).to.equal(1);
    let pages = 0;
    for (; estimate.limit(room(TARGET)) < 100; pages += 1) {
      estimate.page(page({ ...single(KIB), limit: estimate.limit(room(TARGET)) }), 1_000, 1);
    }
    expect(pages).to.be.at.most(10);
  });

  it('behind, less than was asked for: half as much again as the largest of the last pages, which is forgotten slowly', () => {
    const estimate = estimateOf();
    estimate.page(page(), 1_000, 0);
    expect(estimate.wanted(1)).to.deep.equal({ units: 150, records: 150, isIdle: false });
    estimate.page(page({ bytes: MIB, units: 1_000, userRecords: 1_000 }), 1_000, 1);
    expect(estimate.wanted(2)).to.include({ units: 1_500 });
    estimate.page(page(), 1_000, 2);
    expect(estimate.wanted(3)).to.include({ units: 1_095 });
  });

  it('caught up: what producers can have written since, and never less than 64 KiB', () => {
    const estimate = estimateOf();
    estimate.page(page(), 0, 1_000);
    expect(estimate.wanted(1_010)).to.deep.equal({ units: 64, records: 64, isIdle: false });
    expect(estimate.wanted(2_000)).to.deep.equal({ units: 1_024, records: 1_000, isIdle: false });
    // But not more than a page.
    expect(estimate.wanted(100_000)).to.deep.equal({ units: TARGET, records: TARGET, isIdle: false });
  });

  it('caught up, of a shard whose records grow when they are taken apart: by as much more', () => {
    const estimate = estimateOf();
    estimate.page(page({ units: 500, userRecords: 5_000 }), 0, 0);
    expect(estimate.wanted(200)).to.deep.equal({ units: 1_000, records: 10_000, isIdle: false });
    expect(estimate.wanted(1_000)).to.deep.equal({ units: TARGET, records: 20_480, isIdle: false });
    // So much is room for 327 records of Kinesis.
    expect(estimate.limit(room(TARGET, 20_480))).to.equal(327);
  });

  it('caught up, tiny records: not above what a thousand of them a second cost', () => {
    const estimate = estimateOf();
    estimate.page(page({ bytes: 10_240, records: 1_000, units: 92, userRecords: 1_000 }), 0, 0);
    expect(estimate.wanted(1_000)).to.deep.equal({ units: 1_024, records: 1_000, isIdle: false });
  });

  it('an empty page of an idle shard changes nothing about what its records cost', () => {
    const estimate = estimateOf();
    estimate.page(page({ units: 500 }), 0, 0);
    estimate.page({ limit: 100, bytes: 0, records: 0, largest: 0, units: 0, userRecords: 0 }, 0, 1_000);
    expect(estimate.wanted(1_200)).to.include({ units: 1_000, isIdle: true });
  });
});
