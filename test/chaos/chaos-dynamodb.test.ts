// The chaos of dynamodb; each store has a file, so that two of them run side by side.

import { chaosTests } from './chaos-tests.ts';

chaosTests('dynamodb', 1);
