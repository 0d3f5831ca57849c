// Process of the canned simulator: apart from the sides, so that what serving costs is not counted as theirs.

import { type CannedOptions, startSimulator } from '../../src/testing/index.ts';
import type { Source } from '../sides/job.ts';
import { argument, reply } from './child.ts';

const simulator = await startSimulator({ limits: false, canned: argument() as CannedOptions });
const { endpoint, region, credentials } = simulator;
// The parent says that it is done by hanging up, which its death does as well.
process.once('disconnect', () => void simulator.stop());
const source: Source = { endpoint, region, credentials };
reply(source);
