import { expect } from 'chai';
import { figuresOf, ratiosOf, type Run, summariesOf } from '../../bench/figures.ts';

const run = (changes: Partial<Run> = {}): Run => ({
  records: 1_000,
  wallMs: 500,
  userUs: 3_000,
  systemUs: 1_000,
  mainBusyMs: 2,
  peakRssBytes: 100 * 2 ** 20,
  totalRecords: 3_000,
  checksum: 1,
  ...changes,
});

describe('the figures of a run', () => {
  it('are per user record of the measured stretch', () => {
    expect(figuresOf(run())).to.deep.equal({
      cpuUsPerRecord: 4,
      mainUsPerRecord: 2,
      recordsPerSecond: 2_000,
      peakRssMiB: 100,
    });
  });

  it('are compared by the ratio of their medians', () => {
    const side = summariesOf([run({ userUs: 1_000 }), run({ userUs: 0 }), run({ userUs: 90_000 })]);
    const baseline = summariesOf([run()]);
    expect(side.cpuUsPerRecord).to.deep.equal({ median: 2, min: 1, max: 91 });
    expect(ratiosOf(side, baseline).cpuUsPerRecord).to.equal(0.5);
    expect(ratiosOf(side, baseline).recordsPerSecond).to.equal(1);
  });
});
