// A handler slower than its stream: what the consumer takes, by the budget and by where the handler runs.

import type { TrialScenario, TrialSide } from '../trials/scenario.ts';
import type { StreamSpec } from '../trials/stream.ts';

const MIB = 2 ** 20;
const BYTES_PER_SECOND = 30_000_000;

const STREAM: StreamSpec = {
  shards: 32,
  smallBytes: 300 * MIB,
  recordBytes: 1_000,
  userRecordsPerRecord: null,
  large: null,
  latencyMs: 0,
  writes: null,
};

const side = (budgetMiB: number, handlerThreads: number): TrialSide => ({
  name: handlerThreads === 0 ? `budget-${budgetMiB}` : `budget-${budgetMiB}-threads`,
  title: `${budgetMiB} MiB, ${handlerThreads === 0 ? 'handler in main' : `\`handlerThreads: ${handlerThreads}\``}`,
  trial: {
    kind: 'memory',
    options: { threads: 2, handlerThreads, maxBufferedBytes: budgetMiB * MIB },
    pace: { bytesPerSecond: BYTES_PER_SECOND / Math.max(1, handlerThreads), pauseMs: 0 },
  },
});

export const MEMORY: TrialScenario = {
  name: 'memory',
  title: 'Memory of a consumer whose handler is slower than its stream',
  variants: [
    {
      name: 'nothing',
      title: 'a stream of 32 records: the constant',
      stream: { ...STREAM, smallBytes: 32_000 },
      isAggregated: false,
    },
    { name: 'plain', title: '300 MiB of plain records of 1 000 B', stream: STREAM, isAggregated: false },
    {
      name: 'kpl',
      title: '300 MiB in KPL aggregates of 100 records of 200 B',
      stream: { ...STREAM, recordBytes: 200, userRecordsPerRecord: 100 },
      isAggregated: true,
    },
    {
      name: 'large',
      title: '24 MiB of small records on 8 shards, and two records of 10 MiB on each of 4 of them',
      stream: {
        ...STREAM,
        shards: 8,
        smallBytes: 24 * MIB,
        large: { shards: 4, each: 2, bytes: 10 * MIB - 100 },
      },
      isAggregated: false,
    },
  ],
  sides: [side(1, 0), side(8, 0), side(32, 0), side(64, 0), side(128, 0), side(32, 2)],
  baseline: 'budget-32',
  figures: [
    { key: 'peakRssMiB', title: 'peak RSS, MiB' },
    { key: 'earlyRssMiB', title: 'in the second sixth' },
    { key: 'lateRssMiB', title: 'in the last sixth' },
    { key: 'bufferedMiB', title: 'most in the budget, MiB' },
    { key: 'cpuMs', title: 'CPU, ms' },
    { key: 'smallGapMs', title: 'longest without a small record, ms' },
    { key: 'largeGapMs', title: 'longest without a large one, ms' },
  ],
};
