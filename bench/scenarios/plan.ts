// The time of one look at the leases that goes into deciding: who is to have which shard, and what to do about it.

import type { PlanScenario, PlanSide } from '../planning/scenario.ts';

const side = (table: PlanSide['table'], title: string): PlanSide => ({ name: table, title, table });

export const PLAN: PlanScenario = {
  name: 'plan',
  title: 'Time to plan the allocation of shards',
  variants: [
    { name: '1000-by-10', title: '1 000 shards, 10 sessions', shards: 1_000, sessions: 10 },
    { name: '10000-by-100', title: '10 000 shards, 100 sessions', shards: 10_000, sessions: 100 },
  ],
  sides: [
    side('balanced', 'balanced'),
    side('joining', 'one joins'),
    side('dying', 'one has died'),
    side('free', 'all are free'),
    side('one-has-all', 'one has all'),
    side('all-marked', 'one has all, and all are marked for another one'),
  ],
  baseline: 'balanced',
  figures: [
    { key: 'planMs', title: 'plan, ms' },
    { key: 'firstPlanMs', title: 'the first one, ms' },
    { key: 'stepsMs', title: 'own steps, ms' },
  ],
};
