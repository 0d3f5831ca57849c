// The handler of the shardpool side as a module, for a handler thread. There is one such thread, so one meter counts all.

import { BroadcastChannel, getEnvironmentData } from 'node:worker_threads';
import { defineHandler } from '../../src/index.ts';
import type { Plan } from '../scenario.ts';
import { Meter } from './meter.ts';
import { MARKS_CHANNEL, PLAN_KEY } from './shardpool-marks.ts';

const marks = new BroadcastChannel(MARKS_CHANNEL);
const meter = new Meter(getEnvironmentData(PLAN_KEY) as unknown as Plan, (mark) => marks.postMessage(mark));

export default defineHandler(
  (batch) => {
    for (const { value, partitionKey, sequenceNumber, subSequenceNumber } of batch) {
      meter.add(value, partitionKey, sequenceNumber, subSequenceNumber);
    }
    meter.lookForMark();
  },
  { teardown: () => marks.close() },
);
