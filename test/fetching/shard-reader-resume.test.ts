// The shard reader where something is missing: trimmed positions, shards that are gone, positions that AWS refuses.

import { expect } from 'chai';
import type { KinesisError } from '../../src/kinesis/errors.ts';
import {
  latestPosition,
  sequencePosition,
  timestampPosition,
  TRIM_HORIZON,
} from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { ReaderHarness, type ReaderOptions } from './reader-harness.ts';

const SECOND = 1_000;

async function running(options?: ReaderOptions, prepare?: (harness: ReaderHarness) => void) {
  const harness = new ReaderHarness(options);
  prepare?.(harness);
  const ended = harness.reader.run();
  await harness.time.advance(0);
  return Object.assign(harness, { ended });
}

describe('shard reader, trimmed positions', () => {
  it('the record of the position comes again: nothing is lost', async () => {
    const harness = await running({ from: at(12) }, ({ api }) => api.pages({ records: [12, 13] }));
    await harness.time.advance(5 * SECOND);
    expect(harness.records).to.deep.equal(['13']);
    expect(harness.losses).to.deep.equal([]);
  });

  it('a position inside an aggregate is found by its record', async () => {
    const harness = await running(
      {
        from: sequencePosition('12', 1),
        split: (data, key, sink) => {
          for (let sub = 0; sub < 3; sub += 1) sink.add(data, key, null, sub, true);
        },
      },
      ({ api }) => api.pages({ records: [12] }),
    );
    await harness.time.advance(5 * SECOND);
    expect(harness.records).to.deep.equal(['12.2']);
    expect(harness.losses).to.deep.equal([]);
  });

  it('another record comes first: it is said before that record is passed on', async () => {
    const harness = await running({ from: at(12) }, ({ api }) => api.pages({ records: [20, 21] }));
    expect(harness.losses).to.deep.equal([{ kind: 'trimmed', after: at(12), before: at(20) }]);
    expect(harness.records).to.deep.equal([]);
    await harness.time.advance(SECOND);
    expect(harness.records).to.deep.equal(['20', '21']);
    expect(harness.losses).to.have.length(1);
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('empty pages that are behind decide nothing, the record behind them does', async () => {
    for (const [first, losses] of [
      [12, 0],
      [13, 1],
    ] as const) {
      const harness = await running({ from: at(12) }, ({ api }) =>
        api.pages({ lagMs: 5_000 }, { lagMs: 4_000 }, { records: [first, 14] }),
      );
      await harness.time.advance(5 * SECOND);
      expect(harness.losses).to.have.length(losses);
      expect(harness.records.at(-1)).to.equal('14');
    }
  });

  for (const [title, page] of [
    ['an empty page that has caught up', {}],
    ['the end of the shard', { last: true, lagMs: 5_000 }],
  ] as const) {
    it(`${title}, and the record never came: nobody knows what was there`, async () => {
      const harness = await running({ from: at(12) }, ({ api }) => api.pages(page));
      await harness.time.advance(5 * SECOND);
      expect(harness.losses).to.deep.equal([{ kind: 'trimmed', after: at(12), before: null }]);
      expect(harness.finishes).to.deep.equal('last' in page ? ['shard-end'] : []);
    });
  }

  it('start positions await no record', async () => {
    for (const from of [TRIM_HORIZON, latestPosition(5), timestampPosition(5)]) {
      const harness = await running({ from }, ({ api }) => api.pages({}, { records: [7] }));
      await harness.time.advance(5 * SECOND);
      expect(harness.losses).to.deep.equal([]);
      expect(harness.records).to.deep.equal(['7']);
    }
  });

  it('an iterator that expired during a long wait is made again at the last record, which may be trimmed by then', async () => {
    const harness = await running({}, ({ api }) =>
      api.pages({ records: [1, 2] }, { fails: 'expired-iterator' }, { records: [9] }),
    );
    await harness.time.advance(5 * SECOND);
    expect(harness.api.iterators.map(({ position }) => position)).to.deep.equal([TRIM_HORIZON, at(2)]);
    expect(harness.losses).to.deep.equal([{ kind: 'trimmed', after: at(2), before: at(9) }]);
    expect(harness.records).to.deep.equal(['1', '2', '9']);
  });

  it('a stop while it says so passes nothing on', async () => {
    const harness = await running({ from: at(12) }, ({ api }) => api.pages({ records: [20] }));
    harness.reader.stop('requested');
    await harness.time.settled(harness.ended, 10);
    expect(harness.records).to.deep.equal([]);
    expect(harness.isBudgetWhole).to.equal(true);
    expect(harness.time.pending()).to.equal(0);
  });
});

describe('shard reader, a shard that is missing', () => {
  it('still listed: it goes on trying, and reads when it is there again', async () => {
    const harness = await running({}, ({ api }) => api.always({ fails: 'shard-missing' }));
    await harness.time.advance(60 * SECOND);
    expect(harness.reader.status.state).to.equal('backing-off');
    expect(harness.reader.status.error!.message).to.contain('shard-missing');
    harness.api.always(null);
    harness.api.pages({ records: [1] });
    await harness.time.advance(15 * SECOND);
    expect(harness.records).to.deep.equal(['1']);
    expect(harness.reader.status.error).to.equal(null);
    expect(harness.losses).to.deep.equal([]);
  });

  it('no longer listed: says so, then ends behind what was read', async () => {
    const harness = await running({}, ({ api }) => {
      api.pages({ records: [1, 2] });
      api.always({ fails: 'shard-missing' });
    });
    harness.listed = ['other'];
    await harness.time.advance(4 * SECOND);
    expect(harness.finishes).to.deep.equal([]);
    await harness.time.settled(harness.ended, 20 * SECOND);
    expect(harness.losses).to.deep.equal([{ kind: 'gone', after: at(2), before: null }]);
    expect(harness.ends).to.deep.equal([[]]);
    expect(harness.finishes).to.deep.equal(['shard-end']);
    expect(harness.reader.status.state).to.equal('ended');
    expect(harness.records).to.deep.equal(['1', '2']);
    expect(harness.isBudgetWhole).to.equal(true);
    expect(harness.time.pending()).to.equal(0);
  });

  it('gone before its first read', async () => {
    const harness = await running({ from: at(12) }, ({ api }) => {
      api.failIterators(...Array.from({ length: 100 }, () => 'shard-missing' as const));
    });
    harness.listed = [];
    await harness.time.settled(harness.ended, 30 * SECOND);
    expect(harness.losses).to.deep.equal([{ kind: 'gone', after: at(12), before: null }]);
    expect(harness.api.reads).to.deep.equal([]);
  });

  it('the stream is missing: no shard is given up for that', async () => {
    const harness = await running({}, ({ api }) => api.always({ fails: 'stream-missing' }));
    harness.listed = null;
    await harness.time.advance(60 * SECOND);
    expect(harness.reader.status.state).to.equal('backing-off');
    expect(harness.losses).to.deep.equal([]);
    expect(harness.retries.every(({ error }) => !error.retryable)).to.equal(true);
  });

  it('after a missing shard the iterator is made again: the old one belongs to what is no more', async () => {
    const harness = await running({}, ({ api }) =>
      api.pages({ records: [1] }, { fails: 'stream-missing' }, { records: [1, 2] }),
    );
    await harness.time.advance(2 * SECOND);
    expect(harness.api.iterators.map(({ position }) => position)).to.deep.equal([TRIM_HORIZON, at(1)]);
    expect(harness.records).to.deep.equal(['1', '2']);
  });
});

describe('shard reader, a position that AWS refuses', () => {
  const refusing = (times: number) => Array.from({ length: times }, () => 'invalid-argument' as const);

  it('is tried again: a clock may run ahead of that of AWS', async () => {
    const from = timestampPosition(5);
    const harness = await running({ from }, ({ api }) => {
      api.failIterators(...refusing(4));
      api.pages({ records: [1] });
    });
    await harness.time.advance(10 * SECOND);
    expect(harness.records).to.deep.equal(['1']);
    expect(harness.failures).to.deep.equal([]);
  });

  it('a time that stays refused is an error', async () => {
    const harness = await running({ from: timestampPosition(5) }, ({ api }) =>
      api.failIterators(...refusing(5)),
    );
    await harness.time.settled(harness.ended, 20 * SECOND);
    expect((harness.failures[0] as KinesisError).kind).to.equal('invalid-argument');
  });

  it('a sequence number that stays refused: goes on at the oldest record and says what may be missing', async () => {
    const harness = await running({ from: at(12) }, ({ api }) => {
      api.failIterators(...refusing(5));
      api.pages({ records: [20] }, { fails: 'expired-iterator' }, { records: [20, 21] });
    });
    await harness.time.advance(30 * SECOND);
    expect(harness.losses).to.deep.equal([{ kind: 'trimmed', after: at(12), before: at(20) }]);
    expect(harness.records).to.deep.equal(['20', '21']);
    expect(harness.api.iterators.slice(-2).map(({ position }) => position)).to.deep.equal([
      TRIM_HORIZON,
      at(20),
    ]);
    expect(harness.failures).to.deep.equal([]);
  });

  it('older records are there: the position is not one of this shard, and nothing is skipped in silence', async () => {
    const harness = await running({ from: at(12) }, ({ api }) => {
      api.failIterators(...refusing(5));
      api.pages({ records: [3, 4] });
    });
    await harness.time.settled(harness.ended, 30 * SECOND);
    expect((harness.failures[0] as KinesisError).kind).to.equal('invalid-argument');
    expect(harness.records).to.deep.equal([]);
    expect(harness.isBudgetWhole).to.equal(true);
  });
});
