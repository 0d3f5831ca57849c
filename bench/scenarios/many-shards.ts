// Many shards, ten of which are busy: what the idle ones cost, by how many there are and how often they are read.

import type { TrialScenario, TrialSide, TrialVariant } from '../trials/scenario.ts';

const variant = (shards: number, latencyMs: number): TrialVariant => ({
  name: latencyMs === 0 ? `shards-${shards}` : `shards-${shards}-latency`,
  title: `${shards} shards, 10 of them written to four times a second${latencyMs === 0 ? '' : `, replies ${latencyMs} ms late`}`,
  stream: {
    shards,
    smallBytes: 0,
    recordBytes: 200,
    userRecordsPerRecord: null,
    large: null,
    latencyMs,
    writes: { shards: 10, everyMs: 250, recordBytes: 200 },
  },
  isAggregated: false,
});

const side = (idlePollMs: number): TrialSide => ({
  name: `idle-${idlePollMs}`,
  title: `\`idlePollMs: ${idlePollMs}\``,
  trial: { kind: 'many-shards', threads: 2, idlePollMs, measureMs: 15_000 },
});

export const MANY_SHARDS: TrialScenario = {
  name: 'many-shards',
  title: 'Many shards, most of them idle',
  variants: [variant(10, 0), variant(1_000, 0), variant(1_000, 20)],
  sides: [side(1_000), side(5_000)],
  baseline: 'idle-1000',
  figures: [
    { key: 'firstRecordMs', title: 'first record after, ms' },
    { key: 'allReadMs', title: 'all read after, ms' },
    { key: 'startCpuMs', title: 'CPU until then, ms' },
    { key: 'cpuMsPerSecond', title: 'then CPU a second, ms' },
    { key: 'readsPerSecond', title: 'reads/s' },
    { key: 'meanDelayMs', title: 'mean age of a record, ms' },
    { key: 'rssMiB', title: 'RSS, MiB' },
  ],
};
