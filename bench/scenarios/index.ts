// Every scenario that `npm run bench` knows.

import type { Scenario } from '../scenario.ts';
import type { TrialScenario } from '../trials/scenario.ts';
import { CANNED_PAGES } from './canned-pages.ts';
import { MANY_SHARDS } from './many-shards.ts';
import { MEMORY } from './memory.ts';

/** Sides that read the same pages. */
export const SCENARIOS: readonly Scenario[] = [CANNED_PAGES];
/** Consumers in different circumstances. */
export const TRIAL_SCENARIOS: readonly TrialScenario[] = [MEMORY, MANY_SHARDS];
