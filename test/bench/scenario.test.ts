import { expect } from 'chai';
import { planOf } from '../../bench/scenario.ts';
import { SCENARIOS } from '../../bench/scenarios/index.ts';

const noOverrides = { records: null, warmUp: null, shards: null };

describe('the plan of a variant', () => {
  for (const { name: scenario, variants } of SCENARIOS) {
    for (const variant of variants) {
      it(`of ${scenario} ${variant.name} warms up and runs out with a page of every shard`, () => {
        const plan = planOf(variant, noOverrides);
        const round = plan.shards * plan.recordsPerPage;
        expect(plan.warmUp).to.be.at.least(Math.max(20_000, round));
        expect(plan.measured).to.be.at.least(300_000);
        expect(plan.total).to.equal(plan.pagesPerShard * round);
        expect(plan.total).to.be.at.least(plan.warmUp + plan.measured + round);
      });
    }
  }

  it('counts user records, not aggregates', () => {
    const kpl = SCENARIOS[0]!.variants.find(({ processor }) => processor === 'kpl-json')!;
    expect(planOf(kpl, noOverrides).recordsPerPage).to.equal(kpl.recordsPerPage * kpl.userRecordsPerRecord!);
  });

  it('leaves room for both ends of the measured stretch to move to the end of a page', () => {
    const variant = { ...SCENARIOS[0]!.variants[0]!, recordsPerPage: 1_000 };
    const plan = planOf(variant, { records: 1, warmUp: 0, shards: 1 });
    // Begins after page 1, ends after page 2, and one page of every shard follows.
    expect(plan.pagesPerShard).to.be.at.least(3);
  });
});

describe('the scenarios', () => {
  it('have names of their own, and a baseline that is one of their sides', () => {
    for (const { variants, sides, baseline } of SCENARIOS) {
      expect(new Set(variants.map(({ name }) => name)).size).to.equal(variants.length);
      expect(new Set(sides.map(({ name }) => name)).size).to.equal(sides.length);
      expect(sides.map(({ name }) => name)).to.include(baseline);
    }
  });
});
