// The pace of one shard: the limits of AWS over any second, and fewer polls while nothing comes.

import { expect } from 'chai';
import {
  MAX_READS_PER_SECOND,
  type PollSchedule,
  pollSchedule,
  READ_BYTES_PER_SECOND,
} from '../../src/fetching/poll-schedule.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';

interface Page {
  readonly records: number;
  readonly bytes: number;
  readonly lagMs: number;
  readonly tookMs: number;
}

/** Reads as often as the schedule allows; returns when each read began and what it brought. */
function run(schedule: PollSchedule, untilMs: number, page: (i: number) => Page) {
  const reads: { at: number; bytes: number }[] = [];
  let now = 0;
  while (now < untilMs && reads.length < 10_000) {
    const waitMs = schedule.waitMs(now);
    if (waitMs > 0) {
      now += Math.ceil(waitMs); // as timers do
      continue;
    }
    schedule.started(now);
    const { records, bytes, lagMs, tookMs } = page(reads.length);
    reads.push({ at: now, bytes });
    now += tookMs;
    schedule.page(records, bytes, lagMs, now);
  }
  return reads;
}

const full = (bytes: number, tookMs = 0): Page => ({ records: 1, bytes, lagMs: 9_000, tookMs });
const EMPTY: Page = { records: 0, bytes: 0, lagMs: 0, tookMs: 0 };

describe('poll schedule', () => {
  it('knows the limits of AWS', () => {
    expect(MAX_READS_PER_SECOND).to.equal(5);
    expect(READ_BYTES_PER_SECOND).to.equal(2_097_152);
  });

  it('never more than 5 reads in any second, also after a long pause', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const reads = run(pollSchedule(5, 1_000, 0), 60_000, () =>
        full(10, random() < 0.1 ? integerFrom(random, 1_000, 5_000) : integerFrom(random, 0, 300)),
      );
      for (const { at } of reads) {
        const inSecond = reads.filter((other) => other.at >= at && other.at < at + 999.999);
        expect(inSecond.length, `seed ${seed} at ${at}`).to.be.at.most(5);
      }
    }
  });

  it('uses the 5 reads while it is behind, whether pages are full or empty', () => {
    expect(run(pollSchedule(5, 1_000, 0), 10_000, () => full(10))).to.have.length.within(49, 51);
    expect(run(pollSchedule(5, 1_000, 0), 10_000, () => ({ ...EMPTY, lagMs: 1 }))).to.have.length.within(
      49,
      51,
    );
  });

  it('pays back the bytes of large pages before it reads again', () => {
    const tenMiB = 10 * 2 ** 20;
    const reads = run(pollSchedule(5, 1_000, 0), 60_000, () => full(tenMiB));
    const gaps = reads.slice(2).map(({ at }, i) => at - reads[i + 1]!.at);
    for (const gap of gaps) expect(gap).to.be.within(4_999, 5_001);
  });

  it('stays below 2 MiB a second over any longer time', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const reads = run(pollSchedule(5, 1_000, 0), 120_000, () => full(integerFrom(random, 0, 10 * 2 ** 20)));
      const paid = reads.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0);
      expect(paid / (reads.at(-1)!.at / 1_000)).to.be.at.most(READ_BYTES_PER_SECOND * 1.02);
    }
  });

  it('doubles its pause while it has caught up and nothing comes, up to idlePollMs, and starts over with a record', () => {
    const reads = run(pollSchedule(5, 1_000, 0), 10_000, (i) => (i === 6 ? full(1) : EMPTY));
    const gaps = reads.slice(1, 10).map(({ at }, i) => Math.round(at - reads[i]!.at));
    expect(gaps).to.deep.equal([200, 400, 800, 1_000, 1_000, 1_000, 200, 200, 400]);
  });

  it('takes only its share of calls and of bytes', () => {
    expect(run(pollSchedule(1, 1_000, 0), 60_000, () => full(10))).to.have.length.within(59, 61);
    const reads = run(pollSchedule(1, 1_000, 0), 60_000, () => full(READ_BYTES_PER_SECOND));
    const bytes = reads.slice(0, -1).reduce((sum, each) => sum + each.bytes, 0);
    expect(bytes / (reads.at(-1)!.at / 1_000)).to.be.at.most((READ_BYTES_PER_SECOND / 5) * 1.1);
  });

  it('works for less than a read a second', () => {
    const reads = run(pollSchedule(0.1, 1_000, 0), 100_000, () => EMPTY);
    expect(reads).to.have.length.within(10, 11);
  });

  it('counts the reads that failed, and is at its full pace again once they succeed', () => {
    const schedule = pollSchedule(5, 1_000, 0);
    const reads: number[] = [];
    let now = 0;
    while (now < 20_000) {
      const waitMs = schedule.waitMs(now);
      if (waitMs > 0) {
        now += Math.ceil(waitMs);
        continue;
      }
      schedule.started(now);
      reads.push(now);
      // Throttled for ten seconds: no page, and a pause of the reader after it.
      if (now < 10_000) now += 37;
      else schedule.page(1, 10, 9_000, now);
    }
    for (const from of reads) {
      expect(reads.filter((at) => at >= from && at < from + 999.999)).to.have.length.at.most(5);
    }
    expect(reads.filter((at) => at >= 10_000)).to.have.length.within(49, 51);
  });
});
