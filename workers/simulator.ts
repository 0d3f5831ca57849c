// Thread entry of the Kinesis simulator.

import { parentPort, workerData } from 'node:worker_threads';
import { hostSimulator } from '../src/testing/simulator/host.ts';
import type { ResolvedOptions } from '../src/testing/simulator/options.ts';

if (parentPort === null) throw new Error('workers/simulator.ts runs in a worker thread only');
await hostSimulator(parentPort, workerData as ResolvedOptions);
