// Every scenario that `npm run bench` knows.

import type { FleetScenario } from '../fleet/scenario.ts';
import type { PlanScenario } from '../planning/scenario.ts';
import type { Scenario } from '../scenario.ts';
import type { TrialScenario } from '../trials/scenario.ts';
import { CANNED_PAGES } from './canned-pages.ts';
import { FAILOVER, FLEET_COST, JOINING, RESTARTING, STORE_AWAY } from './failover.ts';
import { MANY_SHARDS } from './many-shards.ts';
import { MEMORY } from './memory.ts';
import { PLAN } from './plan.ts';

/** Sides that read the same pages. */
export const SCENARIOS: readonly Scenario[] = [CANNED_PAGES];
/** Consumers in different circumstances. */
export const TRIAL_SCENARIOS: readonly TrialScenario[] = [MEMORY, MANY_SHARDS];
/** No stream and no consumer, only a decision. */
export const PLAN_SCENARIOS: readonly PlanScenario[] = [PLAN];
/** Several instances on one store. */
export const FLEET_SCENARIOS: readonly FleetScenario[] = [
  FAILOVER,
  JOINING,
  RESTARTING,
  STORE_AWAY,
  FLEET_COST,
];
