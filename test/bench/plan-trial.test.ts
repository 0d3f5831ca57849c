import { expect } from 'chai';
import { runPlanTrial } from '../../bench/planning/plan-trial.ts';
import { PLAN } from '../../bench/scenarios/plan.ts';

describe('the plan trial', () => {
  for (const { table } of PLAN.sides) {
    it(`has its figures for a table of the kind '${table}'`, () => {
      const figures = runPlanTrial({ kind: 'plan', table, shards: 20, sessions: 3 });
      expect(Object.keys(figures)).to.have.members(PLAN.figures.map(({ key }) => key));
      for (const value of Object.values(figures)) expect(value).to.be.above(0).and.below(1_000);
    });
  }
});
