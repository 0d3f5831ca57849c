// Process of the simulator of a trial, with its stream: apart from the trial, so that its memory and CPU are not counted.

import { startSimulator } from '../../src/testing/index.ts';
import type { Source } from '../sides/job.ts';
import { storedRecords, type StreamSpec, timedRecord, TRIAL_STREAM } from '../trials/stream.ts';
import { argument, reply } from './child.ts';

const spec = argument() as StreamSpec;
const simulator = await startSimulator();
// The parent says that it is done by hanging up, which its death does as well.
process.once('disconnect', () => {
  clearInterval(writing);
  void simulator.stop();
});
await simulator.createStream(TRIAL_STREAM, { shards: spec.shards });
for (const records of storedRecords(spec)) await simulator.put(TRIAL_STREAM, records);
if (spec.latencyMs > 0) await simulator.inject({ delayMs: spec.latencyMs });

let writing: NodeJS.Timeout | undefined;
const { writes } = spec;
if (writes !== null) {
  writing = setInterval(() => {
    const records = Array.from({ length: writes.shards }, (_, shard) =>
      timedRecord(shard, spec.shards, writes.recordBytes),
    );
    // A write that meets the end of the simulator has nobody who waits for it.
    simulator.put(TRIAL_STREAM, records).catch(() => undefined);
  }, writes.everyMs);
}
const { endpoint, region, credentials } = simulator;
const source: Source = { endpoint, region, credentials };
reply(source);
