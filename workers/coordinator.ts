// Entry of the coordinator's thread.

import { parentPort } from 'node:worker_threads';
import { runCoordinatorThread } from '../src/consumer/coordinator-thread.ts';
import type { RawPort } from '../src/model/port.ts';
import { portOf } from '../src/platform/port.ts';

if (parentPort === null) throw new Error('This file is the entry of a thread; import shardpool instead');
runCoordinatorThread(portOf(parentPort as unknown as RawPort));
