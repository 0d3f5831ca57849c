// Entry of a handler thread.

import { parentPort } from 'node:worker_threads';
import { runHandlerThread } from '../src/consumer/handler-thread.ts';
import type { RawPort } from '../src/model/port.ts';
import { portOf } from '../src/platform/port.ts';

if (parentPort === null) throw new Error('This file is the entry of a thread; import shardpool instead');
runHandlerThread(portOf(parentPort as unknown as RawPort));
