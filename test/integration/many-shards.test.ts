// A thousand shards on one host, ten of them busy: start, idle cost, and what the busy ones notice of the others.

import { expect } from 'chai';
import { startChild } from '../../bench/processes/start.ts';
import type { Source } from '../../bench/sides/job.ts';
import type { ManyShardsFigures, ManyShardsTrial } from '../../bench/trials/many-shards-trial.ts';
import type { StreamSpec } from '../../bench/trials/stream.ts';

const SHARDS = 1_000;
const BUSY = 10;
const WRITE_EVERY_MS = 250;
const MEASURE_MS = 5_000;
const WITHIN_MS = 120_000;
const STREAM: StreamSpec = {
  shards: SHARDS,
  smallBytes: 0,
  recordBytes: 200,
  userRecordsPerRecord: null,
  large: null,
  latencyMs: 0,
  writes: { shards: BUSY, everyMs: WRITE_EVERY_MS, recordBytes: 200 },
};

describe('a thousand shards', function () {
  this.timeout(2 * WITHIN_MS);
  const figures = new Map<number, ManyShardsFigures>();

  for (const idlePollMs of [1_000, 5_000]) {
    it(`are read from two threads, idlePollMs ${idlePollMs}`, async function () {
      const server = await startChild<Source>('stream-server', STREAM, WITHIN_MS);
      try {
        const trial: ManyShardsTrial = {
          kind: 'many-shards',
          source: server.reply,
          shards: SHARDS,
          threads: 2,
          idlePollMs,
          measureMs: MEASURE_MS,
        };
        const child = await startChild<ManyShardsFigures>('trial', trial, WITHIN_MS);
        await child.end();
        figures.set(idlePollMs, child.reply);
      } finally {
        await server.end();
      }
      const of = figures.get(idlePollMs)!;
      const round = (value: number) => Math.round(value);
      this.test!.title +=
        ` (first record after ${round(of.firstRecordMs)} ms, all read after ${round(of.allReadMs)} ms and ` +
        `${round(of.startCpuMs)} ms CPU; then ${round(of.readsPerSecond)} reads and ${round(of.cpuMsPerSecond)} ms CPU a second, ` +
        `records ${round(of.meanDelayMs)} ms old on average; RSS ${round(of.rssMiB)} MiB)`;
      // Ten busy shards are read five times a second at most, the others once in a pause.
      expect(of.readsPerSecond).to.be.below(BUSY * 5 + (SHARDS * 1_000) / idlePollMs + SHARDS / 5);
      expect(of.records).to.be.at.least((BUSY * MEASURE_MS) / WRITE_EVERY_MS / 2);
      expect(of.startCpuMs).to.be.below(30_000);
      expect(of.rssMiB).to.be.below(600);
    });
  }

  it('cost less CPU when they are idle with a longer idlePollMs', () => {
    expect(figures.get(5_000)!.cpuMsPerSecond).to.be.below(0.75 * figures.get(1_000)!.cpuMsPerSecond);
  });
});
