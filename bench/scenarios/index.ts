// Every scenario that `npm run bench` knows.

import type { Scenario } from '../scenario.ts';
import { CANNED_PAGES } from './canned-pages.ts';

export const SCENARIOS: readonly Scenario[] = [CANNED_PAGES];
