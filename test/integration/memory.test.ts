// Bounded memory: streams larger than the budget, handlers slower than the stream, the consumer in a process of its own.

import { expect } from 'chai';
import { type StartedChild, startChild } from '../../bench/processes/start.ts';
import type { Source } from '../../bench/sides/job.ts';
import type { MemoryFigures, MemoryTrial } from '../../bench/trials/memory-trial.ts';
import { contentsOf, type StreamSpec } from '../../bench/trials/stream.ts';
import { PLACEMENTS } from '../support/placements.ts';

const MIB = 2 ** 20;
const SERVER_WITHIN_MS = 60_000;
const TRIAL_WITHIN_MS = 150_000;
const THREADS = 2;
const BUDGET_MIB = 32;
const PAGE_MIB = 10;
/** Records that cost more than those before them, of each read under way; and what is rounded up to units. */
const mostBufferedMiB = (budgetMiB: number) => budgetMiB * 1.2 + 2;
/** A page with a record of 10 MiB that nobody expected, of each shard that has such ones, and a window of the shard. */
const mostBufferedWithLargeMiB = (budgetMiB: number) => budgetMiB + MIXED.large!.shards * (PAGE_MIB + 6);
/** The heap of a thread that works, and V8 lets some 60 MiB of dead buffers lie there before it collects them; measured are 75 to 110. */
const PER_FETCH_THREAD_MIB = 125;
/** Measured are 20 to 45. */
const PER_HANDLER_THREAD_MIB = 75;
const BUDGET_FACTOR = 1.2;

const PLAIN: StreamSpec = {
  shards: 32,
  smallBytes: 300 * MIB,
  recordBytes: 1_000,
  userRecordsPerRecord: null,
  large: null,
  latencyMs: 0,
  writes: null,
};
const KPL: StreamSpec = { ...PLAIN, recordBytes: 200, userRecordsPerRecord: 100 };
/** Two records of 10 MiB on each of four shards, among small ones; four shards have only small ones. */
const MIXED: StreamSpec = {
  ...PLAIN,
  shards: 8,
  smallBytes: 24 * MIB,
  large: { shards: 4, each: 2, bytes: PAGE_MIB * MIB - 100 },
};

describe('memory', function () {
  this.timeout(SERVER_WITHIN_MS + TRIAL_WITHIN_MS);
  let server: StartedChild<Source> | null = null;

  afterEach(async () => {
    await server?.end();
    server = null;
  });

  const trial = async (
    spec: StreamSpec,
    options: MemoryTrial['options'],
    pace: Partial<MemoryTrial['pace']> = {},
  ): Promise<MemoryFigures> => {
    server = await startChild<Source>('stream-server', spec, SERVER_WITHIN_MS);
    const given: MemoryTrial = {
      kind: 'memory',
      source: server.reply,
      options: {
        threads: THREADS,
        processor: spec.userRecordsPerRecord === null ? 'bytes' : 'kpl-string',
        maxBufferedBytes: BUDGET_MIB * MIB,
        ...options,
      },
      pace: { bytesPerSecond: null, pauseMs: 0, ...pace },
      contents: contentsOf(spec),
    };
    const child = await startChild<MemoryFigures>('trial', given, TRIAL_WITHIN_MS);
    await child.end();
    return child.reply;
  };

  const print = (test: Mocha.Context, figures: MemoryFigures, more = '') => {
    const { peakRssMiB, earlyRssMiB, lateRssMiB, bufferedMiB } = figures;
    const [peak, early, late, buffered] = [peakRssMiB, earlyRssMiB, lateRssMiB, bufferedMiB].map(Math.round);
    test.test!.title += ` (peak RSS ${peak} MiB, ${early} early and ${late} late, at most ${buffered} in the budget${more})`;
  };

  let idleMiB = Infinity;
  it('of a consumer that has next to nothing to read: the constant', async function () {
    const figures = await trial({ ...PLAIN, smallBytes: 32_000 }, { maxBufferedBytes: MIB });
    print(this, figures);
    idleMiB = figures.peakRssMiB;
    expect(idleMiB).to.be.below(300);
  });

  for (const placement of PLACEMENTS) {
    // Each of both once: the bench has all of them.
    const [what, spec] =
      placement.options.handlerThreads === 0
        ? (['plain records', PLAIN] as const)
        : (['KPL aggregates', KPL] as const);
    it(`300 MB of ${what}, a budget of ${BUDGET_MIB} MiB and a handler slower than the stream, ${placement.title}`, async function () {
      const { handlerThreads } = placement.options;
      const perThread = 25_000_000 / Math.max(1, handlerThreads);
      const figures = await trial(spec, placement.options, { bytesPerSecond: perThread });
      print(this, figures);
      const { small, peakRssMiB, earlyRssMiB, lateRssMiB, bufferedMiB, waitingForBudget } = figures;
      expect(small, 'records').to.equal(contentsOf(spec).small);
      expect(waitingForBudget, 'looks that found a shard waiting for the budget').to.be.above(0);
      expect(bufferedMiB).to.be.at.most(mostBufferedMiB(BUDGET_MIB));
      const threads = THREADS * PER_FETCH_THREAD_MIB + handlerThreads * PER_HANDLER_THREAD_MIB;
      expect(peakRssMiB).to.be.below(idleMiB + BUDGET_FACTOR * BUDGET_MIB + threads);
      expect(lateRssMiB).to.be.below(earlyRssMiB * 1.3 + 50);
    });
  }

  for (const budgetMiB of [1, BUDGET_MIB]) {
    it(`records of 10 MiB among small ones, a budget of ${budgetMiB} MiB: neither starves the other`, async function () {
      const options = { maxBufferedBytes: budgetMiB * MIB };
      const figures = await trial(MIXED, options, { bytesPerSecond: 20_000_000 });
      const { small, large, smallGapMs, largeGapMs, bufferedMiB } = figures;
      print(this, figures, `; longest without a small one ${smallGapMs} ms, a large one ${largeGapMs} ms`);
      expect({ small, large }).to.deep.equal(contentsOf(MIXED));
      expect(bufferedMiB).to.be.at.most(mostBufferedWithLargeMiB(budgetMiB));
      expect(figures.peakRssMiB).to.be.below(
        idleMiB + mostBufferedWithLargeMiB(budgetMiB) + THREADS * PER_FETCH_THREAD_MIB,
      );
      // After 10 MiB a shard rests for 5 s: 2 MiB a second is what AWS allows.
      expect(smallGapMs).to.be.below(20_000);
      expect(largeGapMs).to.be.below(30_000);
    });
  }

  it('reading stops while the handler pauses, and status() says what it waits for', async function () {
    const figures = await trial(
      MIXED,
      { maxBufferedBytes: 8 * MIB, batch: { maxRecords: 100 } },
      { pauseMs: 4_000 },
    );
    const { small, large, waitingForBudget, waitingForHandler, bufferedMiB } = figures;
    print(
      this,
      figures,
      `; ${waitingForBudget} looks at waiting-for-budget, ${waitingForHandler} at waiting-for-handler`,
    );
    expect({ small, large }).to.deep.equal(contentsOf(MIXED));
    // Which of them comes first is a matter of how large the pages are.
    expect(waitingForBudget + waitingForHandler).to.be.above(0);
    expect(bufferedMiB).to.be.at.most(mostBufferedWithLargeMiB(8));
  });
});
